import { mkdirSync, writeFileSync } from 'node:fs'
import { type Plan, type Previous, type StepEntry } from '#contract/envelope.ts'
import { entryDigest } from '#evidence/chain.ts'
import { sha256 } from '#evidence/digest.ts'
import {
  newSigner,
  planGate,
  planStep,
  type RunBuilder,
  sealContent,
  type Sealed,
  serverKeyOf,
  startRun,
  trustFileOf,
} from './fixture.ts'
import { SERIES, type SeriesTable } from './frozen-series.ts'

/*
 * Writes test/evidence/series: `node test/evidence/build-series.ts`. What stands there is frozen: a file is written anew
 * only where it is meant to be another one, and what is expected of a series is decided here, by hand.
 */

const signer = await newSigner()
const other = await newSigner(2)
/** Of whose key the reader has nothing. */
const nobody = await newSigner(77)

const after = (one: Sealed | null): Previous =>
  one && { evidence_id: one.envelope.evidence_id, head: one.envelope.integrity.hash_chain.head }

/** One that is in no folder. */
const gone = (seal_seq: number): Previous => ({
  evidence_id: `ev-${seal_seq}`,
  head: sha256(`ev-${seal_seq}`),
})

/** A record of one step, in its place. */
async function sealed(
  evidence_id: string,
  seal_seq: number,
  before: Sealed | null,
  { by = signer, ...over }: { by?: typeof signer; run_id?: string; title?: string } = {},
): Promise<Sealed> {
  const run = startRun(
    by,
    { steps: [planStep('build')] },
    { evidence_id, run_id: `run-${evidence_id}`, ...over },
  )
  run.step('build')
  return await run.seal({ seal_seq, previous: after(before) })
}

const one = await sealed('ev-1', 1, null)
const two = await sealed('ev-2', 2, one)
const three = await sealed('ev-3', 3, two)
const four = await sealed('ev-4', 4, three)
const handed = await sealed('ev-2', 2, one, { by: other })

/** Of two steps, the second of which fails; and what a rerun of it says of the first. */
const plan = {
  steps: [planStep('build', { artifacts: ['app'] }), planStep('test', { needs: ['build'] })],
}
function failed(
  options: Parameters<typeof startRun>[2] = {},
  by = signer,
  planned: Partial<Plan> = plan,
): RunBuilder & { done: StepEntry } {
  const run = startRun(by, planned, { actor: 'user:ann', ...options })
  const done = run.step('build')
  run.step('test', { outcome: 'failed' })
  return { ...run, done }
}
const { done } = failed()
const { definition } = failed().content().opening
const source = await failed().seal()
const [ofInputs, ofDefinition] = [
  await failed({ inputs: { version: '0.9.0' } }).seal(),
  await failed({ definition: { name: 'nightly', sha256: sha256('nightly') } }).seal(),
]

function repeating(
  evidence_id: string,
  {
    from = 'ev-1',
    starters = ['user:ann'],
    run_id = 'run-1',
    built = {},
    planned = plan,
    options = {},
  }: {
    from?: string
    starters?: string[]
    run_id?: string
    built?: Partial<StepEntry>
    planned?: Partial<Plan>
    options?: Parameters<typeof startRun>[2]
  } = {},
): RunBuilder {
  const run = startRun(signer, planned, {
    evidence_id,
    run_id: `run-${evidence_id}`,
    rerun_of: { run_id, starters },
    ...options,
  })
  run.step('build', {
    ...done,
    salt: sha256(evidence_id).slice(0, 32),
    taken_over: { evidence_id: from, seq: 1, entry: entryDigest('step', done) },
    ...built,
  })
  run.step('test')
  return run
}
const second = { seal_seq: 2, previous: after(source) }

/** A gate that a person answers by one request, each time otherwise. */
async function answered(
  evidence_id: string,
  seal_seq: number,
  before: Sealed | null,
  comment: string,
) {
  const run = startRun(
    signer,
    { steps: [planStep('build')], gates: [planGate('ship', { needs: ['build'] })] },
    { evidence_id, run_id: `run-${evidence_id}` },
  )
  run.step('build')
  run.gate('ship', { decisions: [{ approver: 'user:ann', nonce: 'ab'.repeat(16), comment }] })
  return await run.seal({ seal_seq, previous: after(before) })
}
const first = await answered('ev-1', 1, null, 'Yes.')

async function based(base: NonNullable<Previous>) {
  const run = startRun(
    signer,
    { steps: [planStep('build')], gates: [planGate('ship', { needs: ['build'] })] },
    { evidence_id: 'ev-2', run_id: 'run-ev-2' },
  )
  run.step('build')
  run.gate('ship', { shown: { base }, decisions: [{ approver: 'user:ann' }] })
  return await run.seal({ seal_seq: 2, previous: after(one) })
}

const damaged = Uint8Array.from(two.bytes)
damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1

const FILES: Record<string, Uint8Array> = {
  'ev-1': one.bytes,
  'ev-2': two.bytes,
  'ev-3': three.bytes,
  'ev-4': four.bytes,
  'ev-1.anew': (await sealed('ev-1', 1, null, { title: 'Another' })).bytes,
  'ev-2.anew': (await sealed('ev-2', 2, one, { title: 'Another' })).bytes,
  'ev-2.sealed-again': (await sealContent(two.content, signer, '2026-11-12T10:00:01.000Z')).bytes,
  'ev-2.damaged': damaged,
  'ev-2.of-nobody': (await sealed('ev-2', 2, one, { by: nobody })).bytes,
  'ev-2.of-another': handed.bytes,
  'ev-3.of-another': (await sealed('ev-3', 3, handed, { by: other })).bytes,
  'ev-7.number-2': (await sealed('ev-7', 2, one)).bytes,
  'ev-7.after-1': (await sealed('ev-7', 5, one)).bytes,
  'ev-7.of-another': (await sealed('ev-7', 2, one, { by: other })).bytes,
  'ev-5.after-2': (await sealed('ev-5', 5, two)).bytes,
  'ev-5.of-run-2': (await sealed('ev-5', 5, four, { run_id: 'run-ev-2' })).bytes,
  'ev-9.of-nobody': (await sealed('ev-9', 1, null, { by: nobody })).bytes,
  'ev-1.source': source.bytes,
  'ev-1.source-of-inputs': ofInputs.bytes,
  'ev-2.rerun-of-inputs': (await repeating('ev-2').seal({ seal_seq: 2, previous: after(ofInputs) }))
    .bytes,
  'ev-1.source-of-definition': ofDefinition.bytes,
  'ev-2.rerun-of-definition': (
    await repeating('ev-2').seal({ seal_seq: 2, previous: after(ofDefinition) })
  ).bytes,
  'ev-2.rerun': (await repeating('ev-2').seal(second)).bytes,
  'ev-2.rerun-without-ann': (await repeating('ev-2', { starters: ['user:oda'] }).seal(second))
    .bytes,
  'ev-2.rerun-from-nowhere': (await repeating('ev-2', { from: 'ev-8' }).seal(second)).bytes,
  'ev-2.rerun-of-another': (await repeating('ev-2', { run_id: 'run-0' }).seal(second)).bytes,
  'ev-2.rerun-changed': (
    await repeating('ev-2', {
      built: { artifacts: [{ path: 'app', sha256: sha256('evil'), bytes: 3 }] },
    }).seal(second)
  ).bytes,
  ...(await later()),
  ...(await otherwise()),
  ...(await ofNobody()),
  'ev-3.after-2-of-another': (await sealed('ev-3', 3, two, { by: other })).bytes,
  'ev-1.answered': first.bytes,
  'ev-2.answered': (await answered('ev-2', 2, first, 'No, no.')).bytes,
  'ev-2.based': (await based({ evidence_id: 'ev-1', head: after(one)?.head ?? '' })).bytes,
  'ev-2.based-on-another': (await based({ evidence_id: 'ev-1', head: sha256('another') })).bytes,
  'ev-2.based-on-none': (await based({ evidence_id: 'ev-8', head: sha256('ev-8') })).bytes,
}

/** A rerun that was sealed before what it takes over from. */
async function later() {
  const rerun = await repeating('ev-2').seal()
  const from = await failed().seal({ seal_seq: 2, previous: after(rerun) })
  const fromAnother = await failed({}, other).seal({ seal_seq: 2, previous: after(rerun) })
  const between = await sealed('ev-3', 2, rerun, { by: other })
  const byAnother = await failed({}, other).seal()
  const afterGone = await repeating('ev-2').seal({ seal_seq: 5, previous: gone(4) })
  return {
    'ev-2.rerun-first': rerun.bytes,
    'ev-1.source-later': from.bytes,
    'ev-1.source-later-by-another': fromAnother.bytes,
    'ev-3.after-rerun-by-another': between.bytes,
    'ev-1.source-last-by-another': (
      await failed({}, other).seal({ seal_seq: 3, previous: after(between) })
    ).bytes,
    'ev-8.of-another': (await sealed('ev-8', 1, null, { by: other })).bytes,
    'ev-2.rerun-after-gone': afterGone.bytes,
    'ev-1.source-after-that-by-another': (
      await failed({}, other).seal({ seal_seq: 6, previous: after(afterGone) })
    ).bytes,
    'ev-1.source-after-gone-by-another': (
      await failed({}, other).seal({ seal_seq: 6, previous: gone(5) })
    ).bytes,
    'ev-6.source': (await failed({ evidence_id: 'ev-6' }).seal({ seal_seq: 6, previous: gone(5) }))
      .bytes,
    'ev-1.source-by-another': byAnother.bytes,
    'ev-2.rerun-of-another-key': (
      await repeating('ev-2').seal({ seal_seq: 2, previous: after(byAnother) })
    ).bytes,
  }
}

/** A run, and reruns of it in which one thing is another, or that say another thing of it. */
async function otherwise() {
  const files: Record<string, Uint8Array> = {}
  const from = async (name: string, planned: Partial<Plan> = plan) => {
    const one = await failed({ definition }, signer, planned).seal()
    files[`ev-1.source-${name}`] = one.bytes
    return { seal_seq: 2, previous: after(one) }
  }
  const rerun = async (
    name: string,
    place: { seal_seq: number; previous: Previous },
    over: Parameters<typeof repeating>[1],
  ) => {
    const options = { definition, ...over?.options }
    files[`ev-2.rerun-${name}`] = (await repeating('ev-2', { ...over, options }).seal(place)).bytes
  }
  const taken = (over: Partial<NonNullable<StepEntry['taken_over']>>) => ({
    built: {
      taken_over: { evidence_id: 'ev-1', seq: 1, entry: entryDigest('step', done), ...over },
    },
  })
  const inRoot = await from('in-root', { ...plan, root: '.' })
  await rerun('in-root', inRoot, { planned: { ...plan, root: '.' } })
  await rerun('in-another-root', inRoot, { planned: { ...plan, root: 'tools' } })
  await rerun('without-root', inRoot, {})
  await rerun('with-root', second, { planned: { ...plan, root: '.' } })
  const variable = (env: Record<string, string>) => ({
    steps: plan.steps.map((step) => ({ ...step, env })),
  })
  const withVariable = await from('with-variable', variable({ TO: 'live' }))
  await rerun('of-another-value', withVariable, { planned: variable({ TO: 'test' }) })
  await rerun('of-another-variable', withVariable, { planned: variable({ OF: 'live' }) })
  await rerun('of-gates', second, { planned: { ...plan, gates: [planGate('ship')] } })
  await rerun('of-kind', second, { options: { kind: 'materialize' } })
  await rerun('from-no-entry', second, taken({ seq: 9 }))
  await rerun('from-the-opening', second, taken({ seq: 0 }))
  await rerun('from-another-entry', second, taken({ entry: sha256('an entry') }))
  const whole = startRun(signer, plan, {
    evidence_id: 'ev-2',
    run_id: 'run-ev-2',
    rerun_of: { run_id: 'run-1', starters: ['user:ann'] },
  })
  whole.step('build')
  whole.step('test')
  files['ev-2.rerun-whole'] = (await whole.seal({ seal_seq: 2, previous: after(one) })).bytes
  files['ev-1.source-much-later'] = (await failed().seal({ seal_seq: 5, previous: gone(4) })).bytes
  return files
}

/** What no key at hand has sealed, and what follows it. */
async function ofNobody() {
  const by = { by: nobody }
  const [first, source] = [await sealed('ev-1', 1, null, by), await failed({}, nobody).seal()]
  const third = await sealed('ev-3', 3, await sealed('ev-2', 2, first, by), by)
  return {
    'ev-1.of-nobody': first.bytes,
    'ev-1.source-of-nobody': source.bytes,
    'ev-2.rerun-of-nobody': (await repeating('ev-2').seal({ seal_seq: 2, previous: after(source) }))
      .bytes,
    'ev-3.of-nobody': third.bytes,
    'ev-4.after-nobody': (await sealed('ev-4', 4, third)).bytes,
    'ev-5.after-nobody': (await sealed('ev-5', 4, third)).bytes,
    'ev-8.of-nobody': (await sealed('ev-8', 1, null, by)).bytes,
  }
}

const series: SeriesTable['series'] = []
function expectIn(
  rule: string,
  name: string,
  what: string,
  files: string[],
  found: string[],
  remembered: string[] = [],
  together?: 'pinned' | 'offered',
): void {
  series.push({ name, rule, what, files, remembered, ...(together && { together }), found })
}

expectIn('W1', 'whole', 'four records, in whatever order', ['ev-3', 'ev-1', 'ev-4', 'ev-2'], [])
expectIn(
  'W1',
  'missing',
  'the second is gone',
  ['ev-1', 'ev-3', 'ev-4'],
  ['missing: ev-2, 2 to 2 by ev-3'],
)
expectIn(
  'W1',
  'missing-numbers',
  'all but the last are gone',
  ['ev-4'],
  ['missing: ev-3, 3 to 3 by ev-4', 'missing: unnamed, 1 to 2'],
)
expectIn(
  'W1',
  'newest-gone',
  'the last is gone, which the reader remembers',
  ['ev-1', 'ev-2', 'ev-3'],
  ['missing: ev-4, 4 to 4'],
  ['ev-4'],
)
expectIn(
  'W2',
  'sealed-twice',
  'the second has another seal than the reader remembers, over the same record',
  ['ev-1', 'ev-2.sealed-again', 'ev-3'],
  ['forked: ev-2 and ev-2, 2'],
  ['ev-1', 'ev-2', 'ev-3'],
)
expectIn(
  'W1',
  'all-gone',
  'nothing is here of what the reader remembers',
  [],
  ['missing: ev-4, 4 to 4'],
  ['ev-4'],
)
expectIn(
  'W2',
  'forked',
  'two records of one number',
  ['ev-1', 'ev-2', 'ev-7.number-2'],
  ['forked: ev-2 and ev-7, 2'],
)
expectIn(
  'W2',
  'forked-id',
  'two records of one id',
  ['ev-1', 'ev-1.anew', 'ev-2'],
  ['forked: ev-1 and ev-1, 1'],
)
expectIn(
  'W2',
  'forked-after',
  'two records after one',
  ['ev-1', 'ev-2', 'ev-3', 'ev-4', 'ev-7.after-1'],
  ['misplaced: ev-7, 5 by ev-7', 'forked: ev-2 and ev-7, 2'],
)
expectIn(
  'W2',
  'forked-by-another',
  'a second history by a second key',
  ['ev-1', 'ev-2', 'ev-7.of-another'],
  ['forked: ev-2 and ev-7, 2'],
)
expectIn(
  'W2',
  'forked-run',
  'two records of one run',
  ['ev-1', 'ev-2', 'ev-3', 'ev-4', 'ev-5.of-run-2'],
  ['forked: ev-2 and ev-5, 2'],
)
expectIn(
  'W3',
  'resealed',
  'the second was sealed anew',
  ['ev-1', 'ev-2.anew', 'ev-3'],
  ['resealed: ev-2, 2 by ev-3'],
)
expectIn(
  'W3',
  'resealed-since',
  'the newest was sealed anew since the reader saw it',
  ['ev-1', 'ev-2.anew'],
  ['resealed: ev-2, 2'],
  ['ev-2'],
)
expectIn(
  'W3',
  'replaced',
  'another, by no key at hand, stands in its place',
  ['ev-1', 'ev-2.of-nobody', 'ev-3'],
  ['replaced: ev-2, 2 by ev-3'],
)
expectIn('W3', 'based', 'a gate showed a difference from what is here', ['ev-1', 'ev-2.based'], [])
expectIn(
  'W3',
  'based-on-another',
  'a gate showed a difference from another record under that id',
  ['ev-1', 'ev-2.based-on-another'],
  ['resealed: ev-1, 1 by ev-2'],
)
expectIn(
  'W4',
  'misplaced',
  'number 5 follows number 2',
  ['ev-1', 'ev-2', 'ev-5.after-2'],
  ['misplaced: ev-5, 5 by ev-5', 'missing: unnamed, 3 to 3'],
)
expectIn(
  'W5',
  'handed-over',
  'a second key goes on counting',
  ['ev-1', 'ev-2.of-another', 'ev-3.of-another'],
  [],
)
expectIn(
  'W6',
  'damaged',
  'the second does not verify, and is not missing',
  ['ev-1', 'ev-2.damaged', 'ev-3'],
  [],
)
expectIn(
  'W7',
  'repeated',
  'one request is answered twice, each time otherwise',
  ['ev-1.answered', 'ev-2.answered'],
  ['repeated: ev-1 and ev-2'],
)
expectIn('W9', 'rerun', 'a rerun of what is here', ['ev-1.source', 'ev-2.rerun'], [])
expectIn(
  'W9',
  'rerun-without-ann',
  'a rerun that leaves out who started',
  ['ev-1.source', 'ev-2.rerun-without-ann'],
  ['lineage: ev-2 repeats run-1, which others started by its record, ev-1.'],
)
expectIn(
  'W9',
  'rerun-changed',
  'a rerun that changed what it took over',
  ['ev-1.source', 'ev-2.rerun-changed'],
  ['lineage: ev-2 took build over from entry 1 of ev-1, which is not what it says.'],
)
expectIn(
  'W9',
  'rerun-from-nowhere',
  'a rerun of what is not here',
  ['ev-1.source', 'ev-2.rerun-from-nowhere'],
  ['lineage: ev-2 took steps over from ev-8, which is not here.'],
)
expectIn(
  'W9',
  'rerun-of-another',
  'a rerun that names another run',
  ['ev-1.source', 'ev-2.rerun-of-another'],
  ['lineage: ev-2 took steps over from ev-1, the record of run-1, and says that it repeats run-0.'],
)
expectIn(
  'W9',
  'rerun-of-inputs',
  'a rerun of what had other inputs',
  ['ev-1.source-of-inputs', 'ev-2.rerun-of-inputs'],
  ['lineage: ev-2 took steps over from ev-1, which has other inputs.'],
)
expectIn(
  'W9',
  'rerun-of-definition',
  'a rerun of another definition',
  ['ev-1.source-of-definition', 'ev-2.rerun-of-definition'],
  ['lineage: ev-2 took steps over from ev-1, which has another version or name of the definition.'],
)
expectIn(
  'W9',
  'rerun-first',
  'a rerun sealed before what it repeats',
  ['ev-2.rerun-first', 'ev-1.source-later'],
  ['lineage: ev-2 took steps over from ev-1, which was sealed after it.'],
)
expectIn(
  'W9',
  'rerun-first-by-another',
  'the same, where another key took over and sealed what it repeats',
  ['ev-2.rerun-first', 'ev-1.source-later-by-another'],
  ['lineage: ev-2 took steps over from ev-1, which was sealed after it.'],
)
expectIn(
  'W9',
  'rerun-first-by-far',
  'the same, with a record between the two',
  ['ev-1.source-last-by-another', 'ev-3.after-rerun-by-another', 'ev-2.rerun-first'],
  ['lineage: ev-2 took steps over from ev-1, which was sealed after it.'],
)
expectIn(
  'W9',
  'rerun-handed-over',
  'a rerun by the key that took over from that of what it repeats',
  ['ev-1.source-by-another', 'ev-2.rerun-of-another-key'],
  [],
)
expectIn(
  'W9',
  'rerun-of-two-keys',
  'a rerun of what another key sealed, where neither follows the other',
  ['ev-1.source-by-another', 'ev-2.rerun-first'],
  [
    'open: ev-2 repeats run-1: whether the record that it took steps over from was sealed before it cannot be told: two keys sealed them, and nothing here leads from one to the other.',
  ],
)
expectIn(
  'W7',
  'answered-alike',
  'one record twice, and one request',
  ['ev-1.answered', 'ev-1.answered'],
  [],
)
expectIn(
  'W9',
  'based-on-none',
  'a base that is not here',
  ['ev-1', 'ev-2.based-on-none'],
  [
    'open: Whether ev-8 is what a gate of ev-2 showed a difference from cannot be told: it is not here.',
  ],
)
expectIn(
  'W10',
  'open',
  'a record without a place can be the one that nobody names',
  ['ev-1', 'ev-4', 'ev-9.of-nobody'],
  [
    'missing: ev-3, 3 to 3 by ev-4',
    'open: Whether number 2 is missing cannot be told: nothing that has a place is or names it, and 1 record without a place can be anything.',
  ],
)

// What is remembered, and what nobody is known to have sealed.
expectIn(
  'W1',
  'remembered',
  'all is here that is remembered',
  ['ev-1', 'ev-2'],
  [],
  ['ev-1', 'ev-2'],
)
expectIn(
  'W1',
  'newest-gone-of-two-keys',
  'what is remembered of one key is gone, and is told with that key alone',
  ['ev-1', 'ev-2.of-another'],
  ['missing: ev-4, 4 to 4'],
  ['ev-4'],
)
expectIn(
  'W6',
  'damaged-remembered',
  'the second is remembered, and what is here of it does not verify',
  ['ev-1', 'ev-2.damaged', 'ev-3'],
  [],
  ['ev-2'],
)
expectIn(
  'W6',
  'of-nobody-named-otherwise',
  'what no key at hand has sealed stands in the place of another, and is none of those that nobody names',
  ['ev-2.of-nobody', 'ev-3'],
  ['replaced: ev-2, 2 by ev-3', 'missing: unnamed, 1 to 1'],
)
expectIn(
  'W6',
  'of-nobody-named-twice',
  'two records follow one that no key at hand has sealed, and what it follows is gone',
  ['ev-3.of-nobody', 'ev-4.after-nobody', 'ev-5.after-nobody'],
  ['missing: ev-2, 2 to 2 by ev-3', 'missing: unnamed, 1 to 1', 'forked: ev-4 and ev-5, 4'],
)
expectIn(
  'W10',
  'open-but-remembered',
  'a record without a place, and the reader remembers the one that nobody names',
  ['ev-1', 'ev-4', 'ev-9.of-nobody'],
  ['missing: ev-3, 3 to 3 by ev-4', 'missing: ev-2, 2 to 2'],
  ['ev-2'],
)
expectIn(
  'W10',
  'open-beside-remembered',
  'a record without a place, and the reader remembers others than the one that nobody names',
  ['ev-1', 'ev-4', 'ev-9.of-nobody'],
  [
    'missing: ev-3, 3 to 3 by ev-4',
    'open: Whether number 2 is missing cannot be told: nothing that has a place is or names it, and 1 record without a place can be anything.',
  ],
  ['ev-1', 'ev-4'],
)
expectIn(
  'W10',
  'unplaced-remembered',
  'a record without a place that the reader remembers, so that it is not the one that nobody names',
  ['ev-1', 'ev-4', 'ev-9.of-nobody'],
  ['missing: ev-3, 3 to 3 by ev-4', 'missing: unnamed, 2 to 2'],
  ['ev-9.of-nobody'],
)
expectIn(
  'W5',
  'handed-over-later',
  'a second key takes over at number 3',
  ['ev-1', 'ev-2', 'ev-3.after-2-of-another'],
  [],
)
expectIn(
  'W5',
  'handed-over-of-another',
  'a second key takes over from what is not what is here, so that nobody knows what was before it',
  ['ev-1', 'ev-2.anew', 'ev-3.after-2-of-another'],
  [
    'resealed: ev-2, 2 by ev-3',
    'open: Whether number 1 is missing cannot be told: ev-3 follows ev-2, which could not be had, and a record of another key is or names such a number.',
  ],
)
expectIn(
  'W7',
  'answered-as-remembered',
  'the very record that is remembered, with its request',
  ['ev-1.answered'],
  [],
  ['ev-1.answered'],
)

// Reruns.
const RERUN = 'lineage: ev-2 took steps over from ev-1, which has'
const OPEN = 'open: ev-2 repeats run-1: '
for (const [name, what, files, found] of [
  ['rerun-in-root', 'a rerun in the same root', ['source-in-root', 'rerun-in-root'], []],
  [
    'rerun-in-another-root',
    'a rerun in another root',
    ['source-in-root', 'rerun-in-another-root'],
    [`${RERUN} another root.`],
  ],
  ...(
    [
      ['rerun-without-root', 'a rerun without a root', ['source-in-root', 'rerun-without-root']],
      ['rerun-with-root', 'a rerun of what had no root', ['source', 'rerun-with-root']],
    ] as const
  ).map(
    ([name, what, files]) =>
      [
        name,
        what,
        files,
        [
          `${OPEN}whether the steps that it took over ran in its root cannot be told: one of the two records has none.`,
        ],
      ] as const,
  ),
  [
    'rerun-of-another-value',
    'a rerun with another value of a variable',
    ['source-with-variable', 'rerun-of-another-value'],
    [
      `${OPEN}its plan has other variables than the record that it took steps over from, and whether those are of the server’s environment is not on record.`,
    ],
  ],
  [
    'rerun-of-another-variable',
    'a rerun with another variable',
    ['source-with-variable', 'rerun-of-another-variable'],
    [`${RERUN} other planned steps.`],
  ],
  [
    'rerun-of-gates',
    'a rerun with another gate',
    ['source', 'rerun-of-gates'],
    [`${RERUN} other planned gates.`],
  ],
  [
    'rerun-of-kind',
    'a rerun of another kind',
    ['source', 'rerun-of-kind'],
    [`${RERUN} another kind of run.`],
  ],
  ...(
    [
      ['rerun-from-no-entry', 'a rerun of an entry that is not there', 9],
      ['rerun-from-the-opening', 'a rerun of an entry that is no step', 0],
      ['rerun-from-another-entry', 'a rerun of an entry with another digest', 1],
    ] as const
  ).map(
    ([name, what, seq]) =>
      [
        name,
        what,
        ['source', name],
        [`lineage: ev-2 took build over from entry ${seq} of ev-1, which is not what it says.`],
      ] as const,
  ),
] as const)
  expectIn(
    'W9',
    name,
    what,
    files.map((file, index) => `ev-${index + 1}.${file}`),
    [...found],
  )
expectIn(
  'W9',
  'rerun-whole',
  'a rerun that took nothing over, of what is not here',
  ['ev-1', 'ev-2.rerun-whole'],
  [`${OPEN}who started that is the server’s word, since its record is not here.`],
)
expectIn(
  'W9',
  'rerun-of-nobody',
  'a rerun of what no key at hand has sealed',
  ['ev-1.source-of-nobody', 'ev-2.rerun-of-nobody'],
  [
    `${OPEN}who started that is the server’s word, since its record is not here; 1 step that it took over could not be compared.`,
  ],
)
expectIn(
  'W9',
  'rerun-first-by-number',
  'a rerun sealed before what it repeats, and those between are gone',
  ['ev-2.rerun-first', 'ev-1.source-much-later'],
  [
    'missing: ev-4, 4 to 4 by ev-1',
    'missing: unnamed, 2 to 3',
    'lineage: ev-2 took steps over from ev-1, which was sealed after it.',
  ],
)
const LATER = 'lineage: ev-2 took steps over from ev-1, which was sealed after it.'
for (const [name, what, files, found] of [
  [
    'rerun-first-beside-another',
    'a rerun sealed before what it repeats by another key, which sealed something else before',
    ['ev-8.of-another', 'ev-2.rerun-first', 'ev-1.source-later-by-another'],
    [LATER],
  ],
  [
    'rerun-first-after-gone',
    'the same, where what both follow is gone',
    ['ev-2.rerun-after-gone', 'ev-1.source-after-that-by-another'],
    ['missing: ev-4, 4 to 4 by ev-2', 'missing: unnamed, 1 to 3', LATER],
  ],
  [
    'rerun-of-two-keys-after-gone',
    'a rerun of what another key sealed after what is gone, so that neither follows the other',
    ['ev-1.source-after-gone-by-another', 'ev-2.rerun-first'],
    [
      `${OPEN}whether the record that it took steps over from was sealed before it cannot be told: two keys sealed them, and nothing here leads from one to the other.`,
      'missing: ev-5, 5 to 5 by ev-1',
      'missing: unnamed, 2 to 4',
      'open: Whether number 1 is missing cannot be told: ev-1 follows ev-5, which could not be had, and a record of another key is or names such a number.',
    ],
  ],
] as const)
  expectIn('W9', name, what, [...files], [...found])
expectIn(
  'W9',
  'based-on-nobody',
  'a base that no key at hand has sealed',
  ['ev-1.of-nobody', 'ev-2.based'],
  [
    'replaced: ev-1, 1 by ev-2',
    'open: Whether ev-1 is what a gate of ev-2 showed a difference from cannot be told: it has no place.',
  ],
)

// Given together.
const FORK = 'fork /integrity/hash_chain/head'
for (const [name, what, files, found, trust = 'pinned'] of [
  [
    'together',
    'two that follow each other',
    ['ev-1', 'ev-2'],
    ['2: follows-held /closing/previous'],
  ],
  ['together-part', 'what is not among them is not missing', ['ev-1', 'ev-4'], []],
  ['together-twice', 'one file twice', ['ev-1', 'ev-1'], []],
  ['together-damaged', 'one that does not verify accuses none', ['ev-1', 'ev-2.damaged'], []],
  [
    'together-forked',
    'two in one place, of which neither is the true one',
    ['ev-1', 'ev-2', 'ev-7.number-2'],
    [`2: ${FORK}`, `3: ${FORK}`, 'forked: ev-2 and ev-7, 2'],
  ],
  [
    'together-forked-id',
    'two of one id',
    ['ev-1', 'ev-1.anew'],
    [`1: ${FORK}`, `2: ${FORK}`, 'forked: ev-1 and ev-1, 1'],
  ],
  [
    'together-forked-run',
    'two of one run',
    ['ev-2', 'ev-5.of-run-2'],
    [`1: ${FORK}`, `2: ${FORK}`, 'forked: ev-2 and ev-5, 2'],
  ],
  [
    'together-forked-after',
    'two after one, which is not among them',
    ['ev-2', 'ev-7.after-1'],
    [`1: ${FORK}`, `2: ${FORK}`, 'forked: ev-2 and ev-7, 2'],
  ],
  [
    'together-resealed',
    'one that is not what the other was sealed over',
    ['ev-2.anew', 'ev-3'],
    [`1: ${FORK}`, '2: previous-differs /closing/previous', 'resealed: ev-2, 2 by ev-3'],
  ],
  [
    'together-of-one-number',
    'another one of the number before it',
    ['ev-7.number-2', 'ev-3'],
    ['2: previous-differs /closing/previous'],
  ],
  [
    'together-handed-over',
    'one that follows the record of another key',
    ['ev-1', 'ev-2.of-another'],
    ['2: follows-held /closing/previous'],
  ],
  [
    'together-replaced',
    'what no key at hand has sealed, in the place of what one was sealed over',
    ['ev-2.of-nobody', 'ev-3'],
    ['1: place-unsealed /closing/previous', 'replaced: ev-2, 2 by ev-3'],
  ],
  [
    'together-rerun-part',
    'a rerun without what it repeats, which is not missing',
    ['ev-2.rerun'],
    [
      `${OPEN}who started that is the server’s word, since its record is not here; 1 step that it took over could not be compared.`,
    ],
  ],
  [
    'together-rerun-whole',
    'a rerun that took nothing over, and what it repeats',
    ['ev-2.rerun-whole', 'ev-6.source'],
    ['1: lineage-agrees /opening/rerun_of'],
  ],
  [
    'together-answered',
    'a request that is answered in both, each time otherwise',
    ['ev-1.answered', 'ev-2.answered'],
    [
      '1: nonce-repeated ship /gates/0/decisions/0/decision',
      '2: nonce-repeated ship /gates/0/decisions/0/decision',
      '2: follows-held /closing/previous',
      'repeated: ev-1 and ev-2',
    ],
  ],
  [
    'together-rerun',
    'a rerun, and what it repeats and took over from',
    ['ev-2.rerun', 'ev-1.source'],
    ['1: follows-held /closing/previous'],
  ],
  [
    'together-rerun-without-ann',
    'a rerun that leaves out who started what it repeats',
    ['ev-2.rerun-without-ann', 'ev-1.source'],
    [
      '1: lineage-differs /opening/rerun_of',
      '1: follows-held /closing/previous',
      'lineage: ev-2 repeats run-1, which others started by its record, ev-1.',
    ],
  ],
  [
    'together-rerun-changed',
    'a rerun that changed what it took over, which the walk alone finds',
    ['ev-2.rerun-changed', 'ev-1.source'],
    [
      '1: follows-held /closing/previous',
      'lineage: ev-2 took build over from entry 1 of ev-1, which is not what it says.',
    ],
  ],
  [
    'together-based-on-another',
    'a base that is another record than is shown',
    ['ev-1', 'ev-2.based-on-another'],
    [
      '2: shown-differs ship /gates/0/shown/base',
      '2: follows-held /closing/previous',
      'resealed: ev-1, 1 by ev-2',
    ],
  ],
  [
    'together-sealed-twice',
    'one record with two seals, which are of different times',
    ['ev-1', 'ev-2', 'ev-2.sealed-again', 'ev-3'],
    [
      '2: fork /integrity/seal/payload',
      '3: fork /integrity/seal/payload',
      '4: follows-held /closing/previous',
      'forked: ev-2 and ev-2, 2',
    ],
  ],
  [
    'together-of-nobody',
    'what no key at hand has sealed accuses none',
    ['ev-1', 'ev-2', 'ev-2.of-nobody'],
    ['2: follows-held /closing/previous', '3: place-unsealed /closing/previous'],
  ],
  [
    'together-of-offered',
    'a key that is only offered accuses no record by a pinned one, and is accused by it',
    ['ev-1', 'ev-2', 'ev-2.of-nobody'],
    ['2: follows-held /closing/previous', `3: ${FORK}`],
    'offered',
  ],
  [
    'together-of-offered-alone',
    'two by a key that is only offered, in one place',
    ['ev-8.of-nobody', 'ev-9.of-nobody'],
    [`1: ${FORK}`, `2: ${FORK}`, 'forked: ev-8 and ev-9, 1'],
    'offered',
  ],
] as const)
  expectIn('W11', name, what, [...files], [...found], [], trust)

mkdirSync(SERIES, { recursive: true })
for (const [file, bytes] of Object.entries(FILES))
  writeFileSync(new URL(`${file}.envelope`, SERIES), bytes)
const trust = trustFileOf(signer, { server_keys: [signer, other].map((key) => serverKeyOf(key)) })
const offered = trustFileOf(nobody)
writeFileSync(
  new URL('table.json', SERIES),
  `${JSON.stringify({ trust, offered, series }, null, 2)}\n`,
)
console.log(`${series.length} series of ${Object.keys(FILES).length} files`)
