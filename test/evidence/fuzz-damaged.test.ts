import fc from 'fast-check'
import { expect, it } from 'vitest'
import { canonicalize } from '#evidence/canonical.ts'
import { entriesOf } from '#evidence/chain.ts'
import { type Remaining } from '#evidence/remaining.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { newSigner, pinned, planGate, planStep, type Sealed, startRun } from './fixture.ts'
import { newPasskey } from './passkey.ts'
import { LONG_MS, SEED } from './seed.ts'

/*
 * One damage, anywhere in a record of some length, and all that is said of it held against what was done. An entry is hit
 * where its bytes stand nowhere in the file any more. `npm run test:fuzz` does more of them.
 */

const DAMAGES = Math.ceil(Number(process.env['MUTANTS'] ?? 900) / 6)
/** The small form walks the same way each time. */
const WALK = process.env['MUTANTS'] === undefined && process.env['SEED'] === undefined ? 1 : SEED
const signer = await newSigner()
const ann = newPasskey('ann')
const trust = [pinned(signer, { approvers: [ann.approver] })]
/** One byte a character, which no decoder of the Web’s is: its `latin1` has another character for some. */
const ofBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')

/** One behind the other: a letter is a step or a gate. */
async function recordOf(parts: string): Promise<Known> {
  const named = parts
    .split('')
    .map((kind, nth) => ({ kind, id: `part-${'abcdef'[nth % 6]}${nth}` }))
  const before = named.map(({ id }) => id)
  const needs = (nth: number) => before.slice(Math.max(0, nth - 1), nth)
  const run = startRun(signer, {
    steps: named.flatMap(({ kind, id }, nth) =>
      kind === 'S'
        ? planStep(id, { needs: needs(nth), artifacts: nth % 3 === 0 ? [`out/${id}.tgz`] : [] })
        : [],
    ),
    gates: named.flatMap(({ kind, id }, nth) =>
      kind === 'G' ? planGate(id, { needs: needs(nth), policy: { sign: 'passkey' } }) : [],
    ),
  })
  for (const { kind, id } of named)
    if (kind === 'S') run.step(id)
    else run.gate(id, { decisions: [{ approver: 'ann', sign: ann.sign }] })
  return knownOf(await run.seal())
}

type Known = {
  text: string
  links: readonly string[]
  seal: string
  head: string
  entries: readonly Spanned[]
}
type Spanned = { seq: number; kind: string; where: string; id: string | undefined } & {
  own: string
  from: number
  to: number
}

function knownOf({ bytes, envelope }: Sealed): Known {
  const text = ofBytes(bytes)
  const { hash_chain, seal } = envelope.integrity
  const entries = [...entriesOf(envelope)].map(({ seq, kind, where, body }) => {
    const own = canonicalize('opening' in body ? body.opening : body)
    const from = text.indexOf(own)
    const id = 'step_id' in body ? body.step_id : undefined
    return { seq, kind, where, id, own, from, to: from + own.length }
  })
  const links = hash_chain.links.map((link) => canonicalize(link))
  return { text, links, seal: canonicalize(seal), head: `"head":"${hash_chain.head}"`, entries }
}

const PARTS = ['SSGSSS', 'SSSSSSSSSSSSS', 'SGSSGGSSGS', 'SSGSSSSSGSGSSSSSSSGGSSSSSGSSGSSGSSSSSGSS']
const records = new Map(
  await Promise.all(PARTS.map(async (parts) => [parts, await recordOf(parts)] as const)),
)

const KINDS = ['byte', 'zeros', 'noise', 'cut', 'double', 'entry out', 'entry twice'] as const
const damage = fc.record({
  parts: fc.constantFrom(...PARTS),
  kind: fc.constantFrom(...KINDS),
  /** Some of them near the edge of an entry, where most goes wrong. */
  at: fc.oneof(fc.nat(), fc.record({ entry: fc.nat(), edge: fc.integer({ min: -3, max: 3 }) })),
  length: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.nat(100), fc.nat(4000)),
  bytes: fc.uint8Array({ minLength: 16, maxLength: 16 }),
})

type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never

function damaged({ text, entries }: Known, { kind, at, length, bytes }: Damage): string {
  const place = typeof at === 'number' ? at % text.length : edgeOf(entries, at)
  const end = Math.min(text.length, place + length)
  const put = (from: number, to: number, by: string) => text.slice(0, from) + by + text.slice(to)
  const step = entries.filter((one) => one.kind === 'step')[(length % 5) + 1]
  const element = step && text.slice(step.from - 1, step.to)
  switch (kind) {
    case 'byte':
      return put(place, place + 1, ofBytes(bytes.subarray(0, 1)))
    case 'zeros':
      return put(place, end, '\0'.repeat(end - place))
    case 'noise':
      return put(place, end, ofBytes(bytes).repeat(1 + Math.floor((end - place) / bytes.length)))
    case 'cut':
      return put(place, end, '')
    case 'double':
      return put(end, end, text.slice(place, end))
    case 'entry out':
      return step ? put(step.from - 1, step.to, '') : text
    case 'entry twice':
      return step && element ? put(step.to, step.to, element) : text
  }
}

const edgeOf = (entries: Known['entries'], { entry, edge }: { entry: number; edge: number }) => {
  const { from = 0, to = 0 } = entries[entry % entries.length] ?? {}
  return Math.max(0, (entry % 2 === 0 ? from : to) + edge)
}

const IDS = [
  '"evidence_id":"ev-1","execution"',
  '"run_id":"run-1","schema":"runseal/evidence-envelope/1"}',
]

// As where `"kind":"x"` that is doubled ends a name that was cut.
const OTHER_IDS = /\],"run_id":"(?!run-1")|\},"evidence_id":"(?!ev-1")/

/** What of an account is not so. */
function* faultsOf(found: Remaining, { entries, links, seal, head }: Known, text: string) {
  const isHere = (own: string) => text.includes(own)
  const hit = new Set(entries.filter(({ own }) => !isHere(own)).map(({ seq }) => seq))
  const unread = new Set(links.flatMap((link, seq) => (isHere(link) ? [] : [seq])))
  // The opening is linked with the ids.
  const isRenamed = !IDS.every(isHere) || OTHER_IDS.test(text)
  const told = [...found.changed, ...found.missing]
  const seqs = new Set(told.map(({ seq }) => seq))
  for (const seq of seqs)
    if (!hit.has(seq) && !(seq === 0 && isRenamed)) yield `entry ${seq} is accused, and is whole`
  for (const seq of hit)
    if (!seqs.has(seq) && !unread.has(seq)) yield `entry ${seq} is hit, and not told of`
  const places = [...told, ...found.beside, ...(found.broken ? [found.broken] : [])]
  for (const { seq, kind, where, step_id } of places) {
    const entry = entries[seq]
    if (entry?.kind !== kind) yield `entry ${seq} is no ${kind}`
    const isAnother = step_id !== entry?.id && entries.some(({ id }) => id === step_id)
    if (step_id !== undefined && isAnother) yield `entry ${seq} is called ${step_id}`
    const own = [entry?.where, `/integrity/hash_chain/links/${seq}`]
    if (!own.includes(where)) yield `entry ${seq} is said to be at ${where}`
  }
  if (found.entries === 0) return
  const first = Math.min(...hit, Infinity)
  if (found.intact > first) yield `${found.intact} are called intact`
  const { seq: breaks = Infinity } = found.broken ?? {}
  if (breaks > first) yield `it breaks at ${first}, and not at ${breaks}`
  const least = isRenamed
    ? 0
    : Math.min(first, ...unread, isHere(head) ? Infinity : links.length - 1)
  if (breaks < least) yield `it breaks at ${least}, and not at ${breaks}`
  for (const { step_id, upTo } of found.frozen)
    if (entries[upTo + 1]?.id !== step_id || first <= upTo)
      yield `${upTo} entries are called frozen`
  const isIntact = unread.size === 0 && !isRenamed
  if (isIntact && isHere(seal) && !found.sealed) yield 'its seal is not told'
  if (found.sealed && seqs.size < hit.size) yield `more are called sealed than are`
}

it(
  '[V21] of whatever is damaged what is hit is named, by its own name and place, and nothing else is',
  async () => {
    await fc.assert(
      fc.asyncProperty(damage, async (done) => {
        const of = records.get(done.parts)
        const text = of && damaged(of, done)
        if (text === of?.text || text === undefined || of === undefined) return
        const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0))
        const { verdict, remaining } = await verifyEnvelope(bytes, { trust })
        expect(['does not verify', 'not an envelope']).toContain(verdict)
        if (remaining === null) throw new Error('no account')
        expect([...faultsOf(remaining, of, text)]).toEqual([])
        if (text.length === of.text.length && of.links.every((link) => text.includes(link)))
          expect(remaining.added).toEqual([])
      }),
      { seed: WALK, numRuns: DAMAGES },
    )
  },
  LONG_MS,
)
