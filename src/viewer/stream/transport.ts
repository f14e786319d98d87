import { createParser, type EventSourceMessage } from 'eventsource-parser'

/** One connection to the stream, until it ends. The one seam: another transport is another function of this type. */
export type Transport = (connection: {
  lastEventId: string | null
  signal: AbortSignal
  onOpen: () => void
  /** The events of one chunk, in order; none for a keepalive. Called for every chunk: bytes are a sign of life. */
  onChunk: (events: readonly EventSourceMessage[]) => void
  onRetry: (ms: number) => void
}) => Promise<Ended>

/** `answered`: not a stream, with a status. `lost`: it ended, or could not be had. */
export type Ended = { how: 'answered'; status: number; why: string } | { how: 'lost'; why: string }

/** Longest event that is waited for; a longer one ends the connection instead of growing the page. */
const MAX_EVENT_CHARS = 1024 * 1024

/**
 * By fetch, since EventSource hides keepalives and HTTP errors and gives up for good on any of them. Never rejects.
 */
export const fetchTransport =
  (url: string): Transport =>
  async ({ lastEventId, signal, onOpen, onChunk, onRetry }) => {
    let events: EventSourceMessage[] = []
    const parser = createParser({
      maxBufferSize: MAX_EVENT_CHARS,
      onEvent: (event) => events.push(event),
      onRetry,
    })
    try {
      const response = await fetch(url, {
        headers: {
          accept: 'text/event-stream',
          ...(lastEventId === null ? {} : { 'last-event-id': lastEventId }),
        },
        credentials: 'same-origin',
        cache: 'no-store',
        signal,
      })
      if (!response.ok || response.body === null) {
        const why = `the server answered ${response.status}`
        await response.body?.cancel()
        const passing = response.status >= 500 || response.status === 429
        return passing ? { how: 'lost', why } : { how: 'answered', status: response.status, why }
      }
      // A login page or a proxy's own answer is no stream, however well it answered.
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
        await response.body.cancel()
        return { how: 'answered', status: response.status, why: 'the answer is no event stream' }
      }
      onOpen()
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return { how: 'lost', why: 'the server ended the stream' }
        parser.feed(value)
        onChunk(events)
        events = []
      }
    } catch (error) {
      return { how: 'lost', why: error instanceof Error ? error.message : String(error) }
    }
  }
