import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Envelope } from '#contract/envelope.ts'
import { canonicalize, utf8 } from '#evidence/canonical.ts'
import { entriesOf, entryPreimage, linkDigest } from '#evidence/chain.ts'
import { sha256 } from '#evidence/digest.ts'
import { type Remaining } from '#evidence/remaining.ts'
import { type Trusted } from '#evidence/trust.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { newSigner, pinned, planGate, planStep, startRun } from './fixture.ts'
import { LONG_MS, SEED } from './seed.ts'

/*
 * Several things at once are done to a record by someone who has no key, and what is said of it is held against that. No key
 * is pinned, so that the chain alone tells.
 */

const signer = await newSigner()
const PARTS = 'abcdefghij'.split('').map((id, nth) => ({ id, isGate: nth % 4 === 3 }))
const plan = {
  steps: PARTS.flatMap(({ id, isGate }) => (isGate ? [] : planStep(id))),
  gates: PARTS.flatMap(({ id, isGate }) => (isGate ? planGate(id) : [])),
}
const run = startRun(signer, plan)
for (const { id, isGate } of PARTS)
  if (isGate) run.gate(id, { decisions: [{ approver: 'user:ann' }] })
  else run.step(id)
const { envelope: honest } = await run.seal()
const LAST = PARTS.length + 1

const HOWS = [
  'entry',
  'digest',
  'digest of another',
  'link',
  'entry, digest',
  'entry, digest, link',
  'out',
  'out, link',
  'torn',
] as const
type How = (typeof HOWS)[number]
type Done = ReadonlyMap<number, How>

function damaged(done: Done, isRead: boolean): Envelope {
  const document = structuredClone(honest)
  const { hash_chain } = document.integrity
  const known = new Map(hash_chain.links.map((link) => [link.seq, link]))
  const out = new Set<object>()
  const outOf = <T extends object>(list: readonly T[]): T[] => list.filter((one) => !out.has(one))
  const order: (string | null)[] = [...document.order]
  for (const { seq, kind, body } of entriesOf(document)) {
    const how = done.get(seq)
    const link = known.get(seq)
    if (how === undefined || link === undefined) continue
    if (how.startsWith('entry'))
      if ('outcome' in body) body.outcome = 'aborted'
      else if ('question' in body) body.question = 'Another?'
      else if ('argv' in body && 'duration_ms' in body) body.duration_ms = 1
    if (how === 'digest of another') link.entry = known.get(seq - 1)?.entry ?? ''
    else if (how.includes('digest'))
      link.entry = sha256(how === 'digest' ? 'x' : entryPreimage(kind, canonicalize(body)))
    if (how === 'link') link.link = sha256('y')
    if (how === 'entry, digest, link') {
      const prev = known.get(seq - 1)?.link ?? ''
      link.link = linkDigest({ seq, kind, prev, entry: link.entry })
    }
    if (how === 'torn') link.seq = -1
    if (how.startsWith('out')) {
      out.add(body)
      order[seq - 1] = null
    }
    if (how === 'out, link') out.add(link)
  }
  document.execution.steps = outOf(document.execution.steps)
  document.gates = outOf(document.gates)
  document.order = order.flatMap((kind) => (kind === 'step' || kind === 'gate' ? [kind] : []))
  hash_chain.links = outOf(hash_chain.links)
  if (!isRead) Object.assign(document, { note: 'not of a record' })
  return document
}

async function accountOf(done: Done, isRead: boolean): Promise<Remaining> {
  const bytes = utf8(canonicalize(damaged(done, isRead)))
  const { remaining } = await verifyEnvelope(bytes, { trust: [] })
  if (remaining === null) throw new Error('no account')
  return remaining
}

const isHit = (how: How | undefined) => how?.startsWith('entry') ?? false
const isGone = (how: How | undefined) => how?.startsWith('out') ?? false

function* faultsOf(found: Remaining, done: Done) {
  const changed = new Map(found.changed.map((place) => [place.seq, place]))
  const told = new Set([...found.changed, ...found.missing].map(({ seq }) => seq))
  const breaks = new Set(found.breaks.map(({ seq }) => seq))
  for (const [seq, { isOrLink }] of changed)
    if (!isHit(done.get(seq)) && !isGone(done.get(seq)) && !isOrLink)
      yield `${seq} is accused, and is whole`
  for (const [seq, how] of done) {
    if (how === 'entry' && !told.has(seq)) yield `${seq} is changed, and not told of`
    const [before, behind] = [done.get(seq - 1), done.get(seq + 1)]
    const isSure = before === undefined || before === 'entry' || before === 'out'
    if (how === 'entry' && isSure && changed.get(seq)?.isOrLink) yield `${seq} may not have changed`
    if (how === 'entry, digest' && before === undefined && behind === undefined && !breaks.has(seq))
      yield `${seq} is changed with its digest, and not told of`
  }
  const isCut = (how: How) => how === 'link' || how.includes('entry, digest')
  if (breaks.size > 0 && ![...done.values()].some(isCut)) yield 'the chain goes on'
}

const several = fc.record({
  done: fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: LAST }), fc.constantFrom(...HOWS)), {
    minLength: 1,
    maxLength: 3,
    selector: ([seq]) => seq,
  }),
  isRead: fc.boolean(),
})

it(
  '[V21] of several damages every changed entry is named, and none that is whole is said to be',
  async () => {
    await fc.assert(
      fc.asyncProperty(several, async ({ done, isRead }) => {
        const all = new Map(done)
        if (all.get(LAST)?.startsWith('out')) return
        const found = await accountOf(all, isRead)
        expect([...faultsOf(found, all)]).toEqual([])
      }),
      { seed: SEED, numRuns: Number(process.env['MUTANTS'] ?? 300) },
    )
  },
  LONG_MS,
)

it('[V21] where a pinned key has sealed the links it is the entry that was changed, whatever head is written', async () => {
  const document = damaged(new Map([[LAST, 'entry']]), true)
  const { closing, integrity } = document
  const { links } = integrity.hash_chain
  const entry = sha256(entryPreimage('closing', canonicalize(closing)))
  const prev = links[LAST - 1]?.link ?? ''
  const head = linkDigest({ seq: LAST, kind: 'closing', prev, entry })
  const changed = { ...document, integrity: { ...integrity, hash_chain: { links, head } } }
  const changedBy = async (trust: Trusted[]) =>
    (await verifyEnvelope(utf8(canonicalize(changed)), { trust })).remaining?.changed
  const place = { seq: LAST, kind: 'closing', where: '/closing' }
  expect(await changedBy([pinned(signer)])).toEqual([place])
  expect(await changedBy([])).toEqual([{ ...place, isOrLink: true }])
})
