import { createParser, type EventSourceMessage } from 'eventsource-parser'

/** One connection to the stream, until it ends. The one seam: another transport is another function of this type. */
export type Transport = (connection: {
  lastEventId: string | null
  signal: AbortSignal
  /** The head of an event stream came. */
  onOpen: () => void
  /** Called for every chunk: bytes are a sign of life. */
  onChunk: (chunk: Chunk) => void
  onRetry: (ms: number) => void
}) => Promise<Ended>

/** What the bytes of one read completed, in order; nothing of both for the middle of an event. */
export type Chunk = { events: readonly EventSourceMessage[]; comments: readonly string[] }

/**
 * `answered`: not a stream, with a status; 0 for an answer that leads elsewhere. `lost`: it ended, or could not be had;
 * `status` is null where not even an answer came, and `retryMs` what the server asks to wait.
 */
export type Ended =
  | { how: 'answered'; status: number; why: string }
  | { how: 'lost'; status: number | null; retryMs: number | null; why: string }

/** Longest event that is waited for; a longer one ends the connection instead of growing the page. */
const MAX_EVENT_CHARS = 1024 * 1024

/**
 * By fetch, since EventSource hides keepalives and HTTP errors and gives up for good on any of them. Never rejects.
 */
export const fetchTransport =
  (url: string): Transport =>
  async ({ lastEventId, signal, onOpen, onChunk, onRetry }) => {
    let events: EventSourceMessage[] = []
    let comments: string[] = []
    let status: number | null = null
    const lost = (why: string, retryMs: number | null = null): Ended => ({
      how: 'lost',
      status,
      retryMs,
      why,
    })
    const parser = createParser({
      maxBufferSize: MAX_EVENT_CHARS,
      onEvent: (event) => events.push(event),
      onComment: (comment) => comments.push(comment),
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
        // The stream is nowhere else: what leads away is a sign-in page of something between, or worse.
        redirect: 'manual',
        signal,
      })
      status = response.status
      if (response.type === 'opaqueredirect')
        return { how: 'answered', status, why: 'the answer leads to another address' }
      if (!response.ok || response.body === null) {
        const why = `the server answered ${status}`
        await response.body?.cancel()
        const passing = status >= 500 || status === 429 || status === 408
        return passing
          ? lost(why, retryAfterMs(response.headers))
          : { how: 'answered', status, why }
      }
      // A login page or a proxy's own answer is no stream, however well it answered.
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
        await response.body.cancel()
        return { how: 'answered', status, why: 'the answer is no event stream' }
      }
      onOpen()
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return lost('the server ended the stream')
        parser.feed(value)
        onChunk({ events, comments })
        events = []
        comments = []
      }
    } catch (error) {
      return lost(error instanceof Error ? error.message : String(error))
    }
  }

function retryAfterMs(headers: Headers): number | null {
  const seconds = headers.get('retry-after')
  return seconds !== null && /^\d{1,4}$/.test(seconds) ? Number(seconds) * 1000 : null
}
