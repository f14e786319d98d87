import { mkdirSync, writeFileSync } from 'node:fs'
import { type Previous, type StepEntry } from '#contract/envelope.ts'
import { entryDigest } from '#evidence/chain.ts'
import { sha256 } from '#evidence/digest.ts'
import {
  newSigner,
  planGate,
  planStep,
  type RunBuilder,
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
): RunBuilder & { done: StepEntry } {
  const run = startRun(by, plan, { actor: 'user:ann', ...options })
  const done = run.step('build')
  run.step('test', { outcome: 'failed' })
  return { ...run, done }
}
const { done } = failed()
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
  }: { from?: string; starters?: string[]; run_id?: string; built?: Partial<StepEntry> } = {},
): RunBuilder {
  const run = startRun(signer, plan, {
    evidence_id,
    run_id: `run-${evidence_id}`,
    rerun_of: { run_id, starters },
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
  return {
    'ev-2.rerun-first': rerun.bytes,
    'ev-1.source-later': from.bytes,
    'ev-1.source-later-by-another': fromAnother.bytes,
    'ev-3.after-rerun-by-another': between.bytes,
    'ev-1.source-last-by-another': (
      await failed({}, other).seal({ seal_seq: 3, previous: after(between) })
    ).bytes,
    'ev-1.source-by-another': byAnother.bytes,
    'ev-2.rerun-of-another-key': (
      await repeating('ev-2').seal({ seal_seq: 2, previous: after(byAnother) })
    ).bytes,
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
): void {
  series.push({ name, rule, what, files, remembered, found })
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

mkdirSync(SERIES, { recursive: true })
for (const [file, bytes] of Object.entries(FILES))
  writeFileSync(new URL(`${file}.envelope`, SERIES), bytes)
const trust = trustFileOf(signer, { server_keys: [signer, other].map((key) => serverKeyOf(key)) })
writeFileSync(new URL('table.json', SERIES), `${JSON.stringify({ trust, series }, null, 2)}\n`)
console.log(`${series.length} series of ${Object.keys(FILES).length} files`)
