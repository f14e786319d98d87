import type * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import { Problem } from '#contract/problem.ts'
import { CommandError } from './command.ts'

/** Where to ask, and as whom. */
export type Server = { url: string; token: string | undefined }

/** No server answers: whoever can wait asks again. */
export class UnreachableError extends CommandError {}

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
  const response = await reach(server, `${path}${queryText(query)}`, {
    method: row.method,
    headers: {
      ...headers,
      ...authorization(server),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new UnreachableError(wordsOf(error), exitCode, { cause: error })
  })
  const text = await response.text()
  if (!response.ok) {
    const hint = response.status === 401 ? ' (runseal token create; RUNSEAL_TOKEN)' : ''
    throw new CommandError(refusalOf(response.status, text) + hint, exitCode)
  }
  const parsed = parseJson(row.answer, text)
  if (!parsed.ok) throw new CommandError(`${server.url} answered what cannot be read`, exitCode)
  return parsed.value
}

function queryText(query: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams(query).toString()
  return text === '' ? '' : `?${text}`
}

export function authorization({ token }: Server): Record<string, string> {
  return token ? { authorization: `Bearer ${token}` } : {}
}

/** `fetch`, with an error that names the server. */
export async function reach(server: Server, path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(new URL(path, server.url), init)
  } catch (error) {
    throw new Error(`no server answers at ${server.url}`, { cause: error })
  }
}

/** What a refusal says of itself. */
export function refusalOf(status: number, text: string): string {
  const problem = parseJson(Problem, text)
  if (!problem.ok) return `the server answered ${status}`
  const { title, detail } = problem.value
  return detail === undefined ? title : `${title}: ${detail}`
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
