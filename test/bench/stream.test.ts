import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { availableParallelism } from 'node:os'
import { describe, it } from 'vitest'
import * as z from 'zod/mini'
import { startNginx, whyNoNginx } from '#test/nginx.ts'
import { percentile, report, rounded, type Aim, type Row } from './report.ts'

/*
 * The stream against those that do the same: servers on one core, readers on the other, each figure the median of
 * several, with the kinds taking turns so that whatever else the machine does hits all of them.
 */

const SETS = 5
const KINDS = ['runseal', 'bare', 'better-sse'] as const
const NCHAN = '/usr/lib/nginx/modules/ngx_nchan_module.so'
const SERVER_CORE = 0
const READER_CORE = Math.min(1, availableParallelism() - 1)

const median = (values: readonly number[]) => percentile(values, 0.5)

describe.each([100, 1000, 5000])('%i readers', (readers) => {
  it('deliveries in a second, and the slowest of a hundred', async () => {
    const peers: Peer[] = []
    for (const kind of KINDS) peers.push(await peerOf(kind, await startServer(kind)))
    if (whyNoNginx() === null && existsSync(NCHAN)) peers.push(await peerOf('nchan', await nchan()))
    for (const { clients } of peers) await told(clients, `open ${readers}`)

    const rows: Row[] = []
    const aims: Aim[] = []
    for (const frames of [1, 10]) {
      const found = new Map(peers.map(({ kind }) => [kind, new Array<Rounds>()]))
      // The first is for the compilers.
      for (let set = 0; set <= SETS; set += 1)
        for (const { kind, clients, pid } of peers) {
          const cpu = cpuSecondsOf(pid)
          const times = Math.max(10, Math.ceil(25_000 / readers))
          const rounds = Rounds.parse(JSON.parse(await told(clients, `rounds ${frames} ${times}`)))
          const cpuMicros = ((cpuSecondsOf(pid) - cpu) * 1e6) / (readers * frames * times)
          if (set > 0) found.get(kind)?.push({ ...rounds, cpuMicros })
        }
      const of = (kind: string, figure: 'perSecond' | 'p99' | 'cpuMicros') =>
        median((found.get(kind) ?? []).map((rounds) => rounds[figure] ?? Number.NaN))
      for (const { kind } of peers)
        rows.push({
          frames: frames === 1 ? 'single' : `bursts of ${frames}`,
          server: kind,
          'deliveries / s': Math.round(of(kind, 'perSecond')),
          'p99 ms': rounded(of(kind, 'p99')),
          'server µs / delivery': rounded(of(kind, 'cpuMicros'), 2),
          'of bare': rounded(of(kind, 'perSecond') / of('bare', 'perSecond'), 2),
        })
      const times = (kind: string) => rounded(of('runseal', 'perSecond') / of(kind, 'perSecond'), 2)
      const what = (kind: string) => `${frames === 1 ? 'single frames' : 'bursts'} against ${kind}`
      aims.push({
        what: what('bare'),
        found: times('bare'),
        atLeast: frames === 1 ? 1 : 1.2,
        unit: 'times',
      })
      aims.push({
        what: what('better-sse'),
        found: times('better-sse'),
        atLeast: frames === 1 ? 1.4 : 3,
        unit: 'times',
      })
      if (frames > 1 && found.has('nchan'))
        aims.push({ what: what('nchan'), found: times('nchan'), atLeast: 1, unit: 'times' })
    }
    for (const peer of peers) await peer.end()
    report(`Stream to ${readers} readers, median of ${SETS}`, rows, aims)
  })
})

it('memory of a reader who hears nothing', async () => {
  const readers = 3000
  const found = new Map(KINDS.map((kind) => [kind, new Array<number>()]))
  for (let set = 0; set < SETS; set += 1)
    for (const kind of KINDS) {
      const peer = await peerOf(kind, await startServer(kind))
      // What the first ones load, and the room that they make for garbage, is no reader's in particular.
      await told(peer.clients, 'open 1000')
      await peer.command('collect')
      const before = memoryOf(peer.pid, 'VmRSS')
      await told(peer.clients, `open ${readers}`)
      await peer.command('collect')
      found.get(kind)?.push((memoryOf(peer.pid, 'VmRSS') - before) / readers)
      await peer.end()
    }
  const of = (kind: (typeof KINDS)[number]) => rounded(median(found.get(kind) ?? []))
  report(
    `Resident memory of an idle reader, of ${readers} after the first thousand, median of ${SETS}`,
    KINDS.map((server) => ({
      server,
      KiB: of(server),
      'of bare': rounded(of(server) / of('bare'), 2),
    })),
    [
      {
        what: 'memory of a reader against bare',
        found: rounded(of('runseal') / of('bare'), 2),
        below: 1.1,
        unit: 'times',
      },
    ],
  )
})

it('memory with ten readers that never read', async () => {
  const frames = 100_000
  const rows: Row[] = []
  for (const server of KINDS) {
    const peer = await peerOf(server, await startServer(server))
    await told(peer.clients, 'open 1')
    const stuck = await Promise.all(Array.from({ length: 10 }, () => neverReading(peer.port)))
    await peer.command('collect')
    const before = memoryOf(peer.pid, 'VmRSS')
    await peer.command(`${frames} apart`)
    const most = memoryOf(peer.pid, 'VmHWM')
    rows.push({
      server,
      'before MiB': mib(before),
      'most MiB': mib(most),
      'grew MiB': mib(most - before),
    })
    for (const socket of stuck) socket.destroy()
    await peer.end()
  }
  report(`${frames} frames, one reader that reads and ten that never do`, rows, [])
})

const mib = (kib: number) => rounded(kib / 1024)

const Rounds = z.object({
  perSecond: z.number(),
  p99: z.number(),
  cpuMicros: z.optional(z.number()),
})
type Rounds = z.infer<typeof Rounds>

/** A server with its readers. */
type Peer = Server & { kind: string; clients: ChildProcess }
type Server = {
  pid: number
  port: number
  /** Port of what publishes. */
  control: number
  command: (line: string) => Promise<unknown>
  end: () => Promise<void>
}

async function peerOf(kind: string, server: Server): Promise<Peer> {
  const args = [String(server.port), String(server.control)]
  const clients = onCore(READER_CORE, 'test/bench/stream-clients.ts', args)
  return {
    ...server,
    kind,
    clients,
    async end() {
      clients.kill()
      await server.end()
    },
  }
}

async function startServer(kind: string): Promise<Server> {
  const child = onCore(SERVER_CORE, 'test/bench/stream-server.ts', [kind])
  if (child.stdout === null) throw new TypeError('the server says nothing')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { value = '' } = await lines.next()
  const [port = 0, control = 0] = value.split(' ').map(Number)
  const socket = connect({ port: control, host: '127.0.0.1', noDelay: true })
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]()
  return {
    pid: child.pid ?? 0,
    port,
    control,
    command(line) {
      socket.write(`${line}\n`)
      return answers.next()
    },
    async end() {
      socket.destroy()
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

/** nchan, in C within nginx, published to by its own means. */
async function nchan(): Promise<Server> {
  const port = await freePort()
  const nginx = await startNginx(
    `listen 127.0.0.1:${port} backlog=4096;
    # What publishes is one connection, for all its rounds.
    keepalive_requests 1000000;
    location /events { nchan_subscriber eventsource; nchan_channel_id bench; nchan_eventsource_event step_finished; }
    location /publish { nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 100; }`,
    `load_module ${NCHAN}; worker_cpu_affinity ${'1'.padEnd(SERVER_CORE + 1, '0')};`,
  )
  let worker = childOf(nginx.pid)
  for (; worker === 0; worker = childOf(nginx.pid)) await sleep(10)
  return { pid: worker, port, control: port, command: async () => {}, end: nginx.end }
}

function onCore(core: number, file: string, args: string[]): ChildProcess {
  return fork(file, args, {
    execPath: 'taskset',
    execArgv: ['-c', String(core), process.execPath, '--expose-gc', '--no-warnings'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
}

async function told(child: ChildProcess, message: string): Promise<string> {
  child.send(message)
  const answer: unknown[] = await once(child, 'message')
  return String(answer[0])
}

function neverReading(port: number) {
  const socket = connect(port, '127.0.0.1')
  socket.pause()
  socket.write(
    `GET /events HTTP/1.1\r\nHost: localhost:${port}\r\nAccept: text/event-stream\r\n\r\n`,
  )
  return new Promise<typeof socket>((resolve) => {
    socket.once('readable', () => resolve(socket))
  })
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return address !== null && typeof address === 'object' ? address.port : 0
}

/** In KiB. */
function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
}

/** Of all threads of a process, as the scheduler counts them. */
function cpuSecondsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8'))
    .reduce((sum, text) => sum + Number(text.split(' ')[0]) / 1e9, 0)
}

/** 0: it has none yet. */
function childOf(pid: number): number {
  return Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8') || '0')
}
