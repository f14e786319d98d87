import fc from 'fast-check'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { EnvelopeSummary } from '#contract/api.ts'
import { encodeBase64 } from '#evidence/base64.ts'
import { utf8 } from '#evidence/canonical.ts'
import { type CarriedAs, carriedTag, DAMAGED, WITHOUT_ENVELOPE } from '#evidence/carried.ts'
import { entryDigest } from '#evidence/chain.ts'
import { type HeldEnvelope } from '#evidence/place.ts'
import { NOT_PLACED } from '#evidence/series.ts'
import { type Trusted } from '#evidence/trust.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import {
  listedAs,
  newSigner,
  pinned,
  planGate,
  planStep,
  sealContent,
  type Sealed,
  serverKeyOf,
  startRun,
  trustFileOf,
} from '#test/evidence/fixture.ts'
import { changedCopy, valuesOf } from '#viewer/changed-copy.ts'
import { groupsOf } from '#viewer/review/fault-groups.ts'
import { isTrustFile, readTrustOf } from '#viewer/review/read-trust-file.ts'
import { MOST_BESIDE } from '#evidence/beside.ts'
import { chosenFiles, type Look, type Looked } from '#viewer/parts/dropped-files.ts'
import { sortFiles } from '#viewer/review/sort-files.ts'
import {
  isBroken,
  isBrokenItself,
  isGone,
  madeOf,
  type Walk,
  walkChain,
} from '#viewer/review/walk-chain.ts'
import { listUnlike } from '#viewer/review/unlike-seen.ts'
import { unprovenOf } from '#viewer/review/unproven.ts'
import { indexOf } from '#viewer/rows.ts'
import { ApiError } from '#viewer/api.ts'
import { MOST_MET } from '#viewer/met.ts'
import {
  begunAnew,
  isFull,
  knownKeys,
  type Memory,
  newestOf,
  NOTHING_KEPT,
  refusedKeys,
  remembers,
  seenHere,
  trustedOf,
  unanswered,
  withoutRefused,
  withSeen,
  withUnlike,
  withWalk,
} from '#viewer/trust-store.ts'
import { verdictOf } from './verdict-of.ts'

let sealed: Sealed
let signer: Awaited<ReturnType<typeof newSigner>>

beforeAll(async () => {
  signer = await newSigner()
  const run = startRun(signer, {
    steps: [planStep('zeta', { artifacts: ['out.tgz'] }), planStep('alpha')],
    gates: [planGate('ship', { needs: ['zeta'] })],
  })
  run.step('zeta', { duration_ms: 9 })
  run.gate('ship', { decisions: [{ approver: 'user:ann', comment: 'I have seen it' }] })
  run.step('alpha', { duration_ms: 30 })
  sealed = await run.seal()
})

describe('the walk over a chain', () => {
  const afterIt = (by: typeof signer, evidence_id: string) => {
    const { head } = sealed.envelope.integrity.hash_chain
    const run = startRun(
      by,
      { steps: [planStep('build')] },
      { evidence_id, run_id: `run-${evidence_id}` },
    )
    run.step('build')
    return run.seal({ seal_seq: 2, previous: { evidence_id: 'ev-1', head } })
  }

  async function walk(
    here: readonly Sealed[],
    remembered: readonly HeldEnvelope[] = [],
    trust: readonly Trusted[] = [pinned(signer)],
    {
      refused = [],
      before = null,
      only = null,
      next = null,
      behind = [],
      gone = [],
      onAsked = () => {},
      at = 'then',
      unread = {},
      says = {},
    }: {
      refused?: readonly string[]
      before?: Walk | null
      only?: string | null
      /** The cursor of a page that is answered by 500. */
      next?: string | null
      /** Not listed. */
      behind?: readonly Sealed[]
      /** Listed, and not there. */
      gone?: readonly Sealed[]
      onAsked?: (evidence_id: string) => void
      at?: string
      /** Why what the browser keeps could not be read. */
      unread?: { unread?: string }
      /** What the list says otherwise, by evidence_id. */
      says?: Record<string, Partial<EnvelopeSummary>>
    } = {},
  ) {
    const listed = [...here, ...gone].map((one) => ({
      ...listedAs(one),
      ...says[one.envelope.evidence_id],
    }))
    return await walkChain(
      {
        now: () => at,
        async list(cursor) {
          if (cursor !== '') throw new ApiError('unreadable', 500, 'the second page answered 500')
          return { items: listed, next_cursor: next }
        },
        judge: async (asked, taken) => {
          onAsked(asked)
          if (refused.includes(asked))
            throw new ApiError('unreadable', 500, `GET /api/envelopes/${asked} answered 500`)
          const one = [...here, ...behind].find(({ envelope }) => envelope.evidence_id === asked)
          if (one === undefined) return null
          return await verdictOf(one.bytes, trust, taken, [], unread)
        },
      },
      remembered,
      () => {},
      new AbortController().signal,
      { before, only },
    )
  }

  it('[U12] [W12] holds each record to all that the list of now says of it', async () => {
    const two = await afterIt(signer, 'ev-2')
    const again = await sealContent(two.content, signer, '2026-11-12T10:00:01.000Z')
    const other = { head: 'ab'.repeat(32), sha256: 'ab'.repeat(32) }
    const faultsOf = async (ofTwo: Partial<EnvelopeSummary>, before: Walk | null = null) => {
      const found = await walk([sealed, two], [], [pinned(signer)], {
        says: { 'ev-2': ofTwo },
        before,
      })
      // The record itself is what it was before.
      expect(found.walked).toMatchObject([{ fault: null }, { fault: null, verdict: 'proven' }])
      expect(isBroken(found)).toBe(found.unlikeList.length > 0)
      return found.unlikeList.map(({ fault }) => fault)
    }
    expect(await faultsOf({})).toEqual([])
    expect(await faultsOf(other)).toEqual(['resealed'])
    expect(await faultsOf({ sha256: listedAs(again).sha256 })).toEqual(['forked'])
    expect(await faultsOf({ seal_seq: 3 })).toEqual(['mislisted'])
    expect(await faultsOf({ sealed_at: 'then' })).toEqual(['mislisted'])
    // What was read before, and is not asked for again, is held to what is listed now.
    const before = await walk([sealed, two])
    expect(await faultsOf({ sha256: listedAs(again).sha256 }, before)).toEqual(['forked'])
    const found = await walk([sealed, two], [], undefined, { says: { 'ev-2': other } })
    expect(madeOf(found).wrong).toBe(found.unlikeList[0]?.message)
    // Something else stands for the number of one that is gone: told by what is remembered of that, or else by the list.
    const lost = await afterIt(signer, 'ev-2b')
    const { met } = await walk([sealed, lost])
    const unnumbered = { 'ev-2': { seal_seq: 0 } }
    for (const [remembered, says, forks] of [
      [[], {}, [['mislisted'], []]],
      [[], unnumbered, [['mislisted', 'mislisted'], []]],
      [met, {}, [[], ['missing', 'forked']]],
    ] as const) {
      const { unlikeList, series } = await walk([sealed, two], remembered, undefined, {
        gone: [lost],
        says,
      })
      expect(
        [unlikeList, series.flatMap((one) => one.faults)].map((all) =>
          all.map(({ fault }) => fault),
        ),
      ).toEqual(forks)
    }
  })

  it('[U12] of a list that breaks off walks what is listed, and calls nothing else missing', async () => {
    const [second, forked] = [await afterIt(signer, 'ev-2'), await afterIt(signer, 'ev-2b')]
    const next = 'more'
    const trust = [pinned(signer)]
    const fork = await walk([second, forked], [], trust, { next })
    expect(fork.unlisted).toBe('the second page answered 500')
    expect(fork.series.flatMap(({ faults }) => faults.map(({ fault }) => fault))).toContain(
      'forked',
    )
    const first = {
      server: signer.key_id,
      evidence_id: 'ev-1',
      head: sealed.envelope.integrity.hash_chain.head,
      seal_seq: 1,
    }
    // What is named or was seen is asked for, and is missing where the server says that it is not there.
    const found = await walk([second], [first], trust, { next, behind: [sealed] })
    expect(found.walked.map(({ verdict }) => verdict)).toEqual(['proven', 'proven'])
    expect(isBroken(found)).toBe(false)
    expect(isGone(found)(first)).toBe(false)
    const [named, newest] = [{ next }, { next, behind: [sealed] }]
    expect((await walk([second], [], trust, named)).series).toMatchObject([
      { faults: [{ fault: 'missing', evidence_id: 'ev-1' }] },
    ])
    const ninth = { ...first, evidence_id: 'ev-9', seal_seq: 9 }
    expect((await walk([second], [ninth], trust, newest)).series).toMatchObject([
      { faults: [{ fault: 'missing', evidence_id: 'ev-9' }] },
    ])
    // Asked for one alone, it is not asked once more for each of those that are not there.
    const asked: string[] = []
    const some = { next, refused: ['ev-1'], onAsked: (id: string) => asked.push(id) }
    const before = await walk([second], [first, ninth], trust, some)
    expect(asked.splice(0)).toEqual(['ev-2', 'ev-1', 'ev-9'])
    const after = await walk([second], [first, ninth], trust, { ...some, before, only: 'ev-1' })
    expect([asked, after.series[0]?.faults]).toMatchObject([['ev-1'], [{ evidence_id: 'ev-9' }]])
    // What could not be had may be there.
    const unread = await walk([second], [first], trust, { next, refused: ['ev-1'] })
    expect([isBroken(unread), isGone(unread)(first)]).toEqual([false, false])
    expect(isBroken(await walk([second], [first], trust))).toBe(true)
  })

  it('[U12] [V15] tells which definition a record is of by its own word alone, where more is required of another', async () => {
    const gate = { step_id: 'ship', quorum: 1, four_eyes: false, sign: 'session' } as const
    const gates = [{ ...gate, question: null, roles: null }]
    const required = [{ name: 'other', sha256: null, gates }]
    const found = await walk([sealed], [], [pinned(signer, { required })])
    const { name } = sealed.envelope.opening.definition
    expect(found.walked).toMatchObject([{ verdict: 'not proven', unexpected: name }])
    for (const trust of [[pinned(signer)], [{ ...pinned(signer), source: 'offered' as const }]])
      expect((await walk([sealed], [], trust)).walked).toMatchObject([{ unexpected: null }])
  })

  it('[U12] [W6] a record that does not keep what the reader requires has its place, and breaks no chain', async () => {
    const gate = { step_id: 'ship', quorum: 2, four_eyes: false, sign: 'session' } as const
    const gates = [{ ...gate, question: null, roles: null }]
    const { name } = sealed.envelope.opening.definition
    const trust = [pinned(signer, { required: [{ name, sha256: null, gates }] })]
    const second = await afterIt(signer, 'ev-2')
    const whole = await walk([sealed, second], [], trust)
    const failing = { verdict: 'does not verify', fault: null }
    expect(whole.walked).toMatchObject([failing, failing])
    const [quorum, planned] = whole.walked.map(({ unkept }) => unkept)
    expect(quorum).toMatch(/you require 2/)
    expect(planned).toMatch(/You require the gate ship/)
    expect(whole.series).toMatchObject([{ count: 2, faults: [] }])
    expect(isBroken(whole)).toBe(false)
    const gone = await walk([second], [], trust)
    expect(gone.series).toMatchObject([{ faults: [{ fault: 'missing', evidence_id: 'ev-1' }] }])
    const forked = await walk([second, await afterIt(signer, 'ev-2b')], [], trust)
    expect(forked.series[0]?.faults.map(({ fault }) => fault)).toContain('forked')
    // By a key that nobody knows it has none.
    const required = [{ name, sha256: null, gates }]
    const unknown = await walk([sealed], [], [pinned(await newSigner(2), { required })])
    expect(unknown.walked).toMatchObject([{ placed: null, unkept: null }])
  })

  it('[U36] [U12] goes on where what the browser keeps cannot be read', async () => {
    const second = await afterIt(signer, 'ev-2')
    const unread = { unread: 'SecurityError: denied' }
    const found = await walk([sealed, second], [], [pinned(signer)], { unread })
    expect(found.walked).toMatchObject([
      { verdict: 'not proven', isUnread: false },
      { verdict: 'not proven', isUnread: false },
    ])
    expect(found.series).toMatchObject([{ count: 2, faults: [] }])
    const gone = await walk([second], [], [pinned(signer)], { unread })
    expect(gone.series).toMatchObject([{ faults: [{ fault: 'missing', evidence_id: 'ev-1' }] }])
  })

  it('[U12] names one that cannot be had, says what can be said of the others, and asks again', async () => {
    const second = await afterIt(signer, 'ev-2')
    const seen = [sealed, second].map(({ envelope: { evidence_id, closing, integrity } }) => ({
      server: signer.key_id,
      evidence_id,
      head: integrity.hash_chain.head,
      seal_seq: closing.seal_seq,
    }))
    const trust = [pinned(signer)]
    const found = await walk([sealed, second], seen, trust, { refused: ['ev-1'] })
    expect(found.walked).toMatchObject([
      {
        verdict: 'not read',
        isUnread: true,
        fault: null,
        open: 'It could not be had: GET /api/envelopes/ev-1 answered 500',
      },
      { verdict: 'proven', isUnread: false },
    ])
    expect(isBroken(found)).toBe(false)
    expect(seen.map(isGone(found))).toEqual([false, false])
    // Of what was read, nothing is asked for again.
    const again = await walk([sealed, second], seen, trust, { refused: ['ev-2'], before: found })
    expect(again.walked.map(({ verdict }) => verdict)).toEqual(['proven', 'proven'])
    expect(again.series).toMatchObject([{ count: 2, faults: [] }])
    // And of what was not, one alone where the reader asks for that one.
    const none = await walk([sealed, second], seen, trust, { refused: ['ev-1', 'ev-2'] })
    const one = await walk([sealed, second], seen, trust, { before: none, only: 'ev-2' })
    expect(one.walked.map(({ verdict }) => verdict)).toEqual(['not read', 'proven'])
  })

  const idsIn = (memory: Memory) => seenHere(memory).map(({ evidence_id }) => evidence_id)
  /** Of a reader who pinned these keys. */
  const knowing = (...keys: Pick<typeof signer, 'key_id'>[]): Memory => ({
    met: [],
    kept: { ...NOTHING_KEPT, seen: Object.fromEntries(keys.map(({ key_id }) => [key_id, 'x'])) },
  })
  const after = (memory: Memory, found: Walk) => withWalk(memory, madeOf(found))

  it('[U12] that begins anew is held against what is here alone, also of what was opened', async () => {
    const second = await afterIt(signer, 'ev-2')
    const { held } = await verdictOf(second.bytes, [pinned(signer)])
    const { held: first } = await verdictOf(sealed.bytes, [pinned(signer)])
    if (!held || !first) throw new Error('nothing was verified')
    const heads = [first, held].map((head) => ({ ...head, decisions: [] }))
    const memory = { kept: { ...knowing(signer).kept, heads }, met: [] }
    expect(newestOf(seenHere(memory))?.seal_seq).toBe(2)
    const found = await walk([sealed], seenHere(memory))
    expect(found.series).toMatchObject([{ faults: [{ fault: 'missing', evidence_id: 'ev-2' }] }])
    const warned = after(memory, found)
    expect(warned.kept.walk).toEqual({ at: 'then', up_to: 1, is_broken: true })
    const said = 'ev-2, number 2, was here before and is not here now.'
    expect(warned.kept.unlike).toEqual({ at: 'then', said })
    // The list says less of it, and nothing once it is answered.
    expect(withUnlike(warned.kept, 'The list is another.', 'later')).toBe(warned.kept)
    const anew = begunAnew(warned, madeOf(found), isGone(found))
    expect((await walk([sealed], seenHere(anew))).series).toMatchObject([{ faults: [] }])
    expect(newestOf(seenHere(anew))?.seal_seq).toBe(1)
    expect(anew.kept.walk?.is_broken).toBe(false)
    expect(anew.kept.unlike).toBe(null)
  })

  it('[U12] that could not have all of it leaves said what a list or a record was found to be', async () => {
    const said = 'Number 1 is another record than this browser has seen here.'
    const memory = { met: [], kept: withUnlike(knowing(signer).kept, said, 'before') }
    const part = after(memory, await walk([sealed], [], undefined, { refused: ['ev-1'] }))
    expect(part.kept.unlike).toEqual({ at: 'before', said })
    expect(after(part, await walk([sealed])).kept.unlike).toBe(null)
  })

  it('[U12] [W2] holds each seal against the one that was seen first, until the reader begins anew', async () => {
    const again = await sealContent(sealed.content, signer, '2026-11-12T10:00:01.000Z')
    const memory = after(knowing(signer), await walk([sealed]))
    const found = await walk([again], seenHere(memory))
    const fork = { fault: 'forked', evidence_ids: ['ev-1', 'ev-1'], isRemembered: true }
    expect(found.series).toMatchObject([{ faults: [fork] }])
    const warned = after(memory, found)
    expect((await walk([again], seenHere(warned))).series).toMatchObject([{ faults: [fork] }])
    expect((await walk([sealed], seenHere(warned))).series).toMatchObject([{ faults: [] }])
    const anew = begunAnew(warned, madeOf(found), isGone(found))
    expect((await walk([again], seenHere(anew))).series).toMatchObject([{ faults: [] }])
    expect((await walk([sealed], seenHere(anew))).series).toMatchObject([{ faults: [fork] }])
  })

  it('[U12] that begins anew lets go of what that very walk did not find, and of nothing that was met since', async () => {
    const [second, third] = [await afterIt(signer, 'ev-2'), await afterIt(signer, 'ev-3')]
    const memory = after(knowing(signer), await walk([sealed, second]))
    const mine = await walk([sealed], seenHere(memory))
    expect(isBroken(mine)).toBe(true)
    // In another tab, by a walk that has something else wrong, and by one that was opened.
    const other = await walk([sealed, second, third], seenHere(memory), undefined, { at: 'later' })
    expect(isBroken(other)).toBe(true)
    const { kept, met } = after(after(memory, mine), other)
    const ninth = { server: signer.key_id, evidence_id: 'ev-9', head: '9'.repeat(64), seal_seq: 9 }
    const both = { kept: { ...kept, heads: [{ ...ninth, decisions: [] }] }, met }
    const anew = begunAnew(both, madeOf(mine), isGone(mine))
    expect(idsIn(anew)).toEqual(['ev-1', 'ev-3', 'ev-9'])
    expect(anew.kept.walk).toEqual({ at: 'later', up_to: 2, is_broken: true })
    expect(anew.kept.unlike?.at).toBe('later')
    expect(begunAnew(both, madeOf(other), isGone(other)).kept.walk?.is_broken).toBe(false)
  })

  it('[U12] [U16] of a key that is called revoked is told by that key, and lets go of nothing that was seen', async () => {
    const second = await afterIt(signer, 'ev-2')
    const memory = after(knowing(signer), await walk([sealed, second]))
    const revoked: Trusted = {
      file: trustFileOf(signer, {
        server_keys: [serverKeyOf(signer, { status: 'revoked', last_seal_seq: 1 })],
      }),
      source: 'first_seen',
    }
    const found = await walk([sealed, second], seenHere(memory), [revoked])
    expect(found.walked).toMatchObject([
      { endedKey: null, fault: null },
      { endedKey: signer.key_id },
    ])
    expect(found.walked[1]?.fault).toMatch(/which is revoked/)
    expect([isBroken(found), isBrokenItself(found)]).toEqual([true, false])
    // It is no change of the history, and what was found before is not looked at by it.
    expect(madeOf(found)).toMatchObject({ wrong: null, is_part: true })
    expect(idsIn(begunAnew(memory, madeOf(found), isGone(found)))).toEqual(['ev-1', 'ev-2'])
    // What is wrong beside it stands by itself.
    const gone = await walk([second], seenHere(memory), [revoked])
    expect(gone.series).toMatchObject([{ faults: [{ fault: 'missing', evidence_id: 'ev-1' }] }])
    expect(isBrokenItself(gone)).toBe(true)
    expect(idsIn(begunAnew(memory, madeOf(gone), isGone(gone)))).toEqual(['ev-2'])
  })

  it('[U12] remembers each one of the keys that were accepted, and none pushes out another’s', async () => {
    const second = await afterIt(signer, 'ev-2')
    const other = await newSigner(77)
    const third = await afterIt(other, 'ev-j')
    const found = await walk([sealed, second, third], [], [pinned(signer), pinned(other)])
    const memory = knowing(signer, other)
    const first_seen = {
      ...found,
      walked: found.walked.map((one) => ({
        ...one,
        sealed_by: one.sealed_by && { ...one.sealed_by, source: 'offered' as const },
      })),
    }
    const answered = { [signer.key_id]: 'accepted' as const }
    const accepted = { ...memory, kept: { ...memory.kept, answered } }
    expect(idsIn(after(accepted, first_seen))).toEqual(['ev-1', 'ev-2'])
    const all = after(memory, found)
    expect(idsIn(all)).toEqual(['ev-1', 'ev-2', 'ev-j'])
    // Nothing is written for what was met before.
    expect(after(all, found).met).toBe(all.met)
  })

  it('[U12] [W1] [W2] names each record that it met before and that is gone, or another stands in the place of', async () => {
    const [second, rival] = [await afterIt(signer, 'ev-2'), await afterIt(signer, 'ev-2b')]
    const { head } = second.envelope.integrity.hash_chain
    const build = startRun(
      signer,
      { steps: [planStep('build')] },
      { evidence_id: 'ev-3', run_id: 'run-3' },
    )
    build.step('build')
    const third = await build.seal({ seal_seq: 3, previous: { evidence_id: 'ev-2', head } })
    const memory = after(knowing(signer), await walk([sealed, second, third]))
    const found = await walk([sealed, rival], seenHere(memory))
    const [series] = found.series
    expect(series?.faults.map(({ fault, message }) => [fault, message])).toEqual([
      ['missing', 'ev-2, number 2, was here before and is not here now.'],
      [
        'forked',
        'ev-2b is in the place of ev-2, which was here before: the server sealed 2 records for it.',
      ],
      ['missing', 'ev-3, number 3, was here before and is not here now.'],
    ])
    expect(groupsOf(series?.faults ?? []).map(({ message }) => message)).toEqual([
      '2 records, numbers 2 to 3, were here before and are not here now.',
      'ev-2b is in the place of ev-2, which was here before: the server sealed 2 records for it.',
    ])
    // It stays a warning: neither history takes the place of the other.
    const both = after(memory, found)
    expect(idsIn(both).toSorted()).toEqual(['ev-1', 'ev-2', 'ev-2b', 'ev-3'])
    expect(isBroken(await walk([sealed, rival], seenHere(both)))).toBe(true)
    expect(isBroken(await walk([sealed, second, third], seenHere(both)))).toBe(true)
    const anew = begunAnew(both, madeOf(found), isGone(found))
    expect(isBroken(await walk([sealed, rival], seenHere(anew)))).toBe(false)
    // What is told of by the reader's memory is not told of by its number, or by what follows it, as well.
    expect((await walk([third], seenHere(memory))).series[0]?.faults).toMatchObject([
      { fault: 'missing', evidence_id: 'ev-1', isRemembered: true },
      { fault: 'missing', evidence_id: 'ev-2', isRemembered: true },
    ])
  })

  it('[U12] says why records are not proven, with the number of each cause', () => {
    const by = (source: 'pinned' | 'first_seen', unexpected: string | null = null) => ({
      verdict: 'not proven' as const,
      sealed_by: { key_id: signer.key_id, source },
      unexpected,
    })
    const proven = { ...by('pinned'), verdict: 'proven' as const }
    expect(unprovenOf([proven])).toBe('')
    expect(unprovenOf([proven, by('pinned'), by('pinned')])).toBe(
      '2 of them are not proven: with something that you require left open. ',
    )
    expect(unprovenOf([by('first_seen')])).toBe('It is not proven: of a key that you did not pin. ')
    expect(unprovenOf([by('pinned'), by('first_seen'), by('pinned', 'other')])).toBe(
      'None of them is proven: 1 of a key that you did not pin, 1 by its own word alone of a definition of which you require less, 1 with something that you require left open. ',
    )
  })

  it('[U12] says of thousands of one kind one sentence, and names of each other fault what it is', () => {
    const gone = (seal_seq: number) => ({
      fault: 'missing' as const,
      evidence_id: `ev-${seal_seq}`,
      from: seal_seq,
      to: seal_seq,
      count: 1,
      by: null,
      isRemembered: true as const,
      message: `number ${seal_seq} is gone`,
    })
    const misplaced = [3, 5].map((seal_seq) => ({
      fault: 'misplaced' as const,
      evidence_id: `ev-${seal_seq}`,
      seal_seq,
      by: null,
      message: `number ${seal_seq} is out of place`,
    }))
    const spans = Array.from({ length: 5000 }, (_, index) =>
      gone(index < 2000 ? index + 1 : index * 2),
    )
    const groups = groupsOf([...spans.toReversed(), ...misplaced])
    expect(groups.map(({ message, rows }) => [message, rows.length])).toEqual([
      [
        '5,000 records, numbers 1 to 2000, 4000, 4002, 4004, 4006, 4008, 4010, 4012 and 2,993 more, were here before and are not here now.',
        5000,
      ],
      ['number 3 is out of place', 0],
      ['number 5 is out of place', 0],
    ])
    // One alone keeps its own words, and what a record names is of another kind.
    const [one, { isRemembered: _, ...other }] = [gone(7), gone(9)]
    const named = { ...other, by: 'ev-10' }
    expect(groupsOf([one, named]).map(({ message }) => message)).toEqual([
      'number 7 is gone',
      'number 9 is gone',
    ])
  })

  it('[U12] remembers what has a place whatever else could not be had, and lets none go that it cannot answer for', async () => {
    const second = await afterIt(signer, 'ev-2')
    // Attacker: a server that lists one more, which it never answers for.
    const beyond = await afterIt(signer, 'ev-x')
    const held = await walk([sealed, second, beyond], [], undefined, { refused: ['ev-x'] })
    const memory = after(knowing(signer), held)
    expect(idsIn(memory)).toEqual(['ev-1', 'ev-2'])
    const shorter = await walk([sealed], seenHere(memory))
    expect(shorter.series).toMatchObject([{ faults: [{ fault: 'missing', evidence_id: 'ev-2' }] }])
    // Another history does not push out the one that was seen, beside it or where that is not told.
    const fork = await walk([sealed, second, beyond], seenHere(memory))
    expect(isBroken(fork)).toBe(true)
    expect(idsIn(after(memory, fork))).toContain('ev-2')
    const untold = await walk([sealed, second, beyond], seenHere(memory), undefined, {
      refused: ['ev-2'],
    })
    expect(untold.series).toMatchObject([{ faults: [{ fault: 'forked' }] }])
    expect(idsIn(after(memory, untold)).toSorted()).toEqual(['ev-1', 'ev-2', 'ev-x'])
  })

  describe('that meets more of a key than are remembered', () => {
    const server = 'a'.repeat(64)
    /** Records of these numbers, each sealed after the one before it. */
    const historyOf = (
      name: string,
      from: number,
      to: number,
      first: HeldEnvelope | null = null,
    ) => {
      const records: HeldEnvelope[] = []
      for (let seal_seq = from; seal_seq <= to; seal_seq += 1) {
        const before = records.at(-1) ?? first
        records.push({
          server,
          evidence_id: `${name}-${seal_seq}`,
          head: `${name}${seal_seq}`.padEnd(64, '0'),
          seal_seq,
          previous: before && { evidence_id: before.evidence_id, head: before.head },
        })
      }
      return records
    }
    const by = { key_id: server, source: 'pinned' as const }
    const walked = (places: readonly HeldEnvelope[], isBroken = false) => ({
      at: '',
      placed: places.map((place) => ({ place, by })),
      wrong: isBroken ? 'something' : null,
      is_part: false,
    })
    const honest = historyOf('ev', 1, 6)
    const shared = honest.slice(0, 2)
    const fork = historyOf('fork', 3, MOST_MET + 10, shared[1])
    const isIn = (memory: Memory, ...records: HeldEnvelope[]) => {
      const ids = new Set(idsIn(memory))
      return records.map(({ evidence_id }) => ids.has(evidence_id))
    }
    const [all, none] = [honest.map(() => true), honest.map(() => false)]
    const seen = withWalk(knowing(by), walked(honest))

    it('[U12] lets go first of what the newest follows by its heads, by the lowest number', () => {
      const gone = historyOf('gone', 1, 1)
      const most = historyOf('ev', 1, MOST_MET)
      const memory = withWalk(withWalk(knowing(by), walked(gone)), walked(most))
      expect([memory.met.length, isFull(memory)]).toEqual([MOST_MET, true])
      expect(isIn(memory, ...gone, ...most.slice(0, 2))).toEqual([true, false, true])
    })

    it('[U12] lets go of nothing in a walk with faults, until the reader has answered', () => {
      // Attacker: whoever has the sealing key shows both histories once, the other one longer than is remembered.
      const both = walked([...honest, ...fork], true)
      const memory = withWalk(seen, both)
      expect([memory.met.length, isIn(memory, ...honest)]).toEqual([MOST_MET, all])
      const full = withWalk(memory, walked(historyOf('more', 1, 9), true))
      expect(new Set(idsIn(full))).toEqual(new Set(idsIn(memory)))
      // What the reader has answered for goes by its heads again; of the other history none does.
      const anew = begunAnew(memory, both, () => false)
      expect(isIn(anew, ...honest)).toEqual([false, false, true, true, true, true])
      const isOther = ({ evidence_id }: HeldEnvelope) => evidence_id.startsWith('ev-')
      const left = begunAnew(memory, walked([...shared, ...fork]), isOther)
      expect([left.met.length, isIn(left, ...honest)]).toEqual([MOST_MET, none])
    })

    it('[U12] lets go of nothing that its newest one is not known to follow', () => {
      // Attacker: what would tell the two histories apart is listed, and never answered for.
      const memory = withWalk(seen, walked([...honest, ...fork.slice(5)]))
      expect([memory.met.length, isIn(memory, ...honest)]).toEqual([MOST_MET, all])
    })

    it('[U12] remembers the newest, whatever beneath it cannot be had', () => {
      // Attacker: the server, which answers 500 for some in each walk, so that its newest are never remembered.
      const long = historyOf('ev', 1, MOST_MET + 10)
      const full = withWalk(knowing(by), walked(long.slice(0, MOST_MET)))
      const newest = long.slice(MOST_MET)
      const gap = withWalk(full, walked(long.toSpliced(MOST_MET + 8, 1)))
      expect(isIn(gap, ...newest)).toEqual(newest.map(({ seal_seq }) => seal_seq !== MOST_MET + 9))
      expect(gap.met.length).toBe(MOST_MET)
      // The lowest have gone, which those that stay were sealed after.
      expect(isIn(gap, ...long.slice(8, 10))).toEqual([false, true])
      const alone = withWalk(full, walked(long.slice(-1)))
      expect(isIn(alone, ...long.slice(0, 2), ...long.slice(-2))).toEqual([
        false,
        true,
        false,
        true,
      ])
      // Of more holes than there is room for, none lets go what it alone follows, and is not remembered itself.
      const holes = Array.from({ length: MOST_MET + 1 }, (_, nth) =>
        historyOf('hole', 2 * nth + 9, 2 * nth + 9),
      ).flat()
      const crowded = withWalk(seen, walked([...historyOf('top', 7, 7, honest[5]), ...holes]))
      expect(crowded.met.length).toBe(MOST_MET)
      expect(isIn(crowded, ...honest, ...holes.slice(-1))).toEqual([...all, true])
    })
  })

  it('[U12] what was placed before it was asked for again is held against the list of then', async () => {
    const second = await afterIt(signer, 'ev-2')
    const beyond = await afterIt(signer, 'ev-x')
    const trust = [pinned(signer)]
    let found = await walk([sealed, second, beyond], [], trust, { refused: ['ev-x'] })
    // However often it is asked for.
    for (const _ of [1, 2]) {
      found = await walk([sealed], [], trust, { before: found })
      expect(found.series).toMatchObject([{ faults: [{ fault: 'missing', evidence_id: 'ev-2' }] }])
    }
  })

  it('[W6] places only what a key at hand has sealed', async () => {
    const second = await afterIt(signer, 'ev-2')
    const forged = await afterIt(await newSigner(66), 'ev-x')
    const { walked, series } = await walk([sealed, second, forged])
    expect(series).toMatchObject([{ server: signer.key_id, count: 2, faults: [] }])
    expect(walked.map(({ fault }) => fault)).toEqual([null, null, null])
    expect(walked.map(({ open }) => open)).toEqual([null, null, NOT_PLACED])
  })

  it('[W9] holds a rerun against the record of what it repeats, and tells of a key that has ended', async () => {
    const { evidence_id, run_id, integrity, opening } = sealed.envelope
    const [zeta] = sealed.envelope.execution.steps
    if (zeta === undefined) throw new Error('no step')
    const repeating = (over: Partial<typeof zeta>) => {
      const again = startRun(signer, opening.plan, {
        evidence_id: 'ev-2',
        run_id: 'run-2',
        definition: opening.definition,
        inputs: opening.inputs,
        rerun_of: { run_id, starters: ['user:oda'] },
      })
      const taken_over = { evidence_id, seq: 1, entry: entryDigest('step', zeta) }
      again.step('zeta', { ...zeta, taken_over, ...over })
      for (const { step_id } of opening.plan.gates) again.gate(step_id)
      const previous = { evidence_id, head: integrity.hash_chain.head }
      return again.seal({ seal_seq: 2, previous })
    }
    const server_keys = [serverKeyOf(signer, { status: 'retired', last_seal_seq: 1 })]
    const honest = await walk([sealed, await repeating({})])
    expect(honest.series).toMatchObject([{ count: 2, faults: [], open: [] }])
    expect(honest.walked.map(({ ended }) => ended)).toEqual([[], []])
    const lie = await walk([sealed, await repeating({ artifacts: [] })])
    expect(lie.series).toMatchObject([{ faults: [{ fault: 'lineage', evidence_id: 'ev-2' }] }])
    const retired = await walk([sealed], [], [pinned(signer, { server_keys })])
    expect(retired.walked.map(({ ended }) => ended)).toEqual([['retired']])
  })

  it('[W3] says of one in the place of a remembered one that it is another', async () => {
    const second = await afterIt(signer, 'ev-2')
    const forged = await afterIt(await newSigner(66), 'ev-2')
    const { held } = await verdictOf(second.bytes, [pinned(signer)])
    const { series } = await walk([sealed, forged], held ? [held] : [])
    expect(series).toMatchObject([
      { server: signer.key_id, faults: [{ fault: 'replaced', evidence_id: 'ev-2', by: null }] },
    ])
  })
})

describe('a changed copy', () => {
  it('[U14] of any value: whole lists, empty ones, a member more and one less; no place is no byte', () => {
    const { values } = valuesOf(sealed.envelope, 'needs')
    expect(values[0]).toEqual({ pointer: '/opening/plan/steps/0/needs', json: '[]', holds: 'list' })
    const [plan] = valuesOf(sealed.envelope, '/opening/plan').values
    expect(plan).toMatchObject({ pointer: '/opening/plan', holds: 'members' })
    const added = changedCopy(sealed.bytes, {
      kind: 'added',
      pointer: '/opening/plan',
      name: 'more',
      json: '1',
    })
    expect(added.ok && new TextDecoder().decode(added.bytes)).toContain('"more":1')
    const removed = changedCopy(sealed.bytes, { kind: 'removed', pointer: '/order/0' })
    expect(removed).toMatchObject({ ok: true, before: '"step"', after: 'nothing' })
    const none = changedCopy(sealed.bytes, { kind: 'byte', offset: Number.NaN, byte: 1 })
    expect(none.ok ? '' : none.why).toMatch(/^say which byte/)
  })

  it('[U14] never verifies, whatever value or byte is another, and the record stays as it is', async () => {
    const before = sealed.bytes.slice()
    const { values } = valuesOf(sealed.envelope, '')
    const change = fc.oneof(
      fc.record({
        kind: fc.constant('value' as const),
        pointer: fc.constantFrom(...values.map(({ pointer }) => pointer)),
        json: fc.json(),
      }),
      fc.record({
        kind: fc.constant('added' as const),
        pointer: fc.constantFrom(...values.map(({ pointer }) => pointer)),
        name: fc.constantFrom('', 'more', 'seal', '__proto__'),
        json: fc.json(),
      }),
      fc.record({
        kind: fc.constant('removed' as const),
        pointer: fc.constantFrom(...values.map(({ pointer }) => pointer)),
      }),
      fc.record({
        kind: fc.constant('byte' as const),
        offset: fc.nat(sealed.bytes.length - 1),
        byte: fc.nat(255),
      }),
    )
    await fc.assert(
      fc.asyncProperty(change, async (what) => {
        const copy = changedCopy(sealed.bytes, what)
        if (!copy.ok) return
        const { verdict } = await verifyEnvelope(copy.bytes, { trust: [pinned(signer)] })
        expect(['does not verify', 'not an envelope']).toContain(verdict)
      }),
      { numRuns: 300 },
    )
    expect(sealed.bytes).toEqual(before)
  })

  it.each([
    [{ kind: 'value', pointer: '/closing/outcome', json: 'nonsense' }, /no JSON/],
    [{ kind: 'value', pointer: '/closing/nothing', json: '1' }, /no value in this place/],
    [{ kind: 'value', pointer: '', json: '1' }, /no value in this place/],
    [{ kind: 'value', pointer: '/closing/outcome', json: '"succeeded"' }, /already/],
    [{ kind: 'byte', offset: -1, byte: 1 }, /which byte: a whole number of 0 to/],
    [{ kind: 'byte', offset: 0, byte: 256 }, /0 to 255/],
    [{ kind: 'byte', offset: 0, byte: 123 }, /already/],
  ] as const)('[U14] says why there is none: %o', (what, why) => {
    const copy = changedCopy(sealed.bytes, what)
    expect(copy.ok ? 'changed' : copy.why).toMatch(why)
  })

  it('[U14] has a value as it was typed where the record would write another', async () => {
    const typed = ['9007199254740993', '0.0', '1e400', '-0', '1E2', String.raw`"\ud800"`]
    for (const json of typed) {
      const change = { kind: 'value', pointer: '/execution/steps/0/exit_code', json } as const
      const copy = changedCopy(sealed.bytes, change)
      expect(copy).toMatchObject({ ok: true, before: '0', after: json })
      if (!copy.ok) continue
      expect(new TextDecoder().decode(copy.bytes)).toContain(`"exit_code":${json},`)
      const { verdict } = await verifyEnvelope(copy.bytes, { trust: [pinned(signer)] })
      expect(['does not verify', 'not an envelope']).toContain(verdict)
    }
    const order = ' [ "gate" , "12.0" ]\n'
    expect(
      changedCopy(sealed.bytes, { kind: 'value', pointer: '/order', json: order }),
    ).toMatchObject({ ok: true, after: '["gate","12.0"]' })
  })

  it('[U14] is of a value that can be found by its place or its text', () => {
    expect(valuesOf(sealed.envelope, 'I HAVE SEEN').values).toEqual([
      { pointer: '/gates/0/decisions/0/decision/comment', json: '"I have seen it"', holds: null },
    ])
    expect(valuesOf(sealed.envelope, '')).toMatchObject({ more: true })
  })
})

describe('the rows of a table', () => {
  const rowsOf = (sort: 'seq' | 'name' | 'duration', descending: boolean, search = '') => {
    const steps = sealed.envelope.execution.steps.map((entry, at) => ({ seq: at + 1, entry }))
    const index = indexOf(
      { view: 'steps', sort, descending, search },
      { steps, gates: [], lines: [] },
    )
    return [...index].map((at) => steps[at]?.entry.step_id)
  }

  it('[U15] are sorted and searched', () => {
    expect(rowsOf('seq', false)).toEqual(['zeta', 'alpha'])
    expect(rowsOf('seq', true)).toEqual(['alpha', 'zeta'])
    expect(rowsOf('name', false)).toEqual(['alpha', 'zeta'])
    expect(rowsOf('duration', true)).toEqual(['alpha', 'zeta'])
    expect(rowsOf('seq', false, 'OUT.TGZ')).toEqual(['zeta'])
    expect(rowsOf('seq', false, 'nothing of this')).toEqual([])
    const [step] = sealed.envelope.execution.steps
    const names = ['step-10', 'step-2', 'Step-1', 'step-1']
    const steps = names.flatMap((step_id) =>
      step ? [{ seq: 1, entry: { ...step, step_id } }] : [],
    )
    const by = { view: 'steps', sort: 'name', search: '' } as const
    const sorted = (descending: boolean) =>
      [...indexOf({ ...by, descending }, { steps, gates: [], lines: [] })].map((at) => names[at])
    expect(sorted(false)).toEqual(['step-1', 'Step-1', 'step-2', 'step-10'])
    expect(sorted(true)).toEqual(['step-10', 'step-2', 'Step-1', 'step-1'])
  })
})

describe('what this browser remembers', () => {
  const last = { server: 'a'.repeat(64), evidence_id: 'ev-3', head: 'b'.repeat(64), seal_seq: 3 }
  const listed = { evidence_id: 'ev-3', head: last.head, seal_seq: 3 }

  it.each([
    ['nothing was walked before', [listed], null, null],
    ['it is all as it was', [listed], last, null],
    ['there is more now', [{ ...listed, evidence_id: 'ev-4', seal_seq: 4 }, listed], last, null],
    ['the newest is gone', [{ ...listed, evidence_id: 'ev-2', seal_seq: 2 }], last, /number 2/],
    ['it has another head', [{ ...listed, head: 'c'.repeat(64) }], last, /another record/],
    ['another stands in its place', [{ ...listed, evidence_id: 'ev-x' }], last, /another record/],
    ['the list is empty', [], last, /now there is none/],
    ['there was nothing and is nothing', [], null, null],
    [
      'it alone is gone, and later ones are listed',
      [{ ...listed, evidence_id: 'ev-4', seal_seq: 4 }],
      last,
      /not in the list/,
    ],
  ] as const)('[U12] of the history: %s', (_, items, remembered, said) => {
    const changed = listUnlike(items, remembered === null ? [] : [remembered], true)
    if (said === null) expect(changed).toBe(null)
    else expect(changed).toMatch(said)
  })

  it('[U12] of the history: what stands further down a list is not gone, what the list has passed is', () => {
    const four = { ...listed, evidence_id: 'ev-4', seal_seq: 4 }
    expect(listUnlike([four], [last], false)).toBe(null)
    const two = { ...listed, evidence_id: 'ev-2', seal_seq: 2 }
    expect(listUnlike([four, two], [last], false)).toMatch(/not in the list/)
  })

  it('[U12] of the history: a record that the list gives another number', () => {
    const pushedUp = { ...listed, seal_seq: 103 }
    expect(listUnlike([pushedUp], [last], false)).toMatch(/number 3 .* number 103 now/)
    const gone = { ...last, evidence_id: 'ev-4', seal_seq: 4 }
    expect(listUnlike([pushedUp], [last, gone], false)).not.toBe(null)
  })

  it('[U12] of the history: each record that was opened, and not the last of a walk alone', () => {
    const two = { ...last, evidence_id: 'ev-2', seal_seq: 2 }
    const list = [listed, { ...listed, evidence_id: 'ev-2', head: 'd'.repeat(64), seal_seq: 2 }]
    expect(listUnlike(list, [last], true)).toBe(null)
    expect(listUnlike(list, [two, last], true)).toMatch(/Number 2 is another record/)
    const decisions = [{ nonce: 'n', sha256: 'e'.repeat(64) }]
    const heads = [
      { ...two, decisions: [] },
      { ...last, decisions },
    ]
    const seen = seenHere({ kept: { ...NOTHING_KEPT, heads }, met: [last] })
    expect(new Map(seen.map((one) => [one.evidence_id, one.decisions]))).toEqual(
      new Map([
        ['ev-2', []],
        ['ev-3', decisions],
      ]),
    )
  })

  it('[U12] of the history: whatever was sealed by a key of this server, once it was accepted', () => {
    const kept = { ...NOTHING_KEPT, seen: { [last.server]: '' } }
    const accepted = { ...kept, answered: { [last.server]: 'accepted' as const } }
    const key_id = last.server
    expect(remembers(accepted, { key_id, source: 'first_seen' })).toBe(true)
    // Met while its first record was fetched.
    expect(remembers(accepted, { key_id, source: 'offered' })).toBe(true)
    expect(remembers(kept, { key_id, source: 'pinned' })).toBe(true)
    expect(remembers(kept, { key_id, source: 'offered' })).toBe(false)
    expect(remembers(accepted, { key_id: 'e'.repeat(64), source: 'pinned' })).toBe(false)
    expect(remembers(kept, null)).toBe(false)
  })

  it('[U16] of keys: a later one waits for an answer, and a refused one is used for nothing', async () => {
    const [known, later] = [serverKeyOf(signer), serverKeyOf(await newSigner(2))]
    const kept = { ...NOTHING_KEPT, answered: { [known.key_id]: 'accepted' } } as const
    const sources = (answered: typeof NOTHING_KEPT.answered) =>
      trustedOf({ ...kept, answered }, [known, later]).flatMap(({ file, source }) =>
        file.server_keys.map(({ key_id }) => [key_id === later.key_id ? 'later' : 'known', source]),
      )
    expect(unanswered({ ...NOTHING_KEPT, keys: [known] })).toEqual([])
    expect(unanswered({ ...kept, keys: [known, later] })).toEqual([later])
    expect(sources(kept.answered)).toEqual([
      ['known', 'first_seen'],
      ['later', 'offered'],
    ])
    expect(sources({ ...kept.answered, [later.key_id]: 'refused' })).toEqual([
      ['known', 'first_seen'],
    ])
    // Also where it is pinned, as a trust file may have it: the reader's answer is the last word of it.
    const pinned = { ...NOTHING_KEPT.pinned, server_keys: [known, later] }
    const refused = { ...kept, pinned, answered: { [later.key_id]: 'refused' } } as const
    expect(trustedOf(refused, [later]).map(({ file }) => file.server_keys)).toEqual([
      [known],
      [],
      [],
    ])
    expect(withoutRefused(refused, pinned).server_keys).toEqual([known])
    expect(refusedKeys({ ...refused, keys: [later] })).toEqual([later])
    // Without a word of the server, a file is held against what needs no answer any more.
    const offline = { ...kept, seen: { [known.key_id]: '' }, keys: [known, later] }
    expect(knownKeys(offline)).toEqual([known])
    expect(withSeen(offline, [known, later], 'now')).toBe(offline)
  })
})

const unhurried: Look = { signal: new AbortController().signal, onProgress: () => undefined }

describe('what a reader gives', () => {
  const at = (path: string, content: BlobPart) => ({
    path,
    file: new File([content], path.split('/').at(-1) ?? ''),
  })

  it('[U11] is sorted by what it is, and one that cannot be read takes no other along', async () => {
    const gone = at('gone.json', 'x')
    gone.file.slice = () => {
      throw new DOMException('gone', 'NotFoundError')
    }
    const words = new TextDecoder().decode(sealed.bytes)
    const sorted = await sortFiles(
      {
        files: [
          at('run/envelope.json', sealed.bytes.slice()),
          at('torn.json', words.slice(0, 300)),
          at('spaced.json', ` ${words}`),
          gone,
          at('trust.json', JSON.stringify(trustFileOf(signer))),
          at('bad.json', '{"schema":"runseal/trust/2"}'),
          at('run/verifier.html', '<!doctype html>'),
          at('run/logs/a', words),
          at('run/logs/policy.json', '{"schema":"runseal/trust/1",}'),
          at('ab'.repeat(32), words),
          at('notes.txt', 'of "runseal/evidence-envelope/1"'),
        ],
        unread: [{ path: 'deep', why: 'Not read' }],
      },
      unhurried,
    )
    const paths = (files: readonly { path: string }[]) => files.map(({ path }) => path)
    expect(paths(sorted.envelopes)).toEqual(['run/envelope.json', 'torn.json', 'spaced.json'])
    expect(sorted.trust.map(({ path, read }) => [path, read.ok])).toEqual([
      ['trust.json', true],
      ['bad.json', false],
      ['run/logs/policy.json', false],
    ])
    expect(paths(sorted.beside)).toEqual(['run/logs/a', 'ab'.repeat(32), 'notes.txt'])
    expect(paths(sorted.programs)).toEqual(['run/verifier.html'])
    expect(sorted.unread).toEqual([
      { path: 'deep', why: 'Not read' },
      { path: 'gone.json', why: 'It is not there any more' },
    ])
  })

  it('[U11] is an envelope wherever it lies and whatever it is called, where no other is there that it could be a part of', async () => {
    const digest = 'ab'.repeat(32)
    const trust = JSON.stringify(trustFileOf(signer))
    const given = () => ({
      files: [
        at('artifacts/env.json', sealed.bytes.slice()),
        at('artifacts/trust.json', trust),
        at(digest, sealed.bytes.slice()),
        at(`logs/${digest}`, 'a log'),
      ],
      unread: [],
    })
    const paths = (files: readonly { path: string }[]) => files.map(({ path }) => path)
    const alone = await sortFiles(given(), unhurried)
    expect(paths(alone.envelopes)).toEqual(['artifacts/env.json', digest])
    expect(paths(alone.trust)).toEqual(['artifacts/trust.json'])
    expect(paths(alone.beside)).toEqual([`logs/${digest}`])
    // What a run left behind does not take the place of its record.
    const beside = await sortFiles(given(), unhurried, true)
    expect(beside.envelopes).toEqual([])
    expect(paths(beside.beside)).toEqual(['artifacts/env.json', digest, `logs/${digest}`])
  })

  it('[U11] [C22] of an export in one page is what it carries, and not the page', async () => {
    const digest = 'ab'.repeat(32)
    const trust = utf8(JSON.stringify(trustFileOf(signer)))
    const block = (as: CarriedAs, name: string, bytes: Uint8Array) =>
      `${carriedTag(as, name)}${encodeBase64(bytes)}</script>`
    const envelopeBlock = block('envelope', 'envelope.json', sealed.bytes)
    const blocks = [
      envelopeBlock,
      block('trust', 'offered-trust.json', trust),
      block('attached', `logs/${digest}`, utf8('a log')),
      `${carriedTag('attached', `artifacts/${digest}`)}no base64</script>`,
    ]
    const words = '<script>const MARK = \'data-part="\' + `data-part="${part}"]`</script>'
    const pageOf = (...some: readonly string[]) =>
      `<!doctype html><title>A page — with words</title>${some.join('\n')}${words}`
    const page = pageOf(...blocks)
    // A log that has all of an envelope is no envelope, also where that one is damaged.
    const inLog = block('attached', `logs/${digest}`, sealed.bytes)
    const files = [
      at('run.html', page),
      at('verifier.html', `<!doctype html>${words}`),
      at('ex/verifier.html', page.slice(0, page.indexOf('</script>') - 1)),
      at('twice.html', pageOf(envelopeBlock, envelopeBlock)),
      at(`ex/artifacts/page.html`, page),
    ]
    const sorted = await sortFiles({ files, unread: [] }, unhurried)
    const [envelope] = sorted.envelopes
    expect(sorted.envelopes).toMatchObject([
      { path: 'run.html/envelope.json', page: { name: 'run.html' } },
    ])
    expect(await envelope?.file.text()).toBe(new TextDecoder().decode(sealed.bytes))
    expect(sorted.trust).toMatchObject([
      { path: 'run.html/offered-trust.json', read: { ok: true, file: trustFileOf(signer) } },
    ])
    expect(sorted.beside.map(({ path }) => path)).toEqual([
      `run.html/logs/${digest}`,
      'ex/artifacts/page.html',
    ])
    expect(await sorted.beside[0]?.file.text()).toBe('a log')
    expect(sorted.programs.map(({ path }) => path)).toEqual(['verifier.html'])
    expect(sorted.unread).toMatchObject([
      { path: `run.html/artifacts/${digest}`, why: DAMAGED },
      { path: 'ex/verifier.html/envelope.json', why: DAMAGED },
      { path: 'twice.html' },
    ])
    expect(sorted.unread[2]?.why).toMatch(/more than one envelope/)
    // Where no envelope is there that it could be a part of, so is one in a folder that is called like those of an export.
    const inFolder = await sortFiles(
      { files: [at('artifacts/run.html', page)], unread: [] },
      unhurried,
    )
    expect(inFolder).toMatchObject({
      envelopes: [
        { path: 'artifacts/run.html/envelope.json', page: { name: 'artifacts/run.html' } },
      ],
      trust: [{ read: { ok: true } }],
      beside: [{ path: `artifacts/run.html/logs/${digest}` }],
      unread: [{ why: DAMAGED }],
    })
    const marked = at('run.html', `\ufeff\n${page}`)
    expect((await sortFiles({ files: [marked], unread: [] }, unhurried)).envelopes).toHaveLength(1)
    const damaged = at('run.html', pageOf(envelopeBlock.replace('ey', 'e!'), inLog))
    expect(await sortFiles({ files: [damaged], unread: [] }, unhurried)).toMatchObject({
      envelopes: [],
      beside: [],
      unread: [
        { path: 'run.html/envelope.json', why: DAMAGED },
        { path: `run.html/logs/${digest}`, why: WITHOUT_ENVELOPE },
      ],
    })
  })

  it('[U11] is not read where it is called by a digest, however many of them there are, and can be given up', async () => {
    const envelope = at('ex/envelope.json', sealed.bytes.slice())
    const parts = Array.from({ length: 200 }, (_, nth) =>
      at(`ex/artifacts/${nth.toString(16).padStart(64, '0')}`, `${nth}`),
    )
    const reads = parts.flatMap(({ file }) => [
      vi.spyOn(file, 'slice'),
      vi.spyOn(file, 'text'),
      vi.spyOn(file, 'arrayBuffer'),
    ])
    const given = { files: [envelope, ...parts], unread: [] }
    const told: Looked[] = []
    const sorted = await sortFiles(given, { ...unhurried, onProgress: (one) => told.push(one) })
    expect(sorted.envelopes).toEqual([envelope])
    expect(sorted.beside).toEqual(parts)
    expect(reads.every(({ mock }) => mock.calls.length === 0)).toBe(true)
    expect(told[0]).toEqual({ doing: 'looking', done: 0, of: 201 })
    expect(told.length).toBeGreaterThan(2)
    const stopped = new AbortController()
    const look: Look = { signal: stopped.signal, onProgress: () => stopped.abort('enough') }
    await expect(sortFiles(given, look)).rejects.toBe('enough')
  })

  it('[U11] is read from the top of a folder downwards, so that no artifact takes the place of the envelope', async () => {
    const chosen = [
      ...Array.from({ length: 20 }, (_, nth) => `ex/artifacts/${nth}`),
      'ex/envelope.json',
      'ex/a/b/c/deep',
      'ex/offered-trust.json',
      'ex/.DS_Store',
      'ex/logs/._ab',
    ].map((path) => Object.assign(new File([''], path), { webkitRelativePath: path }))
    const { files, unread } = await chosenFiles(chosen, 10)(unhurried)
    expect(files).toHaveLength(10)
    // What a file system left beside them is none of them.
    expect(files.slice(0, 3).map(({ path }) => path)).toEqual([
      'ex/envelope.json',
      'ex/offered-trust.json',
      'ex/artifacts/0',
    ])
    expect(unread).toEqual([{ path: 'The rest', why: 'Not read: these are more than 10 files' }])
    // The largest export fits.
    const one = new File([''], 'x')
    const most = Array.from({ length: MOST_BESIDE + 3 }, () => one)
    expect((await chosenFiles(most)(unhurried)).unread).toEqual([])
  })
})

describe('a trust file', () => {
  it.each([
    ['no JSON', '{', /is not JSON/],
    ['another schema', '{"schema":"runseal/trust/2"}', /schema/],
    ['a list', '[]', /expected/i],
  ])('[U16] is refused as a whole: %s', async (_, text, why) => {
    const read = await readTrustOf(new File([text], 'trust.json'))
    expect(read.ok ? 'used' : read.why).toMatch(why)
  })

  it.each([
    ['of a later version', '{"server_keys":[],"schema":"runseal/trust/2"}', true],
    ['torn', '{ "schema": "runseal/trust/1", "server', true],
    ['an envelope that quotes one', '{"inputs":{"schema":"runseal/trust/1"},"schema":"x"}', false],
    ['a comma too many', '{"approvers":[],"schema":"runseal/trust/1",}', true],
    ['cut off', '{"approvers":[],"schema":"runseal/trust/1"', true],
    ['a comment before it', '// ours\n{"schema":"runseal/trust/1"}', true],
    ['its schema twice', '{"schema":"runseal/trust/1","schema":"x"}', true],
    ['in UTF-16', '{"schema":"runseal/trust/1"'.replaceAll(/./g, '$&\0'), true],
    ['longer than one may be', `{"schema":"runseal/trust/1"${' '.repeat(4 * 1024 * 1024)}}`, true],
    ['its schema at the end', `{"x":${'1'.repeat(5e6)},"schema":"runseal/trust/1"}`, true],
    ['its schema misspelt', '{"required":[],"schema":"runseal/turst/1","server_keys":[]}', true],
    ['a torn envelope', '{"closing":{},"opening":{"inputs":{"schema":"runseal/trust/1"', false],
    [
      'a text that quotes one far inside',
      `${'.'.repeat(2000)}"schema":"runseal/trust/1"${'.'.repeat(2000)}`,
      false,
    ],
    ['a list of one', '[{"schema":"runseal/trust/1"}]', false],
  ])('[U16] is known by its own schema alone: %s', async (_, text, is) => {
    expect(await isTrustFile(new File([text], 'file.json'))).toBe(is)
  })

  it('[U16] is read when it is one', async () => {
    const file = trustFileOf(signer)
    expect(await readTrustOf(new File([JSON.stringify(file)], 'trust.json'))).toEqual({
      ok: true,
      file,
    })
  })
})
