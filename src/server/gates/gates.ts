import type { Challenge, Decide, DecisionAnswer, GateResource } from '#contract/api.ts'
import type { Policy, RecordedDecision } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { Gate, Run } from '#contract/run.ts'
import { PROFILE } from '#contract/scalar.ts'
import { digestOf } from '#evidence/digest.ts'
import type { Asker } from '#server/identity/asker.ts'
import { ProblemError } from '#server/problem.ts'
import type { Current, Recorder } from '#server/runs/record.ts'
import type { GateRow, GateState, Page, PageRequest, Storage } from '#server/storage/storage.ts'
import { createChallenges } from './challenges.ts'
import { createExpiries } from './expiries.ts'
import { closeGate, openedGate, resolveGate, type OpenedGate } from './gate-facts.ts'
import { mayStill, startersOf, whyNot, type OwnerOf } from './may-decide.ts'

/** Questions to people, and their answers. Opening a gate, and ending the run of a refused one, is the executor's. */
export type Gates = {
  list(state: GateState | null, page: PageRequest, asker: Asker | null): Promise<Page<GateResource>>
  get(gate_id: string, asker: Asker | null): Promise<GateResource>
  challenge(gate_id: string, asker: Asker): Promise<Challenge>
  /**
   * The first rejection or the k-th approval resolves; what comes later is told what stands. An answer to a gate past
   * its expiry resolves it as expired.
   */
  decide(gate_id: string, asker: Asker, answer: Decide): Promise<DecisionAnswer>
  /** Minds the expiry of gates that were opened before this start; those overdue resolve now. */
  resume(): Promise<void>
  stop(): void
}

export function createGates({
  storage: { gates, identity },
  recorder,
  now,
  random,
  failed,
}: {
  storage: Pick<Storage, 'gates' | 'identity'>
  recorder: Recorder
  now: () => Date
  random: (bytes: number) => Buffer
  /** Told when an expiry could not be recorded. It is tried again. */
  failed: (error: unknown) => void
}): Gates {
  const challenges = createChallenges(random)
  const expiries = createExpiries({ now, failed, expire })
  const salt = () => random(16).toString('hex')

  recorder.subscribe((fact, { run }) => {
    if (fact.type === 'needs_input') expiries.mind(fact.gate_id, run.run_id, fact.shown.expires_at)
    else if (fact.type === 'gate_resolved') expiries.forget(fact.entry.gate_id)
    else if (run.ended) for (const { gate_id } of run.gates) expiries.forget(gate_id)
  })

  async function rowOf(gate_id: string): Promise<GateRow> {
    const row = await gates.get(gate_id)
    if (row === null) throw new ProblemError('not_found', `there is no gate ${gate_id}`)
    return row
  }

  async function currentOf(run_id: string): Promise<Current> {
    const current = await recorder.read(run_id)
    if (current === null) throw new ProblemError('not_found', `there is no run ${run_id}`)
    return current
  }

  async function ownersOf(actors: readonly string[]): Promise<OwnerOf> {
    const owners = new Map<string, string | null>()
    for (const actor of actors) {
      const [kind, id = ''] = actor.split(':')
      if (kind === 'user') owners.set(actor, id)
      if (kind === 'token') owners.set(actor, (await identity.token(id))?.owner ?? null)
    }
    return (actor) => owners.get(actor) ?? null
  }

  /** Of those who answered, the first who might not answer any more; null: all might. */
  async function withdrawnOf(
    decisions: readonly RecordedDecision[],
    policy: Policy,
  ): Promise<string | null> {
    for (const { approver } of decisions.map(({ decision }) => decision))
      if (!mayStill(await standingOf(approver), policy)) return approver
    return null
  }

  async function standingOf(actor: string): Promise<Pick<Asker, 'role' | 'owner'> | null> {
    const [kind, id = ''] = actor.split(':')
    const token = kind === 'token' ? await identity.token(id) : null
    const owner = kind === 'user' ? id : (token?.owner ?? null)
    const user = owner === null ? null : await identity.user(owner)
    if (user === null || user.disabled_at !== null) return null
    return { role: token?.revoked_at === null ? token.role : user.role, owner }
  }

  async function resourceOf(row: GateRow, asker: Asker | null): Promise<GateResource> {
    const why_not = row.state === 'resolved' ? 'the gate is resolved' : await whyNotNow(row, asker)
    return {
      ...row.gate,
      state: row.state,
      run: row.run,
      expires_at: row.gate.shown?.expires_at ?? null,
      may_decide: { yes: why_not === null, why_not },
    }
  }

  async function whyNotNow({ run, gate }: GateRow, asker: Asker | null): Promise<string | null> {
    const { opening } = await currentOf(run.run_id)
    return whyNot(asker, openedGate(gate).policy, opening, await ownersOf(startersOf(opening)))
  }

  async function challenge(gate_id: string, asker: Asker): Promise<Challenge> {
    const { run } = await rowOf(gate_id)
    const current = await currentOf(run.run_id)
    const gate = openGateOf(current, gate_id)
    refuseStranger(asker, gate, current, await ownersOf(startersOf(current.opening)))
    const at = later(now().toISOString(), gate.shown.opened_at)
    return {
      shown: gate.shown,
      fields: {
        ...boundFields(current, gate, asker),
        ...challenges.make(gate_id, asker.actor, at),
      },
    }
  }

  async function decide(gate_id: string, asker: Asker, answer: Decide): Promise<DecisionAnswer> {
    const { run } = await rowOf(gate_id)
    const nonce = answer.nonce ?? (await challenge(gate_id, asker)).fields.nonce
    for (;;) {
      // Who stands behind a token is looked up before the run's lane is entered. If somebody answers in between, who
      // stands behind them is to be looked up too, and nothing is recorded in that round.
      const { run: seen, opening } = await currentOf(run.run_id)
      const { decisions: before, policy } = openedGate(gateOf(seen, gate_id))
      const ownerOf = await ownersOf([
        ...startersOf(opening),
        ...before.map(({ decision }) => decision.approver),
      ])
      const withdrawn = await withdrawnOf(before, policy)
      const settled: { answer?: DecisionAnswer; expired?: true } = {}
      const after = await recorder.record(
        run.run_id,
        (current) => {
          const gate = openGateOf(current, gate_id)
          if (gate.decisions !== before) return []
          const at = now().toISOString()
          if (isOver(gate, at)) {
            settled.expired = true
            return [closeGate(current.run, gate, 'expired', { at, salt: salt() })]
          }
          refuseStranger(asker, gate, current, ownerOf)
          refuseSecondAnswer(asker, gate, ownerOf)
          const said = fitting(answer, gate.policy)
          const asked = challenges.take(nonce, gate_id, asker.actor)
          const decided_at = later(at, asked.requested_at)
          const decision: RecordedDecision = {
            decision: { ...boundFields(current, gate, asker), ...asked, ...said, decided_at },
            assertion: null,
          }
          const outcome = resolvedBy(decision, gate)
          if (outcome === 'approved' && withdrawn !== null) refuseWithdrawn(withdrawn)
          settled.answer = { decision, resolved: outcome && { outcome, at: decided_at } }
          const decided: Fact = {
            type: 'gate_decided',
            run_id: run.run_id,
            timestamp: decided_at,
            gate_id,
            decision,
          }
          if (outcome === null) return [decided]
          const decisions = [...inOrder(gate), decision]
          const { actor } = asker
          const resolution = { outcome, actor, decisions, at: decided_at, salt: salt() }
          return [decided, resolveGate(current.run, gate, resolution)]
        },
        asker.authority,
      )
      // The record has just closed it: this says so as to anybody who comes late.
      if (settled.expired) openGateOf(after, gate_id)
      if (settled.answer) return settled.answer
    }
  }

  /** Resolves the gate as expired if it is still open and its time has come. */
  async function expire(gate_id: string, run_id: string): Promise<void> {
    await recorder.record(run_id, (current) => {
      const gate = current.run.gates.find((gate) => gate.gate_id === gate_id)
      const at = now().toISOString()
      if (!gate || gate.resolved || current.run.ended) return []
      return isOver(openedGate(gate), at)
        ? [closeGate(current.run, openedGate(gate), 'expired', { at, salt: salt() })]
        : []
    })
  }

  return {
    async list(state, page, asker) {
      const { items, next_cursor } = await gates.list(state, page)
      return {
        items: await Promise.all(items.map((row) => resourceOf(row, asker))),
        next_cursor,
      }
    },
    get: async (gate_id, asker) => resourceOf(await rowOf(gate_id), asker),
    challenge,
    decide,
    async resume() {
      let cursor: string | null = null
      do {
        const page: Page<GateRow> = await gates.list('open', { cursor, limit: 200 })
        for (const { gate, run } of page.items)
          expiries.mind(gate.gate_id, run.run_id, openedGate(gate).shown.expires_at)
        cursor = page.next_cursor
      } while (cursor !== null)
    },
    stop: () => expiries.stop(),
  }
}

/** A gate that may still be answered: else `gate_resolved` with what stands, or `gate_gone` where its run is dead. */
function openGateOf({ run }: Current, gate_id: string): OpenedGate {
  const gate = gateOf(run, gate_id)
  const { resolved } = gate
  if (resolved && resolved.outcome !== 'aborted')
    throw new ProblemError(
      'gate_resolved',
      `${resolved.outcome} by ${resolved.by ?? 'system'} at ${resolved.at ?? 'an unknown time'}`,
    )
  if (resolved || run.ended)
    throw new ProblemError('gate_gone', `run ${run.run_id} ended before the gate was answered`)
  return openedGate(gate)
}

function gateOf({ gates }: Run, gate_id: string): Gate {
  const gate = gates.find((gate) => gate.gate_id === gate_id)
  if (!gate) throw new ProblemError('not_found', `there is no gate ${gate_id}`)
  return gate
}

function refuseStranger(
  asker: Asker,
  { policy }: OpenedGate,
  { opening }: Current,
  ownerOf: OwnerOf,
): void {
  const reason = whyNot(asker, policy, opening, ownerOf)
  if (reason !== null) throw new ProblemError('may_not_decide', reason)
}

// A person is one, with however many tokens.
function refuseSecondAnswer(asker: Asker, { decisions }: OpenedGate, ownerOf: OwnerOf): void {
  const person = asker.owner ?? asker.actor
  const earlier = decisions.find(
    ({ decision: { approver } }) => (ownerOf(approver) ?? approver) === person,
  )?.decision
  if (earlier)
    throw new ProblemError(
      'already_decided',
      `${earlier.decision} as ${earlier.approver} at ${earlier.decided_at}`,
    )
}

// A quorum is of people who all may when it is reached. Left out of the record nobody's answer can be, so that only a
// refusal or the run's end resolves this gate.
function refuseWithdrawn(approver: string): never {
  throw new ProblemError(
    'may_not_decide',
    `${approver} approved and may not decide any more: reject, and run again`,
  )
}

function isOver({ shown: { expires_at } }: OpenedGate, at: string): boolean {
  return expires_at !== null && at >= expires_at
}

/** What the person says, where it is what the gate asks for. */
function fitting({ decision, comment = '', inputs = {} }: Decide, policy: Policy) {
  const asked = policy.inputs.map(({ name }) => name)
  const unasked = Object.keys(inputs).find((name) => !asked.includes(name))
  if (unasked !== undefined)
    throw new ProblemError('bad_inputs', `the gate does not ask for ${unasked}`)
  // Nobody has to fill in a form to say no.
  const missing = policy.inputs.find(
    ({ name, required }) => required && (inputs[name] ?? '') === '',
  )
  if (missing && decision === 'approved')
    throw new ProblemError('bad_inputs', `the gate asks for ${missing.name}`)
  return { decision, comment, inputs }
}

function resolvedBy(
  { decision }: RecordedDecision,
  { decisions, policy }: OpenedGate,
): 'approved' | 'rejected' | null {
  if (decision.decision === 'rejected') return 'rejected'
  return decisions.length + 1 >= policy.quorum ? 'approved' : null
}

// The reducer sorts by approver; the record keeps the order in which they came.
function inOrder({ decisions }: OpenedGate): RecordedDecision[] {
  return decisions.toSorted((a, b) => (a.decision.decided_at < b.decision.decided_at ? -1 : 1))
}

/** The server's fields of a decision but for the request: what it is about. */
function boundFields({ evidence_id, run }: Current, gate: OpenedGate, { actor }: Asker) {
  const { gate_id, question, shown } = gate
  return {
    type: `${PROFILE}/gate-decision`,
    evidence_id,
    run_id: run.run_id,
    gate_id,
    question,
    policy_sha256: shown.policy_sha256,
    approver: actor,
    chain_head_before: shown.chain_head_before,
    shown_sha256: digestOf(shown),
    expires_at: shown.expires_at,
  } as const
}

// The server's clock may be set back, and the record must not say that an answer came before its question.
function later(a: string, b: string): string {
  return a > b ? a : b
}
