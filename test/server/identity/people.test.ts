import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createPeople, type People } from '#server/identity/people.ts'
import { openSqlite } from '#server/storage/sqlite.ts'
import type { Storage } from '#server/storage/storage.ts'

let folder: string
let storage: Storage
let people: People
let clock = Date.parse('2026-11-12T09:30:00.000Z')

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runseal-people-'))
  storage = await openSqlite(folder, { server: true })
  people = createPeople({ store: storage.identity, now: () => new Date(clock), randomBytes })
  await people.addUser('ann', 'approver')
})
afterEach(async () => {
  await storage.close()
  await rm(folder, { recursive: true })
})

const minutes = (count: number) => {
  clock += count * 60_000
}

it('[P1] a link signs its person in, once', async () => {
  const link = await people.makeLink('ann')
  const signedIn = await people.signIn(link)
  expect(signedIn.asker).toEqual({ actor: 'user:ann', role: 'approver', owner: 'ann' })
  await expect(people.signIn(link)).rejects.toMatchObject({ code: 'link_invalid' })
})

it('[P1] of many takers at one instant one gets in', async () => {
  const link = await people.makeLink('ann')
  const taken = await Promise.allSettled(Array.from({ length: 20 }, () => people.signIn(link)))
  expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

it('[P2] a link is good for ten minutes', async () => {
  const [early, late] = [await people.makeLink('ann'), await people.makeLink('ann')]
  minutes(9.99)
  await people.signIn(early)
  minutes(0.01)
  await expect(people.signIn(late)).rejects.toMatchObject({ code: 'link_invalid' })
  await expect(people.signIn('made-up')).rejects.toMatchObject({ code: 'link_invalid' })
})

it('[P3] a session lasts a week, ends when signed out, and has a secret that is not its own', async () => {
  const { session, pageSecret } = await people.signIn(await people.makeLink('ann'))
  expect(pageSecret).not.toContain(session)
  expect(await people.bySession(session)).toMatchObject({ pageSecret, asker: { owner: 'ann' } })
  minutes(7 * 24 * 60 - 1)
  expect(await people.bySession(session)).not.toBeNull()
  minutes(1)
  expect(await people.bySession(session)).toBeNull()

  const second = await people.signIn(await people.makeLink('ann'))
  await people.signOut(second.session)
  expect(await people.bySession(second.session)).toBeNull()
})

it('[P4] a token is the actor token:ID with its own role, owned by a person or by none', async () => {
  const owned = await people.byToken(await people.makeToken('operator', 'ann'))
  expect(owned).toMatchObject({ role: 'operator', owner: 'ann' })
  expect(owned?.actor).toMatch(/^token:[0-9a-f]{16}$/)
  expect(await people.byToken(await people.makeToken('viewer', null))).toMatchObject({
    owner: null,
  })
  expect(await people.byToken('runseal_made-up')).toBeNull()
  await expect(people.makeToken('viewer', 'nobody')).rejects.toMatchObject({ code: 'bad_request' })
})

it('[P5] no secret is in the data folder', async () => {
  const link = await people.makeLink('ann')
  const token = await people.makeToken('admin', null)
  const { session } = await people.signIn(await people.makeLink('ann'))
  for (const file of ['runseal.db', 'runseal.db-wal']) {
    const bytes = await readFile(join(folder, file))
    for (const secret of [link, token, token.replace('runseal_', ''), session])
      expect(bytes.includes(secret)).toBe(false)
  }
})

it('[P6] names are taken once, and are names', async () => {
  await expect(people.addUser('ann', 'admin')).rejects.toMatchObject({ code: 'bad_request' })
  for (const name of ['', 'a b', 'ann:x', '<ann>', 'x'.repeat(129)])
    await expect(people.addUser(name, 'viewer')).rejects.toMatchObject({ code: 'bad_request' })
  await expect(people.makeLink('nobody')).rejects.toMatchObject({ code: 'bad_request' })
})

it('[P7] the admin is there from the first start, and made once', async () => {
  await people.ensureAdmin()
  await people.ensureAdmin()
  const { asker } = await people.signIn(await people.makeLink('admin'))
  expect(asker).toEqual({ actor: 'user:admin', role: 'admin', owner: 'admin' })
})
