import {
  type Cell,
  type Closing,
  type Content,
  type Decision,
  Envelope,
  type GateEntry,
  type Link,
  type Opening,
  type Plan,
  type PlanGate,
  type PlanStep,
  type Policy,
  type RecordedDecision,
  type Shown,
  type StepEntry,
} from '#contract/envelope.ts'
import type { EnvelopeSummary } from '#contract/api.ts'
import { parseJson } from '#contract/parse.ts'
import { PROFILE } from '#contract/scalar.ts'
import { OUTCOME } from '#contract/status.ts'
import { type RequiredDefinition, type ServerKey, type TrustFile } from '#contract/trust.ts'
import { encodeBase64 } from '#evidence/base64.ts'
import { canonicalize, utf8 } from '#evidence/canonical.ts'
import { type ChainState, entriesOf, extendChain, openChain } from '#evidence/chain.ts'
import { digestOf, sha256 } from '#evidence/digest.ts'
import { keyIdOf } from '#evidence/key.ts'
import {
  assembleEnvelope,
  buildContent,
  prepareSeal,
  type RecordedEntry,
  signStatement,
  type Signer,
} from '#evidence/seal.ts'
import { sealedAt } from '#evidence/sealed.ts'
import { countsOf, endingOf, totalsOf } from '#evidence/summarise.ts'
import { type Trusted } from '#evidence/trust.ts'
import { newPasskey } from './passkey.ts'

/*
 * Honest runs, recorded and sealed by the code that ships. Everything is the same each time: keys come from a number,
 * ids and salts are counted, and the clock goes on by a second with each thing that is recorded.
 *
 *   const signer = await newSigner()
 *   const run = startRun(signer, { steps: [planStep('build')], gates: [planGate('ship', { needs: ['build'] })] })
 *   run.step('build')
 *   run.gate('ship', { decisions: [{ approver: 'user:ann' }] })
 *   const { bytes } = await run.seal()
 *   await verifyEnvelope(bytes, { trust: [pinned(signer)] })
 */

/** An Ed25519 key made of a number. */
export async function newSigner(seed = 1): Promise<Signer> {
  const pkcs8 = Uint8Array.from([...PKCS8_HEAD, ...new Uint8Array(32).fill(seed)])
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', true, ['sign'])
  const { x = '' } = await crypto.subtle.exportKey('jwk', key)
  const public_key = new Uint8Array(Buffer.from(x, 'base64url'))
  return {
    key_id: keyIdOf(public_key),
    public_key,
    sign: async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', key, message)),
  }
}

const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

export function serverKeyOf(
  { key_id, public_key }: Signer,
  over: Partial<ServerKey> = {},
): ServerKey {
  return {
    key_id,
    alg: 'Ed25519',
    public_key: encodeBase64(public_key),
    status: 'active',
    last_seal_seq: null,
    ...over,
  }
}

export function trustFileOf(signer: Signer, over: Partial<TrustFile> = {}): TrustFile {
  return {
    schema: 'runseal/trust/1',
    server_keys: [serverKeyOf(signer)],
    approvers: [],
    required: [],
    ...over,
  }
}

export function pinned(signer: Signer, over: Partial<TrustFile> = {}): Trusted {
  return { file: trustFileOf(signer, over), source: 'pinned' }
}

export function planStep(step_id: string, over: Partial<PlanStep> = {}): PlanStep {
  return {
    step_id,
    kind: 'command',
    needs: [],
    argv: ['/bin/sh', '-c', `echo ${step_id}`],
    cwd: '.',
    env: {},
    retries: 0,
    timeout_ms: null,
    artifacts: [],
    ...over,
  }
}

export function planGate(
  step_id: string,
  { policy, ...over }: Partial<Omit<PlanGate, 'policy'>> & { policy?: Partial<Policy> } = {},
): PlanGate {
  return {
    step_id,
    needs: [],
    question: `Go on with ${step_id}?`,
    policy: {
      roles: ['approver'],
      users: [],
      quorum: 1,
      four_eyes: false,
      expires_ms: null,
      sign: 'session',
      inputs: [],
      ...policy,
    },
    show: [],
    ...over,
  }
}

export type Sealed = {
  bytes: Uint8Array<ArrayBuffer>
  envelope: Envelope
  content: Content
  links: Link[]
  /** The payload of the seal. */
  statement: Uint8Array<ArrayBuffer>
}

/** As an honest server lists it. */
export const listedAs = ({ bytes, envelope }: Sealed): EnvelopeSummary => ({
  evidence_id: envelope.evidence_id,
  run_id: envelope.run_id,
  definition: envelope.opening.definition.name,
  outcome: envelope.closing.outcome,
  seal_seq: envelope.closing.seal_seq,
  head: envelope.integrity.hash_chain.head,
  sha256: sha256(bytes),
  bytes: bytes.length,
  sealed_at: sealedAt(envelope.integrity.seal) ?? '',
})

/** Chains, signs and writes a document, honest or not: what the holder of the key can always do. */
export async function sealContent(
  content: Content,
  signer: Signer,
  sealed_at = latest('2026-11-12T10:00:00.000Z', content.closing.finished_at),
): Promise<Sealed> {
  let state = openChain(content.evidence_id, content.run_id)
  const links = [...entriesOf(content)].map(({ kind, body }) => {
    const next = extendChain(state, kind, body)
    state = next.state
    return next.link
  })
  const statement = prepareSeal(content, { count: state.seq, head: state.head }, sealed_at)
  const bytes = assembleEnvelope(content, links, await signStatement(statement, signer))
  const envelope = parseJson(Envelope, new TextDecoder().decode(bytes))
  if (!envelope.ok)
    throw new RangeError(`not sealed: ${envelope.error.at} ${envelope.error.message}`)
  return { bytes, envelope: envelope.value, content, links, statement }
}

const latest = (one: string, other: string): string => (one > other ? one : other)

/** The bytes of a document as it stands, its seal and digests untouched. */
export function bytesOf(document: unknown): Uint8Array<ArrayBuffer> {
  return utf8(canonicalize(document))
}

type RunOptions = { [K in 'evidence_id' | 'run_id']?: string } & Partial<Opening>
export type Answer = Partial<Decision> & {
  approver: string
  sign?: (decision: Decision) => RecordedDecision['assertion']
}
type GateOptions = Partial<Omit<GateEntry, 'decisions' | 'shown'>> & {
  decisions?: Answer[]
  shown?: Partial<Shown>
}

/** A run that records as the server does. Steps and gates are filled from the plan; anything can be said otherwise. */
export type RunBuilder = {
  readonly chain: ChainState
  readonly recorded: readonly RecordedEntry[]
  /** Makes the clock go on and says what it shows. */
  tick(ms?: number): string
  step(step_id: string, over?: Partial<StepEntry>): StepEntry
  gate(step_id: string, over?: GateOptions): GateEntry
  content(over?: Partial<Closing>): Content
  seal(over?: Partial<Closing>): Promise<Sealed>
}

export function startRun(
  signer: Signer,
  plan: Partial<Plan>,
  options: RunOptions = {},
): RunBuilder {
  const { evidence_id = 'ev-1', run_id = 'run-1', ...over } = options
  const { steps = [], gates = [], ...rooted } = plan
  let now = Date.parse('2026-11-12T09:30:00.000Z')
  let salts = 0
  const tick = (ms = 1000): string => new Date((now += ms)).toISOString()
  const hex32 = (): string => sha256(`salt ${evidence_id} ${(salts += 1)}`).slice(0, 32)
  const opening: Opening = {
    server: signer.key_id,
    kind: 'pipeline',
    title: 'Release',
    definition: { name: 'release', sha256: digestOf({ steps, gates }) },
    plan: { ...rooted, steps, gates },
    actor: 'user:oda',
    inputs: { version: '1.0.0' },
    started_at: tick(),
    rerun_of: null,
    source: { commit: 'a'.repeat(40), dirty: false },
    runner: { version: '0.1.0', isolation: 'none' },
    ...over,
  }
  const plannedSteps = new Map(steps.map((step) => [step.step_id, step]))
  const attempts = new Map<string, number>()
  const recorded: RecordedEntry[] = []
  let chain = extendChain(openChain(evidence_id, run_id), 'opening', {
    schema: PROFILE,
    evidence_id,
    run_id,
    opening,
  }).state

  const record = (entry: RecordedEntry): void => {
    recorded.push(entry)
    chain = extendChain(chain, entry.kind, entry.body).state
  }

  const stepsOf = (): StepEntry[] =>
    recorded.flatMap((entry) => (entry.kind === 'step' ? [entry.body] : []))

  function step(step_id: string, over: Partial<StepEntry> = {}): StepEntry {
    const planned = plannedSteps.get(step_id) ?? planStep(step_id)
    const attempt = (attempts.get(step_id) ?? 0) + 1
    attempts.set(step_id, attempt)
    const outcome = over.outcome ?? 'succeeded'
    const log = `${step_id} ${attempt}\n`
    const entry: StepEntry = {
      step_id,
      kind: planned.kind,
      attempt,
      argv: planned.argv,
      exit_code: outcome === 'succeeded' ? 0 : outcome === 'failed' ? 1 : null,
      signal: outcome === 'succeeded' || outcome === 'failed' ? null : 'SIGTERM',
      outcome,
      reason: null,
      started_at: tick(),
      finished_at: tick(),
      duration_ms: 1000,
      log: {
        sha256: sha256(log),
        bytes: log.length,
        lines: 1,
        truncated: false,
        chunks: [sha256(log)],
      },
      artifacts: planned.artifacts.map((path) => ({
        path,
        sha256: sha256(path),
        bytes: path.length,
      })),
      salt: hex32(),
      ...over,
    }
    record({ kind: 'step', body: entry })
    return entry
  }

  function gate(
    step_id: string,
    { decisions = [], shown: shownOver, ...over }: GateOptions = {},
  ): GateEntry {
    const { question, policy } = gates.find((gate) => gate.step_id === step_id) ?? planGate(step_id)
    const opened_at = tick()
    const shown: Shown = {
      question,
      policy_sha256: digestOf(policy),
      chain_head_before: chain.head,
      opened_at,
      expires_at:
        policy.expires_ms === null
          ? null
          : new Date(Date.parse(opened_at) + policy.expires_ms).toISOString(),
      running: [],
      artifacts: stepsOf().flatMap(({ step_id, attempt, artifacts }) =>
        artifacts.map((artifact) => ({ step_id, attempt, ...artifact, opened: false })),
      ),
      base: null,
      ...shownOver,
    }
    const gate_id = over.gate_id ?? `${run_id}-${step_id}`
    const answers = decisions.map(({ sign, ...answer }): RecordedDecision => {
      const decision: Decision = {
        type: `${PROFILE}/gate-decision`,
        evidence_id,
        run_id,
        gate_id,
        question,
        policy_sha256: shown.policy_sha256,
        decision: 'approved',
        comment: 'Looks right.',
        inputs: {},
        chain_head_before: shown.chain_head_before,
        shown_sha256: digestOf(shown),
        nonce: hex32(),
        requested_at: tick(),
        expires_at: shown.expires_at,
        decided_at: tick(),
        ...answer,
      }
      return { decision, assertion: sign?.(decision) ?? null }
    })
    const isRejected = answers.some(({ decision }) => decision.decision === 'rejected')
    const entry: GateEntry = {
      gate_id,
      step_id,
      question,
      policy: structuredClone(policy),
      shown,
      decisions: answers,
      outcome: isRejected ? 'rejected' : answers.length >= policy.quorum ? 'approved' : 'aborted',
      resolved_at: tick(),
      salt: hex32(),
      ...over,
    }
    record({ kind: 'gate', body: entry })
    return entry
  }

  function content(over: Partial<Closing> = {}): Content {
    const entries = stepsOf()
    const { outcome } = endingOf(opening.plan, recorded)
    const listed = totalsOf(entries, { skipped: 0 })
    const apart = entries.reduce((sum, { cells_part }) => sum + (cells_part?.count ?? 0), 0)
    const totals = listed && { ...listed, materialized: listed.materialized + apart }
    const closing: Closing = {
      state: 'Still',
      outcome,
      ...(outcome !== 'succeeded' && { reason: `${OUTCOME[outcome].label}.` }),
      finished_at: tick(),
      counts: countsOf(recorded),
      ...(totals !== undefined && { totals }),
      seal_seq: 1,
      previous: null,
      ...over,
    }
    return buildContent({ evidence_id, run_id, opening, recorded, closing })
  }

  return {
    get chain() {
      return chain
    },
    recorded,
    tick,
    step,
    gate,
    content,
    seal: (over) => sealContent(content(over), signer),
  }
}

/** One honest envelope of each shape a run can have. */
export const SHAPES = {
  'one step': (signer) => {
    const run = startRun(signer, { steps: [planStep('build')] })
    run.step('build')
    return run.seal()
  },
  'no step at all': (signer) => startRun(signer, { steps: [planStep('build')] }).seal(),
  'a step that succeeds when tried again': (signer) => {
    const run = startRun(signer, {
      steps: [
        planStep('build'),
        planStep('test', { needs: ['build'], retries: 2, timeout_ms: 1000 }),
      ],
    })
    run.step('build')
    run.step('test', { outcome: 'interrupted' })
    run.step('test', { outcome: 'failed' })
    run.step('test', { outcome: 'timed_out' })
    run.step('test')
    return run.seal()
  },
  'a step that fails': (signer) => {
    const run = startRun(signer, {
      steps: [planStep('build', { retries: 1 }), planStep('test', { needs: ['build'] })],
    })
    run.step('build', { outcome: 'failed' })
    run.step('build', { outcome: 'failed', exit_code: 0, reason: 'artifact missing: out.tgz' })
    return run.seal()
  },
  'a step that is aborted': (signer) => {
    const run = startRun(signer, {
      steps: [planStep('build'), planStep('test', { needs: ['build'] })],
    })
    run.step('build')
    run.step('test', { outcome: 'aborted' })
    return run.seal()
  },
  'an approved gate': (signer) => approvedRun(signer).seal(),
  'a rejected gate': (signer) => {
    const run = startRun(signer, gatedPlan())
    run.step('build')
    run.gate('ship', {
      decisions: [{ approver: 'user:ann', decision: 'rejected', comment: 'Not today.' }],
    })
    return run.seal()
  },
  'an expired gate': (signer) => {
    const run = startRun(signer, gatedPlan({ expires_ms: 60_000 }))
    run.step('build')
    const opened_at = run.tick()
    run.tick(60_000)
    run.gate('ship', {
      shown: { opened_at, expires_at: new Date(Date.parse(opened_at) + 60_000).toISOString() },
      outcome: 'expired',
    })
    return run.seal()
  },
  'an aborted gate': (signer) => {
    const run = startRun(signer, gatedPlan({ quorum: 2 }))
    run.step('build')
    run.gate('ship', { decisions: [{ approver: 'user:ann' }] })
    return run.seal()
  },
  'two approvals, four eyes and inputs': (signer) => {
    const inputs = [{ name: 'ticket', label: 'Ticket', required: true }]
    const run = startRun(
      signer,
      gatedPlan({ quorum: 2, four_eyes: true, expires_ms: 3_600_000, inputs }),
    )
    run.step('build')
    run.gate('ship', {
      decisions: [
        { approver: 'user:ann', inputs: { ticket: 'A-1' } },
        { approver: 'user:ben', inputs: { ticket: 'A-1' } },
      ],
    })
    run.step('publish')
    return run.seal()
  },
  'a gate that two passkeys answered': (signer) => {
    const passkeys = [newPasskey('ann'), newPasskey('ben', { seed: 8, alg: 'EdDSA' })]
    const answers = passkeys.map(({ approver, sign }) => ({ approver: approver.id, sign }))
    return approvedRun(signer, {}, { quorum: 2, sign: 'passkey' }, answers).seal()
  },
  'steps side by side, a gate between': (signer) => {
    const run = startRun(signer, {
      steps: [
        planStep('build'),
        planStep('slow'),
        planStep('publish', { needs: ['ship', 'slow'] }),
      ],
      gates: [planGate('ship', { needs: ['build'] })],
    })
    const started_at = run.tick()
    run.step('build')
    run.gate('ship', { shown: { running: ['slow'] }, decisions: [{ approver: 'token:ci' }] })
    run.step('slow', { started_at })
    run.step('publish')
    return run.seal()
  },
  'a rerun that took over a step': (signer) => {
    const run = startRun(
      signer,
      { steps: [planStep('build'), planStep('test', { needs: ['build'] })] },
      { rerun_of: { run_id: 'run-0', starters: ['user:oda'] } },
    )
    const taken_over = { evidence_id: 'ev-0', seq: 1, entry: sha256('an entry') }
    const [started_at, finished_at] = ['2026-11-11T09:00:00.000Z', '2026-11-11T09:00:01.000Z']
    run.step('build', { taken_over, started_at, finished_at })
    run.step('test')
    return run.seal({ seal_seq: 2, previous: { evidence_id: 'ev-0', head: sha256('a head') } })
  },
  'derived cells': (signer) => {
    const run = startRun(
      signer,
      { steps: [planStep('derive', { kind: 'materialize' })] },
      { kind: 'materialize' },
    )
    const cell = {
      table: 'people',
      record_id: 'r1',
      field: 'age',
      value_sha256: sha256('40'),
      derivation_sha256: sha256('derivation'),
      inputs_sha256: sha256('inputs'),
      error: null,
    }
    run.step('derive', {
      cells: [
        { ...cell, state: 'fresh', cost: '0.10' },
        { ...cell, record_id: 'r2', state: 'fresh', cost: '0.2' },
        {
          ...cell,
          record_id: 'r3',
          state: 'failed',
          value_sha256: null,
          cost: null,
          error: 'no age',
        },
      ],
    })
    return run.seal()
  },
} as const satisfies Record<string, (signer: Signer) => Promise<Sealed>>

/** build → ship (gate) → publish. */
export function gatedPlan(policy: Partial<Policy> = {}): Plan {
  return {
    steps: [
      planStep('build', { artifacts: ['dist/app.tgz'] }),
      planStep('publish', { needs: ['ship'] }),
    ],
    gates: [planGate('ship', { needs: ['build'], policy })],
  }
}

export function approvedRun(
  signer: Signer,
  options: RunOptions = {},
  policy: Partial<Policy> = {},
  decisions: Answer[] = [{ approver: 'user:ann' }],
): RunBuilder {
  const run = startRun(signer, gatedPlan(policy), options)
  run.step('build')
  run.gate('ship', { decisions })
  run.step('publish')
  return run
}

/** A cell that was derived. */
export const CELL: Cell = {
  table: 'people',
  record_id: 'r1',
  field: 'age',
  state: 'fresh',
  value_sha256: sha256('40'),
  derivation_sha256: sha256('derivation'),
  inputs_sha256: sha256('inputs'),
  cost: '0.1',
  error: null,
}

/** The neutral point: whatever is signed by it verifies for whoever does not look. */
export const LOW_ORDER = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 1 : 0))

/** What a reader requires of the gate in most of these runs. */
export const REQUIRED_GATE: RequiredDefinition['gates'][number] = {
  step_id: 'ship',
  quorum: 1,
  four_eyes: true,
  sign: 'passkey',
  question: null,
  roles: ['approver'],
}

export const requiring = (over: object = {}): RequiredDefinition => ({
  name: 'release',
  sha256: null,
  gates: [{ ...REQUIRED_GATE, ...over }],
})
