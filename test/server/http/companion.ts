import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import type { Role } from '#contract/status.ts'
import { compose, type ComposeOptions } from '#server/main.ts'

const PROJECT = `
runs:
  quick:
    inputs:
      word: { default: hello }
    steps:
      - { id: say, kind: test, run: 'echo "$INPUT_WORD"; echo made > made.txt', artifacts: [made.txt] }
  gated:
    steps:
      - { id: before, run: echo before }
      - { id: after, needs: [go], run: echo after }
    gates:
      - { id: go, needs: [before], question: 'Go on?' }
`

export const ORIGIN = 'http://localhost:3000'

/** The whole server over a fresh data folder, without a port: real storage, real steps, real seal. */
export async function companion({
  project = PROJECT,
  ...options
}: Partial<ComposeOptions> & { project?: string } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-http-'))
  await writeFile(join(folder, 'runseal.yaml'), project)
  const logged: string[] = []
  const data = join(folder, '.runseal')
  const composed = await compose(
    { ...options, project: folder, data, log: (line) => logged.push(line) },
    () => ORIGIN,
  )
  await composed.begin()

  async function send(path: string, init: Init = {}): Promise<Response> {
    const { body, token, headers, ...rest } = init
    const request = new Request(new URL(path, ORIGIN), {
      ...rest,
      headers: {
        host: 'localhost:3000',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return await composed.answer(request, {})
  }

  /** The answer, by the schema of what is asked for. */
  async function ask<T>(schema: z.ZodMiniType<T>, path: string, init: Init = {}): Promise<T> {
    const response = await send(path, init)
    const text = await response.text()
    const parsed = parseJson(schema, text)
    if (!parsed.ok)
      throw new Error(
        `${path} ${response.status} ${parsed.error.at} ${parsed.error.message}: ${text}`,
      )
    return parsed.value
  }

  const link = async (name = 'admin') => (await composed.people.makeLink(name, 'system')).token

  return {
    ...composed,
    folder,
    data,
    logged,
    send,
    ask,
    link,
    async token(role: Role, owner: string | null = null) {
      const wanted = { role, owner, expires_at: null }
      return (await composed.people.makeToken(wanted, 'system')).token
    },
    /** A browser that has opened a sign-in link of the admin. */
    async browser(): Promise<{ headers: Record<string, string>; cookie: string }> {
      const response = await send('/api/session', {
        method: 'POST',
        body: { token: await link() },
        headers: OF_OUR_PAGE,
      })
      const [cookie = ''] = (response.headers.get('set-cookie') ?? '').split(';')
      const session: unknown = await response.json()
      const secret =
        typeof session === 'object' && session !== null && 'secret' in session
          ? String(session.secret)
          : ''
      return { cookie, headers: { ...OF_OUR_PAGE, cookie, 'runseal-secret': secret } }
    },
    async end() {
      await composed.stop()
      await composed.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
export type TestCompanion = Awaited<ReturnType<typeof companion>>

type Init = {
  method?: string
  headers?: Readonly<Record<string, string>>
  /** JSON, or text as it is. */
  body?: unknown
  token?: string
}

/** What a browser says of a change that a page of this server makes. */
export const OF_OUR_PAGE = { origin: ORIGIN, 'sec-fetch-site': 'same-origin' }
