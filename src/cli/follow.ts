import { setTimeout as sleep } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'
import { formatPosition, parseFrame, parseStart, type FrameReading } from '#contract/frame.ts'
import { answered, authorization, type Server, UnreachableError, wordsOf } from './ask.ts'
import { CommandError } from './command.ts'

/** What following a stream tells: it began (again), it was lost, it lives, or a frame. */
export type Told =
  | { what: 'connected' }
  | { what: 'lost'; why: string }
  | { what: 'alive' }
  | { what: 'frame'; reading: FrameReading }

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 10_000
/** Open for so long, a connection counts as stable, and the next wait is a short one again. */
const STABLE_AFTER_MS = 5000
/** A server says something every 15 s. */
const DEAD_AFTER_MS = 40_000
const SILENT = `nothing came for ${DEAD_AFTER_MS / 1000} s`
/** Longest event that is waited for. */
const MAX_EVENT_CHARS = 1024 * 1024

/**
 * The stream of a server, connected to again whenever it is lost, whatever stands between says in its place. A refusal
 * in the server's own words ends the command with `exitCode`.
 */
export async function* follow(
  server: Server,
  { runId, exitCode }: { runId: string | null; exitCode: number },
): AsyncGenerator<Told> {
  let lastEventId: string | null = null
  let waitMs = FIRST_WAIT_MS
  for (;;) {
    const connection = new AbortController()
    const silence = setTimeout(() => connection.abort(), DEAD_AFTER_MS)
    let openedAt = Number.POSITIVE_INFINITY
    let wishMs = 0
    try {
      const path = runId === null ? '/events' : `/events?run_id=${encodeURIComponent(runId)}`
      const response = await answered(server, path, exitCode, {
        signal: connection.signal,
        headers: {
          ...authorization(server),
          accept: 'text/event-stream',
          ...(lastEventId !== null && { 'last-event-id': lastEventId }),
        },
      })
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
      if (isStream !== true || response.body === null)
        throw new Error(`the server answered ${response.status} and no event stream`)
      openedAt = performance.now()
      yield { what: 'connected' }
      for await (const told of toldBy(response.body)) {
        silence.refresh()
        if ('retryMs' in told) wishMs = told.retryMs
        else {
          if (told.id !== null) lastEventId = told.id
          yield told.told
        }
      }
      yield { what: 'lost', why: 'the server ended the stream' }
    } catch (error) {
      if (!(error instanceof UnreachableError) && error instanceof CommandError) throw error
      yield { what: 'lost', why: connection.signal.aborted ? SILENT : wordsOf(error) }
    } finally {
      // Whoever stops listening lets go of the connection, which would keep the process alive.
      clearTimeout(silence)
      connection.abort()
    }
    if (performance.now() - openedAt >= STABLE_AFTER_MS) waitMs = FIRST_WAIT_MS
    await sleep(Math.min(LONGEST_WAIT_MS, Math.max(wishMs, waitMs * (0.5 + Math.random()))))
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  }
}

async function* toldBy(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<{ id: string | null; told: Told } | { retryMs: number }> {
  let found: ({ id: string | null; told: Told } | { retryMs: number })[] = []
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARS,
    onEvent({ id, event = 'message', data }) {
      found.push({ id: id ?? null, told: { what: 'frame', reading: parseFrame(event, data) } })
    },
    onComment(comment) {
      const start = parseStart(comment)
      found.push({ id: start && formatPosition(start), told: { what: 'alive' } })
    },
    onRetry: (retryMs) => found.push({ retryMs }),
  })
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    parser.feed(text)
    yield* found
    found = []
  }
}
