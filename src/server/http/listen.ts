import {
  createServer,
  STATUS_CODES,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ProblemError } from '#server/problem.ts'

/** What a connection may take of the server before it is anybody's. */
export type Limits = {
  headBytes: number
  /** A head that is not whole by then ends its connection, and so a body. */
  headMs: number
  bodyMs: number
  /** Neither a byte read nor one taken: a reader that stopped reading is let go. */
  idleMs: number
  connections: number
}

export const DEFAULT_LIMITS: Omit<Limits, 'connections'> = {
  headBytes: 16 * 1024,
  headMs: 10_000,
  bodyMs: 30_000,
  idleMs: 120_000,
}

export type Tls = { cert: string; key: string }

/** A server of HTTP, or of HTTPS where it has a certificate. What is no request is answered by `answerFault` as well. */
export function createHttpServer(
  listener: RequestListener,
  answerFault: (error: unknown, socket: Pick<Socket, 'remoteAddress'>) => Response,
  { tls, limits }: { tls: Tls | null; limits: Limits },
): Server {
  const options = {
    maxHeaderSize: limits.headBytes,
    headersTimeout: limits.headMs,
    requestTimeout: limits.bodyMs,
    connectionsCheckingInterval: Math.min(1000, limits.headMs),
    // Everybody says which host is meant; the app says what is wrong where nobody does.
    requireHostHeader: false,
  }
  const server = tls
    ? createTlsServer({
        ...options,
        ...tls,
        minVersion: 'TLSv1.2',
        handshakeTimeout: limits.headMs,
      })
    : createServer(options)
  server.maxConnections = limits.connections
  server.timeout = limits.idleMs
  // Node would leave out what is beyond a count; the app counts and refuses.
  server.maxHeadersCount = 0

  const answering = new WeakMap<Duplex, ServerResponse>()
  const answer: RequestListener = (incoming, outgoing) => {
    answering.set(incoming.socket, outgoing)
    listener(incoming, outgoing)
  }
  server.on('request', answer)
  server.on('checkExpectation', answer)
  server.on('clientError', (error, socket: Socket) => {
    const begun = answering.get(socket)
    // Into an answer that is on its way no other is written.
    if (!socket.writable || (begun?.headersSent && !begun.writableFinished)) socket.destroy()
    else void written(socket, answerFault(problemOf(error), socket))
  })
  return server
}

function problemOf(error: Error): ProblemError {
  const code = 'code' in error ? error.code : ''
  if (code === 'HPE_HEADER_OVERFLOW')
    return new ProblemError('head_too_large', 'the head of the request is too large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new ProblemError('request_timeout', 'the request did not come in time')
  return new ProblemError('bad_request', 'this is not HTTP as this server reads it')
}

async function written(socket: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer())
  response.headers.set('content-length', String(body.length))
  response.headers.set('connection', 'close')
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}\r\n`
  socket.end(Buffer.concat([Buffer.from(`${head}${lines.join('')}\r\n`), body]), () =>
    socket.destroy(),
  )
}
