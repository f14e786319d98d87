import { parseJson } from '#contract/parse.ts'
import { Problem, PROBLEM, type ProblemCode } from '#contract/problem.ts'
import type * as z from 'zod/mini'

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

type Row<T> = { method: string; path: string; answer: z.ZodMiniType<T> }

export type Request = {
  params?: Readonly<Record<string, string>>
  query?: Readonly<Record<string, string | null | undefined>>
  body?: object
  /** The session's, with every change. */
  secret?: string | null
  signal?: AbortSignal | undefined
  cache?: RequestCache
}

/** Asks a row of ENDPOINT and parses what it answers. Throws ApiError only, and what aborting throws. */
export async function ask<T>(row: Row<T>, request: Request = {}): Promise<T> {
  const response = await send(row, request)
  const parsed = parseJson(row.answer, await response.text())
  if (parsed.ok) return parsed.value
  throw new ApiError(
    'unreadable',
    response.status,
    `${row.path} answered ${parsed.error.at || 'something'} that ${parsed.error.message}`,
  )
}

/** The answer of a row that is no JSON. The caller reads its bytes. */
export async function send(
  row: { method: string; path: string },
  { params = {}, query = {}, body, secret, signal, cache = 'default' }: Request = {},
): Promise<Response> {
  const url = new URL(
    row.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? '')),
    location.origin,
  )
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined && value !== '') url.searchParams.set(name, value)
  const headers = new Headers({ accept: 'application/json, */*' })
  if (body !== undefined) headers.set('content-type', 'application/json')
  if (secret) headers.set('runseal-secret', secret)
  let response: Response
  try {
    response = await fetch(url, {
      method: row.method,
      headers,
      credentials: 'same-origin',
      cache,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new ApiError('unreachable', 0, `${row.method} ${url.pathname}: no connection`)
  }
  if (response.ok) return response
  throw await refusal(response)
}

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text()
  const parsed = parseJson(Problem, text)
  if (!parsed.ok) return new ApiError('unreadable', response.status, `status ${response.status}`)
  const { code, detail, title } = parsed.value
  return new ApiError(code, response.status, detail ?? title)
}

/** What a screen says of anything thrown: the title, what went wrong where, and whether asking again can help. */
export function wordsOf(error: unknown): { title: string; detail: string; retry: boolean } {
  if (error instanceof ApiError)
    return {
      title: error.title,
      detail: error.message,
      retry: error.status === 0 || error.status >= 500 || error.status === 429,
    }
  return {
    title: 'Something in this page failed',
    detail: error instanceof Error ? error.message : String(error),
    retry: true,
  }
}
