import { request, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { Liar, StreamLies } from './liar.ts'
import type { Refusal } from './refusals.ts'

/** What a page has to hear in any case: that it is lied to. */
const SPARED = '/api/status'

/**
 * A proxy on this machine before a companion on this machine, which lies to whoever reads. It changes no request and
 * keeps nothing of one: Host, Origin, cookies and bodies pass as they came, so that the companion judges them as it
 * would without. A change is refused before it reaches the companion or not at all: what is refused was not done.
 * Files of the viewer pass. It can only withhold, repeat, spoil and forge what is a hint, and answers; no lie has a
 * member of an answer in it, so that none is ever taken for what is on record.
 */
export function lyingProxy(liar: Liar, port: number): RequestListener {
  const answered = new Map<string, Kept>()
  return (incoming, outgoing) => {
    const gone = new AbortController()
    outgoing.on('close', () => gone.abort())
    // Whoever is gone reads no fault, and for whom the companion is gone it is a connection that broke.
    proxied(incoming, outgoing, gone.signal).catch(() => outgoing.destroy())
  }

  async function proxied(incoming: IncomingMessage, outgoing: ServerResponse, gone: AbortSignal) {
    const [path = ''] = (incoming.url ?? '').split('?')
    if (path === '/events' && incoming.method === 'GET') {
      const lies = liar.stream()
      if (lies.refusal) return await refuse(lies.refusal, incoming, outgoing, gone)
      return await streamed(lies, await forwarded(incoming, port, gone), outgoing, gone)
    }
    if (!path.startsWith('/api/') || path === SPARED)
      return await passed(await forwarded(incoming, port, gone), outgoing)
    const what = `${incoming.method} ${incoming.url}`
    const isChange = incoming.method !== 'GET' && incoming.method !== 'HEAD'
    const lie = liar.answer(what, isChange)
    if (lie?.lie === 'refusal') return await refuse(lie.refusal, incoming, outgoing, gone)
    // What was answered to one is not for another: who reads with a cookie or a token gets no older answer.
    const isKept = incoming.method === 'GET' && !CREDENTIALS.some((name) => incoming.headers[name])
    const before = answered.get(what)
    if (lie?.lie === 'stale' && isKept && before) {
      incoming.resume()
      outgoing.writeHead(before.status, before.headers).end(before.body)
      return
    }
    const answer = await forwarded(incoming, port, gone)
    if (lie?.lie === 'cut') return await cutOff(answer, outgoing)
    if (isKept) return await keptAndPassed(what, answer, outgoing)
    await passed(answer, outgoing)
  }

  async function keptAndPassed(what: string, answer: IncomingMessage, outgoing: ServerResponse) {
    const kept: Kept = {
      status: answer.statusCode ?? 502,
      headers: headersOf(answer),
      body: Buffer.alloc(0),
    }
    if (Number(answer.headers['content-length'] ?? Number.POSITIVE_INFINITY) > MAX_KEPT_BYTES)
      return await passed(answer, outgoing)
    const chunks: Buffer[] = []
    for await (const chunk of answer) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
    kept.body = Buffer.concat(chunks)
    answered.delete(what)
    answered.set(what, kept)
    if (answered.size > MAX_KEPT) answered.delete([...answered.keys()][0] ?? what)
    outgoing.writeHead(kept.status, kept.headers).end(kept.body)
  }
}

type Kept = { status: number; headers: string[]; body: Buffer }
const MAX_KEPT = 100
const MAX_KEPT_BYTES = 256 * 1024
const CREDENTIALS = ['cookie', 'authorization'] as const

function forwarded(
  incoming: IncomingMessage,
  port: number,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, url: path } = incoming
    const outward = request(
      { host: '127.0.0.1', port, method, path, headers: headersOf(incoming), signal, agent: false },
      resolve,
    )
    outward.on('error', reject)
    incoming.on('error', reject)
    incoming.pipe(outward)
  })
}

// As they came, but those of the one connection that they came by.
function headersOf({ rawHeaders, headers }: IncomingMessage): string[] {
  const named = (headers.connection ?? '').toLowerCase().split(/\s*,\s*/)
  const own = new Set([...OF_A_CONNECTION, ...named])
  return rawHeaders.filter((_, i) => !own.has((rawHeaders[i - (i % 2)] ?? '').toLowerCase()))
}

const OF_A_CONNECTION = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade']

async function passed(answer: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(answer.statusCode ?? 502, headersOf(answer))
  for await (const chunk of answer) await written(outgoing, chunk)
  outgoing.end()
}

/** The head and a part of the body; the connection ends where the rest would come. */
async function cutOff(answer: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(answer.statusCode ?? 502, headersOf(answer))
  for await (const chunk of answer) {
    if (!Buffer.isBuffer(chunk)) continue
    await written(outgoing, chunk.subarray(0, chunk.length >> 1))
    break
  }
  outgoing.destroy()
}

async function streamed(
  lies: StreamLies,
  answer: IncomingMessage,
  outgoing: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  // The companion refuses this reader: that is no stream to lie about.
  if (answer.statusCode !== 200) return await passed(answer, outgoing)
  outgoing.writeHead(200, headersOf(answer))
  outgoing.flushHeaders()
  for await (const event of eventsOf(answer))
    for (const act of lies.passes(event)) {
      gone.throwIfAborted()
      switch (act.act) {
        case 'send':
          await written(outgoing, act.bytes)
          break
        case 'wait':
          await wait(act.ms, null, { signal: gone })
          break
        case 'end':
          outgoing.end()
          answer.destroy()
          return
        case 'reset':
          outgoing.socket?.resetAndDestroy()
          return
      }
    }
  outgoing.end()
}

/** The events of a stream, each with its blank line. Those of this server have no other line end. */
async function* eventsOf(answer: IncomingMessage): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of answer) {
    if (!Buffer.isBuffer(chunk)) continue
    const parts = (rest + decoder.decode(chunk, { stream: true })).split(/(?<=\n\n)/)
    rest = parts.at(-1)?.endsWith('\n\n') ? '' : (parts.pop() ?? '')
    yield* parts
  }
}

async function refuse(
  refusal: Refusal,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  incoming.resume()
  switch (refusal.how) {
    case 'answer':
      outgoing.writeHead(refusal.status, refusal.headers).end(refusal.body)
      return
    case 'stall':
      await wait(refusal.ms, null, { signal: gone })
      outgoing.destroy()
      return
    case 'reset':
      outgoing.socket?.resetAndDestroy()
  }
}

async function written(outgoing: ServerResponse, bytes: unknown): Promise<void> {
  if (!(bytes instanceof Uint8Array)) return
  if (outgoing.write(bytes) || outgoing.destroyed) return
  await new Promise<void>((resolve) => {
    const goOn = () => {
      outgoing.off('drain', goOn)
      outgoing.off('close', goOn)
      resolve()
    }
    outgoing.on('drain', goOn)
    outgoing.on('close', goOn)
  })
}
