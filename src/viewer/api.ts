import { parseJson } from '#contract/parse.ts'
import { Problem, PROBLEM, type ProblemCode } from '#contract/problem.ts'
import type * as z from 'zod/mini'
import { StoreError } from './trust-store.ts'
import { wholeAnswer } from './whole-answer.ts'

/** Why a request gave no answer: what the server refused, or that none could be read. `detail` is for a person. */
export class ApiError extends Error {
  readonly code: ProblemCode | 'unreachable' | 'unreadable'
  readonly status: number
  constructor(code: ProblemCode | 'unreachable' | 'unreadable', status: number, detail: string) {
    super(detail)
    this.name = 'ApiError'
    this.code = code
    this.status = status
  }
  get title(): string {
    if (this.code === 'unreachable') return 'The server cannot be reached'
    if (this.code === 'unreadable') return 'The answer cannot be read'
    return PROBLEM[this.code].title
  }
}

type Row<T> = { method: string; path: string; status: number; answer: T }

export type Request = {
  params?: Readonly<Record<string, string>>
  query?: Readonly<Record<string, string | null | undefined>>
  body?: object
  /** `respond-async`: an answer as soon as the work is begun, not when it is done. */
  prefer?: string
  /** The session's, with every change. */
  secret?: string | null
  signal?: AbortSignal | undefined
}

/** Asks a row of ENDPOINT and parses what it answers. Throws ApiError only, and what aborting throws. */
export async function ask<T>(row: Row<z.ZodMiniType<T>>, request: Request = {}): Promise<T> {
  const { bytes } = await send(row, request, MAX_JSON_BYTES)
  const parsed = parseJson(row.answer, new TextDecoder().decode(bytes))
  if (parsed.ok) return parsed.value
  throw new ApiError(
    'unreadable',
    row.status,
    `${row.method} ${pathOf(row, request)} answered ${parsed.error.at || 'something'} that ${parsed.error.message}`,
  )
}

/**
 * The whole answer of a row, of the status and media type that the row has: the page that something between puts in its
 * place is none, however well it is answered. Throws as `ask` does.
 */
export async function send(
  row: Row<z.ZodMiniType | string>,
  { params = {}, query = {}, body, prefer, secret, signal }: Request = {},
  most = MAX_ANSWER_BYTES,
): Promise<{ headers: Headers; bytes: ArrayBuffer }> {
  const url = new URL(pathOf(row, { params }), location.origin)
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined && value !== '') url.searchParams.set(name, value)
  const headers = new Headers({ accept: 'application/json, */*' })
  if (body !== undefined) headers.set('content-type', 'application/json')
  if (prefer !== undefined) headers.set('prefer', prefer)
  if (secret) headers.set('runseal-secret', secret)
  const request: RequestInit = {
    method: row.method,
    headers,
    credentials: 'same-origin',
    // An answer that a cache kept would outlive what it was true of.
    cache: 'no-store',
    // Nothing of the API is elsewhere. What leads away is a sign-in page of something between, or worse.
    redirect: 'error',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }
  const { response, bytes } = await wholeAnswer(url, request, { most, signal }).catch(
    (error: unknown) => {
      if (signal?.aborted) throw error
      const why = error instanceof Error ? error.message : 'no connection'
      throw new ApiError('unreachable', 0, `${row.method} ${url.pathname}: ${why}`)
    },
  )
  if (!response.ok) throw refusal(response.status, bytes, `${row.method} ${url.pathname}`)
  const type = response.headers.get('content-type')?.split(';')[0]?.trim() ?? 'none'
  if (response.status === row.status && type === typeOf(row.answer))
    return { headers: response.headers, bytes }
  throw new ApiError(
    'unreadable',
    response.status,
    `${row.method} ${url.pathname} answered ${response.status} as ${type}`,
  )
}

const pathOf = ({ path }: { path: string }, { params = {} }: Pick<Request, 'params'>): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))

/** Of what is parsed on the page's own thread, and of what is only bytes or is read in a worker. */
const MAX_JSON_BYTES = 64 * 1024 ** 2
const MAX_ANSWER_BYTES = 1024 ** 3

const typeOf = (answer: z.ZodMiniType | string): string =>
  typeof answer === 'string' ? answer : 'application/json'

function refusal(status: number, bytes: ArrayBuffer, what: string): ApiError {
  const parsed = parseJson(Problem, new TextDecoder().decode(bytes))
  if (!parsed.ok) return new ApiError('unreadable', status, `${what} answered ${status}`)
  const { code, detail, title } = parsed.value
  return new ApiError(code, status, detail ?? title)
}

/** What cannot be had is asked for again: most faults pass, and no single answer is the last word. */
const PASSING_MS = 4_000
const REFUSED_MS = 30_000

/** When to ask again after `error`; null for what is none of the server's. */
export function againAfterMs(error: unknown): number | null {
  if (!(error instanceof ApiError)) return null
  return isPassing(error) ? PASSING_MS : REFUSED_MS
}

// What is not in the server's own words may be of anything between, which goes as it came.
const isPassing = ({ code, status }: ApiError): boolean =>
  code === 'unreachable' || code === 'unreadable' || status >= 500 || status === 429

/** What a screen says of anything thrown: the title, what went wrong where, and whether asking again can help. */
export function wordsOf(error: unknown): { title: string; detail: string; retry: boolean } {
  if (error instanceof ApiError)
    return {
      title: error.title,
      detail: error.message,
      retry: isPassing(error),
    }
  if (error instanceof StoreError)
    return {
      title: error.title,
      detail: `It counts for nothing. The browser says: ${error.message}.`,
      retry: true,
    }
  return {
    title: 'Something in this page failed',
    detail: error instanceof Error ? error.message : String(error),
    retry: true,
  }
}
