import {
  type Decision,
  type GateEntry,
  type Plan,
  type PlanGate,
  type RecordedDecision,
} from '#contract/envelope.ts'
import { type GateOutcome } from '#contract/status.ts'
import { canonicalize } from './canonical.ts'
import { type Entry } from './chain.ts'
import { beginningOf, type Claim, claimOf, fails, firstOf, firstOfEachSort } from './claims.ts'
import { counted, fewOf } from './counted.ts'
import { digestOf, sha256 } from './digest.ts'
import { checkFourEyes, startersOf } from './four-eyes.ts'
import { peopleOf, usersOf } from './people.ts'
import { type HeldEnvelope } from './place.ts'
import { shellForGate, shellForOutcome } from './redo.ts'
import { type Begun, MOST_UNTOLD, untoldRunning } from './running.ts'
import { checkSignatures, type Gated } from './signed.ts'
import { type Approvers, approversIn, pinnedApprovers, type Trusted } from './trust.ts'

/**
 * One after the other, what the record of each gate claims: that its decisions are about this question and what the
 * run had done until then, who signed them, and that nobody approved his own run.
 */
export async function* checkGates(
  envelope: Gated,
  met: Met,
  /** Recomputed, by seq. */
  links: readonly string[],
  reader: Reader,
  /** Told between two gates after so much work: one of them can take as long as many entries. */
  onGates: () => Promise<void>,
): AsyncGenerator<Claim> {
  if (met.gates.length === 0) return
  const places = placesOf(envelope, met, links)
  const starters = startersOf(envelope, reader.previous)
  const nonces: Nonces = { held: heldBy(reader.previous), here: new Set() }
  const approvers = approversIn(reader.trust)
  const held = Map.groupBy(reader.previous, ({ evidence_id }) => evidence_id)
  const isListed = firstOfEachSort(envelope.opening.plan.gates)
  const resolved = new Map<string, number>()
  let work = 0
  let told = 0
  for (const entry of met.gates) {
    const { body: gate, where } = entry
    // Resolved twice, or in no plan, the record is none already: what is found of the hundredth says no more.
    const of = places.asked.has(gate.step_id) ? gate.step_id : ''
    const before = resolved.get(of) ?? 0
    if (before >= MOST_RESOLUTIONS) continue
    resolved.set(of, before + 1)
    work += workOf(gate)
    if (work >= WORK_A_BREATH) {
      await onGates()
      work = 0
    }
    const crowd = tooMany(gate, where)
    if (crowd !== null) {
      if (isListed(crowd)) yield crowd
      continue
    }
    const shown = canonicalize(gate.shown)
    const shown_sha256 = sha256(shown)
    const bases = [...ofBase(envelope, gate, where, held)]
    const faults = [
      ...firstOf(gateFaults(envelope, entry, shown_sha256, places, nonces, approvers)),
      ...bases.filter(fails),
    ]
    const digested = digestedIn(entry, shown)
    const toldWith = (claim: Claim): Claim => {
      if (!fails(claim) || claim.preimage !== undefined || told >= MOST_TOLD) return claim
      const preimage = digested(claim.where)
      if (preimage === undefined) return claim
      told += 1
      return { ...claim, preimage }
    }
    const unknown = faults.length > 0 ? undefined : approverUnknown(gate, approvers)
    const found =
      faults.length > 0
        ? faults
        : [
            claimOf(unknown === undefined ? 'gate-recorded' : 'approver-unknown', {
              where,
              step_id: gate.step_id,
              message:
                sentence(gate, places, approvers) +
                (unknown === undefined
                  ? ''
                  : ` Its policy admits people by name, and whose ${unknown} is you did not pin.`),
              ...redoneOf(gate, shown, where, places),
            }),
          ]
    for (const claim of found) if (isListed(claim)) yield toldWith(claim)
    yield* bases.filter((one) => !fails(one))
    const upTo = upToSaid(gate.shown.chain_head_before, places)
    for await (const signed of checkSignatures(envelope, gate, where, approvers, upTo)) {
      const claim = boundOnly(envelope, { gate, shown_sha256, where }, signed, places)
      if (isListed(claim)) yield toldWith(claim)
    }
    if (!gate.policy.four_eyes) continue
    const claim = checkFourEyes(starters, gate, where, approvers)
    if (isListed(claim)) yield claim
  }
}

/** Of one gate, or of all that no plan has. */
const MOST_RESOLUTIONS = 100

/** Of claims that do not verify, with what is digested where they are: each of many gates may have one of each sort. */
const MOST_TOLD = 100

/** About: a signature takes as long as many names. */
const workOf = ({ decisions, shown, policy }: GateEntry): number =>
  A_GATE +
  A_SIGNATURE * decisions.length +
  shown.artifacts.length +
  shown.running.length +
  policy.users.length +
  policy.inputs.length
const A_GATE = 16
const A_SIGNATURE = 32
const WORK_A_BREATH = 4096

/** What the reader has: whom they pinned, and the envelopes that they verified before. */
export type Reader = {
  readonly trust: readonly Trusted[]
  readonly previous: readonly HeldEnvelope[]
  /** Ids of sealing keys that they refused. */
  readonly refusedKeys: readonly string[]
}

/** Requests that were answered: in what the reader holds, with the digest of the decision, and so far in this record. */
type Nonces = { readonly held: ReadonlyMap<string, string>; readonly here: Set<string> }

const heldBy = (held: readonly HeldEnvelope[]): ReadonlyMap<string, string> =>
  new Map(
    held.flatMap(({ decisions = [] }) => decisions.map(({ nonce, sha256 }) => [nonce, sha256])),
  )

type GateAt = Extract<Entry, { kind: 'gate' }>

/** What the gates of a record are held to, gathered from its entries as they come. */
type Met = {
  readonly gates: GateAt[]
  /** Of a step that succeeded or a gate, by its id. */
  readonly seqDone: Map<string, number>
  readonly begun: Begun[]
  /** After each entry of a step or gate: how many artifacts of steps that succeeded there are, and the latest end. */
  readonly reached: Reached[]
  /** By `artifactKey`: those that a gate showed. */
  readonly artifacts: Map<string, Kept | null>
}

type Reached = Pick<GateAt, 'seq'> & {
  readonly kind: 'step' | 'gate'
  readonly step_id: string
  readonly artifacts: number
  readonly ended: string
}

type Kept = { readonly seq: number; readonly sha256: string; readonly bytes: number }

/** Where things stand in the chain. */
type Places = Met & {
  readonly seqOfLink: ReadonlyMap<string, number>
  /** Those of each step, in their order. */
  readonly attempts: ReadonlyMap<string, readonly Begun[]>
  /** By the seq of a gate: steps that were running when it opened, and were not shown. */
  readonly untold: ReadonlyMap<number, readonly string[]>
  readonly asked: Asked
  /** Of what the plan says of a gate, made once, however often a forged record resolves it. */
  readonly planned: (step_id: string) => PlannedGate
}

type PlannedGate = {
  readonly show: ReadonlySet<string>
  /** The last that was done stands first, and what never was before it. */
  readonly needs: readonly { readonly step_id: string; readonly seq: number }[]
}

/** The gates of the plan, with the digests of their policies, and whether another one asks the same by the same. */
type Asked = ReadonlyMap<
  string,
  Pick<PlanGate, 'question'> & { readonly policy_sha256: string; readonly isOneOfSeveral: boolean }
>

function askedIn({ gates }: Plan): Asked {
  const asked = gates.map(({ step_id, question, policy }) => {
    const policy_sha256 = digestOf(policy)
    return { step_id, question, policy_sha256, asks: `${policy_sha256} ${question}` }
  })
  const alike = new Map<string, number>()
  for (const { asks } of asked) alike.set(asks, (alike.get(asks) ?? 0) + 1)
  return new Map(
    asked.map(({ step_id, asks, ...gate }) => [
      step_id,
      { ...gate, isOneOfSeveral: alike.get(asks) !== 1 },
    ]),
  )
}

const artifactKey = (step_id: string, attempt: number, path: string): string =>
  JSON.stringify([step_id, attempt, path])

/** Is given the entries in their order. */
export function watchGates({ gates }: Gated): { add: (entry: Entry) => void; met: Met } {
  const shown = gates.flatMap(({ shown }) => shown.artifacts)
  const met: Met = {
    gates: [],
    seqDone: new Map(),
    begun: [],
    reached: [],
    artifacts: new Map(
      shown.map(({ step_id, attempt, path }) => [artifactKey(step_id, attempt, path), null]),
    ),
  }
  const showing = new Set(shown.map(({ step_id }) => step_id))
  const add = (entry: Entry): void => {
    if (gates.length === 0) return
    const { artifacts: before, ended } = met.reached.at(-1) ?? { artifacts: 0, ended: '' }
    if (entry.kind === 'gate') {
      met.gates.push(entry)
      met.seqDone.set(entry.body.step_id, entry.seq)
      met.reached.push({
        seq: entry.seq,
        kind: 'gate',
        step_id: entry.body.step_id,
        artifacts: before,
        ended: latest(ended, entry.body.resolved_at),
      })
    }
    if (entry.kind !== 'step') return
    const { seq, body } = entry
    const { step_id, attempt, outcome, started_at, finished_at, taken_over, artifacts } = body
    const hasSucceeded = outcome === 'succeeded'
    if (hasSucceeded) met.seqDone.set(step_id, seq)
    met.reached.push({
      seq,
      kind: 'step',
      step_id,
      artifacts: before + (hasSucceeded ? artifacts.length : 0),
      // What was taken over ended in another run.
      ended: taken_over === undefined ? latest(ended, finished_at) : ended,
    })
    if (taken_over === undefined) met.begun.push({ seq, step_id, started_at })
    if (!showing.has(step_id)) return
    for (const { path, sha256, bytes } of artifacts) {
      const key = artifactKey(step_id, attempt, path)
      if (met.artifacts.get(key) === null) met.artifacts.set(key, { seq, sha256, bytes })
    }
  }
  return { add, met }
}

const latest = (one: string, other: string): string => (one > other ? one : other)

function placesOf({ opening: { plan } }: Gated, met: Met, links: readonly string[]): Places {
  const seqOfLink = new Map(links.map((link, seq) => [link, seq]))
  const opened = met.gates.flatMap(({ seq, body: { shown } }) => {
    const prefix = seqOfLink.get(shown.chain_head_before)
    return prefix === undefined || prefix >= seq ? [] : [{ ...shown, seq, prefix }]
  })
  const gates = new Map(plan.gates.map((gate) => [gate.step_id, gate]))
  const planned = new Map<string, PlannedGate>()
  return {
    ...met,
    seqOfLink,
    attempts: Map.groupBy(met.begun, ({ step_id }) => step_id),
    untold: untoldRunning(opened, met.begun),
    asked: askedIn(plan),
    planned(step_id) {
      const known = planned.get(step_id)
      if (known !== undefined) return known
      const { show = [], needs = [] } = gates.get(step_id) ?? {}
      const gate = {
        show: new Set(show),
        needs: needs
          .map((need) => ({ step_id: need, seq: met.seqDone.get(need) ?? Infinity }))
          .toSorted((a, b) => (a.seq < b.seq ? 1 : -1)),
      }
      planned.set(step_id, gate)
      return gate
    },
  }
}

/** What was signed is about the gate that it names, and proves nothing about another. */
function boundOnly(
  envelope: Gated,
  { gate, shown_sha256, where }: { gate: GateEntry; shown_sha256: string; where: string },
  claim: Claim,
  places: Places,
): Claim {
  if (claim.code !== 'decision-signed') return claim
  const recorded = gate.decisions.find(
    (_, index) => claim.where === `${where}/decisions/${index}/assertion`,
  )
  const of =
    recorded === undefined
      ? 'another'
      : gateOf(envelope, gate, shown_sha256, places, recorded.decision)
  const at = { step_id: gate.step_id, where: claim.where }
  const signature = `The signature of ${recorded?.decision.approver} is right, and`
  switch (of) {
    case 'this':
      return claim
    case 'another':
      return claimOf('decision-unbound', {
        ...at,
        message: `${signature} is not about what this record has at gate ${gate.step_id}.`,
      })
    case 'one of several':
      return claimOf('decision-of-several', {
        ...at,
        message: `${signature} does not say of which of the gates that ask the same by the same policy: that it is ${gate.step_id} is the server’s word.`,
      })
  }
}

/**
 * Which gate of this run does a decision name? A gate_id is the server's word. The step_id is in what was shown, which
 * is signed; where it is not, in older envelopes, question and policy are held to the plan, which is in every prefix
 * that is signed and that this record has, and tell no gates apart that ask the same.
 */
function gateOf(
  { evidence_id, run_id }: Gated,
  gate: GateEntry,
  shown_sha256: string,
  { asked: gates, seqOfLink }: Places,
  decision: Decision,
): 'this' | 'another' | 'one of several' {
  const { step_id } = gate.shown
  const asked = gates.get(gate.step_id)
  const isNamed =
    asked !== undefined &&
    decision.evidence_id === evidence_id &&
    decision.run_id === run_id &&
    decision.gate_id === gate.gate_id &&
    decision.question === gate.question &&
    decision.question === asked.question &&
    decision.policy_sha256 === asked.policy_sha256 &&
    decision.shown_sha256 === shown_sha256 &&
    (step_id === undefined ? seqOfLink.has(decision.chain_head_before) : step_id === gate.step_id)
  if (!isNamed) return 'another'
  return step_id === undefined && asked.isOneOfSeveral ? 'one of several' : 'this'
}

function* gateFaults(
  envelope: Gated,
  entry: GateAt,
  shown_sha256: string,
  places: Places,
  nonces: Nonces,
  approvers: Approvers,
): Generator<Claim> {
  const { body: gate, where } = entry
  yield* ofShown(entry, places)
  const met = new Set<string>()
  const asks = asksOf(gate)
  for (const [index, recorded] of gate.decisions.entries()) {
    const at = { step_id: gate.step_id, where: `${where}/decisions/${index}/decision` }
    const { decision } = recorded
    yield* ofBinding(envelope, gate, decision, shown_sha256, at)
    yield* ofDecisionTimes(gate, recorded, at)
    yield* ofApprover(asks, recorded, approvers, at)
    yield* ofInputs(asks, decision, at)
    const { nonce } = decision
    // The very same decision may be held: this envelope may be.
    const before = nonces.held.get(nonce)
    if (nonces.here.has(nonce) || (before !== undefined && before !== digestOf(decision)))
      yield claimOf('nonce-repeated', {
        ...at,
        message: 'Two decisions answer one request.',
        expected: 'a request of its own',
        actual: nonce,
      })
    nonces.here.add(nonce)
    const { people } = peopleOf(decision.approver, approvers)
    const keys = pinnedApprovers(approvers, decision.approver).map(({ public_key }) => public_key)
    const ones = [...people, ...keys]
    if (ones.some((one) => met.has(one)))
      yield claimOf('approver-repeated', {
        ...at,
        message: `${decision.approver} decided twice, or by another’s passkey.`,
        expected: 'each person and passkey once',
        actual: `${decision.approver} again`,
      })
    for (const one of ones) met.add(one)
  }
  yield* ofOutcome(gate, where)
}

type At = { readonly step_id: string; readonly where: string }

/** Whom and what a policy names, for each of the decisions. */
type Asks = {
  readonly isForRoles: boolean
  readonly users: ReadonlySet<string>
  readonly inputs: ReadonlySet<string>
  readonly required: readonly string[]
  /** The first of them, for who reads of another. */
  readonly names: { readonly users: string; readonly inputs: string }
}

const asksOf = ({ policy: { roles, users, inputs } }: GateEntry): Asks => ({
  isForRoles: roles.length > 0,
  users: new Set(users),
  inputs: new Set(inputs.map(({ name }) => name)),
  required: inputs.flatMap(({ name, required }) => (required ? [name] : [])),
  names: {
    users: users.length === 0 ? 'nobody by name' : fewOf(users),
    inputs: inputs.length === 0 ? 'none' : fewOf(inputs.map(({ name }) => name)),
  },
})

/** What the approver was shown is what the record says that there was. */
function* ofShown({ body: gate, seq, where }: GateAt, places: Places): Generator<Claim> {
  const { shown, policy, step_id } = gate
  const at = { step_id, where: `${where}/shown` }
  const [expected, actual] =
    [
      [step_id, shown.step_id ?? step_id],
      [gate.question, shown.question],
      [digestOf(policy), shown.policy_sha256],
    ].find(([recorded, told]) => recorded !== told) ?? []
  if (expected !== undefined && actual !== undefined) {
    yield claimOf('shown-differs', {
      ...at,
      message: 'Another gate, question or policy was shown than the one recorded.',
      expected,
      actual,
      ...(actual === shown.policy_sha256 && { preimage: beginningOf(canonicalize(policy)) }),
    })
  }
  const term =
    shown.expires_at === null ? null : Date.parse(shown.expires_at) - Date.parse(shown.opened_at)
  if (term !== policy.expires_ms) {
    yield claimOf('expiry-broken', {
      ...at,
      message: 'The gate expires at another time than its policy says.',
      expected: `${policy.expires_ms} ms`,
      actual: `${term} ms`,
    })
  }
  const { show, needs } = places.planned(step_id)
  yield* ofOpened(shown, show, at)
  const prefix = places.seqOfLink.get(shown.chain_head_before)
  if (prefix === undefined || prefix >= seq) {
    yield claimOf('prefix-wrong', {
      ...at,
      message: 'What was shown is of no part of this record before the gate.',
      expected: `a link before link ${seq}`,
      actual:
        prefix === undefined
          ? `${shown.chain_head_before}, which is no link of this record`
          : `link ${prefix}`,
    })
    return
  }
  for (const need of needs) {
    if (need.seq <= prefix) break
    yield claimOf('prefix-wrong', {
      ...at,
      message: `${need.step_id}, which the gate needs, is not in what was shown.`,
      expected: `not after entry ${prefix}`,
      actual: need.seq === Infinity ? 'no entry' : `entry ${need.seq}`,
    })
  }
  for (const [index, artifact] of shown.artifacts.entries()) {
    const { step_id: by, attempt, path } = artifact
    const kept = places.artifacts.get(artifactKey(by, attempt, path))
    const isKept = kept?.sha256 === artifact.sha256 && kept.bytes === artifact.bytes
    if (!isKept || kept.seq > prefix || kept.seq !== places.seqDone.get(by)) {
      yield claimOf('shown-differs', {
        ...at,
        where: `${at.where}/artifacts/${index}`,
        message: `An artifact of ${artifact.step_id} was shown that no attempt which succeeded before the gate has on record.`,
        expected: isKept
          ? `of the last attempt that succeeded, up to entry ${prefix}`
          : bytesOf(kept),
        actual: isKept ? `of attempt ${attempt}, which is entry ${kept.seq}` : bytesOf(artifact),
      })
    }
  }
  const reached = places.reached[countUpTo(places.reached, prefix) - 1]
  const kept = reached?.artifacts ?? 0
  if (shown.artifacts.length < kept)
    yield claimOf('shown-differs', {
      ...at,
      where: `${at.where}/artifacts`,
      message: 'Not all artifacts were shown that were on record before the gate.',
      expected: String(kept),
      actual: String(shown.artifacts.length),
    })
  if (reached !== undefined && reached.ended > shown.opened_at)
    yield claimOf('prefix-wrong', {
      ...at,
      message: 'What was shown had not all ended when the gate opened.',
      expected: `not after ${shown.opened_at}`,
      actual: reached.ended,
    })
  yield* ofRunning(shown, { seq, prefix }, places, at)
}

const bytesOf = (kept: Pick<Kept, 'sha256' | 'bytes'> | null | undefined): string =>
  kept === null || kept === undefined
    ? 'none on record'
    : `${kept.sha256}, ${counted(kept.bytes, 'byte')}`

/** How many of them are not behind `seq`. By halves, since a forged record may have as many gates as steps. */
function countUpTo(places: readonly { readonly seq: number }[], seq: number): number {
  let [from, to] = [0, places.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if ((places[middle]?.seq ?? Infinity) <= seq) from = middle + 1
    else to = middle
  }
  return from
}

/** Displayed open is what the plan says, all of it and nothing else: all that it names is of steps that the gate needs. */
function* ofOpened(
  { artifacts }: GateEntry['shown'],
  toOpen: ReadonlySet<string>,
  at: At,
): Generator<Claim> {
  const opened = new Set<string>()
  const listed = new Set<string>()
  for (const [index, { step_id, attempt, path, opened: isOpened }] of artifacts.entries()) {
    const where = `${at.where}/artifacts/${index}`
    const name = `${step_id}/${path}`
    const key = artifactKey(step_id, attempt, path)
    if (listed.has(key))
      yield claimOf('shown-differs', {
        ...at,
        where,
        message: `An artifact of ${step_id} was shown twice.`,
        expected: 'once',
        actual: 'twice',
      })
    listed.add(key)
    if (isOpened) opened.add(name)
    if (isOpened !== toOpen.has(name))
      yield claimOf('shown-differs', {
        ...at,
        where: `${where}/opened`,
        message: isOpened
          ? `An artifact of ${step_id} was displayed open, and the plan does not say so.`
          : `An artifact of ${step_id} was not displayed open, as the plan says.`,
        expected: String(!isOpened),
        actual: String(isOpened),
      })
  }
  for (const name of toOpen) {
    if (!opened.has(name))
      yield claimOf('shown-differs', {
        ...at,
        where: `${at.where}/artifacts`,
        message: 'An artifact that the plan displays open beside the question was not shown.',
        expected: name,
        actual: 'not shown, or not open',
      })
  }
}

/**
 * What a shown difference is against is another record. Only a reader who holds that one can tell, and it is never the
 * record itself.
 */
function* ofBase(
  { evidence_id }: Gated,
  { step_id, shown: { base } }: GateEntry,
  where: string,
  held: ReadonlyMap<string, readonly HeldEnvelope[]>,
): Generator<Claim> {
  if (base === null) return
  const at = { step_id, where: `${where}/shown/base`, actual: base.head }
  const known = held.get(base.evidence_id) ?? []
  if (base.evidence_id === evidence_id || known.some(({ head }) => head !== base.head)) {
    yield claimOf('shown-differs', {
      ...at,
      message:
        'What was shown is said to differ from a record that is this one, or another than you hold.',
      expected: base.evidence_id === evidence_id ? 'another record' : (known[0]?.head ?? 'none'),
    })
  } else if (known.length === 0) {
    yield claimOf('base-unchecked', {
      ...at,
      message: `A difference from ${base.evidence_id} was shown, and you hold no such record under a seal that counts here.`,
    })
  }
}

// As far as the record can tell: a step that was running has ended since, and one that began before the gate opened and
// ended after was running.
function* ofRunning(
  { running, opened_at }: GateEntry['shown'],
  { seq, prefix }: { seq: number; prefix: number },
  places: Places,
  at: At,
): Generator<Claim> {
  const listed = new Set(running)
  if (listed.size < running.length)
    yield claimOf('shown-differs', {
      ...at,
      message: 'A step was shown as running twice.',
      expected: counted(listed.size, 'step'),
      actual: counted(running.length, 'step'),
    })
  for (const step_id of listed) {
    const attempts = places.attempts.get(step_id) ?? []
    const next = attempts[countUpTo(attempts, prefix)]
    if (next === undefined || next.started_at > opened_at) {
      yield claimOf('shown-differs', {
        ...at,
        message: `${step_id} was shown as running, and by the record it was not.`,
        expected: `begun not after ${opened_at}, and recorded after entry ${prefix}`,
        actual: next === undefined ? `not recorded after it` : `begun ${next.started_at}`,
      })
    }
  }
  const untold = places.untold.get(seq) ?? []
  if (untold.length === 0) return
  const names = untold.slice(0, MOST_UNTOLD).join(', ')
  const more = untold.length > MOST_UNTOLD ? ' and others' : ''
  yield claimOf('shown-differs', {
    ...at,
    message: `${names}${more} ${untold.length === 1 ? 'was' : 'were'} running when the gate opened, and not shown.`,
    expected: `${names}${more}`,
    actual: running.length === 0 ? 'none' : fewOf(running),
  })
}

/** Taken from another run, gate, question or moment, a decision is worth nothing here. */
function* ofBinding(
  { evidence_id, run_id }: Gated,
  { gate_id, question, shown }: GateEntry,
  decision: Decision,
  shown_sha256: string,
  at: At,
): Generator<Claim> {
  const bound = [
    ['evidence_id', evidence_id],
    ['run_id', run_id],
    ['gate_id', gate_id],
    ['question', question],
    ['policy_sha256', shown.policy_sha256],
    ['chain_head_before', shown.chain_head_before],
    ['shown_sha256', shown_sha256],
  ] as const
  for (const [member, expected] of bound) {
    const actual = decision[member]
    if (actual !== expected) {
      yield claimOf('decision-unbound', {
        ...at,
        where: `${at.where}/${member}`,
        message: `The decision is about another ${member}.`,
        expected,
        actual,
      })
    }
  }
}

function* ofDecisionTimes(
  { shown, resolved_at }: GateEntry,
  { decision, assertion }: RecordedDecision,
  at: At,
): Generator<Claim> {
  const { requested_at, decided_at, expires_at } = decision
  const latest = expires_at ?? decided_at
  if (
    decided_at > latest ||
    (expires_at !== null && requested_at > expires_at) ||
    (shown.expires_at !== null && (expires_at === null || expires_at > shown.expires_at))
  ) {
    yield claimOf('expiry-broken', {
      ...at,
      message: `${decision.approver} decided or was asked after the gate had expired, or decided by a longer term than the gate has.`,
      expected: `not after ${shown.expires_at}`,
      actual: decided_at,
    })
  }
  // With a passkey, decided_at is the approver's own clock, which the server's says nothing about.
  const inOrder =
    assertion === null
      ? [shown.opened_at, requested_at, decided_at, resolved_at]
      : [shown.opened_at, requested_at, resolved_at]
  const early = inOrder.findIndex((instant, index) => instant < (inOrder[index - 1] ?? ''))
  if (early !== -1) {
    yield claimOf('expiry-broken', {
      ...at,
      message: `The decision of ${decision.approver} does not lie between the gate’s opening and its resolution.`,
      expected: `not before ${inOrder[early - 1]}`,
      actual: inOrder[early] ?? '',
    })
  }
}

// Roles are the server's: an envelope does not say who had which.
function* ofApprover(
  { isForRoles, users, names }: Asks,
  { decision, assertion }: RecordedDecision,
  approvers: Approvers,
  at: At,
): Generator<Claim> {
  const { approver } = decision
  const isPerson =
    assertion === null
      ? /^(?:user|token):./.test(approver)
      : !approver.includes(':') && approver !== 'system'
  const isNamed = users.size > 0 && usersOf(approver, approvers).every((user) => users.has(user))
  if (!isPerson || (!isForRoles && !isNamed)) {
    yield claimOf('approver-not-allowed', {
      ...at,
      where: `${at.where}/approver`,
      message: `${approver} is nobody whom the policy lets decide.`,
      expected: isPerson
        ? names.users
        : `a ${assertion === null ? 'user or a token' : 'passkey’s approver'}`,
      actual: approver,
    })
  }
}

/** An approver under a policy of names alone of whom the reader does not know which of the server's people it is. */
function approverUnknown(
  { policy, decisions }: GateEntry,
  approvers: Approvers,
): string | undefined {
  if (policy.roles.length > 0) return undefined
  return decisions
    .map(({ decision }) => decision.approver)
    .find((approver) => usersOf(approver, approvers).length === 0)
}

function* ofInputs(
  { inputs: asked, required, names }: Asks,
  { inputs, decision }: Decision,
  at: At,
): Generator<Claim> {
  const missing = required.some(
    (name) => !Object.hasOwn(inputs, name) || (inputs[name] ?? '') === '',
  )
  const given = Object.keys(inputs)
  if (given.some((name) => !asked.has(name)) || (decision === 'approved' && missing)) {
    yield claimOf('inputs-broken', {
      ...at,
      where: `${at.where}/inputs`,
      message: 'The inputs are not those that the gate asks for.',
      expected: names.inputs,
      actual:
        given.length === 0
          ? 'none'
          : fewOf(given.map((name) => (inputs[name] === '' ? `${name} (empty)` : name))),
    })
  }
}

/**
 * Attacker: one signed decision a hundred thousand times, each of them to be looked at. None of it can have been: a gate
 * is resolved by its quorum, or by one rejection.
 */
function tooMany({ step_id, decisions, policy }: GateEntry, where: string): Claim | null {
  if (decisions.length <= policy.quorum + 1) return null
  return claimOf('gate-outcome-differs', {
    shell: shellForOutcome(where),
    step_id,
    where: `${where}/decisions`,
    message: `${counted(decisions.length, 'decision')} are more than resolve a gate, and were not looked at.`,
    expected: `at most ${policy.quorum + 1}`,
    actual: String(decisions.length),
  })
}

/** The outcome follows from the decisions, and what follows from none cannot look like a person's. */
function* ofOutcome(
  { outcome, policy, decisions, step_id, shown, resolved_at }: GateEntry,
  where: string,
): Generator<Claim> {
  const approvals = decisions.filter(({ decision }) => decision.decision === 'approved').length
  const rejections = decisions.length - approvals
  if (!follows(outcome, approvals, rejections, policy.quorum)) {
    yield claimOf('gate-outcome-differs', {
      shell: shellForOutcome(where),
      step_id,
      where: `${where}/outcome`,
      message: `${approvals} of ${counted(policy.quorum, 'approval')} and ${counted(rejections, 'rejection')} do not make a gate ${outcome}.`,
      expected:
        rejections > 0
          ? 'rejected'
          : approvals >= policy.quorum
            ? 'approved'
            : 'expired or aborted',
      actual: outcome,
    })
  }
  // By number, not by order: with passkeys the order is by the approvers' own clocks.
  if (
    approvals > policy.quorum ||
    rejections > 1 ||
    (rejections === 1 && approvals >= policy.quorum)
  ) {
    yield claimOf('gate-outcome-differs', {
      shell: shellForOutcome(where),
      step_id,
      where: `${where}/decisions`,
      message: `${counted(approvals, 'approval')} and ${counted(rejections, 'rejection')} are more than resolve a gate.`,
      expected: `${counted(policy.quorum, 'approval')}, or 1 rejection`,
      actual: `${counted(approvals, 'approval')} and ${counted(rejections, 'rejection')}`,
    })
  }
  if (
    (outcome === 'approved' || outcome === 'rejected') &&
    shown.expires_at !== null &&
    resolved_at > shown.expires_at
  ) {
    yield claimOf('expiry-broken', {
      step_id,
      where: `${where}/resolved_at`,
      message: `The gate was ${outcome} after it had expired.`,
      expected: `not after ${shown.expires_at}`,
      actual: resolved_at,
    })
  }
  const hasExpired = shown.expires_at !== null && resolved_at >= shown.expires_at
  if (outcome === 'expired' && !hasExpired) {
    yield claimOf('expiry-broken', {
      step_id,
      where: `${where}/resolved_at`,
      message: 'The gate expired before its time.',
      expected: `not before ${shown.expires_at ?? 'ever'}`,
      actual: resolved_at,
    })
  }
}

function follows(
  outcome: GateOutcome,
  approvals: number,
  rejections: number,
  quorum: number,
): boolean {
  switch (outcome) {
    case 'approved':
      return approvals >= quorum && rejections === 0
    case 'rejected':
      return rejections > 0
    case 'expired':
    case 'aborted':
      return approvals < quorum && rejections === 0
  }
}

/** What a decision is over: the digest of what was shown, and the one that each decision has. */
function redoneOf(
  { decisions, shown: { chain_head_before } }: GateEntry,
  shown: string,
  where: string,
  { seqOfLink }: Places,
): Partial<Claim> {
  const said = new Set(decisions.map(({ decision }) => decision.shown_sha256))
  return {
    expected: sha256(shown),
    ...(said.size > 0 && { actual: [...said].join(' ') }),
    preimage: beginningOf(shown),
    shell: shellForGate(where, seqOfLink.get(chain_head_before) ?? -1),
  }
}

/** What is digested at a place of this gate, where something is: what was shown, its policy, a decision. */
function digestedIn(
  { body: { policy, decisions }, where: of }: GateAt,
  shown: string,
): (where: string) => string | undefined {
  return (where) => {
    const [part, index, , member] = where.slice(of.length + 1).split('/')
    if (part === 'shown' || member === 'shown_sha256') return beginningOf(shown)
    if (member === 'policy_sha256') return beginningOf(canonicalize(policy))
    const recorded = part === 'decisions' && index !== undefined ? decisions[Number(index)] : null
    return recorded ? beginningOf(canonicalize(recorded.decision)) : undefined
  }
}

function sentence(gate: GateEntry, places: Places, approvers: Approvers): string {
  const { step_id, outcome, decisions, shown } = gate
  const people = fewOf(decisions.map(({ decision }) => deciderSaid(decision.approver)))
  const by = decisions.length > 0 ? `, decided by ${people}` : ', decided by nobody'
  const upTo = upToSaid(shown.chain_head_before, places)
  return `Gate ${step_id} is recorded as ${outcome}${by}, over everything up to ${upTo}.${mayBeOne(gate, approvers) ? ` ${MAY_BE_ONE}` : ''}`
}

/** A token is not who it was that had it. */
const deciderSaid = (approver: string): string => approver.replace(TOKEN, 'the holder of token ')
const TOKEN = /^token:/

/** By the name of the last entry that a decision is over. */
function upToSaid(link: string, { seqOfLink, reached }: Places): string {
  const seq = seqOfLink.get(link)
  if (seq === undefined) return `the link ${link}`
  const last = reached[countUpTo(reached, seq) - 1]
  const name = last?.seq === seq ? `${last.kind} ${last.step_id}` : null
  return `entry ${seq} (${name ?? (seq === 0 ? 'opening' : 'closing')})`
}

/**
 * Several are asked for, and two names may be one person: a token is whose the server says, and so is a passkey of nobody
 * whom the reader pinned as a user, but beside others that the reader pinned as others.
 */
function mayBeOne({ decisions }: GateEntry, approvers: Approvers): boolean {
  const approved = decisions.filter(({ decision }) => decision.decision === 'approved')
  if (approved.length < 2) return false
  const names = approved.map(({ decision }) => decision.approver)
  const arePinned = names.every((name) => pinnedApprovers(approvers, name).length > 0)
  return !arePinned && names.some((name) => !peopleOf(name, approvers).isKnown)
}

const MAY_BE_ONE =
  'Whether they are different people is not known: the record does not say whose a token is, or a passkey of nobody whom you pinned as a user.'
