import {
  type Closing,
  type Envelope,
  type GateEntry,
  type PlanGate,
  type PlanStep,
  type StepEntry,
} from '#contract/envelope.ts'
import { GATE_OUTCOME, type Outcome } from '#contract/status.ts'
import { canonicalize } from './canonical.ts'
import { type Entry } from './chain.ts'
import { addFirst, type Claim, claimOf, firstOf, isFull } from './claims.ts'
import { counted, fewOf } from './counted.ts'
import { sha256 } from './digest.ts'
import { type Listed } from './document.ts'
import { shellForConsistency } from './redo.ts'
import {
  count,
  endBy,
  isAnotherLeft,
  sumOf,
  totalsOf,
  type Tried,
  triedAgain,
} from './summarise.ts'

/**
 * Does the record agree with itself? Chain and seal say that nobody changed it since; this is for the sealing key's
 * own holder, who can chain and sign whatever he likes: what he writes must at least be a run that can have been.
 */
export function watchConsistency(
  envelope: Envelope,
  planned: Listed<PlanStep> = envelope.opening.plan.steps,
): Watched {
  const units = new Map<string, Unit>()
  const met: Met = { units, gateIds: new Set(), ended: null, counts: count(), derived: [] }
  const faults = firstOf(ofPlan(planned, envelope.opening.plan.gates, units))
  addFirst(faults, ofLineage(envelope))
  return {
    add({ kind, body, where }) {
      // No more are listed, and nothing but faults comes of what follows.
      if (isFull(faults)) return
      if (kind === 'step') {
        const unit = units.get(body.step_id)
        const step = unit && plannedStep(unit, planned)
        addFirst(faults, ofStep(envelope, body, step, unit, met, where))
        met.ended ??= endBy({ kind, body }, step, unit?.tried)
        met.counts.add({ kind, body })
        if (body.cells !== undefined || body.cells_part !== undefined) met.derived.push(body)
      }
      if (kind === 'gate') {
        addFirst(faults, ofGate(envelope, body, units.get(body.step_id), met, where))
        met.ended ??= endBy({ kind, body }, undefined, undefined)
        met.counts.add({ kind, body })
      }
    },
    claims() {
      addFirst(faults, ofClosing(envelope, met))
      if (faults.length > 0) return faults
      const { counts, outcome } = envelope.closing
      const message = `${counted(counts.attempts, 'attempt')} of ${counted(counts.steps, 'step')} and ${counted(counts.gates, 'gate')} agree with the plan, with each other and with the outcome “${outcome}”.`
      return [
        claimOf('entries-agree', {
          message,
          where: '/closing/counts',
          expected: canonicalize(met.counts.counts()),
          actual: canonicalize(counts),
          shell: shellForConsistency(),
        }),
      ]
    },
  }
}

/** Is given the entries in their order, and asked once after the last. */
export type Watched = { add: (entry: Entry) => void; claims: () => Claim[] }

/** What the plan has under one id, and what the walk over the entries has met of it so far. */
type Unit = {
  /** Its place among the steps of the plan, or the gate that it is. */
  step: number | null
  gate: PlanGate | null
  isResolved: boolean
  /** What attempts of the step are held to, once there is a second one. */
  again: HeldTo | undefined
  tried: Tried | undefined
  /** When the step succeeded or the gate opened; '' for a step that was taken over. */
  done: string | undefined
  /** When the last of what it needs had ended, once it was begun rightly. */
  ready: string | undefined
}

type Met = {
  readonly units: ReadonlyMap<string, Unit>
  readonly gateIds: Set<string>
  ended: Outcome | null
  readonly counts: ReturnType<typeof count>
  /** The steps that have cells. */
  readonly derived: StepEntry[]
}

type HeldTo = Pick<PlanStep, 'kind' | 'argv' | 'needs' | 'retries' | 'timeout_ms'>

/**
 * Attacker: a step of a long plan that was tried again and again, in turn with another such one. A step is parsed where it
 * is looked at; of one that is tried again so much is kept as is looked at again.
 */
function plannedStep(unit: Unit, planned: Listed<PlanStep>): HeldTo | undefined {
  if (unit.step === null || unit.again !== undefined) return unit.again
  const step = planned.at(unit.step)
  if (step === undefined || unit.tried === undefined) return step
  const { kind, argv, needs, retries, timeout_ms } = step
  unit.again = { kind, argv, needs, retries, timeout_ms }
  return unit.again
}

function unitOf(units: Map<string, Unit>, step_id: string): Unit {
  const known = units.get(step_id)
  if (known !== undefined) return known
  const unit: Unit = {
    step: null,
    gate: null,
    isResolved: false,
    again: undefined,
    tried: undefined,
    done: undefined,
    ready: undefined,
  }
  units.set(step_id, unit)
  return unit
}

/** In one pass over a plan that may be long: of its steps nothing is kept but their ids and places. */
function* ofPlan(
  steps: Listed<PlanStep>,
  gates: readonly PlanGate[],
  units: Map<string, Unit>,
): Generator<Claim> {
  const needing: number[] = []
  let index = 0
  for (const step of steps) {
    yield* ofPlanned(step, `/opening/plan/steps/${index}`, units)
    unitOf(units, step.step_id).step = index
    // What it needs may be planned behind it.
    if (!step.needs.every((need) => units.has(need))) needing.push(index)
    index += 1
  }
  let isInOrder = needing.length === 0
  for (const [nth, gate] of gates.entries()) {
    yield* ofPlanned(gate, `/opening/plan/gates/${nth}`, units)
    if (!gate.needs.every((need) => units.has(need))) isInOrder = false
    unitOf(units, gate.step_id).gate = gate
  }
  for (const step of needing) yield* ofNeeds(steps.at(step), units)
  for (const gate of gates) yield* ofNeeds(gate, units)
  // A plan of which each thing stands behind what it needs goes in no circle.
  if (!isInOrder) yield* ofCircles(steps, gates)
}

/** Taken away is what needs nothing, then what needs no more than that, and so on: what is left waits for itself. */
function* ofCircles(steps: Listed<PlanStep>, gates: readonly PlanGate[]): Generator<Claim> {
  const open = new Map<string, number>()
  const behind = new Map<string, string[]>()
  for (const planned of [steps, gates])
    for (const { step_id, needs } of planned) {
      open.set(step_id, needs.length)
      for (const need of needs) {
        const waiting = behind.get(need)
        if (waiting === undefined) behind.set(need, [step_id])
        else waiting.push(step_id)
      }
    }
  const free = [...open.keys()].filter((step_id) => open.get(step_id) === 0)
  for (const step_id of free)
    for (const next of behind.get(step_id) ?? []) {
      const left = (open.get(next) ?? 0) - 1
      open.set(next, left)
      if (left === 0) free.push(next)
    }
  const never = [...open.keys()].filter((step_id) => (open.get(step_id) ?? 0) > 0)
  if (never.length === 0) return
  yield claimOf('plan-broken', {
    where: '/opening/plan',
    message: `The needs of the plan go round in a circle, so that these can never begin: ${fewOf(never)}.`,
    expected: 'nothing that can never begin',
    actual: fewOf(never),
  })
}

type Planned = Pick<PlanStep, 'step_id' | 'needs'>

function* ofPlanned(
  { step_id, needs }: Planned,
  where: string,
  units: ReadonlyMap<string, Unit>,
): Generator<Claim> {
  if (units.has(step_id))
    yield claimOf('plan-broken', {
      where: `${where}/step_id`,
      step_id,
      message: `The plan has ${step_id} twice.`,
      expected: 'once',
      actual: 'twice',
    })
  const different = needs.length > 1 ? new Set(needs).size : needs.length
  if (different !== needs.length)
    yield claimOf('plan-broken', {
      where: `${where}/needs`,
      step_id,
      message: `${step_id} needs one thing twice.`,
      expected: counted(different, 'need'),
      actual: counted(needs.length, 'need'),
    })
}

function* ofNeeds(
  planned: Planned | undefined,
  units: ReadonlyMap<string, Unit>,
): Generator<Claim> {
  for (const need of planned?.needs ?? []) {
    if (units.has(need)) continue
    yield claimOf('plan-broken', {
      where: '/opening/plan',
      ...(planned && { step_id: planned.step_id }),
      message: `${planned?.step_id} needs ${need}, which the plan does not have.`,
      expected: 'a step or gate of the plan',
      actual: need,
    })
  }
}

/** Four eyes are counted over the starters: a lineage without one, or of the run itself, would leave somebody out. */
function* ofLineage({ run_id, opening: { rerun_of } }: Envelope): Generator<Claim> {
  const where = '/opening/rerun_of'
  if (rerun_of?.run_id === run_id)
    yield claimOf('lineage-broken', {
      where,
      message: 'The run is said to repeat itself.',
      expected: `another run than ${run_id}`,
      actual: run_id,
    })
  if (rerun_of?.starters.length === 0)
    yield claimOf('lineage-broken', {
      where: `${where}/starters`,
      message: 'The run repeats one that nobody started.',
      expected: 'at least 1 starter',
      actual: 'none',
    })
}

function* ofStep(
  { opening, closing, evidence_id }: Envelope,
  step: StepEntry,
  planned: HeldTo | undefined,
  unit: Unit | undefined,
  { units }: Met,
  where: string,
): Generator<Claim> {
  const { step_id, attempt } = step
  const name = `Attempt ${attempt} of ${step_id}`
  const at = { step_id, where }
  if (planned === undefined || unit === undefined) {
    yield claimOf('not-in-plan', {
      ...at,
      message: `The plan has no step ${step_id}.`,
      expected: 'a step of the plan',
      actual: step_id,
    })
    return
  }
  const other = commandFault(step, planned)
  if (other !== null)
    yield claimOf('plan-differs', {
      ...at,
      message: `${name} ran another command than the plan says.`,
      ...other,
    })
  const { tried } = unit
  const before = tried?.attempts ?? 0
  if (attempt !== before + 1) {
    yield claimOf('attempts-broken', {
      ...at,
      message: `${name} does not follow the attempt before it.`,
      expected: String(before + 1),
      actual: String(attempt),
    })
  }
  if (!isAnotherLeft(planned, tried)) {
    yield claimOf('attempts-broken', {
      ...at,
      message: `${name} was not allowed after ${counted(before, 'attempt')}, the last of which was ${tried?.last}.`,
      expected: `at most ${before}`,
      actual: String(before + 1),
    })
  }
  yield* needsFaults(
    planned,
    step.taken_over === undefined ? step.started_at : null,
    unit,
    units,
    at,
  )
  const result = resultFault(step, planned)
  if (result !== null)
    yield claimOf('result-broken', { ...at, ...result, message: `${name} ${result.message}.` })
  const log = logFault(step)
  if (log !== null)
    yield claimOf('log-broken', {
      ...at,
      ...log,
      where: `${where}/log`,
      message: `The log of ${name.toLowerCase()} ${log.message}.`,
    })
  yield* ofCells(step, name, at)
  const { artifacts } = step
  const paths = artifacts.length > 1 ? new Set(artifacts.map(({ path }) => path)).size : 1
  if (artifacts.length > 1 && paths !== artifacts.length) {
    yield claimOf('repeated', {
      ...at,
      where: `${where}/artifacts`,
      message: `${name} has two artifacts of one path.`,
      expected: counted(artifacts.length, 'path'),
      actual: counted(paths, 'path'),
    })
  }
  if (step.taken_over === undefined) {
    yield* ofTimes(
      [opening.started_at, step.started_at, step.finished_at, closing.finished_at],
      `${name} ${NOT_WITHIN}`,
      at,
    )
  } else if (opening.rerun_of === null) {
    yield claimOf('lineage-broken', {
      ...at,
      message: `${name} is taken over, and this run repeats none.`,
      expected: 'a run that repeats another',
      actual: 'it repeats none',
    })
  } else if (step.outcome !== 'succeeded') {
    yield claimOf('lineage-broken', {
      ...at,
      message: `${name} is taken over, and did not succeed.`,
      expected: 'succeeded',
      actual: step.outcome,
    })
  } else {
    // A recorder whose clock was set back since goes on from there: nothing that it writes is before it.
    yield* ofTimes(
      [step.started_at, step.finished_at, closing.finished_at],
      `${name} is taken over, and ends after this run does, or before it begins.`,
      at,
    )
  }
  if (step.taken_over?.evidence_id === evidence_id)
    yield claimOf('lineage-broken', {
      ...at,
      message: `${name} is taken over from this record.`,
      expected: `another record than ${evidence_id}`,
      actual: evidence_id,
    })
  const span = Date.parse(step.finished_at) - Date.parse(step.started_at)
  if (step.duration_ms > span + TWO_CLOCKS_MS)
    yield claimOf('times-broken', {
      ...at,
      where: `${where}/duration_ms`,
      message: `${name} is said to have lasted longer than from its beginning to its end.`,
      expected: `at most ${span} ms`,
      actual: `${step.duration_ms} ms`,
    })
  unit.tried = triedAgain(tried, step.outcome)
  // What was taken over ended in another run, by a clock that may be ahead of this one's: only its place counts.
  if (step.outcome === 'succeeded')
    unit.done = step.taken_over === undefined ? step.finished_at : ''
}

/** A duration is measured where the step runs, and not from when it is said to have begun: it may be shorter. */
const TWO_CLOCKS_MS = 1000

// Those in a part of their own are not in this file.
function* ofCells(
  { kind, cells, cells_part }: StepEntry,
  name: string,
  at: { step_id: string; where: string },
): Generator<Claim> {
  if (cells === undefined && cells_part === undefined) return
  if (kind !== 'materialize' || (cells !== undefined && cells_part !== undefined)) {
    const [fault, expected, actual] =
      kind === 'materialize'
        ? ['lists its cells twice', 'a list, or a part', 'both']
        : ['derives cells without being of the kind that does', 'materialize', kind]
    yield claimOf('result-broken', { ...at, message: `${name} ${fault}.`, expected, actual })
  }
  const met = new Set<string>()
  for (const [index, cell] of (cells ?? []).entries()) {
    const where = `${at.where}/cells/${index}`
    const named = canonicalize([cell.table, cell.record_id, cell.field])
    if (met.has(named))
      yield claimOf('repeated', {
        ...at,
        where,
        message: `${name} has one cell twice.`,
        expected: 'once',
        actual: 'twice',
      })
    met.add(named)
    const isDerived = cell.value_sha256 !== null && cell.error === null
    const isFailed = cell.value_sha256 === null && cell.error !== null
    if (cell.state === 'fresh' ? !isDerived : !isFailed)
      yield claimOf('result-broken', {
        ...at,
        where,
        message: `A cell of ${name.toLowerCase()} is ${cell.state}, and ${isFailed ? 'has an error' : isDerived ? 'has a value' : 'has both value and error, or neither'}.`,
        expected: cell.state === 'fresh' ? 'a value and no error' : 'an error and no value',
        actual: `${cell.value_sha256 === null ? 'no value' : 'a value'} and ${cell.error === null ? 'no error' : 'an error'}`,
      })
  }
}

/** The first that differs, and no more of a command: one as long as the file may be repeated by attempts of none. */
function commandFault(step: StepEntry, planned: HeldTo): Compared | null {
  if (step.kind !== planned.kind)
    return { expected: `kind ${planned.kind}`, actual: `kind ${step.kind}` }
  const [expected, actual] = [planned.argv, step.argv]
  const at = actual.findIndex((text, index) => text !== expected[index])
  if (at === -1 && actual.length === expected.length) return null
  const element = at === -1 ? actual.length : at
  const told = (argv: readonly string[]) =>
    element < argv.length
      ? `element ${element} of ${argv.length}: ${argv[element]}`
      : counted(argv.length, 'element')
  return { expected: told(expected), actual: told(actual) }
}

type Compared = Required<Pick<Claim, 'expected' | 'actual'>>
type Fault = Compared & Pick<Claim, 'message'>

function* ofGate(
  { opening, closing }: Envelope,
  gate: GateEntry,
  unit: Unit | undefined,
  { units, gateIds }: Met,
  where: string,
): Generator<Claim> {
  const { step_id, gate_id } = gate
  const at = { step_id, where }
  const planned = unit?.gate ?? null
  if (planned === null || unit === undefined) {
    yield claimOf('not-in-plan', {
      ...at,
      message: `The plan has no gate ${step_id}.`,
      expected: 'a gate of the plan',
      actual: step_id,
    })
    return
  }
  if (unit.isResolved || gateIds.has(gate_id))
    yield claimOf('repeated', {
      ...at,
      message: `Gate ${step_id} is resolved twice.`,
      expected: 'once',
      actual: 'twice',
    })
  // Of a policy as long as the file, once and not for each time that the gate is there.
  const other = unit.isResolved ? null : askedFault(gate, planned)
  if (other !== null)
    yield claimOf('plan-differs', {
      ...at,
      message: `Gate ${step_id} asked another question, or by another policy, than the plan says.`,
      ...other,
    })
  yield* needsFaults(planned, gate.shown.opened_at, unit, units, at)
  yield* ofTimes(
    [opening.started_at, gate.shown.opened_at, gate.resolved_at, closing.finished_at],
    `Gate ${step_id} ${NOT_WITHIN}`,
    at,
  )
  unit.isResolved = true
  gateIds.add(gate_id)
  if (GATE_OUTCOME[gate.outcome].opens) unit.done = gate.resolved_at
}

function askedFault(gate: GateEntry, planned: PlanGate): Compared | null {
  if (gate.question !== planned.question)
    return { expected: planned.question, actual: gate.question }
  const [expected, actual] = [canonicalize(planned.policy), canonicalize(gate.policy)]
  return expected === actual ? null : { expected, actual }
}

// By the order of the record and, where one clock wrote both, by its times: nothing begins before what it needs. A fault
// stands for each walk over the needs but one, so that many attempts of a step of many needs do not take for ever.
function* needsFaults(
  { needs }: { needs: readonly string[] },
  begun: string | null,
  unit: Unit,
  units: ReadonlyMap<string, Unit>,
  at: { step_id: string; where: string },
): Generator<Claim> {
  const since = unit.ready
  if (since !== undefined && (begun === null || begun >= since)) return
  let last = ''
  let isReady = true
  for (const need of needs) {
    const ended = units.get(need)?.done
    if (ended === undefined) {
      isReady = false
      yield claimOf('needs-broken', {
        ...at,
        message: `${at.step_id} is recorded without ${need}, which it needs, having succeeded before.`,
        expected: `${need} before ${at.step_id}`,
        actual: `${at.step_id} without ${need}`,
      })
    } else if (begun !== null && begun < ended) {
      yield claimOf('needs-broken', {
        ...at,
        message: `${at.step_id} began before ${need}, which it needs, had ended.`,
        expected: `not before ${ended}`,
        actual: begun,
      })
    }
    if (ended !== undefined && ended > last) last = ended
  }
  if (isReady) unit.ready = last
}

const NOT_WITHIN = 'does not lie within the run, or ends before it begins.'

// Instants of ours sort as text.
function* ofTimes(
  inOrder: readonly string[],
  message: string,
  at: { step_id: string; where: string },
): Generator<Claim> {
  const late = inOrder.findIndex((instant, index) => instant < (inOrder[index - 1] ?? ''))
  if (late !== -1) {
    yield claimOf('times-broken', {
      ...at,
      message,
      expected: `not before ${inOrder[late - 1]}`,
      actual: inOrder[late] ?? '',
    })
  }
}

function resultFault(
  { outcome, exit_code, signal, reason }: StepEntry,
  planned: Pick<PlanStep, 'timeout_ms'>,
): Fault | null {
  const code = exit_code === null ? 'no exit code' : `exit code ${exit_code}`
  const ended = signal === null ? code : `${code}, and a signal`
  if (exit_code !== null && signal !== null)
    return {
      message: 'has an exit code and a signal',
      expected: 'an exit code or a signal',
      actual: ended,
    }
  switch (outcome) {
    case 'succeeded':
      return exit_code === 0
        ? null
        : { message: 'succeeded without exit code 0', expected: 'exit code 0', actual: ended }
    case 'failed':
      return (exit_code ?? 0) !== 0 || signal !== null || reason !== null
        ? null
        : {
            message: 'failed without a reason',
            expected: 'an exit code that is not 0, a signal or a reason',
            actual: ended,
          }
    case 'timed_out':
      return planned.timeout_ms === null
        ? {
            message: 'timed out, and the plan gives no timeout',
            expected: 'a timeout in the plan',
            actual: 'none',
          }
        : null
    case 'interrupted':
    case 'aborted':
      return null
  }
}

function logFault({ log: { sha256, bytes, lines, chunks, truncated } }: StepEntry): Fault | null {
  if (bytes === 0 && (lines > 0 || sha256 !== NOTHING))
    return {
      message: 'is empty with lines or another digest',
      expected: `0 lines, ${NOTHING}`,
      actual: `${counted(lines, 'line')}, ${sha256}`,
    }
  const count = Math.ceil(bytes / (1024 * 1024))
  if (chunks.length !== count)
    return {
      message: `has ${counted(chunks.length, 'chunk')} where ${counted(bytes, 'byte')} have ${count}`,
      expected: counted(count, 'chunk'),
      actual: counted(chunks.length, 'chunk'),
    }
  const [chunk] = chunks
  return chunk !== undefined && chunks.length === 1 && !truncated && chunk !== sha256
    ? { message: 'is one chunk with another digest', expected: sha256, actual: chunk }
    : null
}

const NOTHING = sha256('')

function* ofClosing(
  { opening, closing, evidence_id }: Envelope,
  { units, ended, counts, derived }: Met,
): Generator<Claim> {
  const outcome = ended ?? (isAllDone(units) ? 'succeeded' : 'aborted')
  if (closing.outcome !== outcome) {
    yield claimOf('outcome-differs', {
      where: '/closing/outcome',
      message: `The run is said to have ended as ${closing.outcome}; by its entries it ended as ${outcome}.`,
      expected: outcome,
      actual: closing.outcome,
    })
  }
  if ((closing.reason === undefined) !== (closing.outcome === 'succeeded')) {
    yield claimOf('reason-broken', {
      where: '/closing',
      message: 'A run gives a reason exactly when it did not succeed.',
      expected: closing.outcome === 'succeeded' ? 'no reason' : 'a reason',
      actual: closing.reason ?? 'none',
    })
  }
  yield* ofSum('counts-differ', 'counts', counts.counts(), closing.counts)
  yield* ofTotals(derived, closing.totals)
  const { seal_seq, previous } = closing
  if ((previous === null) !== (seal_seq === 1) || previous?.evidence_id === evidence_id) {
    yield claimOf('series-broken', {
      where: '/closing/previous',
      message: 'The first envelope of a server has none before it; every other has another one.',
      expected: seal_seq === 1 ? 'none' : `another than ${evidence_id}`,
      actual: previous?.evidence_id ?? 'none',
    })
  }
  if (opening.started_at > closing.finished_at) {
    yield claimOf('times-broken', {
      where: '/closing/finished_at',
      message: 'The run ended before it began.',
      expected: `not before ${opening.started_at}`,
      actual: closing.finished_at,
    })
  }
}

const isAllDone = (units: ReadonlyMap<string, Unit>): boolean =>
  [...units.values()].every(({ done }) => done !== undefined)

/** Cells in a part of their own are not in this file: of them there is only how many, and that none costs less than 0. */
function* ofTotals(steps: readonly StepEntry[], said: Closing['totals']): Generator<Claim> {
  const listed = totalsOf(steps, said ?? { skipped: 0 })
  const apart = steps.reduce((sum, { cells_part }) => sum + BigInt(cells_part?.count ?? 0), 0n)
  const isApart = steps.some(({ cells_part }) => cells_part !== undefined)
  if (!isApart || listed === undefined || said === undefined) {
    yield* ofSum('totals-differ', 'totals', listed ?? null, said ?? null)
    return
  }
  const counted = apart + BigInt(listed.materialized) + BigInt(listed.failures)
  const fits =
    BigInt(said.materialized) + BigInt(said.failures) === counted &&
    said.materialized >= listed.materialized &&
    said.failures >= listed.failures &&
    !said.total_cost.startsWith('-') &&
    !sumOf([said.total_cost, negated(listed.total_cost)]).startsWith('-')
  if (fits) return
  yield claimOf('totals-differ', {
    where: '/closing/totals',
    message: 'The totals are not those of the entries.',
    expected: `${counted} cells, of them at least ${canonicalize(listed)}`,
    actual: canonicalize(said),
  })
}

const negated = (decimal: string) => (decimal.startsWith('-') ? decimal.slice(1) : `-${decimal}`)

function* ofSum(
  code: 'counts-differ' | 'totals-differ',
  name: 'counts' | 'totals',
  derived: unknown,
  said: unknown,
): Generator<Claim> {
  const [expected, actual] = [canonicalize(derived), canonicalize(said)]
  if (expected !== actual) {
    yield claimOf(code, {
      where: `/closing/${name}`,
      message: `The ${name} are not those of the entries.`,
      expected,
      actual,
    })
  }
}
