import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { ENDPOINT } from '#contract/api.ts'
import { parseJson } from '#contract/parse.ts'
import { TrustFile } from '#contract/trust.ts'
import { COMPILE_CACHE } from '#server/compile-cache.ts'
import { begin, end, exitOf, project, runseal, serving, type Serving } from './command-line.ts'

// Real processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

let folder: string
let remove: () => Promise<void>
let server: Serving
let environment: Record<string, string>

beforeAll(async () => {
  ;({ folder, remove } = await project())
  server = await serving(folder)
  const data = { RUNSEAL_DATA: join(folder, '.runseal') }
  const { stdout } = await runseal(['token', 'create', '--role', 'operator'], data)
  environment = { ...data, RUNSEAL_SERVER: server.url, RUNSEAL_TOKEN: stdout.trim() }
})
afterAll(async () => {
  await end(server)
  await remove()
})

const Told = z.strictObject({
  verdict: z.string(),
  exit: z.strictObject({ status: z.number(), by: z.array(z.string()) }),
  claims: z.array(
    z.strictObject({
      claim: z.string(),
      state: z.string(),
      code: z.string(),
      where: z.string(),
      message: z.string(),
      expected: z.optional(z.string()),
      actual: z.optional(z.string()),
      preimage: z.optional(z.string()),
      shell: z.optional(z.string()),
    }),
  ),
  remaining: z.nullable(z.looseObject({ sentences: z.array(z.string()) })),
})

const run = (...args: string[]) => runseal(args, environment)

it('[C1] run prints the id alone, and its exit code is the outcome', async () => {
  const good = await run('run', 'good', '--input', 'word=a=b', '--wait')
  expect(good).toMatchObject({ code: 0 })
  expect(good.stdout).toMatch(/^run_[0-9a-z]{26}\n$/)
  const answer = await fetch(`${server.url}/api/runs/${good.stdout.trim()}`)
  expect(parseJson(ENDPOINT.run.answer, await answer.text())).toMatchObject({
    value: { outcome: 'succeeded', seal: 'sealed', inputs: { word: 'a=b' } },
  })
  expect(await run('run', 'bad', '--wait')).toMatchObject({ code: 1 })
})

it('[C1] one that waits says what the stream says meanwhile', async () => {
  const until = join(folder, 'watched')
  const waiting = begin(['run', 'patient', '--input', `until=${until}`, '--wait'], environment)
  let stderr = ''
  // The run ends once its stream is heard.
  for await (const chunk of waiting.stderr?.setEncoding('utf8') ?? []) {
    stderr += String(chunk)
    if (stderr.includes('\n')) await writeFile(until, '')
  }
  expect(await exitOf(waiting)).toEqual([0, null])
  expect(stderr).toContain('step_finished')
})

it('[C1] an aborted run ends the waiting one with 2', async () => {
  const waiting = run('run', 'gated', '--wait')
  const post = (path: string, body: object) =>
    fetch(new URL(path, server.url), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${environment['RUNSEAL_TOKEN']}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    })
  for (;;) {
    const answer = await fetch(`${server.url}/api/runs?definition=gated&status=needs_input`)
    const list = parseJson(ENDPOINT.listRuns.answer, await answer.text())
    const run_id = list.ok ? list.value.items[0]?.run_id : undefined
    if (run_id === undefined) continue
    expect((await post(`/api/runs/${run_id}/abort`, { reason: 'enough' })).status).toBe(200)
    break
  }
  expect(await waiting).toMatchObject({ code: 2 })
})

it.each([
  [['run', 'none'], {}, 'No such definition'],
  [['run', 'good', '--input', 'other=1'], {}, 'inputs'],
  [['run', 'good', '--input', 'word'], {}, 'NAME=VALUE'],
  [['run', 'good'], { RUNSEAL_TOKEN: '' }, 'Sign in'],
  [['run', 'good'], { RUNSEAL_TOKEN: 'wrong' }, 'token'],
  [['run', 'good', '--server', 'http://127.0.0.1:1'], {}, 'no server answers'],
  [['run', 'good', '--bogus'], {}, '--help'],
  [['run'], {}, '--help'],
])('[C1] %j could not be started: 3', async (args, changed, words) => {
  const { code, stdout, stderr } = await runseal(args, { ...environment, ...changed })
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
  expect(stderr).toContain(words)
})

it('[C2] verify: 0 proven, 1 does not verify, 2 no envelope, 3 not proven', async () => {
  const { stdout } = await run('run', 'good', '--wait')
  const run_id = stdout.trim()
  const answer = await fetch(`${server.url}/api/runs/${run_id}`)
  const found = parseJson(ENDPOINT.run.answer, await answer.text())
  const evidence_id = found.ok ? (found.value.evidence_id ?? '') : ''
  const sealed = join(folder, '.runseal', 'envelopes', `${evidence_id}.json`)
  const trust = join(folder, 'trust.json')
  const exported = await run('trust', 'export')
  expect(parseJson(TrustFile, exported.stdout)).toMatchObject({
    ok: true,
    value: { server_keys: [{ status: 'active' }], approvers: [], required: [] },
  })
  // What is read aloud is the key that is in the file, in the groups of the trust page.
  const aloud = exported.stderr.match(/^  [1-4]  ((?:[0-9a-f]{4} ?){4})$/gm) ?? []
  expect(aloud).toHaveLength(4)
  const key_id = aloud.map((line) => line.slice(5).replaceAll(' ', '')).join('')
  expect(exported.stdout).toContain(`"key_id": "${key_id}"`)
  await writeFile(trust, exported.stdout)

  const proven = await run('verify', sealed, '--trust', trust)
  expect(proven).toMatchObject({ code: 0, stderr: '' })
  expect(proven.stdout.split('\n')[0]).toContain(
    `It is the record of run ${run_id} of good, and says that the run succeeded.`,
  )
  const expected = ['--expect', `run=${run_id}`, '--expect', `evidence=${evidence_id}`]
  expect(
    await run('verify', sealed, '--trust', trust, ...expected, '--expect', 'outcome=succeeded'),
  ).toMatchObject({ code: 0 })
  const asked = await run('verify', sealed, '--trust', trust, ...expected)
  expect(asked.stdout).toContain('It is of the run that you asked for.')
  expect(asked.stdout).not.toContain('You did not say')
  expect(await run('verify', sealed, '--trust', trust, '--expect', 'run=another')).toMatchObject({
    code: 1,
  })
  expect(await run('verify', sealed, '--trust', trust, '--expect', 'outcome=failed')).toMatchObject(
    { code: 1 },
  )
  const untrusted = await run('verify', sealed)
  expect(untrusted.code).toBe(3)
  expect(untrusted.stdout.split('\n')[0]).toBe(
    `Not proven: the parts of this file agree, but no key that you have has signed it, so that anyone can have written it. It says that it is the record of run ${run_id} of good, and that the run succeeded.`,
  )

  const json = await run('verify', sealed, '--trust', trust, '--json')
  const told = parseJson(Told, json.stdout)
  expect(told).toMatchObject({ ok: true, value: { verdict: 'proven' } })

  const changed = join(folder, 'changed.json')
  await writeFile(changed, (await readFile(sealed, 'utf8')).replace('"hello"', '"hallo"'))
  const broken = await run('verify', changed, '--trust', trust)
  expect(broken).toMatchObject({ code: 1 })
  expect(broken.stdout).toContain(
    'What can still be said:\n  The chain breaks at its first entry alone, which is another',
  )
  expect(await run('verify', join(folder, 'runseal.yaml'))).toMatchObject({ code: 2 })
  expect(await run('verify', join(folder, 'none.json'))).toMatchObject({ code: 2, stdout: '' })
  expect(await run('verify', folder)).toMatchObject({ code: 2, stdout: '' })
  expect(await run('verify', sealed, '--trust', sealed)).toMatchObject({ code: 2, stdout: '' })
  for (const wrong of [['colour=red'], ['outcome=banana'], ['run='], ['run=a', 'run=b']])
    expect(await run('verify', sealed, ...wrong.flatMap((one) => ['--expect', one]))).toMatchObject(
      { code: 2, stdout: '' },
    )
})

it('[C3] a token beside the running server works at once, and is alone on stdout', async () => {
  const made = await run('token', 'create', '--role', 'viewer', '--user', 'admin')
  expect(made.stdout).toMatch(/^runseal_[\w-]{43}\n$/)
  const answer = await fetch(`${server.url}/api/session`, {
    headers: { authorization: `Bearer ${made.stdout.trim()}` },
  })
  expect(await answer.json()).toMatchObject({ role: 'viewer' })
  expect(await run('token', 'create', '--role', 'king')).toMatchObject({ code: 2, stdout: '' })
  expect(await run('token', 'create', '--role', 'viewer', '--user', 'x')).toMatchObject({ code: 1 })
})

it('[C3] [P13] a token ends at its time, is listed without its secret, and is revoked at once', async () => {
  const made = await run('token', 'create', '--role', 'operator', '--expires', '30d')
  const headers = { authorization: `Bearer ${made.stdout.trim()}` }
  expect((await fetch(`${server.url}/api/runs`, { headers })).status).toBe(200)
  const listed = await run('token', 'list')
  expect(listed.stdout).toMatch(/^ID +ROLE +USER +SINCE +EXPIRES +REVOKED\n/)
  expect(listed.stdout).not.toContain('runseal_')
  const [id = ''] = /^[0-9a-f]{16}(?= +operator +- +\S+ +20\S+ +-$)/m.exec(listed.stdout) ?? []
  expect(await run('token', 'revoke', id)).toMatchObject({ code: 0, stdout: '' })
  expect((await fetch(`${server.url}/api/runs`, { headers })).status).toBe(401)
  expect(await run('token', 'revoke', id)).toMatchObject({ code: 1 })
  for (const wrong of ['30', '0d', '1y', ''])
    expect(await run('token', 'create', '--role', 'viewer', '--expires', wrong)).toMatchObject({
      code: 2,
    })
})

it('[C3] [P14] [P15] people, their sessions, and who did it', async () => {
  await run('user', 'add', 'eve', '--role', 'approver')
  const { stdout: link } = await run('user', 'link', 'eve')
  const signIn = await fetch(`${server.url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: server.url },
    body: JSON.stringify({ token: new URL(link.trim()).hash.slice(1) }),
  })
  const [cookie = ''] = (signIn.headers.get('set-cookie') ?? '').split(';')
  const actor = async () =>
    ENDPOINT.session.answer.parse(
      await (await fetch(`${server.url}/api/session`, { headers: { cookie } })).json(),
    ).actor
  expect(await actor()).toBe('user:eve')
  const sessions = await run('session', 'list', '--user', 'eve')
  const [id = ''] = /^[0-9a-f]{16}(?=  eve )/m.exec(sessions.stdout) ?? []
  expect(await run('session', 'end', id)).toMatchObject({ code: 0 })
  expect(await actor()).toBeNull()
  expect((await run('session', 'end', '--user', 'eve')).stdout).toBe('0 ended\n')
  expect(await run('user', 'role', 'eve', '--role', 'viewer')).toMatchObject({ code: 0 })
  expect(await run('user', 'disable', 'eve')).toMatchObject({ code: 0 })
  expect((await run('user', 'list')).stdout).toMatch(/^eve +viewer +\S+ +20\S+Z$/m)
  expect(await run('user', 'link', 'eve')).toMatchObject({ code: 1, stdout: '' })
  expect(await run('user', 'disable', 'admin')).toMatchObject({ code: 1 })
  const { stdout } = await run('journal', '--last', '4')
  expect(stdout).toMatch(/local:\S+ ended sessions [0-9a-f]{16} \(of eve\)\n/)
  expect(stdout).toMatch(/local:\S+ changed a person eve \(viewer\)\n/)
  expect(stdout).toMatch(/local:\S+ changed a person eve \(disabled\)\n$/)
})

it('[C4] a person is added with a link to the port that the server runs at', async () => {
  const added = await run('user', 'add', 'ann', '--role', 'approver')
  expect(added.stdout).toMatch(/^http:\/\/localhost:\d+\/sign-in#[\w-]{43}\n$/)
  const link = new URL(added.stdout.trim())
  expect(link.origin).toBe(server.url)
  const answer = await fetch(`${server.url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: server.url },
    body: JSON.stringify({ token: link.hash.slice(1) }),
  })
  expect(await answer.json()).toMatchObject({ actor: 'user:ann', role: 'approver' })
  expect(await run('user', 'add', 'ann', '--role', 'viewer')).toMatchObject({ code: 1, stdout: '' })
})

it('[C5] watch prints a line for each frame, and ends when its run is sealed', async () => {
  const { stdout } = await run('run', 'good', '--wait')
  const run_id = stdout.trim()
  const watched = await run('watch', run_id)
  expect(watched.code).toBe(0)
  expect(watched.stdout).toContain('seal=sealed')
  expect(await run('watch', 'run_none')).toMatchObject({ code: 1 })
})

it('[C31] status: the server, its runs and the gates that wait', async () => {
  const { stdout } = await run('run', 'gated')
  const run_id = stdout.trim()
  for (;;) {
    const { code, stdout: told, stderr } = await run('status')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(told).toMatch(/^runseal \S+ at http:\S+ over \S+, since 20\S+Z$/m)
    expect(told).toMatch(/^QUEUED +RUNNING +NEEDS INPUT +SUCCEEDED +FAILED +ABORTED$/m)
    if (!told.includes('OPEN GATE')) continue
    expect(told).toMatch(new RegExp(`^gate_\\S+ +${run_id} +20\\S+Z +Go on\\?$`, 'm'))
    break
  }
  const json = await run('status', '--json')
  expect(parseJson(ENDPOINT.status.answer, json.stdout)).toMatchObject({
    value: { gates: { open: 1 } },
  })
  const elsewhere = ['--server', 'http://127.0.0.1:1']
  expect(await run('status', ...elsewhere)).toMatchObject({ code: 1, stdout: '' })
})

it.each([
  [['materialize', 'none', '--dry-run'], 3, 'No such table or field'],
  [['materialize', '--bogus'], 3, '--help'],
  [['materialize', '--server', 'http://127.0.0.1:1'], 3, 'no server answers'],
  [['provenance', 'none/a/b/field'], 1, 'there is no derived cell none/a/b/field'],
  [['provenance', 'none/field'], 2, 'is not TABLE/RECORD/FIELD'],
  [['provenance'], 2, '--help'],
])('[C30] [C32] %j: %i', async (args, exitCode, words) => {
  const { code, stdout, stderr } = await run(...args)
  expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' })
  expect(stderr).toContain(words)
})

it.each([
  'serve',
  'run',
  'watch',
  'status',
  'materialize',
  'provenance',
  'verify',
  'verifier',
  'export',
  'audit',
  'token',
  'user',
  'session',
  'journal',
  'trust',
])('[C6] %s --help on stdout, and a wrong option on stderr with a hint', async (command) => {
  const help = await runseal([command, '--help'])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  expect(help.stdout).toContain(`Usage: runseal ${command}`)
  const wrong = await runseal([command, '--no-such-option'])
  expect(wrong).toMatchObject({
    code: command === 'run' || command === 'materialize' ? 3 : 2,
    stdout: '',
  })
  expect(wrong.stderr).toContain(`runseal ${command} --help`)
})

it('[C10] what was compiled is kept beside the code, for who can write there, and nowhere else', async () => {
  const elsewhere = join(folder, 'tmp')
  await mkdir(elsewhere)
  expect(await runseal(['verify', '--help'], { TMPDIR: elsewhere })).toMatchObject({ code: 0 })
  expect(await readdir(elsewhere)).toEqual([])
  const [kept = ''] = await readdir(COMPILE_CACHE)
  expect(await readdir(join(COMPILE_CACHE, kept))).not.toEqual([])
  for (const path of ['', kept]) {
    const { mode } = await stat(join(COMPILE_CACHE, path))
    expect(mode & 0o022 & ~(await stat('src/cli')).mode).toBe(0)
  }
})

it('[C6] an unknown command is refused, and none at all is answered with the list', async () => {
  expect(await runseal(['fly'])).toMatchObject({ code: 2, stdout: '' })
  expect((await runseal([])).stdout).toContain('verify')
  const forged = await runseal(['verify', 'x', '--expect', 'odd\nruns=x'])
  expect(forged).toMatchObject({ code: 2, stdout: '' })
  expect((await runseal(['verify', '--x\nProven'])).stderr).not.toMatch(/^Proven/m)
})

it('[C6] a fault of this program says nothing of a record: it is 70, with its stack', async () => {
  const broken = "Map.groupBy = () => { throw new TypeError('\\u202Eodd') }"
  const { code, stdout, stderr } = await runseal(['verify', 'gone', 'gone'], {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(broken)}`,
  })
  expect({ code, stdout }).toEqual({ code: 70, stdout: '' })
  expect(stderr).toContain('TypeError: <U+202E>odd\n    at ')
})
