import type { Status } from '#contract/api.ts'
import type { Run } from '#contract/run.ts'
import { openGates, resourceOf, statusOf, summaryOf } from '#live/select.ts'
import type { Dice } from '#server/chaos/dice.ts'
import type { Liar, StreamLies } from '#server/chaos/liar.ts'
import type { Refusal } from '#server/chaos/refusals.ts'
import { type Bus, createBus } from '#server/events/bus.ts'
import { AT, digest } from '#test/recorded.ts'
import type { RecordedRun, World } from './recorded-world.ts'

/**
 * A companion in memory behind a liar, reached by `fetch`: real bytes of a real bus, answers of what is on record by
 * then, and every lie told to whoever asks. Its clock is the test's.
 */
export class LyingCompanion {
  readonly #world: World
  readonly #liar: Liar
  readonly #dice: Dice
  readonly #at = new Map<string, number>()
  readonly #streams = new Set<AbortController>()
  readonly #answered = new Map<string, Answer>()
  #bus: Bus
  #epoch = 1

  constructor(world: World, liar: Liar, dice: Dice) {
    this.#world = world
    this.#liar = liar
    this.#dice = dice
    this.#bus = this.#start()
  }

  #start(): Bus {
    return createBus({
      epoch: `epoch${this.#epoch}`,
      now: () => new Date(),
      monotonic: () => Date.now(),
      soon: (act) => act(),
    })
  }

  /** What happens next in one of the runs is recorded, and its frame published. False: nothing is left to happen. */
  goOn(): boolean {
    const left = this.#world.runs.filter((run) => this.#happened(run) < run.moments.length)
    const [first] = left
    if (first === undefined) return false
    const run = this.#dice.pick(left, first)
    const nth = this.#happened(run)
    this.#at.set(run.run_id, nth + 1)
    const frame = run.moments[nth]?.frame
    if (frame) this.#bus.publish(frame)
    return true
  }

  /** Really: another epoch, and every stream is over. */
  restart(): void {
    this.#epoch += 1
    this.#bus = this.#start()
    for (const stream of this.#streams) stream.abort(new Error('the server ended'))
  }

  get streams(): number {
    return this.#streams.size
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, 'http://localhost')
    const signal = init?.signal ?? new AbortController().signal
    signal.throwIfAborted()
    await this.#latency(signal)
    if (url.pathname === '/events')
      return await this.#stream(new Headers(init?.headers).get('last-event-id'), signal)
    const path = url.pathname + url.search
    const lie = this.#liar.answer(path)
    if (lie?.lie === 'refusal') return await refused(lie.refusal, signal)
    const before = this.#answered.get(path)
    const now = this.#truth(url)
    await this.#latency(signal)
    this.#answered.set(path, now)
    const { status, type, body } = lie?.lie === 'stale' ? (before ?? now) : now
    if (lie?.lie === 'cut')
      return new Response(cut(body, this.#dice.roll(body.length + 1)), {
        status,
        headers: { 'content-type': type },
      })
    return new Response(body, { status, headers: { 'content-type': type } })
  }

  async #latency(signal: AbortSignal): Promise<void> {
    await later(this.#dice.roll(300), signal)
  }

  #happened({ run_id }: RecordedRun): number {
    return this.#at.get(run_id) ?? 0
  }

  #runs(): Run[] {
    return this.#world.runs.flatMap((run) => run.moments[this.#happened(run) - 1]?.run ?? [])
  }

  #truth({ pathname, searchParams }: URL): Answer {
    const [, , what, id] = pathname.split('/')
    const runs = this.#runs()
    const asOf = this.#bus.position()
    const now = new Date().toISOString()
    if (what === 'runs' && id !== undefined) {
      const run = runs.find(({ run_id }) => run_id === id)
      return run ? json(resourceOf(run, asOf, now)) : MISSING
    }
    if (what === 'runs') return list(runs.map(summaryOf))
    if (what === 'gates') {
      const wanted = searchParams.get('state')
      return list(
        runs.flatMap((run) =>
          run.gates.flatMap((gate) => {
            const state = openGates(run).includes(gate) ? 'open' : 'resolved'
            const rest = { expires_at: null, may_decide: { yes: true, why_not: null } }
            return state === wanted ? [{ ...gate, state, run: summaryOf(run), ...rest }] : []
          }),
        ),
      )
    }
    if (what === 'status') return json(this.#status(runs, asOf, now))
    const sealed = this.#world.runs.find(({ evidence_id }) => evidence_id === id)
    const isThere = runs.some((run) => run.sealed?.evidence_id === id)
    return sealed?.envelope && isThere
      ? { status: 200, type: 'application/json', body: sealed.envelope }
      : MISSING
  }

  #status(runs: readonly Run[], position: string, now: string): Status {
    const counts = { queued: 0, running: 0, needs_input: 0, succeeded: 0, failed: 0, aborted: 0 }
    for (const run of runs) counts[statusOf(run)] += 1
    return {
      server: {
        version: '0.0.0',
        project: 'chaos',
        started_at: AT,
        now,
        key_id: digest('key'),
        isolation: 'none',
        reads: 'open',
        chaos: null,
      },
      stream: {
        position,
        subscribers: this.#streams.size,
        yours: null,
        frames: 0,
        dropped: 0,
        gaps: 0,
      },
      runs: counts,
      seal_failed: 0,
      gates: { open: runs.flatMap(openGates).length, oldest_opened_at: null },
      tables: [],
      waiting: [],
    }
  }

  async #stream(lastEventId: string | null, signal: AbortSignal): Promise<Response> {
    const lies = this.#liar.stream()
    if (lies.refusal) return await refused(lies.refusal, signal)
    const ended = new AbortController()
    this.#streams.add(ended)
    const gone = AbortSignal.any([signal, ended.signal])
    const pending: string[] = []
    let wake: () => void = () => undefined
    const take = (text: string) => {
      pending.push(text)
      wake()
    }
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const after = lastEventId === null ? `: after ${this.#bus.position()}\n` : ''
        take(`: connected\nretry: ${1000 + this.#dice.roll(2000)}\n${after}\n`)
        const write = (bytes: Uint8Array) => {
          // A write may have several events in it.
          for (const event of new TextDecoder().decode(bytes).split(/(?<=\n\n)/)) take(event)
          return true
        }
        const subscription = this.#bus.subscribe({ runId: null, write }, lastEventId)
        const keepalive = setInterval(() => take(': keepalive\n\n'), 15_000)
        gone.addEventListener('abort', () => wake())
        const over = () => {
          this.#streams.delete(ended)
          clearInterval(keepalive)
          subscription.end()
        }
        void (async () => {
          for (;;) {
            const event = pending.shift()
            if (event === undefined) {
              await new Promise<void>((resolve) => {
                wake = resolve
                if (gone.aborted) resolve()
              })
              if (gone.aborted) throw gone.reason
              continue
            }
            if (await done(lies.passes(event), controller, gone)) return controller.close()
          }
        })()
          .catch((error: unknown) => controller.error(error))
          .finally(over)
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
}

type Answer = { status: number; type: string; body: Uint8Array<ArrayBuffer> }

/** True: the stream ends here. */
async function done(
  acts: ReturnType<StreamLies['passes']>,
  controller: ReadableStreamDefaultController<Uint8Array>,
  signal: AbortSignal,
): Promise<boolean> {
  for (const act of acts) {
    signal.throwIfAborted()
    switch (act.act) {
      case 'send':
        controller.enqueue(act.bytes)
        break
      case 'wait':
        await later(act.ms, signal)
        break
      case 'end':
        return true
      case 'reset':
        throw new Error('connection reset')
    }
  }
  return false
}

async function refused(refusal: Refusal, signal: AbortSignal): Promise<Response> {
  switch (refusal.how) {
    case 'answer':
      // A redirect to itself ends as the browser ends it.
      if (refusal.status === 301) throw new TypeError('Failed to fetch')
      return new Response(refusal.status === 204 ? null : refusal.body, {
        status: refusal.status,
        headers: refusal.headers,
      })
    case 'stall':
      await later(refusal.ms, signal)
      throw new TypeError('Failed to fetch')
    case 'reset':
      throw new TypeError('Failed to fetch')
  }
}

function later(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    })
  })
}

function cut(body: Uint8Array<ArrayBuffer>, at: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(body.subarray(0, at))
      controller.error(new TypeError('network error'))
    },
  })
}

const json = (value: object): Answer => ({
  status: 200,
  type: 'application/json',
  body: new TextEncoder().encode(JSON.stringify(value)),
})
const list = (items: readonly object[]): Answer => json({ items, next_cursor: null })
const MISSING: Answer = {
  ...json({ type: 'about:blank', title: 'Not found', status: 404, code: 'not_found' }),
  status: 404,
}
