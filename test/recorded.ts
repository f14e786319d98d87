import { createHash } from 'node:crypto'
import type { Opening, PlanGate, Policy, StepEntry } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { ActName } from '#contract/people.ts'
import type { Run } from '#contract/run.ts'
import { newRun, reduce } from '#live/reduce.ts'
import { openGates, summaryOf } from '#live/select.ts'
import type { Act, Append, IdentityStore, Session } from '#server/storage/storage.ts'

/*
 * Facts of a run as a server records them, for whatever is tested below the executor: a step `build`, and gates that
 * need it.
 */

export const AT = '2026-11-12T09:30:00.000Z'

/** `ms` after `AT`. */
export function after(ms: number): string {
  return new Date(Date.parse(AT) + ms).toISOString()
}

export function policy(over: Partial<Policy> = {}): Policy {
  return {
    roles: ['approver'],
    users: [],
    quorum: 1,
    four_eyes: false,
    expires_ms: null,
    sign: 'session',
    inputs: [],
    ...over,
  }
}

export function planGate(over: Partial<PlanGate> = {}): PlanGate {
  return {
    step_id: 'release',
    needs: ['build'],
    question: 'Release it?',
    policy: policy(),
    show: [],
    ...over,
  }
}

export function opening(over: Partial<Opening> = {}): Opening {
  return {
    server: digest('key'),
    kind: 'pipeline',
    title: 'Release',
    definition: { name: 'release', sha256: digest('release') },
    plan: {
      steps: [
        {
          step_id: 'build',
          kind: 'command',
          needs: [],
          argv: ['/bin/true'],
          cwd: '.',
          env: {},
          retries: 0,
          timeout_ms: null,
          artifacts: [],
        },
      ],
      gates: [],
    },
    actor: 'user:ann',
    inputs: {},
    started_at: AT,
    rerun_of: null,
    runner: { version: '0.1.0', isolation: 'none' },
    ...over,
  }
}

export function started(
  run_id: string,
  over: Partial<Opening> = {},
): Extract<Fact, { type: 'run_started' }> {
  return {
    type: 'run_started',
    run_id,
    timestamp: AT,
    evidence_id: run_id.replace('run_', 'ev_'),
    opening: opening(over),
  }
}

export function stepStarted(run_id: string, attempt = 1, step_id = 'build'): Fact {
  return {
    type: 'step_started',
    run_id,
    timestamp: AT,
    step_id,
    kind: 'command',
    attempt,
  }
}

export function stepFinished(run_id: string, over: Partial<StepEntry> = {}): Fact {
  return {
    type: 'step_finished',
    run_id,
    timestamp: AT,
    entry: {
      step_id: 'build',
      kind: 'command',
      attempt: 1,
      argv: ['/bin/true'],
      exit_code: 0,
      signal: null,
      outcome: 'succeeded',
      reason: null,
      started_at: AT,
      finished_at: AT,
      duration_ms: 0,
      log: { sha256: digest(''), bytes: 0, lines: 0, truncated: false, chunks: [] },
      artifacts: [],
      salt: '0'.repeat(32),
      ...over,
    },
  }
}

export function succeeded(run_id: string): Fact {
  return { type: 'run_succeeded', run_id, timestamp: AT }
}

export function aborted(run_id: string, reason = 'stopped'): Fact {
  return { type: 'run_aborted', run_id, timestamp: AT, actor: 'user:ann', reason }
}

/** What the server appends after `before`: rows by the reducer. */
export function appendOf(before: readonly Fact[], facts: readonly Fact[]): Append {
  const run = runOf([...before, ...facts])
  const open = openGates(run)
  return {
    run_id: run.run_id,
    after: before.length,
    facts: facts.map((fact) => ({ fact, link: 'opening' in fact ? digest(fact.run_id) : null })),
    summary: summaryOf(run),
    gates: run.gates.map((gate) => ({ gate, state: open.includes(gate) ? 'open' : 'resolved' })),
    acts: [],
  }
}

/** Something that somebody did, as a store is told of it. */
export function actOf(act: ActName, about: string): Act {
  return { at: AT, actor: 'user:ann', act, about, detail: null, authority: null }
}

/** As a sign-in makes it. */
export async function addSession(identity: IdentityStore, session: Session, act: Act) {
  const { user, ...row } = session
  const { at, act: name, about, detail } = act
  const secret_sha256 = digest(`link of ${row.session_id}`)
  await identity.addLink({ secret_sha256, user, expires_at: after(DAY_MS) }, act)
  return await identity.takeLink(secret_sha256, row, { at, act: name, about, detail })
}

const DAY_MS = 24 * 60 * 60_000

export function runOf(facts: readonly Fact[]): Run {
  return facts.reduce<Run>(reduce, newRun(facts[0]?.run_id ?? ''))
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
