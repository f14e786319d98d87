import { setTimeout as sleep } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'
import { formatPosition, parseFrame, parseStart, type FrameReading } from '#contract/frame.ts'
import { authorization, reach, refusalOf, wordsOf, type Server } from './ask.ts'
import { CommandError } from './command.ts'

/** What following a stream tells: it began (again), it was lost, it lives, or a frame. */
export type Told =
  | { what: 'connected' }
  | { what: 'lost'; why: string }
  | { what: 'alive' }
  | { what: 'frame'; reading: FrameReading }

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 10_000

/** The stream of a server, connected to again whenever it is lost. A refusal ends the command with `exitCode`. */
export async function* follow(
  server: Server,
  { runId, exitCode }: { runId: string | null; exitCode: number },
): AsyncGenerator<Told> {
  let lastEventId: string | null = null
  let waitMs = FIRST_WAIT_MS
  for (;;) {
    const connection = new AbortController()
    try {
      const response = await reach(
        server,
        runId === null ? '/events' : `/events?run_id=${encodeURIComponent(runId)}`,
        {
          signal: connection.signal,
          headers: {
            ...authorization(server),
            accept: 'text/event-stream',
            ...(lastEventId !== null && { 'last-event-id': lastEventId }),
          },
        },
      )
      if (response.status >= 400 && response.status < 500)
        throw new CommandError(refusalOf(response.status, await response.text()), exitCode)
      if (!response.ok || response.body === null)
        throw new Error(`the server answered ${response.status}`)
      waitMs = FIRST_WAIT_MS
      yield { what: 'connected' }
      for await (const told of toldBy(response.body)) {
        if (told.id !== null) lastEventId = told.id
        yield told.told
      }
      yield { what: 'lost', why: 'the server ended the stream' }
    } catch (error) {
      if (error instanceof CommandError) throw error
      yield { what: 'lost', why: wordsOf(error) }
    } finally {
      // Whoever stops listening lets go of the connection, which would keep the process alive.
      connection.abort()
    }
    await sleep(waitMs * (0.5 + Math.random()))
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  }
}

async function* toldBy(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<{ id: string | null; told: Told }> {
  let found: { id: string | null; told: Told }[] = []
  const parser = createParser({
    onEvent({ id, event = 'message', data }) {
      found.push({ id: id ?? null, told: { what: 'frame', reading: parseFrame(event, data) } })
    },
    onComment(comment) {
      const start = parseStart(comment)
      found.push({ id: start && formatPosition(start), told: { what: 'alive' } })
    },
  })
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    parser.feed(text)
    yield* found
    found = []
  }
}
