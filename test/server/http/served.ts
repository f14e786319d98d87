import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import { Problem } from '#contract/problem.ts'
import type { Role } from '#contract/status.ts'
import { administer, start, type StartOptions } from '#server/main.ts'

/** The whole server on a port of this machine, as `serve` starts it, with its data folder open beside it. */
export async function served(project: string, options: Partial<StartOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-port-'))
  const data = join(folder, '.runseal')
  const logged: string[] = []
  await writeFile(join(folder, 'runseal.yaml'), project)
  const log = (line: string) => logged.push(line)
  const server = await start({ project: folder, data, host: '127.0.0.1', port: 0, log, ...options })
  const administration = await administer(data)
  const { people } = administration
  const { port } = new URL(server.local)

  async function send(path: string, init: Init = {}): Promise<Response> {
    const { token, body, method = body === undefined ? 'GET' : 'POST' } = init
    return await fetch(new URL(path, `http://127.0.0.1:${port}`), {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...init.headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  }

  return {
    ...server,
    folder,
    data,
    logged,
    port: Number(port),
    administration,
    send,
    /** The answer, by the schema of what is asked for. */
    async ask<T>(schema: z.ZodMiniType<T>, path: string, init: Init = {}): Promise<T> {
      const response = await send(path, init)
      const text = await response.text()
      const parsed = parseJson(schema, text)
      if (parsed.ok) return parsed.value
      throw new Error(`${path} ${response.status} ${parsed.error.at}: ${text}`)
    },
    async token(role: Role, owner: string | null = null): Promise<string> {
      return (await people.makeToken({ role, owner, expires_at: null }, 'system')).token
    },
    /** A person of this role, and a token of theirs. */
    async person(name: string, role: Role): Promise<string> {
      await people.addUser(name, role, 'system')
      return (await people.makeToken({ role, owner: name, expires_at: null }, 'system')).token
    },
    /** What the server answers to bytes that no browser would send; `pause` waits before each part but the first. */
    raw: (parts: string | readonly string[], pauseMs = 0) =>
      rawAnswer(Number(port), typeof parts === 'string' ? [parts] : parts, pauseMs),
    async end() {
      await administration.close()
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
export type Served = Awaited<ReturnType<typeof served>>

type Init = {
  method?: string
  token?: string
  body?: object
  headers?: Readonly<Record<string, string>>
}

/** The problem that an answer is, with the code that its status has. */
export async function problemOf(response: Response): Promise<Problem> {
  const problem = Problem.parse(await response.json())
  if (problem.status !== response.status) throw new Error(`${response.status}: ${problem.code}`)
  return problem
}

async function rawAnswer(port: number, parts: readonly string[], pauseMs: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('latin1')
  let text = ''
  socket.on('data', (chunk: string) => (text += chunk))
  const closed = new Promise<void>((resolve) => {
    // A reset behind the answer is an end like any other.
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })
  for (const [at, part] of parts.entries()) {
    if (at > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    if (socket.destroyed) break
    socket.write(part, 'latin1')
  }
  await closed
  return text
}
