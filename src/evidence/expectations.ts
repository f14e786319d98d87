import { type Envelope, type PlanGate, type PlanStep } from '#contract/envelope.ts'
import { type GateOutcome } from '#contract/status.ts'
import { type RequiredDefinition, type RequiredGate } from '#contract/trust.ts'
import { canonicalize } from './canonical.ts'
import { beginningOf, type Claim, claimOf, type ClaimName, fails } from './claims.ts'
import { counted, fewOf } from './counted.ts'
import { openIn, pinnedForm, planFault } from './plan.ts'
import { shellForPlan, shellToShow } from './shell.ts'
import { type Trusted } from './trust.ts'

/** What the reader says on the spot that the record must be. Which record it must be is what they *asked* for. */
export type Expectation = { readonly kind: 'definition' | 'outcome'; readonly value: string }

/** `accepted`: names of definitions, any of which the record may be of; others may be too, where a plan or a gate is required of them. */
export type Expected = {
  readonly expected: readonly Expectation[]
  readonly accepted: readonly string[]
}

/**
 * What the reader requires: on the spot, and in the files that they pinned. A server's own offer of requirements binds
 * nobody. `found` is what was already found of the entries and the gates.
 */
export function* checkExpectations(
  envelope: Envelope,
  planned: Iterable<Pick<PlanStep, 'needs'>>,
  { expected, accepted }: Expected,
  /** `isPart`: there are trust files that could not be used. */
  { trust, isPart }: { readonly trust: readonly Trusted[]; readonly isPart: boolean },
  found: readonly Claim[],
): Generator<Claim> {
  for (const expectation of expected) yield ofExpectation(envelope, expectation)
  const { name } = envelope.opening.definition
  const requiredIn = (isPinned: boolean) =>
    trust
      .filter(({ source }) => (source === 'pinned') === isPinned)
      .flatMap(({ file }) => file.required)
  const pinned = requiredIn(true)
  const required = pinned.filter((definition) => definition.name === name)
  const offered = requiredIn(false).some(
    (definition) => definition.name === name && hasGates(definition),
  )
    ? ' A trust file that you have not confirmed requires some gate of it.'
    : ''
  if (accepted.includes(name)) {
    yield claimOf('expectation-holds', {
      where: '/opening/definition/name',
      message: `The definition is ${name}, which is one that you expect.`,
      expected: name,
      actual: name,
    })
  } else if (!expected.some(({ kind, value }) => kind === 'definition' && value === name)) {
    const rests = restsOnName(name, required, pinned, accepted)
    if (rests !== null) {
      yield claimOf('another-definition', { ...rests, message: `${rests.message}${offered}` })
      if (required.length === 0) return
    }
  }
  if (required.length > 0) {
    const places = placesIn(envelope, planned, found)
    for (const definition of required) yield* ofDefinition(envelope, definition, places)
  }
  // Of what could not be read nobody can say that it requires nothing.
  if (!isPart && !required.some(hasGates)) {
    yield claimOf('nothing-required', {
      message: `You required no gate of ${name}: a trust file would.${offered}`,
      shell: TO_REQUIRE,
    })
  }
}

/** What a requirement would be held against. */
const TO_REQUIRE = shellToShow(
  '{definition: .opening.definition, gates: [.opening.plan.gates[] | {step_id, question, policy}], outcome: .closing.outcome}',
)

/** The definition that nothing but the record's own name for it says that it is a run of, while others are required. */
export const namedAlone = (claims: readonly Claim[]): string | null =>
  claims.find(({ code }) => code === 'another-definition')?.actual ?? null

const hasGates = ({ gates }: RequiredDefinition): boolean => gates.length > 0

/**
 * Attacker: whoever has the sealing key, and calls a run of one definition, of which the reader requires much, a run of
 * another, of which they require less. Why nothing but the name says that it is of this one; null where more does.
 */
function restsOnName(
  name: string,
  required: readonly RequiredDefinition[],
  pinned: readonly RequiredDefinition[],
  accepted: readonly string[],
): Pick<Claim, 'where' | 'message' | 'expected' | 'actual'> | null {
  const held = Math.max(-1, ...required.map(holdOf))
  const others = [
    ...pinned
      .filter((definition) => holdOf(definition) > held)
      .map((definition) => definition.name),
    ...(required.length === 0 ? accepted : []),
  ]
  if (others.length === 0) return null
  const few = fewOf([...new Set(others)])
  const asked =
    required.length > 0
      ? `You require less of ${name} than of ${few}`
      : `You ${pinned.length > 0 ? 'require' : 'expect'} ${few}, and nothing of ${name}`
  return {
    where: '/opening/definition/name',
    expected: few,
    actual: name,
    message: `${asked}: that this is a run of ${name} is the server’s word. Pin its plan, from a record of it that you trust, or expect it by name where it is what you look for.`,
  }
}

/**
 * How much of a record a requirement holds, whoever has the sealing key: by a name nothing, by gates that he can answer
 * himself no more than that they are there, by a plan or a passkey what was done or what somebody else signed.
 */
function holdOf({ plan = null, gates }: RequiredDefinition): number {
  if (plan !== null || gates.some(({ sign }) => sign === 'passkey')) return 2
  return gates.length > 0 ? 1 : 0
}

function ofExpectation(envelope: Envelope, { kind, value: expected }: Expectation): Claim {
  const { value: actual, where } = said(envelope, kind)
  return actual === expected
    ? claimOf('expectation-holds', {
        where,
        message: `The ${kind} is ${expected}, as you expected.`,
        expected,
        actual,
      })
    : claimOf('expectation-fails', {
        where,
        message: `The ${kind} is ${actual}, and you expected another.`,
        expected,
        actual,
      })
}

function said(
  { opening, closing }: Envelope,
  kind: Expectation['kind'],
): { value: string; where: string } {
  switch (kind) {
    case 'definition':
      return { value: opening.definition.name, where: '/opening/definition/name' }
    case 'outcome':
      return { value: closing.outcome, where: '/closing/outcome' }
  }
}

function* ofDefinition(
  envelope: Envelope,
  required: RequiredDefinition,
  places: Places,
): Generator<Claim> {
  yield* ofVersion(envelope, required)
  for (const gate of required.gates) {
    const { planned, where = '/opening/plan/gates' } = places.planned.get(gate.step_id) ?? {}
    const at = { step_id: gate.step_id, where }
    const weakness = planned === undefined ? null : weaknessOf(planned, gate)
    if (planned === undefined)
      yield claimOf('gate-missing', {
        ...at,
        message: `You require the gate ${gate.step_id}, and the plan has none.`,
        expected: `the gate ${gate.step_id}`,
        actual: counted(places.planned.size, 'gate'),
      })
    else if (weakness !== null)
      yield claimOf('gate-weaker', {
        ...at,
        ...weakness,
        message: `The gate ${gate.step_id} ${weakness.message}.`,
      })
    else yield ofKept(gate, places, at, (required.plan ?? null) !== null)
  }
}

/**
 * The digest of a definition is the server's word: the definition is not in the record, and whoever has the key can put
 * any plan beside any digest. So it holds only together with the plan.
 */
function* ofVersion({ opening }: Envelope, required: RequiredDefinition): Generator<Claim> {
  const { definition } = opening
  const { sha256, plan = null } = required
  const form = plan === null ? '' : pinnedForm(opening, plan)
  const fault = plan === null ? null : planFault(opening, form, plan)
  if (plan !== null) {
    const at = { where: '/opening/plan', preimage: beginningOf(form), shell: shellForPlan(plan) }
    yield fault === null
      ? claimOf('expectation-holds', {
          ...at,
          expected: plan.sha256,
          actual: plan.sha256,
          message: `The plan of ${definition.name} is the one that you pinned: its steps, their commands, and its gates with their policies.${openIn(plan, opening.inputs)}`,
        })
      : claimOf('another-plan', {
          ...at,
          expected: fault.expected,
          actual: fault.actual,
          message: `${fault.message}.`,
        })
  }
  if (sha256 === null) return
  const at = { where: '/opening/definition/sha256', expected: sha256, actual: definition.sha256 }
  if (sha256 !== definition.sha256) {
    yield claimOf('definition-differs', {
      ...at,
      message: `The definition ${definition.name} is another than the one that you pinned.`,
    })
  } else if (plan === null || fault !== null) {
    yield claimOf('requirement-unchecked', {
      ...at,
      message: `The record names the version of ${definition.name} that you pinned. That is the server’s word: a version does not hold the plan, which ${plan === null ? 'you did not pin' : 'is another one'}.`,
    })
  } else {
    yield claimOf('expectation-holds', {
      ...at,
      message: `The record names the version of ${definition.name} that you pinned.`,
    })
  }
}

type Weakness = Required<Pick<Claim, 'message' | 'expected' | 'actual'>>

function weaknessOf({ policy, question }: PlanGate, required: RequiredGate): Weakness | null {
  if (policy.quorum < required.quorum)
    return {
      message: `asks for ${counted(policy.quorum, 'approval')}, and you require ${required.quorum}`,
      expected: counted(required.quorum, 'approval'),
      actual: counted(policy.quorum, 'approval'),
    }
  if (required.four_eyes && !policy.four_eyes)
    return {
      message: 'lets whoever started the run decide',
      expected: 'four eyes',
      actual: 'no four eyes',
    }
  if (required.sign === 'passkey' && policy.sign !== 'passkey')
    return {
      message: 'asks for no passkey signature',
      expected: required.sign,
      actual: policy.sign,
    }
  if (required.question !== null && required.question !== question)
    return {
      message: 'asks another question than you require',
      expected: required.question,
      actual: question,
    }
  const { expires_ms = null, inputs = null } = required
  if (expires_ms !== null && (policy.expires_ms === null || policy.expires_ms > expires_ms))
    return {
      message: 'may be answered later than you require',
      expected: `at most ${expires_ms} ms`,
      actual: policy.expires_ms === null ? 'at any time' : `${policy.expires_ms} ms`,
    }
  const unasked = inputs?.find(
    ({ name, label, required: isNeeded }) =>
      !policy.inputs.some(
        (input) => input.name === name && input.label === label && (input.required || !isNeeded),
      ),
  )
  if (unasked !== undefined)
    return {
      message: 'does not ask for what you require',
      expected: canonicalize(unasked),
      actual: fewOf(policy.inputs.map((input) => canonicalize(input))),
    }
  return admitsOthers(policy, required)
    ? {
        message: 'lets others decide than you require',
        expected: decidersOf(required.roles, required.users ?? null),
        actual: decidersOf(policy.roles, policy.users),
      }
    : null
}

const decidersOf = (roles: readonly string[] | null, users: readonly string[] | null): string =>
  [
    roles === null ? 'any role' : `roles ${fewOf(roles) || 'none'}`,
    users === null ? 'nobody by name' : `users ${fewOf(users) || 'none'}`,
  ].join('; ')

function admitsOthers(policy: PlanGate['policy'], { roles, users = null }: RequiredGate): boolean {
  if (roles !== null && !policy.roles.every((role) => roles.includes(role))) return true
  if (users !== null) return !policy.users.every((user) => users.includes(user))
  // A policy without roles admits by name, and the reader pinned roles.
  return roles !== null && (policy.roles.length === 0 || policy.users.length > 0)
}

/** Of gates, by their ids: a reader may require as many as a plan has. */
type Places = {
  readonly planned: ReadonlyMap<string, { readonly planned: PlanGate; readonly where: string }>
  readonly outcomes: ReadonlyMap<string, GateOutcome>
  readonly found: ReadonlyMap<string | undefined, readonly Claim[]>
  /** What some step or gate needs. */
  readonly needed: ReadonlySet<string>
  /** What makes the record none that can have been. */
  readonly contradiction: Claim | undefined
}

function placesIn(
  { opening, gates }: Envelope,
  steps: Iterable<Pick<PlanStep, 'needs'>>,
  found: readonly Claim[],
): Places {
  const planned = opening.plan.gates
  const needed = new Set(planned.flatMap(({ needs }) => needs))
  // One by one: a long plan is not in memory as a whole.
  for (const { needs } of steps) for (const need of needs) needed.add(need)
  return {
    // The first of an id: there are two only in a plan that does not verify.
    planned: new Map(
      planned
        .map((gate, index) => {
          const where = `/opening/plan/gates/${index}`
          return [gate.step_id, { planned: gate, where }] as const
        })
        .toReversed(),
    ),
    outcomes: new Map(
      gates.map(({ step_id, outcome }) => [step_id, outcome] as const).toReversed(),
    ),
    found: Map.groupBy(found, ({ step_id }) => step_id),
    needed,
    contradiction: found.find((one) => one.claim === 'consistency' && fails(one)),
  }
}

/** A policy as strong as required is worth what was found of its being kept. */
function ofKept(
  required: RequiredGate,
  { outcomes, found, needed, contradiction }: Places,
  at: { step_id: string; where: string },
  isPlanPinned: boolean,
): Claim {
  const asked: ClaimName[] = ['gate']
  if (required.four_eyes) asked.push('four-eyes')
  if (required.sign === 'passkey') asked.push('gate-signature')
  const about = (found.get(required.step_id) ?? []).filter(({ claim }) => asked.includes(claim))
  if (about.some(fails))
    return claimOf('expectation-fails', {
      ...at,
      message: `The gate ${required.step_id} was not kept.`,
    })
  const open = about.find(({ state }) => state !== 'proven')
  if (open !== undefined)
    return claimOf('requirement-unchecked', {
      ...at,
      message: `The gate ${required.step_id} is as you require, but for what could not be checked: ${open.message}`,
    })
  // A step that went past a gate, or that no plan has, shows in the entries alone.
  if (contradiction !== undefined)
    return claimOf('requirement-unchecked', {
      ...at,
      message: `The gate ${required.step_id} is planned as you require. Whether it was kept cannot be told of a record that contradicts itself: ${contradiction.message}`,
    })
  const outcome = outcomes.get(required.step_id)
  const message =
    outcome === undefined
      ? 'is planned as you require, and the run ended before it'
      : outcome === 'approved'
        ? `is as you require${required.question === null ? ', whatever it asked' : ''}`
        : `was kept as you require, and was ${outcome}`
  const isWaitedFor = needed.has(required.step_id)
  // Whoever writes the plan can let a step go on that was meant to wait.
  const isOpen = isWaitedFor && outcome !== 'approved' && !isPlanPinned
  const waiting = isWaitedFor
    ? isOpen
      ? '; which steps wait for it stands in the plan, which you did not pin'
      : ''
    : '; no step of the plan waits for it'
  return claimOf('expectation-holds', {
    ...at,
    message: `The gate ${required.step_id} ${message}${waiting}.`,
  })
}
