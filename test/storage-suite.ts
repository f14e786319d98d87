import type { ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Fact } from '#contract/fact.ts'
import { newRun } from '#live/reduce.ts'
import { summaryOf } from '#live/select.ts'
import {
  StorageError,
  type Act,
  type ActRow,
  type Authority,
  type NewVersion,
  type Page,
  type PageRequest,
  type PreparedSeal,
  type Range,
  type RunFilter,
  type Storage,
  type User,
} from '#server/storage/storage.ts'
import { openGate } from '#server/gates/gate-facts.ts'
import {
  aborted,
  actOf,
  addSession,
  appendOf,
  AT,
  digest,
  planGate,
  runOf,
  started,
  stepFinished,
  stepStarted,
  succeeded,
} from '#test/recorded.ts'

/** Somewhere a store is on stable storage: opened again, it has what it had. */
export type Place = {
  open: (options: { server: boolean; now?: () => Date }) => Promise<Storage>
  /**
   * Another process that opens it as the server, appends step_started facts to the run `run_killed`, one call each and
   * many at once, and prints the number of facts on record, a line each time that an append resolved.
   */
  startWriter: () => ChildProcess
  /** A snapshot of it, opened. */
  copyOf: (store: Storage) => Promise<Storage>
  /** Every byte that it holds, wherever. */
  bytes: () => Promise<Buffer>
  remove: () => Promise<void>
}

/** What every store keeps, whatever is behind it: the rules of `storage.ts`, by their ids. */
export function storageSuite(name: string, makePlace: () => Promise<Place>): void {
  describe(`storage: ${name}`, () => {
    let place: Place
    let store: Storage
    let clock: string

    beforeEach(async () => {
      clock = AT
      place = await makePlace()
      store = await place.open({ server: true, now: () => new Date(clock) })
    })
    afterEach(async () => {
      await store.close()
      await place.remove()
    })

    /** Makes runs `run_000`, `run_001`, … */
    async function makeRuns(count: number, first = 0): Promise<string[]> {
      const ids = Array.from(
        { length: count },
        (_, i) => `run_${String(first + i).padStart(3, '0')}`,
      )
      for (const id of ids) await store.runs.append(appendOf([], [started(id)]))
      return ids
    }

    it('[ST1] reads after close and open what was written before', async () => {
      const [id = ''] = await makeRuns(1)
      const facts = [started(id), stepStarted(id), stepFinished(id), succeeded(id)]
      await store.runs.append(appendOf(facts.slice(0, 1), facts.slice(1)))
      await store.identity.addUser(ANN, added)
      await store.close()
      store = await place.open({ server: true })
      expect((await store.runs.facts(id)).map(({ fact }) => fact)).toEqual(facts)
      expect(await store.runs.summary(id)).toEqual(summaryOf(runOf(facts)))
      expect(await store.identity.user('ann')).toEqual(ANN)
    })

    it('[ST1] [ST4] has after SIGKILL all that had resolved, no hole, and no hold of the dead', async () => {
      await store.close()
      const writer = place.startWriter()
      const told = { most: 0 }
      const lines = createInterface({ input: writer.stdout ?? process.stdin })
      // Anywhere in the life of a commit.
      const enough = randomInt(200, 400)
      for await (const line of lines) {
        told.most = Number(line)
        if (told.most >= enough) writer.kill('SIGKILL')
      }
      if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit')
      expect(writer.signalCode).toBe('SIGKILL')
      store = await place.open({ server: true })
      const facts = await store.runs.facts('run_killed')
      expect(facts.length).toBeGreaterThanOrEqual(told.most)
      expect(facts.slice(1).map(({ fact }) => fact)).toEqual(
        facts.slice(1).map((_, i) => stepStarted('run_killed', i + 1)),
      )
      expect(await store.runs.summary('run_killed')).toEqual(
        summaryOf(runOf(facts.map(({ fact }) => fact))),
      )
    })

    it('[ST2] changes nothing by a refused call, and does not disturb those beside it', async () => {
      const [a = '', b = ''] = await makeRuns(2)
      const twice = [stepStarted(a), stepFinished(a)]
      const results = await Promise.allSettled([
        store.runs.append(appendOf([started(a)], twice)),
        store.runs.append({ ...appendOf([started(a)], twice), gates: [] }),
        store.identity.addToken({ ...token('t1'), owner: 'nobody' }, made),
        store.runs.append(appendOf([started(b)], [stepStarted(b)])),
        store.identity.addUser(ANN, added),
        store.identity.addUser({ ...ANN, role: 'viewer' }, added),
      ])
      expect(results.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'rejected',
        'fulfilled',
        'fulfilled',
        'rejected',
      ])
      expect(await store.runs.facts(a)).toHaveLength(3)
      expect(await store.runs.facts(b)).toHaveLength(2)
      expect(await store.identity.users()).toEqual([ANN])
    })

    it('[ST3] refuses facts that do not follow those on record', async () => {
      const [id = ''] = await makeRuns(1)
      const second = appendOf([started(id)], [stepStarted(id)])
      for (const wrong of [0, 2, 7])
        await expect(store.runs.append({ ...second, after: wrong })).rejects.toMatchObject({
          code: 'conflict',
        })
      await expect(
        store.runs.append({ ...second, facts: appendOf([], [stepStarted('run_other')]).facts }),
      ).rejects.toMatchObject({ code: 'conflict' })
      expect(await store.runs.facts(id)).toHaveLength(1)
      expect(await store.runs.facts('run_other')).toEqual([])
    })

    it('[ST3] [ST4] keeps the order of each run while many are appended to at once', async () => {
      const ids = await makeRuns(8)
      await Promise.all(
        ids.flatMap((id) =>
          Array.from({ length: 40 }, (_, i) => {
            const before = [
              started(id),
              ...Array.from({ length: i }, (_, j) => stepStarted(id, j + 1)),
            ]
            return store.runs.append(appendOf(before, [stepStarted(id, i + 1)]))
          }),
        ),
      )
      for (const id of ids)
        expect((await store.runs.facts(id)).slice(1).map(({ fact }) => fact)).toEqual(
          Array.from({ length: 40 }, (_, i) => stepStarted(id, i + 1)),
        )
    })

    it('[ST4] lets one server in, and the command line beside it', async () => {
      await expect(place.open({ server: true })).rejects.toMatchObject({ code: 'held' })
      const beside = await place.open({ server: false })
      await beside.identity.addUser({ ...ANN, name: 'bob', role: 'approver' }, added)
      expect(await store.identity.user('bob')).toMatchObject({ role: 'approver' })
      await makeRuns(1)
      expect(await beside.runs.summary('run_000')).toMatchObject({ status: 'running' })
      await beside.close()
      await expect(place.open({ server: true })).rejects.toMatchObject({ code: 'held' })
      await store.close()
      store = await place.open({ server: true })
    })

    it('[ST5] stores every name once', async () => {
      const [a = '', b = ''] = await makeRuns(2)
      await store.identity.addUser(ANN, added)
      await store.identity.addToken(token('t1'), made)
      await store.identity.addLink(link('l1'), linked)
      await addSession(store.identity, session('s1'), signedIn)
      const gateOf = (id: string) => withGate(id, 'gate_1')
      await store.runs.append(appendOf([started(a)], gateOf(a)))
      const again = [
        store.runs.append(appendOf([], [started(a)])),
        store.runs.append(appendOf([started(b)], gateOf(b))),
        store.identity.addToken(token('t1'), made),
        store.identity.addToken({ ...token('t2'), secret_sha256: token('t1').secret_sha256 }, made),
        store.identity.addLink(link('l1'), linked),
        addSession(store.identity, session('s1'), signedIn),
      ]
      expect(await codesOf(again)).toEqual(again.map(() => 'conflict'))
      expect(await store.gates.get('gate_1')).toMatchObject({ run: { run_id: a } })
    })

    it('[ST5] takes seals in line only', async () => {
      await makeRuns(4)
      const first = seal(1, null)
      const second = seal(2, first)
      await expect(store.seals.prepare(second)).rejects.toMatchObject({ code: 'conflict' })
      await store.seals.prepare(first)
      for (const wrong of [
        first,
        { ...seal(1, null), evidence_id: 'ev_other', run_id: 'run_002' },
        seal(3, first),
        { ...second, previous: null },
        { ...second, previous: { evidence_id: 'ev_001', head: digest('another') } },
        { ...second, evidence_id: 'ev_001' },
        { ...second, run_id: 'run_001' },
      ])
        await expect(store.seals.prepare(wrong)).rejects.toMatchObject({ code: 'conflict' })
      await store.seals.prepare(second)
      expect(await store.seals.last()).toEqual({ ...second, file: null })
    })

    it('[ST5] gives one number to one of many that ask for it at once', async () => {
      await makeRuns(6)
      const results = await Promise.allSettled(
        Array.from({ length: 5 }, (_, i) =>
          store.seals.prepare({ ...seal(1, null), evidence_id: `ev_${i}`, run_id: `run_00${i}` }),
        ),
      )
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    })

    it('[ST1] keeps the bytes of a statement, and lists what was written', async () => {
      await makeRuns(4)
      const seals = [seal(1, null)]
      for (const n of [2, 3]) seals.push(seal(n, seals.at(-1) ?? null))
      for (const each of seals) await store.seals.prepare(each)
      const file = { sha256: digest('file'), bytes: 1234 }
      await store.seals.written('ev_003', file)
      await store.seals.written('ev_001', file)
      await store.seals.written('ev_001', file)
      await store.close()
      store = await place.open({ server: true })
      expect(await store.seals.of('ev_002')).toEqual({ ...seals[1], file: null })
      expect(await store.seals.of('ev_003')).toEqual({ ...seals[2], file })
      expect(await store.seals.of('ev_009')).toBeNull()
      const { items } = await store.seals.list({ cursor: null, limit: 10 })
      expect(items).toEqual([
        {
          evidence_id: 'ev_003',
          run_id: 'run_003',
          definition: 'release',
          outcome: 'succeeded',
          seal_seq: 3,
          head: digest('head 3'),
          ...file,
          sealed_at: AT,
        },
        expect.objectContaining({ evidence_id: 'ev_001' }),
      ])
    })

    it('[ST6] shows each run once and none is left out while others come in between', async () => {
      const before = await makeRuns(25)
      const shown: string[] = []
      let made = 25
      for await (const items of pages((page) => store.runs.list(any, page), 7)) {
        shown.push(...items.map(({ run_id }) => run_id))
        await makeRuns(3, made)
        made += 3
        // What is on record already may change, and stays where it is.
        await store.runs.append(
          appendOf([started(before[made - 26] ?? '')], [succeeded(before[made - 26] ?? '')]),
        )
      }
      expect(shown).toEqual(before.toReversed())
    })

    it('[ST6] lists by status, definition and part of a text', async () => {
      const ids = await makeRuns(3)
      await store.runs.append(appendOf([started(ids[0] ?? '')], [aborted(ids[0] ?? '')]))
      const other = started('run_other', {
        definition: { name: 'tour', sha256: digest('tour') },
        title: '100%_Sure\\',
        actor: 'token:7',
      })
      await store.runs.append(appendOf([], [other]))
      const idsOf = async (filter: Partial<RunFilter>) =>
        (await store.runs.list({ ...any, ...filter }, { cursor: null, limit: 50 })).items.map(
          ({ run_id }) => run_id,
        )
      expect(await idsOf({ status: ['aborted'] })).toEqual(['run_000'])
      expect(await idsOf({ status: ['running', 'aborted'] })).toHaveLength(4)
      expect(await idsOf({ status: [] })).toEqual([])
      expect(await idsOf({ definition: 'tour' })).toEqual(['run_other'])
      expect(await idsOf({ q: 'TOKEN:7' })).toEqual(['run_other'])
      expect(await idsOf({ q: '100%_sure\\' })).toEqual(['run_other'])
      expect(await idsOf({ q: '%' })).toEqual(['run_other'])
      expect(await idsOf({ q: 'n_00_' })).toEqual([])
      expect(await idsOf({ q: 'run_00', status: ['running'] })).toEqual(['run_002', 'run_001'])
      expect(await store.runs.counts()).toEqual({
        status: { queued: 0, running: 3, needs_input: 0, succeeded: 0, failed: 0, aborted: 1 },
        seal: { open: 3, pending: 1, seal_failed: 0, sealed: 0 },
      })
    })

    it('[ST6] lists gates: open ones oldest first, then resolved ones latest first', async () => {
      const ids = await makeRuns(5)
      for (const id of ids)
        await store.runs.append(appendOf([started(id)], withGate(id, `gate_${id}`)))
      for (const id of [ids[1] ?? '', ids[3] ?? '']) {
        const facts = [started(id), ...withGate(id, `gate_${id}`)]
        await store.runs.append(appendOf(facts, [aborted(id)]))
      }
      const listed: string[] = []
      for await (const items of pages((page) => store.gates.list(null, page), 2))
        listed.push(...items.map(({ gate, state }) => `${gate.gate_id} ${state}`))
      expect(listed).toEqual([
        'gate_run_000 open',
        'gate_run_002 open',
        'gate_run_004 open',
        'gate_run_003 resolved',
        'gate_run_001 resolved',
      ])
      const { items } = await store.gates.list('resolved', { cursor: null, limit: 50 })
      expect(items.map(({ run }) => run.status)).toEqual(['aborted', 'aborted'])
      expect(await store.gates.counts()).toEqual({ open: 3, oldest_opened_at: AT })
    })

    it('[ST6] refuses a cursor that it did not make', async () => {
      for (const cursor of ['', 'x', '-1', '1 or 1=1', '9'.repeat(17)]) {
        const page = { cursor, limit: 10 }
        await expect(store.runs.list(any, page)).rejects.toMatchObject({ code: 'bad_cursor' })
        await expect(store.gates.list(null, page)).rejects.toMatchObject({ code: 'bad_cursor' })
        await expect(store.seals.list(page)).rejects.toMatchObject({ code: 'bad_cursor' })
      }
    })

    it('[ST7] gives a link to one of twenty takers', async () => {
      await store.identity.addUser(ANN, added)
      const { secret_sha256 } = link('l1')
      await store.identity.addLink(link('l1'), linked)
      const beside = await place.open({ server: false })
      const taken = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          (i % 2 ? store : beside).identity.takeLink(...taking(secret_sha256, AT)),
        ),
      )
      await beside.close()
      expect(taken.filter((user) => user !== null)).toEqual(['ann'])
      expect(await store.identity.takeLink(...taking(secret_sha256, AT))).toBeNull()
    })

    it('[ST7] gives nobody a link or session that has expired', async () => {
      await store.identity.addUser(ANN, added)
      await store.identity.addLink(link('l1'), linked)
      await addSession(store.identity, session('s1'), signedIn)
      const [l1, s1] = [digest('l1'), digest('s1')]
      expect(await store.identity.takeLink(...taking(l1, LATER))).toBeNull()
      expect(await store.identity.sessionOf(s1, LATER, LONG_AGO)).toBeNull()
      expect(await store.identity.sessionOf(s1, AT, LONG_AGO)).toEqual({
        ...session('s1'),
        role: 'admin',
      })
      expect(await store.identity.sessionOf(s1, AT, AT)).toBeNull()
      await store.identity.endSessions({ session_id: 's1' }, signedOut)
      expect(await store.identity.sessionOf(s1, AT, LONG_AGO)).toBeNull()
    })

    it('[ST11] keeps what was done, numbered, with what it did and never without', async () => {
      await store.identity.addUser(ANN, added)
      await Promise.allSettled([
        store.identity.addUser(ANN, added),
        store.identity.addToken(token('t1'), made),
        store.identity.addToken(token('t1'), made),
        store.identity.revokeToken('t9', AT, made),
        store.identity.endSessions({ user: 'ann' }, signedOut),
        store.identity.changeUser('bob', { role: 'admin' }, added),
        store.identity.changeUser('ann', { role: 'viewer' }, added),
      ])
      await store.runs.append({ ...appendOf([], [started('run_a')]), acts: [signedIn] })
      await expect(
        store.runs.append({ ...appendOf([], [started('run_a')]), acts: [signedIn] }),
      ).rejects.toMatchObject({ code: 'conflict' })
      const list = await store.journal.list({ cursor: null, limit: 2 })
      expect(list.items).toEqual([
        { n: 3, ...entryOf(signedIn) },
        { n: 2, ...entryOf(made) },
      ])
      expect(await store.journal.list({ cursor: list.next_cursor, limit: 2 })).toEqual({
        items: [{ n: 1, ...entryOf(added) }],
        next_cursor: null,
      })
    })

    it('[ST12] keeps an admin, and nothing of who is disabled counts', async () => {
      const { identity } = store
      await identity.addUser(ANN, added)
      await identity.addUser({ ...ANN, name: 'bob' }, added)
      await identity.addToken(token('t1'), made)
      await identity.addLink(link('l1'), linked)
      await addSession(identity, session('s1'), signedIn)
      const both = await Promise.allSettled([
        identity.changeUser('ann', { disabled_at: AT }, added),
        identity.changeUser('bob', { role: 'viewer' }, added),
      ])
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
      expect(await identity.user('bob')).toMatchObject({ role: 'admin' })
      expect(await identity.tokenOf(token('t1').secret_sha256, AT)).toBeNull()
      expect(await identity.sessionOf(digest('s1'), AT, LONG_AGO)).toBeNull()
      expect(await identity.takeLink(...taking(digest('l1'), AT))).toBeNull()
      await identity.changeUser('ann', { disabled_at: null }, added)
      expect(await identity.tokenOf(token('t1').secret_sha256, AT)).toBeNull()
      expect(await identity.sessionOf(digest('s1'), AT, LONG_AGO)).toBeNull()
    })

    it('[ST12] revokes with one change all that it leaves to nobody, and gives who is disabled nothing', async () => {
      const { identity } = store
      await identity.addUser(ANN, added)
      await identity.addUser({ ...ANN, name: 'bob' }, added)
      await identity.addToken(token('t1'), made)
      await identity.addToken({ ...token('t2'), role: 'admin' }, made)
      const change = { role: 'operator', beyond: ['admin', 'approver'] } as const
      await identity.changeUser('ann', change, changed)
      expect(await identity.token('t1')).toMatchObject({ revoked_at: null })
      expect(await identity.token('t2')).toMatchObject({ revoked_at: AT })
      await identity.changeUser('ann', { disabled_at: AT }, changed)
      expect(await identity.token('t1')).toMatchObject({ revoked_at: AT })
      const { items } = await store.journal.list({ cursor: null, limit: 4 })
      expect(items.map(({ act, about, actor }) => [act, about, actor])).toEqual([
        ['token_revoked', 't1', 'user:ann'],
        ['user_changed', 'ann', 'user:ann'],
        ['token_revoked', 't2', 'user:ann'],
        ['user_changed', 'ann', 'user:ann'],
      ])
      const given = [
        identity.addToken(token('t3'), made),
        identity.addLink(link('l1'), linked),
        addSession(identity, session('s1'), signedIn),
      ]
      expect(await codesOf(given)).toEqual(given.map(() => 'conflict'))
    })

    it('[ST15] makes no change of somebody who may no more, and none of a part of it', async () => {
      const { identity } = store
      await identity.addUser(ANN, added)
      await identity.addUser({ ...ANN, name: 'bob' }, added)
      await identity.addToken({ ...token('t1'), role: 'admin', expires_at: LATER }, made)
      await addSession(identity, session('s1'), signedIn)
      const asked = (authority: Authority): Act => ({ ...made, authority })
      const bySession = asked({ session_id: 's1', role: 'admin' })
      const byToken = asked({ token_id: 't1', role: 'admin' })
      const outdated = async (act: Act) => {
        const n = (await store.journal.list({ cursor: null, limit: 1 })).items[0]?.n
        const refused = [
          identity.addUser({ ...ANN, name: 'eve' }, act),
          identity.changeUser('bob', { role: 'viewer' }, act),
          identity.addToken(token('t9'), act),
          identity.revokeToken('t1', AT, act),
          identity.endSessions({ session_id: 's1' }, act),
          identity.addLink(link('l9'), act),
          store.journal.add(act),
          store.runs.append({ ...appendOf([], [started('run_a')]), acts: [act] }),
        ]
        expect(await codesOf(refused)).toEqual(refused.map(() => 'outdated'))
        expect((await store.journal.list({ cursor: null, limit: 1 })).items[0]?.n).toBe(n)
        expect(await store.runs.facts('run_a')).toEqual([])
      }
      for (const act of [bySession, byToken]) await store.journal.add(act)
      // Another role, a time that is over, and what never was.
      await outdated(asked({ session_id: 's1', role: 'operator' }))
      await outdated(asked({ token_id: 't1', role: 'viewer' }))
      clock = LATER
      await outdated(byToken)
      clock = AT
      await outdated(asked({ session_id: 's9', role: 'admin' }))
      await identity.changeUser('ann', { role: 'operator' }, changed)
      await outdated(bySession)
      await identity.changeUser('ann', { role: 'admin' }, changed)
      await store.journal.add(bySession)
      await identity.changeUser('ann', { disabled_at: AT }, changed)
      await outdated(bySession)
      await outdated(byToken)
    })

    it('[ST15] judges an expiry by the clock, also where an act comes behind a record that is ahead of it', async () => {
      const { identity } = store
      await identity.addToken({ ...token('t1'), owner: null, expires_at: LATER }, made)
      const authority = { token_id: 't1', role: 'operator' } as const
      await store.journal.add({ ...made, at: LATER, authority })
      clock = LATER
      const late = store.journal.add({ ...made, at: AT, authority })
      await expect(late).rejects.toMatchObject({ code: 'outdated' })
    })

    it('[ST15] lets who asks end what they came by', async () => {
      const { identity } = store
      await identity.addUser(ANN, added)
      await identity.addUser({ ...ANN, name: 'bob' }, added)
      await identity.addToken(token('t1'), made)
      const authority = { token_id: 't1', role: 'operator' } as const
      await identity.changeUser('ann', { disabled_at: AT }, { ...changed, authority })
      expect(await identity.token('t1')).toMatchObject({ revoked_at: AT })
    })

    it('[ST12] finds no token that is revoked or has expired', async () => {
      const { identity } = store
      await identity.addUser(ANN, added)
      await identity.addToken({ ...token('t1'), expires_at: LATER }, made)
      await identity.addToken(token('t2'), made)
      expect(await identity.tokenOf(digest('t1'), AT)).not.toBeNull()
      expect(await identity.tokenOf(digest('t1'), LATER)).toBeNull()
      expect(await identity.revokeToken('t2', AT, made)).toBe(true)
      expect(await identity.revokeToken('t2', AT, made)).toBe(false)
      expect(await identity.tokenOf(digest('t2'), AT)).toBeNull()
      // Who stands behind what it did is still to be known.
      expect(await identity.token('t2')).toMatchObject({ owner: 'ann', revoked_at: AT })
    })

    it('[ST8] never writes a secret', async () => {
      const secret = 'runseal_c2VjcmV0LW9mLWEtdG9rZW4'
      await store.identity.addUser(ANN, added)
      await store.identity.addToken({ ...token('t1'), secret_sha256: digest(secret) }, made)
      const clear = { ...session('s1'), secret_sha256: secret }
      const refused = [
        store.identity.addToken({ ...token('t2'), secret_sha256: secret }, made),
        store.identity.addToken({ ...token('t2'), secret_sha256: digest('x').toUpperCase() }, made),
        store.identity.addLink({ secret_sha256: secret, user: 'ann', expires_at: LATER }, linked),
        addSession(store.identity, clear, signedIn),
      ]
      expect(await codesOf(refused)).toEqual(refused.map(() => 'conflict'))
      expect(await store.identity.tokenOf(digest(secret), AT)).toMatchObject({ token_id: 't1' })
      expect(await store.identity.token('t1')).toMatchObject({ role: 'operator', owner: 'ann' })
      const bytes = await place.bytes()
      expect(bytes.includes(digest(secret))).toBe(true)
      expect(bytes.includes(secret)).toBe(false)
    })

    it('[ST1] has for a restart every run that is not sealed, oldest first', async () => {
      const ids = await makeRuns(3)
      const [a = '', b = ''] = ids
      const end = [succeeded(a)]
      await store.runs.append(appendOf([started(a)], end))
      const sealed: Fact = {
        type: 'run_finalized',
        run_id: b,
        timestamp: AT,
        evidence_id: 'ev_001',
        seal_seq: 1,
      }
      await store.runs.append(appendOf([started(b)], [succeeded(b), sealed]))
      expect(await store.runs.unfinished()).toEqual([a, 'run_002'])
    })

    it('[ST12] is copied whole, at one moment, without sessions and links', async () => {
      await store.identity.addUser(ANN, added)
      const ids = await makeRuns(3)
      const copy = await place.copyOf(store)
      await makeRuns(2, 3)
      expect((await copy.runs.counts()).status.running).toBe(3)
      for (const id of ids) expect(await copy.runs.facts(id)).toEqual(await store.runs.facts(id))
      expect(await copy.identity.users()).toEqual(await store.identity.users())
      await copy.close()
    })

    it('[ST2] writes what was begun before it closes, and nothing after', async () => {
      const begun = store.identity.addUser(ANN, added)
      await store.check(AT)
      await store.close()
      await store.close()
      await begun
      for (const late of [store.runs.facts('run_000'), store.check(AT)])
        await expect(late).rejects.toMatchObject({ code: 'failed' })
      store = await place.open({ server: true })
      expect(await store.identity.user('ann')).not.toBeNull()
    })

    /** A field of `people`, and who derives it in a run that is on record. */
    async function fieldOfRun(field = 'risk', run_id = 'run_a') {
      if ((await store.runs.summary(run_id)) === null)
        await store.runs.append(appendOf([], [started(run_id)]))
      const { field_id } = await store.cells.field('people', field)
      const { act_id } = await store.cells.beginAct({ ...derivation(field_id, run_id), ...BODY })
      return { field_id, act_id }
    }
    const fieldNow = (field = 'risk') => store.cells.field('people', field)
    const keysIn = (rows: readonly { record_id: string }[]) => rows.map((row) => row.record_id)
    const FIRST = { after: null, limit: 100 }

    it('[ST13] counts the cells of a field, and what they cost, with each change of them', async () => {
      const { field_id, act_id } = await fieldOfRun()
      expect(await fieldNow()).toEqual({
        field_id,
        table: 'people',
        field: 'risk',
        checked: '',
        generation: 0,
        cells: NO_CELLS,
        cost: '0',
        made: 0,
        busy_ms: 0,
      })
      const generations = [(await fieldNow()).generation]
      const counted = async (cells: Partial<typeof NO_CELLS>) => {
        const row = await fieldNow()
        expect(row.cells).toEqual({ ...NO_CELLS, ...cells })
        for (const state of ['fresh', 'stale', 'missing', 'failed'] as const)
          expect(await store.cells.cellsIn(field_id, state, FIRST)).toHaveLength(row.cells[state])
        generations.push(row.generation)
        return row
      }
      await store.cells.setStates(
        field_id,
        ['a', 'b', 'c'].map((record_id) => ({ record_id, state: 'missing' })),
      )
      await counted({ missing: 3 })
      const failed = { ...version('b'), value: null, value_sha256: null, error: 'no' }
      const untried = { ...failed, record_id: 'd', inputs: [], cost: null }
      await store.cells.putVersions(act_id, [version('a'), failed, untried], 7)
      // What was not tried was not made.
      expect(await counted({ fresh: 1, missing: 1, failed: 2 })).toMatchObject({
        cost: '0.2',
        made: 2,
        busy_ms: 7,
      })
      await store.cells.putVersions(act_id, [{ ...version('c'), cost: '0.1' }], 1)
      await store.cells.setStates(field_id, [{ record_id: 'a', state: 'stale' }])
      // By floats it would be 0.30000000000000004.
      expect(await counted({ fresh: 1, stale: 1, failed: 2 })).toMatchObject({
        cost: '0.3',
        made: 3,
        busy_ms: 8,
      })
      await store.cells.changeRecords('people', { put: [], gone: ['a', 'd', 'never'] })
      // What was spent on a cell that is gone was spent.
      expect(await counted({ fresh: 1, failed: 1 })).toMatchObject({ cost: '0.3', made: 3 })
      expect(generations).toEqual([...new Set(generations)].toSorted((a, b) => a - b))
      expect(keysIn(await store.cells.cellsToDo(field_id, FIRST))).toEqual(['b'])
    })

    it('[ST2] [ST13] changes neither cells nor counts by a refused call, whatever is beside it', async () => {
      const { field_id, act_id } = await fieldOfRun()
      const batch = (n: number) => Array.from({ length: 20 }, (_, i) => version(`${n} ${i}`))
      const results = await Promise.allSettled([
        store.cells.putVersions(act_id, batch(1), 1),
        store.cells.putVersions(act_id + 1, batch(2), 1),
        // Found out after the last of its cells was written.
        store.cells.putVersions(act_id, [...batch(3), version('1 0')], Number.NaN),
        store.runs.append(appendOf([], [started('run_a')])),
        store.cells.putVersions(act_id, batch(4), 1),
      ])
      expect(results.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'rejected',
        'rejected',
        'fulfilled',
      ])
      expect(await fieldNow()).toMatchObject({
        cells: { ...NO_CELLS, fresh: 40 },
        cost: '4',
        made: 40,
        busy_ms: 2,
      })
      expect(await store.cells.cells(field_id, FIRST)).toHaveLength(40)
      expect(await store.cells.versionsOf(act_id, 0, 100)).toHaveLength(40)
    })

    it('[ST13] reads records and cells by their keys in the order of code points', async () => {
      const { field_id, act_id } = await fieldOfRun()
      // By UTF-16 the last two would be the other way round.
      const ordered = ['1', '10', '2', 'A', 'a', 'a ', 'é', '\u{ff5e}', '\u{1f600}']
      const mixed = ordered.toReversed()
      const put = mixed.map((record_id) => ({ record_id, body: `{"id":"${record_id}"}` }))
      await store.cells.changeRecords('people', { put, gone: [] })
      await store.cells.changeRecords('other', { put: put.slice(3), gone: [] })
      await store.cells.putVersions(act_id, mixed.map(version), 0)
      for (const list of [
        (range: Range) => store.cells.records('people', range),
        (range: Range) => store.cells.cells(field_id, range),
        (range: Range) => store.cells.cellsIn(field_id, 'fresh', range),
        (range: Range) => store.cells.cellsOfRun(field_id, 'run_a', range),
      ]) {
        const shown: string[] = []
        for (let after: string | null = null; ; after = shown.at(-1) ?? null) {
          const page = await list({ after, limit: 4 })
          if (page.length === 0) break
          shown.push(...keysIn(page))
        }
        expect(shown).toEqual(ordered)
        expect(keysIn(await list({ after: null, skip: 3, limit: 2 }))).toEqual(['A', 'a'])
        expect(keysIn(await list({ after: '10', to: 'a', limit: 9 }))).toEqual(['2', 'A', 'a'])
        expect(keysIn(await list({ after: '10', to: 'a', skip: 1, limit: 1 }))).toEqual(['A'])
        expect(await list({ after: '\u{1f600}', limit: 9 })).toEqual([])
      }
      const named = ['a', '"', 'never', '1']
      expect(keysIn(await store.cells.recordsOf('people', named)).toSorted()).toEqual(['1', 'a'])
      expect(keysIn(await store.cells.cellsOf(field_id, named)).toSorted()).toEqual(['1', 'a'])
    })

    it('[ST13] pages by a key while records come and go: none twice, and none that stays left out', async () => {
      const names = Array.from({ length: 12 }, (_, i) => `r${String(i * 10).padStart(3, '0')}`)
      const rows = names.map((record_id) => ({ record_id, body: '{}' }))
      await store.cells.changeRecords('people', { put: rows, gone: [] })
      const shown: string[] = []
      for (let after: string | null = null; ; after = shown.at(-1) ?? null) {
        const page = await store.cells.records('people', { after, limit: 3 })
        if (page.length === 0) break
        shown.push(...keysIn(page))
        // The one that it stands at, and one that is behind it.
        const put = [{ record_id: 'q', body: '{}' }]
        await store.cells.changeRecords('people', { put, gone: [shown.at(-1) ?? ''] })
      }
      expect(shown).toEqual(names)
    })

    it('[ST13] keeps each version of a cell, naming the one before it', async () => {
      const { field_id, act_id } = await fieldOfRun()
      await store.cells.putVersions(act_id, [version('a')], 0)
      const [first] = await store.cells.versionsOf(act_id, 0, 10)
      const later = await fieldOfRun('risk', 'run_b')
      const error = { value: null, value_sha256: null, error: 'no licence', cost: null }
      const previous = first?.version ?? null
      await store.cells.putVersions(later.act_id, [{ ...version('a'), ...error, previous }], 0)
      // Another field of the same record has a history of its own.
      const other = await fieldOfRun('age', 'run_b')
      await store.cells.putVersions(other.act_id, [version('a')], 0)

      const [cell] = await store.cells.cellsOf(field_id, ['a'])
      expect(cell).toMatchObject({ state: 'failed', version: { ...error, previous } })
      expect(await store.cells.version(previous ?? 0)).toEqual({
        ...version('a'),
        version: previous,
        act: { act_id, ...derivation(field_id, 'run_a') },
      })
      expect(await store.cells.cellsOfRun(field_id, 'run_a', FIRST)).toEqual([])
      expect(keysIn(await store.cells.cellsOfRun(field_id, 'run_b', FIRST))).toEqual(['a'])
      await store.cells.changeRecords('people', { put: [], gone: ['a'] })
      expect(await store.cells.cellsOf(field_id, ['a'])).toEqual([])
      expect(await store.cells.version(cell?.version?.version ?? 0)).toEqual(cell?.version)
      expect(await store.cells.version(9999)).toBeNull()
    })

    it('[ST13] lists versions of an act in the order of their making', async () => {
      const { act_id } = await fieldOfRun()
      const names = ['c', 'a', 'b']
      await store.cells.putVersions(act_id, names.map(version), 0)
      const [first, ...rest] = await store.cells.versionsOf(act_id, 0, 2)
      expect(keysIn(rest)).toEqual(['a'])
      expect(keysIn(await store.cells.versionsOf(act_id, first?.version ?? 0, 9))).toEqual([
        'a',
        'b',
      ])
    })

    it('[ST5] [ST13] begins an act once, also said by two at once', async () => {
      const { field_id, act_id } = await fieldOfRun()
      const act = { ...derivation(field_id, 'run_a'), ...BODY }
      const again = await Promise.all([store.cells.beginAct(act), store.cells.beginAct(act)])
      expect(again).toEqual([1, 2].map(() => ({ ...act, act_id })))
      const second = await store.cells.beginAct({ ...act, attempt: 2 })
      const other = await store.cells.beginAct({ ...act, step_id: 'other' })
      expect(await store.cells.acts('run_a', act.step_id)).toEqual([again[0], second])
      expect(await store.cells.acts('run_a', null)).toEqual([again[0], second, other])
      expect(await store.cells.act(second.act_id)).toEqual(second)
      expect(await store.cells.act(9999)).toBeNull()
      expect(await store.cells.fieldName(field_id)).toEqual({ table: 'people', field: 'risk' })
      await expect(store.cells.fieldName(9999)).rejects.toMatchObject({ code: 'conflict' })
    })

    it('[ST13] replaces what an act makes again, with the cost of both, and nothing of another act', async () => {
      const { field_id, act_id } = await fieldOfRun()
      await store.cells.putVersions(act_id, [{ ...version('a'), cost: '0.5' }, version('b')], 0)
      const previousOf = async (record_id: string) =>
        (await store.cells.cellsOf(field_id, [record_id]))[0]?.version?.version ?? null
      const again = { ...version('a'), cost: '0.75', previous: await previousOf('a') }
      await store.cells.putVersions(act_id, [again], 0)
      expect((await store.cells.field('people', 'risk')).cost).toBe('0.85')
      const made = await store.cells.versionsOf(act_id, 0, 9)
      expect(made.map(({ record_id, cost }) => [record_id, cost])).toEqual([
        ['b', version('b').cost],
        ['a', '0.75'],
      ])
      expect(await store.cells.version(again.previous ?? 0)).toMatchObject({ cost: '0.5' })
    })

    it('[ST1] [ST13] has tables, cells, counts and history when it is opened again', async () => {
      const { field_id, act_id } = await fieldOfRun()
      const put = ['a', 'b'].map((record_id) => ({ record_id, body: '{"x":1}' }))
      await store.cells.changeRecords('people', { put, gone: [] })
      await store.cells.changeRecords('people', {
        put: [{ record_id: 'b', body: '{"x":2}' }],
        gone: ['a'],
      })
      expect(await store.cells.source('people')).toBeNull()
      const source = { table: 'people', ...SOURCE }
      await store.cells.putSource({ ...source, generation: 1, fault: 'half a line' })
      await store.cells.putSource(source)
      await store.cells.putVersions(act_id, [version('b')], 5)
      await store.cells.setStates(field_id, [{ record_id: 'b', state: 'stale' }])
      await store.cells.setChecked(field_id, 'so far')
      const key = Uint8Array.from({ length: 32 }, (_, i) => 255 - i)
      await store.cells.digestKey(key)
      const was = await Promise.all([
        fieldNow(),
        store.cells.cells(field_id, FIRST),
        store.cells.acts('run_a', null),
        store.cells.versionsOf(act_id, 0, 10),
      ])
      await store.close()
      store = await place.open({ server: true })
      expect(
        await Promise.all([
          fieldNow(),
          store.cells.cells(field_id, FIRST),
          store.cells.acts('run_a', null),
          store.cells.versionsOf(act_id, 0, 10),
        ]),
      ).toEqual(was)
      expect(was[0]).toMatchObject({ checked: 'so far', cells: { ...NO_CELLS, stale: 1 } })
      expect(await store.cells.source('people')).toEqual(source)
      expect(await store.cells.records('people', FIRST)).toEqual([
        { record_id: 'b', body: '{"x":2}' },
      ])
      // The first one stays: what was digested with it is on record.
      const kept = await store.cells.digestKey(new Uint8Array(32))
      expect(Buffer.from(kept).equals(key)).toBe(true)
    })
  })
}

const NO_CELLS = { fresh: 0, stale: 0, missing: 0, failed: 0 }
const SOURCE = {
  sha256: digest('source'),
  stamp: '1 2 3',
  generation: 2,
  fields: ['x'],
  private: [],
  records: 1,
  read_at: AT,
  fault: null,
}

const BODY = { body: '{"command":["true"]}' }

function derivation(field_id: number, run_id: string): Omit<ActRow, 'act_id' | 'body'> {
  return {
    field_id,
    run_id,
    step_id: 'people.risk',
    attempt: 1,
    actor: 'user:ann',
    sha256: digest('derivation'),
  }
}

function version(record_id: string): NewVersion {
  return {
    record_id,
    previous: null,
    value: '"low"',
    value_sha256: digest('"low"'),
    inputs_sha256: digest('inputs'),
    inputs: [digest('one'), digest('two')],
    looked_up: ['a "key"', null],
    cost: '0.1',
    error: null,
    at: AT,
  }
}

const LONG_AGO = '2026-01-01T00:00:00.000Z'
const ANN: User = { name: 'ann', role: 'admin', created_at: AT, disabled_at: null }
const added = actOf('user_added', 'ann')
const changed = actOf('user_changed', 'ann')
const made = actOf('token_made', 't1')
const linked = actOf('link_made', 'ann')
const signedIn = actOf('signed_in', 's1')
const signedOut = actOf('signed_out', 's1')
const LATER = '2026-11-12T09:40:00.000Z'
const any: RunFilter = { status: null, definition: null, q: null }

function entryOf({ at, actor, act, about, detail }: Act) {
  return { at, actor, act, about, detail }
}

let taken = 0
/** A taker of a link, with a session of their own. */
function taking(link: string, at: string): Parameters<Storage['identity']['takeLink']> {
  const { user: _, ...row } = session(`taken-${(taken += 1)}`)
  return [link, row, { at, act: 'signed_in', about: null, detail: null }]
}

function withGate(run_id: string, gate_id: string): Fact[] {
  return [
    openGate({ run: newRun(run_id), chain: { head: digest(run_id) } }, planGate(), gate_id, AT),
  ]
}

function seal(seal_seq: number, previous: PreparedSeal | null): PreparedSeal {
  return {
    seal_seq,
    evidence_id: `ev_00${seal_seq}`,
    run_id: `run_00${seal_seq}`,
    previous: previous && { evidence_id: previous.evidence_id, head: previous.head },
    head: digest(`head ${seal_seq}`),
    definition: 'release',
    outcome: 'succeeded',
    sealed_at: AT,
    statement: Uint8Array.of(0, 255, seal_seq, 128),
  }
}

function token(token_id: string) {
  return {
    token_id,
    secret_sha256: digest(token_id),
    role: 'operator' as const,
    owner: 'ann',
    created_at: AT,
    expires_at: null,
    revoked_at: null,
  }
}

function session(session_id: string) {
  return { session_id, ...link(session_id), created_at: AT, seen_at: AT }
}

function link(name: string) {
  return { secret_sha256: digest(name), user: 'ann', expires_at: LATER }
}

/** Codes of the errors that they were refused with. */
function codesOf(calls: readonly Promise<unknown>[]): Promise<(string | null)[]> {
  const codeOf = (error: unknown) => (error instanceof StorageError ? error.code : null)
  return Promise.all(calls.map((call) => call.then(() => null, codeOf)))
}

async function* pages<T>(
  list: (page: PageRequest) => Promise<Page<T>>,
  limit: number,
): AsyncGenerator<T[]> {
  let cursor: string | null = null
  do {
    const page: Page<T> = await list({ cursor, limit })
    yield page.items
    cursor = page.next_cursor
  } while (cursor !== null)
}
