import type * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import { Problem } from '#contract/problem.ts'
import { CommandError } from './command.ts'
import { inOneLine } from './defuse.ts'

/** Where to ask, and as whom. */
export type Server = { url: string; token: string | undefined }

/**
 * No server answers now, or something answers in its place: whoever can wait asks again. Only what a server says in its
 * own words, and not of itself alone, is its word.
 */
export class UnreachableError extends CommandError {}

/** Longest that a question is waited for; what changes something may take as long as it takes. */
export const ANSWER_MS = 60_000

/** Asks a row of ENDPOINT and parses its answer. What goes wrong is one line that ends the command with `exitCode`. */
export async function ask<T>(
  server: Server,
  row: { method: string; path: string; answer: z.ZodMiniType<T> },
  request: {
    params?: Readonly<Record<string, string>>
    query?: Readonly<Record<string, string>>
    headers?: Readonly<Record<string, string>>
    body?: object
  },
  exitCode: number,
): Promise<T> {
  const { params = {}, query = {}, headers, body } = request
  const path = row.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  )
  const response = await answered(server, `${path}${queryText(query)}`, exitCode, {
    method: row.method,
    signal: row.method === 'GET' ? AbortSignal.timeout(ANSWER_MS) : null,
    headers: {
      ...headers,
      ...authorization(server),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const parsed = parseJson(row.answer, await whole(response, exitCode))
  if (!parsed.ok) throw new UnreachableError(`${server.url} answered what cannot be read`, exitCode)
  return parsed.value
}

/** The answer of a server that does what it is asked. Throws UnreachableError, or CommandError for a refusal. */
export async function answered(
  server: Server,
  path: string,
  exitCode: number,
  init: RequestInit,
): Promise<Response> {
  const response = await reach(server, path, init).catch((error: unknown) => {
    throw new UnreachableError(wordsOf(error), exitCode, { cause: error })
  })
  if (response.ok) return response
  const { status } = response
  const text = await whole(response, exitCode)
  const said = refusalOf(status, text)
  if (!parseJson(Problem, text).ok || status >= 500 || status === 429)
    throw new UnreachableError(said, exitCode)
  const hint = status === 401 ? ' (runseal token create; RUNSEAL_TOKEN)' : ''
  throw new CommandError(said + hint, exitCode)
}

/** What `question` is answered; null where no server answers now. */
export async function unlessAway<T>(question: Promise<T>): Promise<T | null> {
  try {
    return await question
  } catch (error) {
    if (error instanceof UnreachableError) return null
    throw error
  }
}

async function whole(response: Response, exitCode: number): Promise<string> {
  const bytes = await beginningOf(response, MOST_ANSWER, () => {}).catch((error: unknown) => {
    throw new UnreachableError('the answer was cut off', exitCode, { cause: error })
  })
  if (bytes.length > MOST_ANSWER)
    throw new CommandError('the answer is longer than any that was asked for', exitCode)
  return bytes.toString()
}

const MOST_ANSWER = 64 * 1024 * 1024

/**
 * What a server answers, and at most one byte more than `most` of it: one that does not stop is not listened to for longer.
 * `onMore` is told whenever a MiB more came.
 */
export async function beginningOf(
  { body }: Response,
  most: number,
  onMore: () => unknown,
): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  const stream: ReadableStream<Uint8Array<ArrayBuffer>> | null = body
  let size = 0
  let told = 0
  try {
    for await (const chunk of stream ?? []) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= told + SOME_BYTES) {
        told = size
        onMore()
      }
      if (size > most) break
    }
  } catch (error) {
    // Given up by who asks, it has its own reason.
    throw error instanceof TypeError ? new Error('the answer was cut off', { cause: error }) : error
  }
  return Buffer.concat(chunks).subarray(0, most + 1)
}

/** Less in `ANSWER_MS` is no answer: one byte at a time would take years, and the longest takes four hours so. */
const SOME_BYTES = 1024 ** 2

function queryText(query: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams(query).toString()
  return text === '' ? '' : `?${text}`
}

export function authorization({ token }: Server): Record<string, string> {
  return token ? { authorization: `Bearer ${token}` } : {}
}

/**
 * `fetch`, with an error that names the server. A connection that is used again may have been closed by the server
 * meanwhile, and each that was is found out by one question: what changes nothing is then asked again.
 */
export async function reach(server: Server, path: string, init: RequestInit): Promise<Response> {
  const isRead = init.method === undefined || init.method === 'GET'
  for (let left = isRead ? MOST_KEPT_OPEN : 0; ; left -= 1)
    try {
      return await fetch(new URL(path, server.url), init)
    } catch (error) {
      if (left === 0 || !wasClosed(error))
        throw new Error(`no server answers at ${server.url}`, { cause: error })
    }
}

/** Connections to one server: hardly more are asked by at one time. */
const MOST_KEPT_OPEN = 8

const wasClosed = (error: unknown): boolean =>
  error instanceof Error &&
  error.cause instanceof Error &&
  'code' in error.cause &&
  (error.cause.code === 'UND_ERR_SOCKET' || error.cause.code === 'ECONNRESET')

/** What a refusal says of itself, in one line, wherever it is told: another one would look like our own. */
export function refusalOf(status: number, text: string): string {
  const problem = parseJson(Problem, text)
  if (!problem.ok) return `the server answered ${status}`
  const { title, detail } = problem.value
  return inOneLine(detail === undefined ? title : `${title}: ${detail}`)
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
