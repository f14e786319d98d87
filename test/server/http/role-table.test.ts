import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ENDPOINT, type EndpointName } from '#contract/api.ts'
import { PROBLEM } from '#contract/problem.ts'
import { keysOf, ROLE, type Role } from '#contract/status.ts'
import { DEFAULT_ACCESS } from '#server/http/app.ts'
import { openSqlite } from '#server/storage/sqlite.ts'
import type { Storage } from '#server/storage/storage.ts'
import { actOf, addSession } from '#test/recorded.ts'
import { companion, ORIGIN, type TestCompanion } from './companion.ts'

/** Who may: written here a second time, by hand, so that a slip in the contract's table is seen. */
const EVERYBODY: readonly Role[] = ['viewer', 'operator', 'approver', 'reviewer', 'admin']
const OPERATE: readonly Role[] = ['operator', 'admin']
const DECIDE: readonly Role[] = ['approver', 'admin']
const ADMIN: readonly Role[] = ['admin']

type Row = {
  /** Signed in as which roles; `open`: also nobody; `read`: nobody too, where reading is open. */
  who: readonly Role[] | 'open' | 'read'
  /** What who may gets, for the path with ids that are of nothing and the body of the table. */
  status: number
  body?: object
}

/** A new endpoint without a row does not compile, and fails the first test. */
const TABLE: Record<EndpointName, Row> = {
  status: { who: 'read', status: 200 },
  definitions: { who: 'read', status: 200 },
  listRuns: { who: 'read', status: 200 },
  startRun: { who: OPERATE, status: 404, body: { definition: 'none' } },
  run: { who: 'read', status: 404 },
  abortRun: { who: OPERATE, status: 404, body: {} },
  rerunRun: { who: OPERATE, status: 404, body: { from: 'start' } },
  sealRun: { who: OPERATE, status: 404 },
  log: { who: 'read', status: 404 },
  logIndex: { who: 'read', status: 404 },
  artifact: { who: 'read', status: 404 },
  listGates: { who: 'read', status: 200 },
  gate: { who: 'read', status: 404 },
  challengeGate: { who: DECIDE, status: 404 },
  decideGate: { who: DECIDE, status: 404, body: { decision: 'approved' } },
  listTables: { who: 'read', status: 200 },
  tableRecords: { who: 'read', status: 404 },
  // Of no record.
  tableRecord: { who: 'read', status: 400 },
  provenance: { who: 'read', status: 200 },
  // Of no cell: they want its name.
  cellHistory: { who: 'read', status: 400 },
  lineage: { who: 'read', status: 400 },
  materialize: { who: OPERATE, status: 404, body: { targets: ['none'] } },
  previewMaterialize: { who: OPERATE, status: 404, body: { targets: ['none'] } },
  listEnvelopes: { who: 'read', status: 200 },
  envelope: { who: 'read', status: 404 },
  trust: { who: 'read', status: 200 },
  session: { who: 'open', status: 200 },
  signIn: { who: 'open', status: 401, body: { token: 'none' } },
  signOut: { who: 'open', status: 204 },
  listSessions: { who: EVERYBODY, status: 200 },
  // A token ends no session, but an admin's.
  endSessions: { who: EVERYBODY, status: 200 },
  endSession: { who: EVERYBODY, status: 404 },
  listUsers: { who: ADMIN, status: 200 },
  addUser: { who: ADMIN, status: 400, body: { name: 'a b', role: 'viewer' } },
  changeUser: { who: ADMIN, status: 404, body: { role: 'viewer' } },
  makeLink: { who: ADMIN, status: 404 },
  listTokens: { who: ADMIN, status: 200 },
  makeToken: { who: ADMIN, status: 400, body: { role: 'none' } },
  revokeToken: { who: ADMIN, status: 404 },
  journal: { who: ADMIN, status: 200 },
  events: { who: 'read', status: 200 },
  openapi: { who: 'read', status: 200 },
  healthz: { who: 'open', status: 200 },
  readyz: { who: 'open', status: 200 },
  metrics: { who: 'read', status: 200 },
}

const HOLDS = {
  nothing: { counts: false, by: 'nothing' },
  session: { counts: true, by: 'cookie' },
  'expired session': { counts: false, by: 'cookie' },
  'idle session': { counts: false, by: 'cookie' },
  token: { counts: true, by: 'bearer' },
  'expired token': { counts: false, by: 'bearer' },
  'revoked token': { counts: false, by: 'bearer' },
} as const
type Holds = keyof typeof HOLDS

const FROM = {
  'our page': { origin: ORIGIN, 'sec-fetch-site': 'same-origin' },
  'a page elsewhere': { origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' },
  'a foreign Origin': { origin: 'http://localhost:5173' },
  'a foreign Host': { host: 'evil.example', origin: ORIGIN, 'sec-fetch-site': 'same-origin' },
  'a link elsewhere': { 'sec-fetch-site': 'cross-site' },
  'an allowed page': { origin: 'https://board.example', 'sec-fetch-site': 'cross-site' },
} as const
type From = keyof typeof FROM

type Asking = { name: EndpointName; role: Role; holds: Holds; from: From; isPrivate: boolean }

/** What is answered, by the rules of SPEC.md alone. */
function expected({ name, role, holds, from, isPrivate }: Asking): number {
  const { who, status } = TABLE[name]
  const { method } = ENDPOINT[name]
  const { counts, by } = HOLDS[holds]
  const changing = method !== 'GET'
  if (from === 'a foreign Host') return PROBLEM.bad_host.status
  if (from !== 'our page' && (from !== 'an allowed page' || changing))
    return PROBLEM.bad_origin.status
  if (by === 'bearer' && !counts) return PROBLEM.unauthenticated.status
  const isOpen = who === 'open' || (who === 'read' && !isPrivate)
  if (isOpen) return status
  if (!counts) return PROBLEM.unauthenticated.status
  if (who !== 'read' && !who.includes(role)) return PROBLEM.forbidden.status
  if ((name === 'endSession' || name === 'endSessions') && by === 'bearer') {
    if (role !== 'admin') return PROBLEM.forbidden.status
    // This token belongs to nobody, whose sessions it could mean.
    return name === 'endSession' ? status : PROBLEM.bad_request.status
  }
  return status
}

describe.each([
  { isPrivate: false, mode: 'reading is open' },
  { isPrivate: true, mode: '--private' },
])('$mode', ({ isPrivate }) => {
  let server: TestCompanion
  let beside: Storage
  beforeAll(async () => {
    server = await companion({
      access: {
        ...DEFAULT_ACCESS,
        signInToRead: isPrivate,
        allowOrigins: ['https://board.example'],
        rates: { signIn: ENDLESS, change: ENDLESS },
      },
    })
    beside = await openSqlite(server.data, { server: false })
    for (const role of keysOf(ROLE)) await server.people.addUser(`the-${role}`, role, 'system')
  })
  afterAll(async () => {
    await beside.close()
    await server.end()
  })

  it('[H4] every endpoint has a row', () => {
    expect(Object.keys(TABLE).toSorted()).toEqual(Object.keys(ENDPOINT).toSorted())
  })

  it.each(LAST_WHO_END)('[H1] [H2] [H3] [H4] [P12] [P13] %s', async (name) => {
    const { method, path } = ENDPOINT[name]
    const { body } = TABLE[name]
    const url = path.replaceAll(/\{\w+\}/g, 'none')
    const wrong: string[] = []
    for (const role of keysOf(ROLE))
      for (const holds of keysOf(HOLDS))
        for (const from of keysOf(FROM)) {
          const answer = await server.send(url, {
            // The stream itself needs a socket; who may have it is asked in the same place.
            method: name === 'events' ? 'HEAD' : method,
            headers: { ...(await kept(name, role, holds)), ...FROM[from] },
            ...(body && { body }),
          })
          const want = expected({ name, role, holds, from, isPrivate })
          if (answer.status !== want)
            wrong.push(`${role}, ${holds}, ${from}: ${answer.status}, not ${want}`)
          if (from !== 'an allowed page')
            expect(answer.headers.get('access-control-allow-origin')).toBeNull()
          expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
        }
    expect(wrong).toEqual([])
  })

  // Made once, but for the endpoints that end what they are asked with.
  const keptBy = new Map<string, Record<string, string>>()
  async function kept(name: EndpointName, role: Role, holds: Holds) {
    if (ENDING.includes(name)) return await held(role, holds)
    const by = `${role}, ${holds}`
    const headers = keptBy.get(by) ?? (await held(role, holds))
    keptBy.set(by, headers)
    return headers
  }

  /** Headers of somebody of this role who holds this. */
  async function held(role: Role, holds: Holds): Promise<Record<string, string>> {
    const by = 'system'
    switch (holds) {
      case 'nothing':
        return {}
      case 'session':
        return await cookieOf(role, {})
      case 'expired session':
        return await cookieOf(role, { expires_at: PAST })
      case 'idle session':
        return await cookieOf(role, {
          seen_at: new Date(Date.now() - 24 * 3_600_000).toISOString(),
        })
      case 'token':
        return { authorization: `Bearer ${await tokenOf(role, null)}` }
      case 'expired token':
        return { authorization: `Bearer ${await tokenOf(role, PAST)}` }
      case 'revoked token': {
        const made = await server.people.makeToken({ role, owner: null, expires_at: null }, by)
        await server.people.revokeToken(made.token_id, by)
        return { authorization: `Bearer ${made.token}` }
      }
    }
  }

  async function tokenOf(role: Role, expires_at: string | null): Promise<string> {
    return (await server.people.makeToken({ role, owner: null, expires_at }, 'system')).token
  }

  // As a sign-in writes it, but for its times.
  async function cookieOf(
    role: Role,
    times: { expires_at?: string; seen_at?: string },
  ): Promise<Record<string, string>> {
    const secret = `s${(made += 1)}`
    await addSession(
      beside.identity,
      {
        session_id: secret,
        secret_sha256: createHash('sha256').update(secret).digest('hex'),
        user: `the-${role}`,
        created_at: PAST,
        seen_at: new Date().toISOString(),
        expires_at: FAR,
        ...times,
      },
      { ...actOf('signed_in', secret), at: PAST },
    )
    const session = await server.people.bySession(secret)
    return { cookie: `runseal_3000=${secret}`, 'runseal-secret': session?.pageSecret ?? 'none' }
  }
})

// Whoever ends all sessions of a person ends those that were kept.
const ENDING: readonly EndpointName[] = ['signOut', 'endSessions']
const LAST_WHO_END = [...keysOf(ENDPOINT).filter((name) => !ENDING.includes(name)), ...ENDING]
let made = 0
const PAST = '2026-01-01T00:00:00.000Z'
const FAR = '9999-01-01T00:00:00.000Z'
const ENDLESS = { burst: 1e9, perSecond: 1e9 }
vi.setConfig({ testTimeout: 60_000 })
