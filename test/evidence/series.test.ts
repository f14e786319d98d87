import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { entryDigest } from '#evidence/chain.ts'
import { againstList, type HeldToList } from '#evidence/as-listed.ts'
import { differingOf } from '#evidence/lineage.ts'
import { compareTaken, walkSeries } from '#evidence/series.ts'
import { type Placed } from '#evidence/standing.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { newSigner, pinned, planStep, sealContent, startRun } from './fixture.ts'
import { readSeriesTable, SERIES, walkOf } from './frozen-series.ts'
import { walked as walkedOver } from './walked.ts'
import { workOf } from './work.ts'

const signer = await newSigner()

/** A really sealed and verified envelope's place. */
async function sealed(seal_seq: number, before: Placed | null, id = `ev-${seal_seq}`, by = signer) {
  const run = startRun(
    by,
    { steps: [planStep('build')] },
    { evidence_id: id, run_id: `run-${id}`, title: `${id} after ${before?.head}` },
  )
  run.step('build')
  const previous = before && { evidence_id: before.evidence_id, head: before.head }
  const { bytes } = await run.seal({ seal_seq, previous })
  return await placedIn(bytes, by)
}

async function placedIn(bytes: Uint8Array, by = signer): Promise<Placed> {
  const { standing, verdict } = await verifyEnvelope(bytes, { trust: [pinned(by)] })
  expect(verdict).toBe('proven')
  if (standing === null) throw new Error('does not verify')
  return standing.place()
}

async function four() {
  const one = await sealed(1, null)
  const two = await sealed(2, one)
  const three = await sealed(3, two)
  return [one, two, three, await sealed(4, three)] as const
}

const faultsOf = (...walk: Parameters<typeof walkSeries>) =>
  walkSeries(...walk).flatMap(({ faults }) => faults)

it('[W1] a whole series has no fault, in whatever order and however often it is read', async () => {
  const [one, two, three, last] = await four()
  expect(walkSeries([three, one, last, two, three, one])).toEqual([
    { server: signer.key_id, count: 4, last, faults: [], open: [] },
  ])
  expect(walkSeries([])).toEqual([])
})

it('[W1] [W5] whether a key took over is not known where what its first record follows cannot be had', async () => {
  const other = await newSigner(2)
  const [one, two, three] = await four()
  const last = await sealed(5, await sealed(4, three, 'ev-4', other), 'ev-5', other)
  const listed = ['ev-4'].map((evidence_id) => ({ evidence_id, says: null }))
  const [own, others] = walkSeries([one, two, three, last], { unplaced: listed })
  expect(own).toMatchObject({ faults: [], open: [] })
  expect(others).toMatchObject({
    faults: [],
    open: [expect.stringMatching(/^Whether numbers 1 to 3 are missing cannot be told: ev-5 /)],
  })
  // What is followed is missing, and named by that; of the numbers before it the same is so.
  expect(faultsOf([one, two, three, last])).toMatchObject([{ evidence_id: 'ev-4', by: 'ev-5' }])
  expect(faultsOf([last], { unplaced: listed })).toMatchObject([{ from: 1, to: 3 }])
  // What neither has is missing all the same, and told of once.
  expect(faultsOf([one, three, last], { unplaced: listed })).toMatchObject([
    { evidence_id: 'ev-2', by: 'ev-3' },
  ])
  expect(faultsOf([one, last], { unplaced: listed })).toMatchObject([{ from: 2, to: 3 }])
  // Back and forth: each time that it is taken over.
  const again = await sealed(7, await sealed(6, last, 'ev-6', other), 'ev-7')
  const sixth = [{ evidence_id: 'ev-6', says: null }]
  expect(
    faultsOf([one, two, three, await sealed(4, three, 'ev-4', other), last, again], {
      unplaced: sixth,
    }),
  ).toEqual([])
})

it('[W1] what is missing is named: by the one after it, by the numbers, by what was remembered', async () => {
  const [one, two, three, four_] = await four()
  expect(faultsOf([one, three, four_])).toMatchObject([
    { fault: 'missing', evidence_id: 'ev-2', from: 2, to: 2, by: 'ev-3' },
  ])
  expect(faultsOf([four_])).toMatchObject([
    { fault: 'missing', evidence_id: 'ev-3', by: 'ev-4' },
    { fault: 'missing', evidence_id: null, from: 1, to: 2, by: null },
  ])
  expect(faultsOf([one, two, three])).toEqual([])
  expect(faultsOf([one, two, three], { remembered: [four_] })).toMatchObject([
    { fault: 'missing', evidence_id: 'ev-4', from: 4, by: null },
  ])
  expect(walkSeries([], { remembered: [four_] })).toMatchObject([
    { count: 0, last: null, faults: [{ fault: 'missing', evidence_id: 'ev-4' }] },
  ])
})

it('[W1] [W6] one that says that it follows nothing names nothing, whatever its number', async () => {
  const after = async (seal_seq: number) => {
    const ids = { evidence_id: `ev-${seal_seq}`, run_id: `run-${seal_seq}` }
    const run = startRun(signer, { steps: [planStep('build')] }, ids)
    run.step('build')
    const { bytes } = await sealContent(run.content({ seal_seq, previous: null }), signer)
    const { standing, verdict } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
    expect(verdict).toBe('does not verify')
    if (standing === null) throw new Error('it has a place')
    return standing.place()
  }
  const [one] = await four()
  const [two, five] = [await after(2), await after(5)]
  const missing = (from: number, to: number, count: number) => ({
    fault: 'missing',
    from,
    to,
    count,
  })
  expect(faultsOf([two, await sealed(3, two)])).toMatchObject([missing(1, 1, 1)])
  expect(faultsOf([five])).toMatchObject([missing(1, 4, 4)])
  expect(faultsOf([one, five]).filter(({ fault }) => fault === 'missing')).toMatchObject([
    missing(2, 4, 3),
  ])
})

it('[W2] two in one place are a fork, by number, by id or by what they follow', async () => {
  const [one, two] = await four()
  const rival = await sealed(2, one, 'ev-2b')
  expect(faultsOf([one, two, rival])).toMatchObject([
    { fault: 'forked', seal_seq: 2, evidence_ids: ['ev-2', 'ev-2b'] },
  ])
  const again = { ...(await sealed(1, null, 'ev-1b')), evidence_id: 'ev-1' }
  expect(faultsOf([one, two, again])).toMatchObject([
    { fault: 'forked', seal_seq: 1, evidence_ids: ['ev-1', 'ev-1'] },
  ])
  const later = await sealed(3, one, 'ev-3b')
  expect(faultsOf([one, two, later])).toMatchObject([
    { fault: 'misplaced', evidence_id: 'ev-3b' },
    { fault: 'forked', evidence_ids: ['ev-2', 'ev-3b'] },
  ])
})

it('[W2] one that is gone and what has its number are a fork, in whichever order, and whatever else was sealed after it', async () => {
  const [one, two, three, last] = await four()
  const rival = await sealed(3, two, 'ev-3b')
  const lie = await sealed(10, three, 'ev-10')
  const message =
    'ev-3b is number 3, and so is ev-3, which is not here, and after which ev-4 was sealed: the server sealed 2 records for it, unless ev-3 was another key’s, or ev-4 says a false number.'
  const fork = {
    fault: 'forked',
    seal_seq: 3,
    evidence_ids: ['ev-3', 'ev-3b'],
    by: 'ev-4',
    message,
  }
  for (const all of [
    [one, two, rival, last],
    [one, two, rival, last, lie],
    [lie, last, rival, two, one],
  ])
    expect(faultsOf(all)).toContainEqual(fork)
  // Not where there may be records of another key: among a reader's own files, or without a place.
  expect(faultsOf([rival, last], { isPart: true })).toEqual([])
  const unplaced = [{ evidence_id: 'ev-x', says: null }]
  expect(faultsOf([one, two, rival, last], { unplaced })).not.toContainEqual(fork)
  expect(faultsOf([one, two, last]).map(({ fault }) => fault)).toEqual(['missing'])
  // It may have been of another key, which counts by itself.
  const elsewhere = await newSigner(2)
  const [first, second] = [
    await sealed(1, null, 'b-1', elsewhere),
    await sealed(2, one, 'b-2', elsewhere),
  ]
  const over = await sealed(4, { ...second, evidence_id: 'b-3' }, 'ev-4')
  expect(faultsOf([one, two, three, first, over])).not.toContainEqual(
    expect.objectContaining({ fault: 'forked' }),
  )
  const third = await sealed(3, two, 'ev-3c')
  expect(faultsOf([one, two, rival, third, last])).toMatchObject([
    { fault: 'missing' },
    { fault: 'forked', evidence_ids: ['ev-3', 'ev-3b', 'ev-3c'] },
    { fault: 'forked', evidence_ids: ['ev-3b', 'ev-3c'] },
  ])
})

it('[W2] one record has one seal: two of different times are a fork, here or beside what is remembered', async () => {
  const [one, two, three] = await four()
  const again = { ...two, sealed_at: '2026-11-12T10:00:01.000Z' }
  const fork = {
    fault: 'forked',
    seal_seq: 2,
    evidence_ids: ['ev-2', 'ev-2'],
    message: `ev-2 has two seals, made at ${two.sealed_at} and at ${again.sealed_at}: the server sealed it twice.`,
  }
  expect(faultsOf([one, two, again, three])).toMatchObject([fork])
  expect(faultsOf([one, again, three], { remembered: [two] })).toMatchObject([
    { ...fork, isRemembered: true },
  ])
  // Nothing is said by what was kept without it.
  const { sealed_at: _, ...before } = two
  expect(faultsOf([one, again, three], { remembered: [before] })).toEqual([])
  expect(faultsOf([one, two, two, three], { remembered: [two] })).toEqual([])
})

it('[W2] two records of one id are not told as that id twice', async () => {
  const [one, two] = await four()
  const other = { ...(await sealed(2, one, 'ev-2b')), evidence_id: 'ev-2' }
  expect(faultsOf([one, two, other])).toMatchObject([
    {
      fault: 'forked',
      message:
        '2 different records that are all named ev-2 stand in one place: the server sealed 2 records for it.',
    },
  ])
})

it('[W3] one that was sealed anew is not the one that the next was sealed over', async () => {
  const [one, two, three] = await four()
  const anew = { ...(await sealed(2, one, 'ev-2b')), evidence_id: 'ev-2' }
  expect(faultsOf([one, anew, three])).toMatchObject([
    { fault: 'resealed', evidence_id: 'ev-2', expected: two.head, actual: anew.head, by: 'ev-3' },
  ])
  expect(faultsOf([one, anew], { remembered: [one, two] })).toMatchObject([
    { fault: 'resealed', evidence_id: 'ev-2', expected: two.head, by: null },
  ])
})

it('[W12] a record that is another one than is listed is named, and one that is vouched for is not accused', async () => {
  const [one, two, three, last] = await four()
  const anew = { ...(await sealed(4, three, 'ev-4b')), evidence_id: 'ev-4' }
  const digest = (n: number) => `${n}`.repeat(64)
  const honest = [one, two, three, last].map((says, at) => ({
    says,
    isSealed: true,
    sha256: digest(at),
    listed: { ...says, sha256: digest(at), sealed_at: says.sealed_at ?? null },
  }))
  const told = (place: number, what: Partial<HeldToList>) =>
    againstList(honest.map((row, at) => (at === place ? { ...row, ...what } : row)))
  const list = (what: Partial<HeldToList['listed']>) => ({
    evidence_id: 'ev-4',
    head: last.head,
    seal_seq: 4,
    sha256: digest(3),
    sealed_at: last.sealed_at ?? null,
    ...what,
  })
  expect(againstList(honest)).toEqual([])
  // Another record, by the same key or by none, that nothing here names.
  const heads = { evidence_id: 'ev-4', seal_seq: 4, expected: last.head, actual: anew.head }
  const other = { says: anew, sha256: digest(9) }
  expect(told(3, other)).toMatchObject([{ fault: 'resealed', ...heads }])
  expect(told(3, { ...other, isSealed: false })).toMatchObject([{ fault: 'replaced', ...heads }])
  // Another seal of that record.
  const again = { ...last, sealed_at: '2026-11-12T11:00:00.000Z' }
  for (const says of [again, last])
    expect(told(3, { says, sha256: digest(9) })).toMatchObject([
      { fault: 'forked', seal_seq: 4, evidence_ids: ['ev-4', 'ev-4'] },
    ])
  expect(told(3, { says: again, sha256: digest(9) })).toMatchObject([
    { expected: last.sealed_at, actual: again.sealed_at },
  ])
  expect(told(3, { sha256: digest(9) })).toMatchObject([{ expected: digest(3), actual: digest(9) }])
  expect(told(3, { isSealed: false, sha256: digest(9) })).toMatchObject([{ fault: 'replaced' }])
  // A list that contradicts itself, or a record that others vouch for, accuses none.
  for (const [what, expected] of [
    [{ head: anew.head }, anew.head],
    [{ seal_seq: 5 }, '5'],
    [{ seal_seq: 5, sha256: digest(9) }, '5'],
    [{ sealed_at: again.sealed_at }, again.sealed_at],
    [{ run_id: 'run-5' }, 'run-5'],
    [{ definition: 'other', sha256: digest(9) }, 'other'],
    [{ outcome: 'failed' }, 'failed'],
  ] as const)
    expect(told(3, { listed: list(what) })).toMatchObject([{ fault: 'mislisted', expected }])
  const false3 = { listed: { evidence_id: 'ev-3', head: anew.head, sha256: digest(9) } }
  expect(told(2, false3)).toMatchObject([{ fault: 'mislisted', evidence_id: 'ev-3', by: 'ev-4' }])
  // Not by one that is itself another one than is listed: two that exchanged their numbers vouch for each other.
  const swapped = [await sealed(3, two, 'ev-4')]
  swapped.push(await sealed(4, swapped[0] ?? null, 'ev-3'))
  const exchanged = honest.map((row, at) => {
    const says = swapped.find(({ evidence_id }) => evidence_id === row.says.evidence_id)
    return says === undefined ? row : { ...row, says, sha256: digest(at + 5) }
  })
  expect(againstList(exchanged)).toMatchObject([
    { fault: 'resealed', evidence_id: 'ev-3', expected: three.head },
    { fault: 'resealed', evidence_id: 'ev-4', expected: last.head },
  ])
  // A list that has it twice says so, in whichever order.
  const two4 = [list({}), list({ head: anew.head, sha256: digest(9) })]
  const seals4 = [list({}), list({ sealed_at: again.sealed_at, sha256: digest(9) })]
  for (const [a, b] of [seals4, seals4.toReversed()])
    for (const isSealed of [true, false])
      expect(
        againstList(
          [a, b].flatMap((one) =>
            one ? { listed: one, says: last, isSealed, sha256: digest(3) } : [],
          ),
        ),
      ).toMatchObject([{ fault: 'mislisted', expected: again.sealed_at }])
  for (const rows of [two4, two4.toReversed()])
    expect(
      againstList([
        ...honest.slice(0, 3),
        ...rows.map((listed) => ({ listed, says: last, isSealed: true, sha256: digest(3) })),
      ]),
    ).toMatchObject([{ fault: 'mislisted', evidence_id: 'ev-4', expected: anew.head }])
  // As often as it likes, and it is said once for each thing that is listed otherwise.
  const often = Array.from({ length: 300 }, (_, n) => list({ run_id: `run-of-${n}` }))
  const rows = [...often, list({ head: anew.head })].flatMap((listed) =>
    honest.slice(3).map((row) => ({ ...row, listed })),
  )
  const saidOnce = againstList(rows)
  expect(saidOnce).toMatchObject([{ expected: 'run-of-0' }, { expected: anew.head }])
  expect(saidOnce[0]?.message).toMatch(/another run .* So it is listed 299 more times\.$/)
  // One that is as listed vouches for all that it follows, and not for what is sealed after it.
  const lie = { head: anew.head, sha256: digest(9) }
  const twoFalse = honest.map((row, at) =>
    at === 1 || at === 2 ? { ...row, listed: { ...row.listed, ...lie } } : row,
  )
  expect(againstList(twoFalse)).toMatchObject([
    { fault: 'mislisted', evidence_id: 'ev-2', by: 'ev-3' },
    { fault: 'mislisted', evidence_id: 'ev-3', by: 'ev-4' },
  ])
  const false4 = { listed: list({ head: anew.head, sha256: digest(9) }) }
  expect(told(3, false4)).toMatchObject([{ fault: 'resealed', evidence_id: 'ev-4' }])
  // What stands for the number of one that is listed and gone: two were sealed for it, or the list is false.
  const other4 = {
    ...other,
    listed: { evidence_id: 'ev-4b' },
    says: { ...anew, evidence_id: 'ev-4b' },
  }
  const place4 = [...honest.slice(0, 3), { ...other4, isSealed: true }]
  const rival = { seal_seq: 4, expected: 'ev-4', actual: 'ev-4b' }
  expect(againstList(place4, [list({})])).toMatchObject([
    { fault: 'forked', evidence_ids: ['ev-4', 'ev-4b'], ...rival },
  ])
  const both = place4.map((row) => ({
    ...row,
    listed: { ...row.listed, seal_seq: row.says.seal_seq },
  }))
  expect(againstList(both, [list({})])).toMatchObject([
    { fault: 'mislisted', evidence_id: 'ev-4b', ...rival },
  ])
  // Also where it has the very one by another number.
  const renumbered = place4.map((row) => {
    const { head, seal_seq } = row.says
    return { ...row, listed: { ...row.listed, head, seal_seq: seal_seq - 1 } }
  })
  expect(againstList(renumbered, [list({})]).at(-1)).toMatchObject({
    fault: 'mislisted',
    evidence_id: 'ev-4b',
    ...rival,
  })
  // What was sealed after the one that is gone says its number, and the walk says so [W2].
  const says = { ...(await sealed(5, last)), evidence_id: 'ev-5' }
  const five = { ...other4, isSealed: true, says, listed: { evidence_id: 'ev-5' } }
  expect(againstList([...both, five], [list({})])).toEqual([])
  // Not where it may be of another key, or by none, or where the list says no number of it.
  const [first, ...rest] = place4
  const ofTwo = [
    ...rest,
    ...(first ? [{ ...first, says: { ...first.says, server: 'f'.repeat(64) } }] : []),
  ]
  expect(againstList(ofTwo, [list({})])).toEqual([])
  expect(againstList([...honest.slice(0, 3), { ...other4, isSealed: false }], [list({})])).toEqual(
    [],
  )
  expect(againstList(place4, [{ evidence_id: 'ev-4' }, list({ seal_seq: 5 })])).toEqual([])
  // To what is not said nothing is held.
  const unsaid = { head: null, seal_seq: null, sha256: null, sealed_at: null }
  for (const listed of [list(unsaid), { evidence_id: 'ev-4' }])
    expect(told(3, { ...other, listed })).toEqual([])
  for (const member of ['head', 'seal_seq', 'sha256', 'sealed_at'] as const)
    expect(
      told(3, {
        ...other,
        says: { ...anew, seal_seq: 5, sealed_at: 'then' },
        listed: list({ ...unsaid, [member]: list({})[member] }),
      }),
    ).toHaveLength(1)
})

it('[W4] a number that does not follow is named', async () => {
  const one = await sealed(1, null)
  const two = await sealed(2, one)
  const five = await sealed(5, two)
  expect(faultsOf([one, two, five])).toMatchObject([
    { fault: 'misplaced', evidence_id: 'ev-5', seal_seq: 5 },
    { fault: 'missing', evidence_id: null, from: 3, to: 3 },
  ])
})

it('[W5] each key has a series of its own, and one that takes over goes on counting', async () => {
  const other = await newSigner(2)
  const one = await sealed(1, null)
  const two = await sealed(2, one, 'ev-2', other)
  expect(walkSeries([one, two])).toMatchObject([
    { server: signer.key_id, count: 1, faults: [] },
    { server: other.key_id, count: 1, faults: [] },
  ])
  expect(faultsOf([two])).toMatchObject([{ fault: 'missing', evidence_id: 'ev-1' }])
})

it('[W2] a second history under a second key is a fork', async () => {
  const other = await newSigner(2)
  const one = await sealed(1, null)
  const two = await sealed(2, one)
  const rival = await sealed(2, one, 'ev-3', other)
  expect(faultsOf([one, two, rival])).toMatchObject([
    { fault: 'forked', evidence_ids: ['ev-2', 'ev-3'] },
  ])
  const namesake = { ...(await sealed(1, null, 'ev-x', other)), evidence_id: 'ev-2' }
  expect(faultsOf([one, two, namesake])).toMatchObject([
    { fault: 'forked', evidence_ids: ['ev-2', 'ev-2'] },
  ])
  expect(faultsOf([one, two, await sealed(1, null, 'ev-y', other)])).toEqual([])
})

it('[W7] a request is answered once, whichever key sealed it', async () => {
  const other = await newSigner(2)
  const one = await sealed(1, null)
  const two = await sealed(2, one, 'ev-2', other)
  const answer = (sha256: string) => [{ nonce: 'f'.repeat(32), sha256 }]
  const first = { ...one, decisions: answer('a') }
  expect(walkSeries([first, { ...two, decisions: answer('b') }])).toMatchObject([
    { server: signer.key_id, faults: [] },
    {
      server: other.key_id,
      faults: [{ fault: 'repeated', evidence_ids: ['ev-1', 'ev-2'], by: null }],
    },
  ])
})

/** By a key that the reader does not have. */
const nobody = await newSigner(77)
const without = (...all: Placed[]) => all.map((says) => ({ evidence_id: says.evidence_id, says }))
const damaged = (...ids: string[]) => ids.map((evidence_id) => ({ evidence_id, says: null }))

it('[W6] what is there and does not verify is not missing', async () => {
  const [one, , three] = await four()
  expect(faultsOf([one, three], { unplaced: damaged('ev-2') })).toEqual([])
})

it('[W6] no number is said to be missing that what has no place can have', async () => {
  const [one, two, , four_] = await four()
  const unplaced = damaged('ev-2', 'ev-3')
  expect(faultsOf([one, four_], { unplaced })).toEqual([])
  expect(walkSeries([one, four_], { unplaced })[0]?.open).toEqual([
    'Whether number 2 is missing cannot be told: nothing that has a place is or names it, and 1 record without a place can be anything.',
  ])
  expect(walkSeries([one, four_], { unplaced, remembered: [two] })[0]?.open).toEqual([])
  const six = await sealed(6, await sealed(5, four_))
  expect(faultsOf([one, six], { unplaced: damaged('ev-2', 'ev-5') })).toMatchObject([
    {
      fault: 'missing',
      evidence_id: null,
      from: 2,
      to: 4,
      count: 2,
      message:
        'Of numbers 2 to 4 at least 2 are missing: nothing that has a place is or names them, and 1 record without a place can be anything.',
    },
  ])
})

it.each([
  ['named by one key alone', true],
  ['of keys at hand', false],
])('[V26] many keys with a hole each, %s: twice as many are twice the work', async (_, isNamed) => {
  const [one] = await four()
  const walk = (count: number) => {
    const at = (evidence_id: string, seal_seq: number, more: Partial<Placed>): Placed => ({
      ...one,
      evidence_id,
      run_id: evidence_id,
      head: `head of ${evidence_id}`,
      seal_seq,
      ...more,
    })
    const foreign = Array.from({ length: count }, (_, nth) =>
      at(`other-${nth}`, 4 * nth + 3, {
        server: `key ${nth}`,
        previous: { evidence_id: `gone-${nth}`, head: 'x' },
      }),
    )
    const own = foreign.map(({ evidence_id, head, seal_seq }) =>
      at(`own-${seal_seq + 1}`, seal_seq + 1, { previous: { evidence_id, head } }),
    )
    return isNamed
      ? walkSeries(own, { unplaced: without(...foreign) })
      : walkSeries([...own, ...foreign], { remembered: foreign })
  }
  const found = walk(100)
  const nameless = found.flatMap(({ faults }) =>
    faults.filter((one) => one.fault === 'missing' && one.evidence_id === null),
  )
  expect(nameless).toHaveLength(100)
  // Each number in one sentence, with the first of whom it cannot be told.
  expect(found.flatMap(({ open }) => open)[98]).toMatch(
    /^Whether numbers 395 to 396 are missing cannot be told/,
  )
  const work = async (count: number) => await workOf(async () => walk(count))
  expect((await work(400)) / (await work(200))).toBeLessThan(2.5)
})

it('[W1] [W5] what is told of as remembered, of whichever key, is told of once', async () => {
  const other = await newSigner(2)
  const [one, two] = await four()
  const three = await sealed(3, two, 'ev-3', other)
  const walk = walkSeries([three], { remembered: [one, two, three], unplaced: damaged('ev-2') })
  expect(walk.flatMap(({ faults }) => faults)).toMatchObject([{ evidence_id: 'ev-1' }])
  expect(walk.flatMap(({ open }) => open)).toEqual([])
})

it('[W10] of several that what has no place can be, none is accused before another', async () => {
  const six = await sealed(6, await sealed(5, (await four())[3]))
  const three = await sealed(3, await sealed(2, await sealed(1, null)))
  const unplaced = damaged('ev-2', 'ev-4', 'ev-5')
  const missing = {
    fault: 'missing',
    evidence_id: null,
    from: 1,
    to: 4,
    count: 1,
    message:
      'Of numbers 1 and 4 at least 1 is missing: nothing that has a place is or names them, and 1 record without a place can be anything.',
  }
  expect(faultsOf([three, six], { unplaced })).toMatchObject([missing])
  expect(
    walkSeries([three, six], { unplaced: [...unplaced, ...damaged('ev-1')] })[0],
  ).toMatchObject({
    faults: [],
    open: [
      'Whether numbers 1 and 4 are missing cannot be told: nothing that has a place is or names them, and 2 records without a place can be anything.',
    ],
  })
})

it('[W10] what the reader remembers is not one that can be anything', async () => {
  const [, two, , four_] = await four()
  const unplaced = damaged('ev-2', 'ev-3')
  expect(faultsOf([four_], { unplaced, remembered: [two] })).toMatchObject([
    { from: 1, to: 1, count: 1, message: 'Number 1 is not here, and nothing here names it.' },
  ])
})

it('[W3] one that no key at hand has sealed is not the one that the next was sealed over', async () => {
  const [one, two, three, four_] = await four()
  const stub = await sealed(2, one, 'ev-2', nobody)
  const unplaced = without(stub)
  const replaced = { fault: 'replaced', evidence_id: 'ev-2', seal_seq: 2, expected: two.head }
  expect(faultsOf([one, three, four_], { unplaced })).toMatchObject([
    { ...replaced, actual: stub.head, by: 'ev-3' },
  ])
  expect(faultsOf([one], { unplaced, remembered: [two] })).toMatchObject([
    { ...replaced, actual: stub.head, by: null },
  ])
  expect(walkSeries([], { unplaced, remembered: [two] })).toMatchObject([
    { server: signer.key_id, count: 0, faults: [replaced] },
  ])
  expect(faultsOf([one], { unplaced: without(two), remembered: [two] })).toEqual([])
})

it('[W5] a key that took over vouches for what it goes on from, by whichever key', async () => {
  const one = await sealed(1, null, 'ev-1', nobody)
  const second = await sealed(2, one, 'ev-2', nobody)
  const third = await sealed(3, second, 'ev-3', nobody)
  const fourth = await sealed(4, third)
  const fifth = await sealed(5, fourth)
  const here = [fourth, fifth]
  expect(faultsOf(here, { unplaced: without(one, second, third) })).toEqual([])
  expect(faultsOf([...here, one, second, third])).toEqual([])
  expect(faultsOf(here, { unplaced: without(one, third) })).toMatchObject([
    { fault: 'missing', evidence_id: 'ev-2', from: 2, by: 'ev-3' },
  ])
  expect(faultsOf(here, { unplaced: without(third) })).toMatchObject([
    { fault: 'missing', evidence_id: 'ev-2', by: 'ev-3' },
    { fault: 'missing', evidence_id: null, from: 1, to: 1 },
  ])
  const other = await sealed(2, one, 'ev-2', await newSigner(78))
  expect(faultsOf(here, { unplaced: without(one, other, third) })).toMatchObject([
    { fault: 'replaced', evidence_id: 'ev-2', expected: second.head, by: 'ev-3' },
  ])
})

it('[W5] a key that is taken back goes on counting too', async () => {
  const other = await newSigner(2)
  const one = await sealed(1, null)
  const two = await sealed(2, one, 'ev-2', other)
  const three = await sealed(3, two, 'ev-3', other)
  expect(faultsOf([one, two, three, await sealed(4, three)])).toEqual([])
})

it('[W7] a request is answered once in a series, also against what was remembered', async () => {
  const [one, two, three] = await four()
  const answer = (sha256: string) => [{ nonce: 'f'.repeat(32), sha256 }]
  const first = { ...one, decisions: answer('a') }
  const other = { ...three, decisions: answer('b') }
  expect(faultsOf([first, two, { ...three, decisions: answer('a') }])).toEqual([])
  expect(faultsOf([first, two, other])).toMatchObject([
    { fault: 'repeated', evidence_ids: ['ev-1', 'ev-3'] },
  ])
  const remembered = [{ ...two, decisions: answer('c') }]
  expect(faultsOf([first, two, three], { remembered })).toMatchObject([
    { fault: 'repeated', evidence_ids: ['ev-1', 'ev-2'] },
  ])
})

it('[W7] many requests that the same records answer otherwise are told in one sentence', async () => {
  const [one, two, three] = await four()
  const answers = (sha256: string, count: number) =>
    Array.from({ length: count }, (_, nth) => ({ nonce: `${nth}`, sha256 }))
  const all = [
    { ...three, decisions: answers('c', 1) },
    { ...two, decisions: answers('b', 8000) },
    { ...one, decisions: answers('a', 8000) },
  ]
  expect(faultsOf(all).map(({ message }) => message)).toEqual([
    'ev-1, ev-2 and ev-3 have different decisions that answer one request.',
    'ev-1 and ev-2 have different decisions that answer 7,999 requests.',
  ])
})

it('[W2] [W7] of very many records a few are named', async () => {
  const [one] = await four()
  const many = Array.from({ length: 8000 }, (_, nth) => ({
    ...one,
    evidence_id: `ev-${nth}`,
    run_id: `run-${nth}`,
    head: `${nth}`,
    decisions: [{ nonce: 'n', sha256: `${nth}` }],
  }))
  const said = faultsOf(many)
  expect(said.map(({ fault }) => fault)).toEqual(['forked', 'repeated'])
  for (const { message } of said)
    expect(message).toMatch(/^ev-0, ev-1, ev-10, ev-100, ev-1000 and 7,995 more /)
})

/** A run that `who` started, whose build failed, and one that repeats it and says that the build succeeded there. */
async function repeated(says: {
  run_id?: string
  starters?: string[]
  from?: string
  entry?: string
  artifact?: string
}) {
  const plan = {
    steps: [planStep('build', { artifacts: ['app'] }), planStep('test', { needs: ['build'] })],
  }
  const first = startRun(signer, plan, { actor: 'user:ann' })
  const done = first.step('build')
  first.step('test', { outcome: 'failed' })
  const one = await placedIn((await first.seal()).bytes)
  const { run_id = 'run-1', starters = ['user:ann'], from = 'ev-1' } = says
  const { entry = entryDigest('step', done), artifact = done.artifacts[0]?.sha256 ?? '' } = says
  const again = startRun(signer, plan, {
    evidence_id: 'ev-2',
    run_id: 'run-2',
    actor: 'user:oda',
    rerun_of: { run_id, starters },
  })
  again.step('build', {
    ...done,
    artifacts: [{ path: 'app', sha256: artifact, bytes: 3 }],
    salt: 'e'.repeat(32),
    taken_over: { evidence_id: from, seq: 1, entry },
  })
  again.step('test')
  const previous = { evidence_id: 'ev-1', head: one.head }
  const two = await again.seal({ seal_seq: 2, previous })
  return { one, two: await placedIn(two.bytes), records: new Map([['ev-1', await first.seal()]]) }
}

/** As a walk does it, with the records at hand. */
async function walked(placed: Placed[], records: ReadonlyMap<string, { bytes: Uint8Array }>) {
  const asked: string[] = []
  const differing = await compareTaken(placed, async ({ evidence_id }, taken) => {
    asked.push(evidence_id)
    const bytes = records.get(evidence_id)?.bytes
    if (bytes === undefined) return null
    const { entries } = await verifyEnvelope(bytes, { trust: [] })
    return entries && taken.map((one) => differingOf(one, entries))
  })
  return { asked, series: walkSeries(placed, { differing }) }
}

it('[W9] a rerun is what the record of the run that it repeats says', async () => {
  const { one, two, records } = await repeated({})
  expect(await walked([two, one], records)).toMatchObject({
    asked: ['ev-1'],
    series: [{ faults: [], open: [] }],
  })
})

it.each([
  ['leaves out who started it', { starters: ['user:oda'] }, 'ev-2 repeats run-1, which others'],
  ['names another run', { run_id: 'run-0' }, 'ev-2 took steps over from ev-1, the record of run-1'],
  ['took over from nowhere', { from: 'ev-9' }, 'ev-2 took steps over from ev-9, which is not here'],
  ['made up an entry', { entry: 'f'.repeat(64) }, 'ev-2 took build over from entry 1 of ev-1'],
  ['changed what it took', { artifact: 'f'.repeat(64) }, 'ev-2 took build over from entry 1'],
])('[W9] a rerun that %s is named', async (_, says, message) => {
  const { one, two, records } = await repeated(says)
  const { series } = await walked([one, two], records)
  expect(series).toMatchObject([{ faults: [{ fault: 'lineage', evidence_id: 'ev-2' }] }])
  expect(series[0]?.faults[0]?.message).toContain(message)
})

it('[W9] what cannot be compared is told, and is no fault', async () => {
  const { one, two, records } = await repeated({})
  const unplaced = [{ evidence_id: 'ev-1', says: one }]
  expect(walkSeries([two], { unplaced })).toMatchObject([
    {
      faults: [],
      open: [
        'ev-2 repeats run-1: who started that is the server’s word, since its record is not here; 1 step that it took over could not be compared.',
      ],
    },
  ])
  records.clear()
  expect((await walked([one, two], records)).series).toMatchObject([
    {
      faults: [
        { fault: 'lineage', message: 'ev-2 took steps over from ev-1, which was not there again.' },
      ],
    },
  ])
})

it('[W9] no record is asked for again that nobody took a step over from, and the others once', async () => {
  const { one, two, records } = await repeated({})
  const third = { ...two, evidence_id: 'ev-3', head: 'c'.repeat(64) }
  expect((await walked([one, two, third], records)).asked).toEqual(['ev-1'])
  expect((await walked([...(await four())], records)).asked).toEqual([])
})

it('[W9] a rerun takes over from what was sealed before it, and was to do the same', async () => {
  const records = await repeated({})
  const [one, two] = [records.one, records.two].map((record) => ({
    ...record,
    ran: { ...record.ran, root: '.' },
  }))
  if (one === undefined || two === undefined) throw new Error('no records')
  const f = 'f'.repeat(64)
  for (const [source, said] of [
    [{ ...one, ran: { ...one.ran, definition: f } }, 'another version or name'],
    [{ ...one, ran: { ...one.ran, inputs: f } }, 'other inputs'],
    [{ ...one, ran: { ...one.ran, kind: 'materialize' } }, 'another kind of run'],
    [{ ...one, ran: { ...one.ran, root: 'toys/always-green' } }, 'another root'],
    [{ ...one, ran: { ...one.ran, gates: f } }, 'other planned gates'],
    [{ ...one, ran: { ...one.ran, steps: f } }, 'other planned steps'],
    [{ ...one, seal_seq: 3 }, 'sealed after it'],
  ] as const)
    expect(
      faultsOf([source, two])
        .map(({ message }) => message)
        .join(),
    ).toContain(said)
})

it('[W9] a record from before roots were frozen accuses nobody, and that is told', async () => {
  const { one, two } = await repeated({})
  const rerun = { ...two, ran: { ...two.ran, root: '.' } }
  expect(walkSeries([one, rerun])).toMatchObject([
    { faults: [], open: [expect.stringContaining('ran in its root cannot be told')] },
  ])
})

it('[W9] other variables of a rerun are told: the server’s environment may be another by then', async () => {
  const { one, two } = await repeated({})
  const source = { ...one, ran: { ...one.ran, env: 'f'.repeat(64) } }
  expect(walkSeries([source, two])).toMatchObject([
    { faults: [], open: [expect.stringContaining('its plan has other variables')] },
  ])
})

it('[W2] two records of one run are a fork', async () => {
  const [one, two] = await four()
  const again = { ...two, run_id: one.run_id ?? '' }
  expect(faultsOf([one, again])).toMatchObject([
    { fault: 'forked', evidence_ids: ['ev-1', 'ev-2'] },
  ])
})

it('[W2] so are two records of one run under two keys, in a walk and against what is held', async () => {
  const other = await newSigner(2)
  const by = async (key: typeof signer, evidence_id: string, actor: string) => {
    const options = { evidence_id, run_id: 'run-1', actor }
    const run = startRun(key, { steps: [planStep('build')] }, options)
    run.step('build')
    return await run.seal()
  }
  const [first, second] = [
    await by(signer, 'ev-1', 'user:ann'),
    await by(other, 'ev-2', 'user:oda'),
  ]
  const one = await placedIn(first.bytes)
  expect(faultsOf([one, await placedIn(second.bytes, other)])).toMatchObject([
    {
      fault: 'forked',
      evidence_ids: ['ev-1', 'ev-2'],
      message: 'ev-1 and ev-2 are records of one run, run-1: 2 keys sealed 2 records of it.',
    },
  ])
  const trust = [pinned(signer), pinned(other)]
  const { claims } = await verifyEnvelope(second.bytes, { trust, previous: [one] })
  expect(claims.find(({ claim }) => claim === 'previous')).toMatchObject({
    code: 'fork',
    message: 'You hold another record of this run, ev-1: another key sealed that one.',
  })
})

it('[W9] [W5] a source of another key is held to the order that the series of both tell', async () => {
  const other = await newSigner(2)
  const { one, two } = await repeated({})
  const server = other.key_id
  const repeats = two.repeats && {
    ...two.repeats,
    taken: two.repeats.taken.map((taken) => ({ ...taken, evidence_id: 'ev-9' })),
  }
  const rerun = { ...two, repeats }
  const later = { ...one, evidence_id: 'ev-9', head: 'c'.repeat(64), server }
  const walk = (...placed: Placed[]) => {
    const series = walkSeries(placed)
    return {
      faults: series.flatMap(({ faults }) => faults).filter(({ fault }) => fault === 'lineage'),
      open: series.flatMap(({ open }) => open),
    }
  }
  // The key of the source took over from that of the rerun, with another one between.
  const before = { ...one, run_id: 'run-0' }
  const between = {
    ...(await sealed(3, two, 'ev-3', other)),
    previous: { evidence_id: rerun.evidence_id, head: rerun.head },
  }
  const source = { ...later, seal_seq: 4, previous: between }
  expect(walk(before, rerun, between, source)).toMatchObject({
    faults: [{ message: 'ev-2 took steps over from ev-9, which was sealed after it.' }],
  })
  // The other way round: honest.
  const first = { ...later, seal_seq: 1, previous: null }
  expect(walk(first, { ...rerun, seal_seq: 2, previous: first })).toEqual({ faults: [], open: [] })
  // Each counts for itself.
  const alone = walk(first, before, rerun)
  expect(alone.faults).toEqual([])
  expect(alone.open.join()).toContain('was sealed before it cannot be told')
})

it('[W9] a base that is not here, or has no place, cannot be told', async () => {
  const [one, two] = await four()
  const shown = { ...two, bases: [{ evidence_id: 'ev-9', head: 'd'.repeat(64) }] }
  for (const unplaced of [[], [{ evidence_id: 'ev-9', says: null }]])
    expect(walkSeries([one, shown], { unplaced })).toMatchObject([
      { faults: [], open: [expect.stringContaining('Whether ev-9 is what')] },
    ])
})

it('[W3] a base that a gate showed is the record that is here under its id', async () => {
  const [one, two] = await four()
  const shown = { ...two, bases: [{ evidence_id: 'ev-1', head: 'd'.repeat(64) }] }
  expect(faultsOf([one, { ...two, bases: [one] }])).toEqual([])
  expect(faultsOf([one, shown])).toMatchObject([
    {
      fault: 'resealed',
      evidence_id: 'ev-1',
      by: 'ev-2',
      message: 'ev-1 is another one than a gate of ev-2 showed a difference from.',
    },
  ])
})

const table = readSeriesTable()

it.each(table.series.map((one) => [one.rule, one.name, one.what, one] as const))(
  '[%s] frozen: %s, %s',
  async (_rule, _name, _what, one) => {
    expect(await walkedOver(walkOf(one, table))).toEqual(one.found)
  },
)

it('[W1] each frozen record is in a series', () => {
  const files = readdirSync(SERIES).filter((name) => name.endsWith('.envelope'))
  const used = table.series.flatMap(({ files, remembered }) => [...files, ...remembered])
  expect(files.toSorted()).toEqual([...new Set(used)].map((name) => `${name}.envelope`).toSorted())
})

it('those that README.md names are there, and it names them all', () => {
  const [, text = ''] = readFileSync(new URL('README.md', import.meta.url), 'utf8').split(
    /\n# (?:Series|Inputs)\n/,
  )
  const rows = text.split('\n').filter((line) => line.startsWith('| W'))
  const named = rows.flatMap((row) => row.split('|')[2]?.match(/(?<=`)[a-z0-9-]+(?=`)/g) ?? [])
  expect(named.toSorted()).toEqual(table.series.map(({ name }) => name).toSorted())
})
