import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import type * as z from 'zod/mini'
import { ENDPOINT } from '#contract/api.ts'
import { parseJson } from '#contract/parse.ts'
import { end, exitOf, project, runseal, serving, type Serving } from './command-line.ts'

// Real processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step()
})

async function fresh(): Promise<string> {
  const { folder, remove } = await project()
  undo.push(remove)
  return folder
}

async function served(folder: string, args: readonly string[] = []): Promise<Serving> {
  const server = await serving(folder, args)
  undo.push(() => end(server))
  return server
}

async function ask<T>(server: Serving, schema: z.ZodMiniType<T>, path: string): Promise<T> {
  const parsed = parseJson(schema, await (await fetch(new URL(path, server.url))).text())
  if (!parsed.ok) throw new Error(`${path}: ${parsed.error.at} ${parsed.error.message}`)
  return parsed.value
}

type RunAnswer = z.infer<typeof ENDPOINT.run.answer>

async function until(server: Serving, run_id: string, isSo: (run: RunAnswer) => boolean) {
  for (;;) {
    const run = await ask(server, ENDPOINT.run.answer, `/api/runs/${run_id}`)
    if (isSo(run)) return run
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function startAsAdmin(server: Serving, folder: string, name: string): Promise<string> {
  const data = join(folder, '.runseal')
  const token = await runseal(['token', 'create', '--role', 'admin', '--data', data])
  const environment = { RUNSEAL_SERVER: server.url, RUNSEAL_TOKEN: token.stdout.trim() }
  const { stdout } = await runseal(['run', name], environment)
  return stdout.trim()
}

it('[C7] Ctrl-C ends a running step as interrupted, exits 0, and the next start goes on', async () => {
  const folder = await fresh()
  const first = await served(folder)
  const run_id = await startAsAdmin(first, folder, 'slow')
  await until(first, run_id, ({ steps }) => steps.some(({ status }) => status === 'running'))
  first.child.kill('SIGINT')
  expect(await exitOf(first.child)).toEqual([0, null])
  expect(first.stderr()).toBe('')

  const second = await served(folder)
  const run = await until(second, run_id, ({ steps }) => (steps[0]?.attempts.length ?? 0) > 1)
  expect(run.steps[0]?.attempts[0]?.finished?.outcome).toBe('interrupted')
  expect(run.status).toBe('running')
  second.child.kill('SIGTERM')
  expect(await exitOf(second.child)).toEqual([0, null])
})

it('[C7] a step that ignores SIGTERM is killed, and that is on record before the exit', async () => {
  const folder = await fresh()
  const first = await served(folder)
  const run_id = await startAsAdmin(first, folder, 'stubborn')
  // It runs before it is deaf; its log says when it is.
  const log = `${first.url}/api/runs/${run_id}/steps/sleep/log`
  while (!(await (await fetch(log)).text()).includes('deaf'))
    await new Promise((resolve) => setTimeout(resolve, 20))
  first.child.kill('SIGINT')
  expect(await exitOf(first.child)).toEqual([0, null])

  const second = await served(folder)
  const { steps } = await ask(second, ENDPOINT.run.answer, `/api/runs/${run_id}`)
  expect(steps[0]?.attempts[0]?.finished).toMatchObject({
    outcome: 'interrupted',
    signal: 'SIGKILL',
  })
})

it('[C7] the two SIGINT that npm makes of one Ctrl-C are one', async () => {
  const server = await served(await fresh())
  server.child.kill('SIGINT')
  server.child.kill('SIGINT')
  expect(await exitOf(server.child)).toEqual([0, null])
})

it('[C8] start-up says where, how to sign in and who can read, and nothing on stderr', async () => {
  const server = await served(await fresh())
  expect(server.stdout()).toMatch(/^Runseal is at http:\/\/localhost:\d+ over \S+runseal.yaml\n/)
  const { hash, origin } = new URL(/http\S+#\S+/.exec(server.stdout())?.[0] ?? '')
  const answer = await fetch(`${server.url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin },
    body: JSON.stringify({ token: hash.slice(1) }),
  })
  expect(await answer.json()).toMatchObject({ actor: 'user:admin', role: 'admin' })
  expect(server.stderr()).toBe('')
})

it('[C8] with a new data folder, and only then, the run tour is started', async () => {
  const folder = await fresh()
  await writeFile(
    join(folder, 'runseal.yaml'),
    `runs:\n  tour:\n    steps: [{ id: say, run: echo hello }]\n`,
  )
  for (const count of [1, 1]) {
    const server = await served(folder)
    const { items } = await ask(server, ENDPOINT.listRuns.answer, '/api/runs')
    expect(items.map(({ definition, actor }) => [definition, actor])).toEqual(
      Array.from({ length: count }, () => ['tour', 'system']),
    )
    await end(server)
  }
})

const oneLine = /^runseal serve: [^\n]+\n$/

it('[C9] a taken port is one line and exit 1', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  undo.push(() => taken.close())
  const address = taken.address()
  const port = address !== null && typeof address === 'object' ? String(address.port) : ''
  const { code, stderr, stdout } = await runseal(['serve', await fresh(), '--port', port])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(oneLine)
  expect(stderr).toContain(`port ${port} is taken`)
})

it('[C9] a data folder that another server holds is one line and exit 1', async () => {
  const folder = await fresh()
  await served(folder)
  const { code, stderr } = await runseal(['serve', folder, '--port', '0'])
  expect(code).toBe(1)
  expect(stderr).toMatch(oneLine)
  expect(stderr).toContain('holds the data folder')
})

it('[C9] a key or envelopes without their store are one line and exit 1, and no store is made', async () => {
  const folder = await fresh()
  const data = join(folder, '.runseal')
  await end(await served(folder))
  await rm(join(data, 'runseal.db'))
  for (const argv of [
    ['serve', folder, '--port', '0'],
    ['user', 'list', '--data', data],
  ]) {
    const { code, stderr } = await runseal(argv)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^runseal \w+: [^\n]+\n$/)
    expect(stderr).toContain('runseal.db is missing, and a server has sealed here')
  }
  expect(existsSync(join(data, 'runseal.db'))).toBe(false)
})

it('[R34] a server whose store was taken away says so, and stops', async () => {
  const folder = await fresh()
  const server = await served(folder)
  const exit = exitOf(server.child)
  for (const name of ['runseal.db', 'runseal.db-wal', 'runseal.db-shm'])
    await rm(join(folder, '.runseal', name))
  // Somebody brings back what is not of this server's life.
  const [store, log] = ['runseal.db', 'runseal.db-wal'].map((name) =>
    join(folder, '.runseal', name),
  )
  for (const path of [store, log]) await writeFile(path ?? '', 'brought back')
  const ready = await fetch(new URL('/readyz', server.url))
  expect(ready.status).toBe(503)
  expect(await ready.text()).toContain('the store is not there any more')
  expect(await exit).toEqual([1, null])
  expect(server.stderr()).toContain(
    'runseal.db is not the file any more that was opened: nothing can be recorded any more, the server has stopped',
  )
  for (const path of [store, log]) expect(await readFile(path ?? '', 'utf8')).toBe('brought back')
})

it('[C9] a project that is not there, or is broken, is one line and exit 1', async () => {
  const folder = await fresh()
  const serve = (path: string) => runseal(['serve', path, '--port', '0'])
  for (const broken of [join(folder, 'none'), join(folder, 'none.yaml')]) {
    const { code, stderr } = await serve(broken)
    expect(code).toBe(1)
    expect(stderr).toMatch(oneLine)
  }
  const file = join(folder, 'runseal.yaml')
  await writeFile(file, 'runs:\n  a:\n    steps: [{ id: x, run: ls, need: [] }]\n')
  const misspelt = await serve(folder)
  expect(misspelt).toMatchObject({ code: 1 })
  expect(misspelt.stderr).toMatch(/runseal\.yaml:3:\d+: /)
  if (process.getuid?.() !== 0) {
    await chmod(file, 0)
    expect(await serve(folder)).toMatchObject({ code: 1 })
  }
})

it('[C9] a public address is refused', async () => {
  const folder = await fresh()
  for (const host of ['0.0.0.0', '::', 'example.org']) {
    const { code, stderr } = await runseal(['serve', folder, '--host', host])
    expect(code).toBe(1)
    expect(stderr).toMatch(oneLine)
  }
})

it('[C9] a data folder that cannot be made is one line and exit 1', async () => {
  const folder = await fresh()
  await mkdir(join(folder, 'a'))
  await writeFile(join(folder, 'a', 'file'), '')
  const { code, stderr } = await runseal([
    'serve',
    folder,
    '--port',
    '0',
    '--data',
    join(folder, 'a', 'file', 'data'),
  ])
  expect(code).toBe(1)
  expect(stderr).toMatch(oneLine)
})

it.each(['x', '65536', ''])('[C6] --port %j is no port', async (port) => {
  expect(await runseal(['serve', '.', '--port', port])).toMatchObject({ code: 2 })
})

it('[CH14] --chaos says at start-up that pages are lied to, and is refused where a line is wrong', async () => {
  const folder = await fresh()
  for (const line of [
    ['--chaos', 'x'],
    ['--chaos', '-1'],
    ['--lies', '3'],
    ['--chaos', '1', '--lies', ''],
  ]) {
    const { code, stderr } = await runseal(['serve', folder, ...line])
    expect([line, code]).toEqual([line, 2])
    expect(stderr).toContain('--help')
  }
  const server = await served(folder, ['--chaos', '7', '--lies', '0'])
  await vi.waitFor(() =>
    expect(server.stdout()).toContain('Chaos 7: a proxy before this server lies'),
  )
  const status = await ask(server, ENDPOINT.status.answer, '/api/status')
  expect(status.server.chaos).toEqual({ seed: 7, told: 0, lying: false })
})
