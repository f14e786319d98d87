import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createControl, type AddressInfo, type Server as TcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { getRequestListener } from '@hono/node-server'
import { createChannel, createSession } from 'better-sse'
import type * as z from 'zod/mini'
import type { StepFinished } from '#contract/frame.ts'
import { encodeFrame } from '#server/events/encode.ts'
import { createHttpServer, DEFAULT_LIMITS } from '#server/http/listen.ts'
import { compose } from '#server/main.ts'

/*
 * A server of a stream in a process of its own. It prints its two ports. On the second, a line `N` publishes N frames
 * at once, `N apart` one in each tick of the event loop, and `collect` collects garbage; each is answered when done.
 */

type Frame = z.infer<typeof StepFinished>
type Stream = { server: Server; publish: (frame: Frame, id: string) => void; end: () => unknown }

const KINDS = {
  /** The whole companion behind its port: every guard, every header, the bus. */
  async runseal(): Promise<Stream> {
    const folder = await mkdtemp(join(tmpdir(), 'runseal-bench-'))
    await writeFile(join(folder, 'runseal.yaml'), 'runs: { r: { steps: [{ id: s, run: echo }] } }')
    const options = { project: folder, data: join(folder, 'data'), log: console.error }
    const composed = await compose(options, () => `http://localhost:${portOf(server)}`)
    const listener = getRequestListener(composed.answer, {
      errorHandler: (error) => composed.answerFault(error, {}),
      overrideGlobalObjects: false,
    })
    const server: Server = createHttpServer(
      (incoming, outgoing) => void listener(incoming, outgoing),
      composed.answerFault,
      { tls: null, limits: { ...DEFAULT_LIMITS, connections: 10_240 } },
    )
    return {
      server,
      publish: (frame) => composed.bus.publish(frame),
      async end() {
        await composed.stop()
        await composed.close()
        await rm(folder, { recursive: true, force: true })
      },
    }
  },

  /** Nothing but node:http: a frame is encoded once, and its one buffer is written to everybody. */
  async bare(): Promise<Stream> {
    const open = new Set<ServerResponse>()
    return {
      server: createServer((_incoming, outgoing) => {
        outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
        outgoing.write(': connected\n\n')
        open.add(outgoing)
        outgoing.on('close', () => open.delete(outgoing))
      }),
      publish(frame, id) {
        const bytes = encodeFrame(frame, id)
        for (const response of open) response.write(bytes)
      },
      end() {},
    }
  },

  async 'better-sse'(): Promise<Stream> {
    const channel = createChannel()
    const admit = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
      channel.register(await createSession(incoming, outgoing))
    }
    return {
      server: createServer((incoming, outgoing) => void admit(incoming, outgoing)),
      publish: (frame, id) => void channel.broadcast(frame, frame.type, { eventId: id }),
      end() {},
    }
  },
}

const FRAME: Frame = {
  type: 'step_finished',
  run_id: 'run_01KB0M6C3V8J0T9Q4Z2X',
  step_id: 'unit-tests',
  kind: 'test',
  attempt: 1,
  exit_code: 0,
  signal: null,
  outcome: 'succeeded',
  timestamp: '2026-11-12T09:30:00.000Z',
}

const [, , kind = ''] = process.argv
const make = new Map(Object.entries(KINDS)).get(kind)
if (make === undefined) throw new Error(`${kind}: is no kind of server`)
const { server, publish, end } = await make()
let seq = 0

const control = createControl((socket) => {
  socket.setNoDelay(true)
  const answer = async (line: string) => {
    if (line === 'collect') globalThis.gc?.()
    const [count = 0, apart = ''] = line.split(' ')
    for (let i = 0; i < Number(count); i += 1) {
      publish(FRAME, `bench-${(seq += 1)}`)
      if (apart === 'apart') await new Promise((resolve) => setImmediate(resolve))
    }
    socket.write('done\n')
  }
  createInterface({ input: socket }).on('line', (line) => void answer(line))
})
await Promise.all([server, control].map((listening) => opened(listening)))
console.log(`${portOf(server)} ${portOf(control)}`)
process.on('SIGTERM', () => void Promise.resolve(end()).then(() => process.exit(0)))

function opened(listening: TcpServer): Promise<void> {
  return new Promise((resolve) => {
    listening.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => resolve())
  })
}

function portOf(listening: TcpServer): number {
  const address: AddressInfo | string | null = listening.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}
