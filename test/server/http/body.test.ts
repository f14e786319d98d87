import { spawn, spawnSync } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { RunStartedAnswer } from '#contract/api.ts'
import { parseJson } from '#contract/parse.ts'
import { type Served, served } from './served.ts'

let server: Served
let token: string

beforeAll(async () => {
  server = await served('runs:\n  hour:\n    steps: [{ id: wait, run: sleep 3600 }]\n')
  token = await server.token('operator')
})
afterAll(() => server.end())

/** By curl, which sends bodies in ways that fetch does not. */
async function curl(path: string, ...args: string[]) {
  const url = `http://127.0.0.1:${server.port}${path}`
  const all = ['-sS', '-w', '\n%{http_code}', '-H', `authorization: Bearer ${token}`, ...args, url]
  const child = spawn('curl', all, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end('{"definition":"hour"}')
  const answer = await text(child.stdout)
  const at = answer.lastIndexOf('\n')
  return { body: answer.slice(0, at), status: Number(answer.slice(at + 1)) }
}

it('[H5] curl starts a run in chunks and aborts it with no body and no length', async (context) => {
  if (spawnSync('curl', ['--version']).error) context.skip('no curl on this machine')
  const json = ['-H', 'content-type: application/json']
  const chunks = ['-X', 'POST', ...json, '-H', 'transfer-encoding: chunked', '-d', '@-']
  const started = await curl('/api/runs', ...chunks)
  const run = parseJson(RunStartedAnswer, started.body)
  expect([started.status, run.ok]).toEqual([201, true])
  const path = `/api/runs/${run.ok ? run.value.run_id : ''}/abort`
  expect((await curl(path, '-X', 'POST')).status).toBe(200)
  expect(server.logged).toEqual([])
})

it('[H5] curl signs out, and asks for what is not there, without a body', async (context) => {
  if (spawnSync('curl', ['--version']).error) context.skip('no curl on this machine')
  expect((await curl('/api/session', '-X', 'DELETE')).status).toBe(204)
  expect((await curl('/api/runs', '-X', 'OPTIONS')).status).toBe(405)
  expect((await curl('/', '-X', 'PUT')).status).toBe(404)
  expect(server.logged).toEqual([])
})
