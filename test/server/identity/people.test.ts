import Database from 'better-sqlite3'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Role } from '#contract/status.ts'
import { createPeople, type People } from '#server/identity/people.ts'
import { openSqlite } from '#server/storage/sqlite.ts'
import type { Storage } from '#server/storage/storage.ts'

let folder: string
let storage: Storage
let people: People
const BY = 'local:root'
let clock = Date.parse('2026-11-12T09:30:00.000Z')

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runseal-people-'))
  storage = await openSqlite(folder, { server: true, now: () => new Date(clock) })
  people = createPeople({
    store: storage.identity,
    journal: storage.journal,
    now: () => new Date(clock),
    randomBytes,
    failed(error) {
      throw error
    },
  })
  await people.addUser('root', 'admin', BY)
  await people.addUser('ann', 'approver', BY)
})
afterEach(async () => {
  await storage.close()
  await rm(folder, { recursive: true })
})

const linkOf = async (name: string) => (await people.makeLink(name, BY)).token
const signIn = async (name: string) => await people.signIn(await linkOf(name), 'here')
const tokenOf = async (role: Role, owner: string | null, expires_at: string | null = null) =>
  await people.makeToken({ role, owner, expires_at }, BY)

const minutes = (count: number) => {
  clock += count * 60_000
}

it('[P1] a link signs its person in, once', async () => {
  const link = await linkOf('ann')
  const signedIn = await people.signIn(link, 'here')
  expect(signedIn.asker).toMatchObject({ actor: 'user:ann', role: 'approver', owner: 'ann' })
  await expect(people.signIn(link, 'here')).rejects.toMatchObject({ code: 'link_invalid' })
})

it('[P1] of many takers at one instant one gets in', async () => {
  const link = await linkOf('ann')
  const taken = await Promise.allSettled(
    Array.from({ length: 20 }, () => people.signIn(link, 'here')),
  )
  expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

it('[P2] a link is good for ten minutes', async () => {
  const [early, late] = [await linkOf('ann'), await linkOf('ann')]
  minutes(9.99)
  await people.signIn(early, 'here')
  minutes(0.01)
  await expect(people.signIn(late, 'here')).rejects.toMatchObject({ code: 'link_invalid' })
  await expect(people.signIn('made-up', 'here')).rejects.toMatchObject({ code: 'link_invalid' })
})

it('[P3] a session lasts a week, ends when signed out, and has a secret that is not its own', async () => {
  const { session, pageSecret } = await signIn('ann')
  expect(pageSecret).not.toContain(session)
  expect(await people.bySession(session)).toMatchObject({ pageSecret, asker: { owner: 'ann' } })
  for (let day = 0; day < 7; day += 1) {
    const signedIn = await people.bySession(session)
    expect(signedIn).not.toBeNull()
    if (signedIn) await people.see(signedIn)
    minutes(24 * 60 - (day === 6 ? 0 : 1))
  }
  minutes(6)
  expect(await people.bySession(session)).toBeNull()

  const second = await signIn('ann')
  await people.signOut(second)
  expect(await people.bySession(second.session)).toBeNull()
})

it('[P4] a token is the actor token:ID with its own role, owned by a person or by none', async () => {
  const owned = await people.byToken((await tokenOf('operator', 'ann')).token)
  expect(owned).toMatchObject({ role: 'operator', owner: 'ann' })
  expect(owned?.actor).toMatch(/^token:[0-9a-f]{16}$/)
  expect(await people.byToken((await tokenOf('viewer', null)).token)).toMatchObject({
    owner: null,
  })
  expect(await people.byToken('runseal_made-up')).toBeNull()
  await expect(tokenOf('viewer', 'nobody')).rejects.toMatchObject({ code: 'bad_request' })
})

it('[P5] no secret is in the data folder', async () => {
  const link = await linkOf('ann')
  const { token } = await tokenOf('admin', null)
  const { session } = await signIn('ann')
  for (const file of ['runseal.db', 'runseal.db-wal']) {
    const bytes = await readFile(join(folder, file))
    for (const secret of [link, token, token.replace('runseal_', ''), session])
      expect(bytes.includes(secret)).toBe(false)
  }
})

it('[P6] names are taken once, and are names', async () => {
  await expect(people.addUser('ann', 'admin', BY)).rejects.toMatchObject({ code: 'name_taken' })
  for (const name of ['', 'a b', 'ann:x', '<ann>', '.', '..', 'x'.repeat(129)])
    await expect(people.addUser(name, 'viewer', BY)).rejects.toMatchObject({ code: 'bad_request' })
  await expect(linkOf('nobody')).rejects.toMatchObject({ code: 'not_found' })
})

it('[P7] the admin is there from the first start, and made once', async () => {
  // Any admin will do, the one of this name before others.
  expect(await people.ensureAdmin()).toBe('root')
  await people.addUser('admin', 'admin', BY)
  expect(await people.ensureAdmin()).toBe('admin')
  const { asker } = await signIn('admin')
  expect(asker).toMatchObject({ actor: 'user:admin', role: 'admin', owner: 'admin' })
  await people.changeUser('admin', { disabled: true }, BY)
  expect(await people.ensureAdmin()).toBe('root')
})

it('[P12] a session that nobody used for a day is over; one that is used is not', async () => {
  const { session } = await signIn('ann')
  minutes(24 * 60 - 1)
  const signedIn = await people.bySession(session)
  if (signedIn === null) throw new Error('is over too early')
  await people.see(signedIn)
  minutes(24 * 60 - 1)
  expect(await people.bySession(session)).not.toBeNull()
  minutes(1)
  expect(await people.bySession(session)).toBeNull()
  expect(await people.sessions(null, null)).toEqual([])
})

it('[P12] sessions are listed without their secrets, ended one by one or all at once', async () => {
  const [one, two] = [await signIn('ann'), await signIn('ann')]
  const other = await signIn('root')
  const listed = await people.sessions('ann', two)
  expect(listed.map(({ session_id, current }) => [session_id, current])).toEqual(
    expect.arrayContaining([
      [one.session_id, false],
      [two.session_id, true],
    ]),
  )
  expect(JSON.stringify(await people.sessions(null, null))).not.toContain('secret')
  await expect(people.endSession(other.session_id, 'ann', BY)).rejects.toMatchObject({
    code: 'not_found',
  })
  await people.endSession(one.session_id, 'ann', BY)
  expect(await people.bySession(one.session)).toBeNull()
  expect(await people.endSessions('ann', BY)).toBe(1)
  expect(await people.bySession(two.session)).toBeNull()
  expect(await people.bySession(other.session)).not.toBeNull()
})

it('[P13] a token ends at its time or when it is revoked, and is listed without its secret', async () => {
  const brief = await tokenOf('operator', 'ann', new Date(clock + 60_000).toISOString())
  const lasting = await tokenOf('viewer', null)
  expect(await people.byToken(brief.token)).not.toBeNull()
  minutes(1)
  expect(await people.byToken(brief.token)).toBeNull()
  expect(await people.byToken(lasting.token)).not.toBeNull()
  await people.revokeToken(lasting.token_id, BY)
  expect(await people.byToken(lasting.token)).toBeNull()
  await expect(people.revokeToken(lasting.token_id, BY)).rejects.toMatchObject({
    code: 'not_found',
  })
  const listed = JSON.stringify(await people.tokens())
  expect(listed).toContain(lasting.token_id)
  expect(listed).not.toMatch(/secret|runseal_/)
})

it('[P14] another role counts at once, and no token keeps more than it', async () => {
  const { session } = await signIn('ann')
  const decides = await tokenOf('approver', 'ann')
  const reads = await tokenOf('viewer', 'ann')
  await people.changeUser('ann', { role: 'operator' }, BY)
  expect((await people.bySession(session))?.asker.role).toBe('operator')
  expect(await people.byToken(decides.token)).toBeNull()
  expect(await people.byToken(reads.token)).not.toBeNull()
})

it('[P14] who is disabled is out: sessions, links and tokens', async () => {
  const { session } = await signIn('ann')
  const link = await linkOf('ann')
  const { token } = await tokenOf('approver', 'ann')
  await people.changeUser('ann', { disabled: true }, BY)
  expect(await people.bySession(session)).toBeNull()
  expect(await people.byToken(token)).toBeNull()
  await expect(people.signIn(link, 'here')).rejects.toMatchObject({ code: 'link_invalid' })
  await expect(linkOf('ann')).rejects.toMatchObject({ code: 'forbidden' })
  await people.changeUser('ann', { disabled: false }, BY)
  expect((await signIn('ann')).asker.owner).toBe('ann')
  // Enabled again, they have what they are given anew.
  expect(await people.byToken(token)).toBeNull()
  expect((await people.tokens()).every(({ revoked_at }) => revoked_at !== null)).toBe(true)
})

it('[P1] a sign-in that cannot be recorded leaves the link as it is', async () => {
  const link = await linkOf('ann')
  const beside = new Database(join(folder, 'runseal.db'))
  beside.exec(`create trigger full before insert on session begin select raise(abort, 'full'); end`)
  await expect(people.signIn(link, 'here')).rejects.toThrow('full')
  beside.exec('drop trigger full')
  beside.close()
  expect((await people.signIn(link, 'here')).asker.owner).toBe('ann')
})

it('[P14] a role and the tokens beyond it go in one change, or neither', async () => {
  await people.addUser('bob', 'admin', BY)
  const { token } = await tokenOf('admin', 'bob')
  const beside = new Database(join(folder, 'runseal.db'))
  beside.exec(`create trigger full before update on token begin select raise(abort, 'full'); end`)
  await expect(people.changeUser('bob', { role: 'viewer' }, BY)).rejects.toThrow()
  expect(await people.byToken(token)).not.toBeNull()
  expect((await people.users()).find(({ name }) => name === 'bob')?.role).toBe('admin')
  beside.close()
})

it('[P14] the last admin stays one', async () => {
  for (const change of [{ role: 'viewer' }, { disabled: true }] as const)
    await expect(people.changeUser('root', change, BY)).rejects.toMatchObject({
      code: 'last_admin',
    })
  await expect(people.changeUser('nobody', { disabled: true }, BY)).rejects.toMatchObject({
    code: 'not_found',
  })
})

it('[P15] the journal has what was done and by whom, and nothing of who looked', async () => {
  const { items: before } = await storage.journal.list({ cursor: null, limit: 200 })
  const signedIn = await signIn('ann')
  await people.bySession(signedIn.session)
  await people.sessions(null, null)
  await people.tokens()
  await people.users()
  await people.signIn('made-up', '10.0.0.9').catch(() => {})
  const { token_id, token } = await tokenOf('operator', 'ann')
  await people.byToken(token)
  await people.changeUser('ann', { role: 'viewer' }, 'local:me')
  await people.signOut(signedIn)
  const { items } = await storage.journal.list({ cursor: null, limit: 200 })
  expect(
    items
      .toReversed()
      .slice(before.length)
      .map(({ actor, act, about, detail }) => [actor, act, about, detail]),
  ).toEqual([
    [BY, 'link_made', 'ann', null],
    ['user:ann', 'signed_in', null, 'here'],
    [null, 'sign_in_refused', null, '10.0.0.9'],
    [BY, 'token_made', token_id, 'operator of ann'],
    ['local:me', 'user_changed', 'ann', 'viewer'],
    ['local:me', 'token_revoked', token_id, null],
    ['user:ann', 'signed_out', signedIn.session_id, null],
  ])
})
