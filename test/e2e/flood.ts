import { createReadStream } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Session, Status } from '#contract/api.ts'
import { formatPosition, frameName, type RunFrame } from '#contract/frame.ts'
import type { Run } from '#contract/run.ts'
import type { RunStatus } from '#contract/status.ts'
import { reduce, reduceAll, newRun } from '#live/reduce.ts'
import { resourceOf } from '#live/select.ts'
import { planStep } from '#test/evidence/fixture.ts'

/** A server of one long run, whose stream says as much a second as it is told to. Its record is what it has said. */
export type Flood = {
  url: string
  run_id: string
  /** Sends every frame of the run, so many a second, and ends the run as failed. */
  pour: (framesPerSecond: number) => Promise<{ frames: number }>
  end: () => Promise<void>
}

const RUN_ID = 'run_flood'
const NOW = '2026-11-26T12:00:00.000Z'
const EVERY_MS = 10

export async function startFlood(steps: number): Promise<Flood> {
  const readers = new Set<ServerResponse>()
  let run: Run = startOf(steps)
  let seq = 1

  const answers: Record<string, () => unknown> = {
    '/api/status': () => statusAt(seq),
    '/api/session': () => NOBODY,
    [`/api/runs/${RUN_ID}`]: () => resourceOf(run, idOf(seq), NOW),
    '/api/trust': () => ({ server_keys: [], approvers: [] }),
  }
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname
    if (path === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(': connected\n\n')
      readers.add(response)
      response.on('close', () => readers.delete(response))
      return
    }
    const answer = answers[path]
    if (answer || path.startsWith('/api/')) {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(answer?.() ?? { items: [], next_cursor: null }))
      return
    }
    const file = path.startsWith('/assets/') ? path : '/index.html'
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream')
    createReadStream(join('dist/viewer', file)).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')

  const send = (frames: readonly RunFrame[]): void => {
    let text = ''
    for (const frame of frames)
      text += `event: ${frameName(frame)}\nid: ${idOf(++seq)}\ndata: ${JSON.stringify(frame)}\n\n`
    // On record before it is said.
    run = reduceAll(run, frames)
    for (const reader of readers) reader.write(text)
  }

  return {
    url: `http://localhost:${address.port}`,
    run_id: RUN_ID,
    async pour(framesPerSecond) {
      const frames = [...framesOf(steps)]
      const began = performance.now()
      for (let sent = 0; sent < frames.length;) {
        const due = Math.ceil(((performance.now() - began) / 1000) * framesPerSecond)
        send(frames.slice(sent, Math.max(sent, due)))
        sent = Math.max(sent, due)
        await wait(EVERY_MS)
      }
      send([{ type: 'run_failed', run_id: RUN_ID, timestamp: NOW, reason: 'x', status: 'failed' }])
      return { frames: frames.length + 1 }
    },
    async end() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function startOf(steps: number): Run {
  const run = reduce(newRun(RUN_ID), {
    type: 'run_started',
    run_id: RUN_ID,
    timestamp: NOW,
    title: 'A long run',
  })
  const planned = Array.from({ length: steps }, (_, n) =>
    planStep(stepOf(n), { needs: n === 0 ? [] : [stepOf(n - 1)] }),
  )
  return { ...run, plan: { steps: planned, gates: [] } }
}

/** Two attempts of each step, ten frames together. */
function* framesOf(steps: number): Generator<RunFrame> {
  for (let n = 0; n < steps; n += 1)
    for (const attempt of [1, 2]) {
      const of = { run_id: RUN_ID, step_id: stepOf(n), attempt, timestamp: NOW }
      yield { type: 'step_started', ...of, kind: 'command' }
      for (const bytes of [100, 200, 300]) yield { type: 'step_output', ...of, bytes }
      yield { type: 'step_finished', ...of, kind: 'command', exit_code: 2 - attempt, signal: null }
    }
}

const stepOf = (n: number): string => `step-${n}`
const idOf = (seq: number): string => formatPosition({ epoch: 'flood', seq })

const NOBODY: Session = { actor: null, role: null, secret: null, expires_at: null }
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

function statusAt(seq: number): Status {
  const none = { queued: 0, running: 1, needs_input: 0, succeeded: 0, failed: 0, aborted: 0 }
  return {
    server: {
      version: '0',
      project: 'flood',
      started_at: NOW,
      now: NOW,
      key_id: '0'.repeat(64),
      isolation: 'none',
      reads: 'open',
      chaos: null,
    },
    stream: {
      position: idOf(seq),
      subscribers: 1,
      yours: null,
      frames: seq,
      dropped: 0,
      gaps: 0,
    },
    runs: none satisfies Record<RunStatus, number>,
    seal_failed: 0,
    gates: { open: 0, oldest_opened_at: null },
    tables: [],
    waiting: [],
  }
}
