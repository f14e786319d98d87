import { type Cell, type Content, type GateEntry } from '#contract/envelope.ts'
import { type TrustFile } from '#contract/trust.ts'
import { sha256 } from '#evidence/digest.ts'
import { type HeldEnvelope } from '#evidence/place.ts'
import { requiredPlanOf } from '#evidence/plan.ts'
import {
  bytesOf,
  CELL,
  newSigner,
  planGate,
  planStep,
  type RunBuilder,
  sealContent,
  startRun,
  trustFileOf,
} from './fixture.ts'
import { newPasskey } from './passkey.ts'

/*
 * Files that anyone can write, in which two things are many: whoever goes through the one for each of the other is at
 * it for hours. Nobody whom the reader knows has sealed them.
 */

const stranger = await newSigner(9)
const ann = newPasskey('ann', { user: 'ann' })

export type Product = {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly trust: TrustFile[]
  readonly previous?: HeldEnvelope[]
}

/** Each has `many` of both. */
export const PRODUCTS: Readonly<Record<string, (many: number) => Promise<Product>>> = {
  'attempts × gates that show none of them': async (many) => {
    const gates = times(many, (n) => planGate(`g${n}`))
    const run = startRun(stranger, { steps: [planStep('a', { retries: many })], gates })
    const { head } = run.chain
    for (const last of times(many, (n) => n === many - 1))
      run.step('a', { outcome: last ? 'succeeded' : 'failed' })
    for (const { step_id } of gates) run.gate(step_id, { shown: { chain_head_before: head } })
    return sealed(run)
  },
  'attempts × gates that show their step as running': async (many) => {
    const gates = times(many, (n) => planGate(`g${n}`))
    const run = startRun(stranger, { steps: [planStep('a', { retries: many })], gates })
    for (const last of times(many, (n) => n === many - 1))
      run.step('a', { outcome: last ? 'succeeded' : 'failed' })
    for (const { step_id } of gates) run.gate(step_id, { shown: { running: ['a'] } })
    return sealed(run)
  },
  'steps × gates that were opened after them': async (many) => {
    const gates = times(many, (n) => planGate(`g${n}`))
    const steps = times(many, (n) => planStep(`s${n}`))
    const run = startRun(stranger, { steps, gates })
    const { head } = run.chain
    for (const { step_id } of steps) run.step(step_id)
    for (const { step_id } of gates) run.gate(step_id, { shown: { chain_head_before: head } })
    return sealed(run)
  },
  'needs × resolutions of one gate': async (many) => {
    const steps = times(many, (n) => planStep(`s${n}`))
    const needs = steps.map(({ step_id }) => step_id)
    const run = startRun(stranger, { steps, gates: [planGate('g', { needs })] })
    for (const step_id of needs) run.step(step_id)
    return sealed(withGates(run, again(run.gate('g'), many)))
  },
  'what is displayed open × resolutions of one gate': async (many) => {
    const show = times(many, (n) => `a/${n}`)
    const run = startRun(stranger, { gates: [planGate('g', { show })] })
    return sealed(withGates(run, again(run.gate('g'), many)))
  },
  'people of a policy × resolutions of one gate, signed': async (many) => {
    const users = times(many, (n) => `user-${n}`)
    const run = startRun(stranger, { gates: [planGate('g', { policy: { users } })] })
    // Genuine, and of whichever record: one and the same, over and over.
    const gate = run.gate('g', { decisions: [{ approver: 'ann', sign: ann.sign }] })
    const few = { ...gate, policy: { ...gate.policy, users: [] } }
    const trust = trustFileOf(stranger, { server_keys: [], approvers: [ann.approver] })
    return {
      ...(await sealed(
        withGates(
          run,
          times(many, () => few),
        ),
      )),
      trust: [trust],
    }
  },
  'variables of planned steps × their attempts, in turn': async (many) => {
    const env = Object.fromEntries(times(2 * many, (n) => [`V${n}`, 'x'.repeat(1000)]))
    // So far from each other that they are not read at once.
    const steps = ['a', 'between', 'b'].map((id) => planStep(id, { env, retries: many }))
    const run = startRun(stranger, { steps })
    for (const last of times(many, (n) => n === many - 1))
      for (const step_id of ['a', 'b'])
        run.step(step_id, { outcome: last ? 'succeeded' : 'failed' })
    return sealed(run)
  },
  'planned steps × jumps back to the two before': async (many) => {
    const steps = times(2 * many, (n) => planStep(`s${n}`))
    const run = startRun(stranger, { steps })
    for (const pair of times(many, (n) => many - 1 - n))
      for (const n of [2 * pair, 2 * pair + 1]) run.step(`s${n}`)
    return sealed(run)
  },
  'needs × attempts': async (many) => {
    const steps = times(many, (n) => planStep(`s${n}`))
    const needs = steps.map(({ step_id }) => step_id)
    const run = startRun(stranger, {
      steps: [...steps, planStep('last', { needs, retries: many })],
    })
    for (const step_id of needs) run.step(step_id)
    for (const last of times(many, (n) => n === many - 1))
      run.step('last', { outcome: last ? 'succeeded' : 'failed' })
    return sealed(run)
  },
  'records that are held × gates that show a difference': async (many) => {
    const gates = times(many, (n) => planGate(`g${n}`))
    const run = startRun(stranger, { gates })
    const base = { evidence_id: 'nowhere', head: sha256('x') }
    for (const { step_id } of gates) run.gate(step_id, { shown: { base } })
    return { ...(await sealed(run)), previous: held(many) }
  },
  'records that are held × those that steps were taken over from': async (many) => {
    const steps = times(many, (n) => planStep(`s${n}`))
    const run = startRun(
      stranger,
      { steps },
      { rerun_of: { run_id: 'run-0', starters: ['user:oda'] } },
    )
    for (const [n, { step_id }] of steps.entries())
      run.step(step_id, { taken_over: { evidence_id: `from-${n}`, seq: 1, entry: sha256('x') } })
    return { ...(await sealed(run)), previous: held(many) }
  },
  'people whom the reader pinned × decisions': async (many) => {
    const approvers = times(many, (n) => ({
      ...ann.approver,
      id: `p${n}`,
      credential_id: 'AAAA',
      public_key: newPasskey('x', { seed: 1 + (n % 100) }).approver.public_key,
    }))
    const gates = times(many, (n) => planGate(`g${n}`, { policy: { four_eyes: true } }))
    const run = startRun(stranger, { gates })
    for (const [n, { step_id }] of gates.entries())
      run.gate(step_id, { decisions: [{ approver: `p${n}`, sign: ann.sign }] })
    // One key under two ids refuses a file, and no two files.
    const files = Object.values(Object.groupBy(approvers, (_, n) => Math.floor(n / 100)))
    const trust = files.map((some = []) =>
      trustFileOf(stranger, { server_keys: [], approvers: some }),
    )
    return { ...(await sealed(run)), trust }
  },
  'starters × gates with four eyes': async (many) => {
    const gates = times(many, (n) => planGate(`g${n}`, { policy: { four_eyes: true } }))
    const starters = times(many, (n) => `user:u${n}`)
    const run = startRun(stranger, { gates }, { rerun_of: { run_id: 'run-0', starters } })
    for (const { step_id } of gates) run.gate(step_id, { decisions: [{ approver: 'user:ben' }] })
    return sealed(run)
  },
  'gates that the reader requires × those of the plan': async (many) => {
    const gates = times(many, (n) => planGate(`g${n}`))
    const run = startRun(stranger, { steps: times(many, (n) => planStep(`s${n}`)), gates })
    for (const { step_id } of gates) run.gate(step_id)
    const required = gates.map(({ step_id }) => ({
      step_id,
      quorum: 1,
      four_eyes: false,
      sign: 'session' as const,
      question: null,
      roles: null,
    }))
    const trust = trustFileOf(stranger, {
      server_keys: [],
      required: [{ name: 'release', sha256: null, gates: required }],
    })
    return { ...(await sealed(run)), trust: [trust] }
  },
  'inputs in commands that the reader pinned × steps of the plan': async (many) => {
    const steps = times(many, (n) => planStep(`s${n}`, { argv: ['x', '1.0.0'] }))
    const run = startRun(stranger, { steps })
    for (const { step_id } of steps) run.step(step_id)
    const inputs = steps.map(({ step_id }) => ({ step_id, element: 1, input: 'version' }))
    const plan = {
      ...requiredPlanOf({
        kind: 'pipeline',
        plan: { steps, gates: [] },
        inputs: { version: '1.0.0' },
      }),
      inputs,
    }
    const trust = trustFileOf(stranger, {
      server_keys: [],
      required: [{ name: 'release', sha256: null, plan, gates: [] }],
    })
    return { ...(await sealed(run)), trust: [trust] }
  },
  'entries × links that are all others': async (many) => {
    const steps = times(many, (n) => planStep(`s${n}`))
    const run = startRun(stranger, { steps })
    for (const { step_id } of steps) run.step(step_id)
    const { envelope } = await run.seal()
    for (const link of envelope.integrity.hash_chain.links) {
      link.entry = sha256(link.entry)
      link.link = sha256(link.link)
    }
    return { bytes: bytesOf(envelope), trust: [] }
  },
  'artifacts of a step × gates': async (many) => {
    const artifacts = times(many, (n) => `out/${n}`)
    const gates = times(many, (n) => planGate(`g${n}`))
    const run = startRun(stranger, { steps: [planStep('a', { artifacts })], gates })
    run.step('a')
    for (const { step_id } of gates) run.gate(step_id, { shown: { artifacts: [] } })
    return sealed(run)
  },
  'cells × steps': async (many) => {
    const steps = times(many, (n) => planStep(`s${n}`, { kind: 'materialize' }))
    const run = startRun(stranger, { steps }, { kind: 'materialize' })
    for (const [n, { step_id }] of steps.entries())
      run.step(step_id, {
        cells: [0, 1].map((m): Cell => ({
          ...CELL,
          record_id: `${n}-${m}`,
          cost: '0.123456789012345678',
        })),
      })
    return sealed(run)
  },
}

const times = <T>(many: number, of: (n: number) => T): T[] =>
  Array.from({ length: many }, (_, n) => of(n))

const again = (gate: GateEntry, many: number): GateEntry[] =>
  times(many, (n) => ({ ...gate, gate_id: `again-${n}` }))

/** Behind all that was recorded. By hand: a run makes each of its gates from the plan. */
function withGates(run: RunBuilder, gates: readonly GateEntry[]): Content {
  const content = run.content()
  return {
    ...content,
    gates: [...content.gates, ...gates],
    order: [...content.order, ...gates.map(() => 'gate' as const)],
  }
}

async function sealed(run: RunBuilder | Content): Promise<Product> {
  const content = 'content' in run ? run.content() : run
  const { bytes } = await sealContent(content, stranger)
  return { bytes, trust: [] }
}

const held = (many: number): HeldEnvelope[] =>
  times(many, (n) => ({
    server: stranger.key_id,
    evidence_id: `held-${n}`,
    head: sha256('x'),
    seal_seq: 10 + n,
    run_id: `run-of-${n}`,
  }))
