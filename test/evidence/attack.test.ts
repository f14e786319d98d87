import { describe, expect, it } from 'vitest'
import {
  type Content,
  type Decision,
  type GateEntry,
  LIMITS,
  type StepEntry,
} from '#contract/envelope.ts'
import { encodeBase64 } from '#evidence/base64.ts'
import { canonicalize, utf8 } from '#evidence/canonical.ts'
import { type ClaimCode, CODE } from '#evidence/claims.ts'
import { entriesOf } from '#evidence/chain.ts'
import { watchConsistency } from '#evidence/consistency.ts'
import { digestOf, sha256 } from '#evidence/digest.ts'
import { isRoomFor } from '#evidence/room.ts'
import { heldOf } from '#evidence/standing.ts'
import { verifyEnvelope, type VerifyOptions } from '#evidence/verify.ts'
import {
  approvedRun,
  bytesOf,
  gatedPlan,
  newSigner,
  pinned,
  planGate,
  planStep,
  sealContent,
  SHAPES,
  startRun,
} from './fixture.ts'

const signer = await newSigner()
const honest = await approvedRun(signer).seal()
const honestText = new TextDecoder().decode(honest.bytes)

async function verdictOn(bytes: Uint8Array, options: Partial<VerifyOptions> = {}) {
  const { verdict, claims, envelope } = await verifyEnvelope(bytes, {
    trust: [pinned(signer)],
    ...options,
  })
  if (verdict === 'does not verify' || verdict === 'not an envelope') expect(envelope).toBeNull()
  return {
    verdict,
    codes: claims.flatMap(({ state, code }) => (state === 'does not verify' ? [code] : [])),
  }
}

/** A copy of the document, changed in place. */
function changed<T>(value: T, change: (copy: T) => void): T {
  const copy = structuredClone(value)
  change(copy)
  return copy
}

/** The honest document with another value at a pointer; with none, undefined. */
function withMember(pointer: string, value: unknown): unknown {
  return changed<unknown>(honest.envelope, (document) => {
    const path = pointer.split('/').slice(1)
    const last = path.pop() ?? ''
    let target = document
    for (const key of path) if (isObject(target)) target = target[key]
    if (!isObject(target)) throw new RangeError(`nothing at ${pointer}`)
    if (value === undefined) Reflect.deleteProperty(target, last)
    else target[last] = value
  })
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

const text = (change: (text: string) => string) => utf8(change(honestText))

describe('what cannot be read', () => {
  it.each<[string, ClaimCode, () => Uint8Array]>([
    ['nothing', 'not-json', () => new Uint8Array()],
    [
      'a byte order mark',
      'byte-order-mark',
      () => Uint8Array.from([0xef, 0xbb, 0xbf, ...honest.bytes]),
    ],
    ['a byte that is no UTF-8', 'not-utf8', () => Uint8Array.from([...honest.bytes, 0xff])],
    ['two files in one', 'not-json', () => Uint8Array.from([...honest.bytes, ...honest.bytes])],
    ['half a file', 'not-json', () => honest.bytes.subarray(0, honest.bytes.length / 2)],
    ['a list', 'not-an-envelope', () => utf8('[]')],
    ['null', 'not-an-envelope', () => utf8('null')],
    [
      'another schema',
      'not-an-envelope',
      () =>
        text((text) => text.replace(/(?<="schema":")[^"]*(?="\}$)/, 'runseal/evidence-envelope/2')),
    ],
  ])('[V2] %s is not an envelope', async (_name, code, bytes) => {
    expect(await verdictOn(bytes())).toEqual({ verdict: 'not an envelope', codes: [code] })
  })

  it('[V2] a file above the cap is not an envelope', async () => {
    const limits = { ...LIMITS, bytes: honest.bytes.length - 1 }
    expect(await verdictOn(honest.bytes, { limits })).toEqual({
      verdict: 'not an envelope',
      codes: ['too-large'],
    })
  })
})

describe('what is too much to read', () => {
  const nested = (unit: string, units: number) =>
    new Uint8Array(Buffer.alloc(units * unit.length, unit))
  it.each([
    ['lists in lists', nested('[', 10_000_001)],
    ['numbers', nested('0,', 10_000_001)],
    ['objects', nested('{},', 5_000_001)],
    ['members', nested('"a":0,', 10_000_001)],
  ])('[V2] too many %s are counted before anything is parsed', async (_name, bytes) => {
    expect(await verdictOn(bytes)).toEqual({ verdict: 'not an envelope', codes: ['too-large'] })
  })

  it('[V2] what stands in a text is no value', () => {
    expect(isRoomFor(utf8(String.raw`["[{,,\"[[", 1, {"a": "]\\"}]`), 5)).toBe(true)
    expect(isRoomFor(utf8(String.raw`["[{,,\"[[", 1, {"a": "]\\"}]`), 3)).toBe(false)
    expect(isRoomFor(utf8('['), 1)).toBe(true)
    expect(isRoomFor(utf8('[['), 1)).toBe(false)
  })

  it('[V4] a fault names no more of a file than a person can read', async () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `unknown-${index}`)
    const many = { ...honest.envelope, ...Object.fromEntries(names.map((name) => [name, 0])) }
    const long = { ...honest.envelope, ['k'.repeat(100_000)]: { ['k'.repeat(10)]: '\ud800' } }
    for (const document of [JSON.stringify(many), canonicalize(many), JSON.stringify(long)]) {
      const { claims, verdict } = await verifyEnvelope(utf8(document), { trust: [] })
      expect(verdict).toBe('does not verify')
      expect(JSON.stringify(claims).length).toBeLessThan(2000)
    }
  })

  it('[V10] nor does a sentence about a long record', async () => {
    const steps = [planStep('build', { retries: 1 })]
    const starters = Array.from({ length: 5000 }, (_, index) => `user:starter-${index}`)
    const run = startRun(
      signer,
      { steps, gates: [planGate('ship', { policy: { four_eyes: true, quorum: 100 } })] },
      { rerun_of: { run_id: 'run-0', starters } },
    )
    for (let index = 0; index < 2000; index += 1) run.step('build', { outcome: 'failed' })
    const decisions = Array.from({ length: 100 }, (_, index) => ({ approver: `user:ann-${index}` }))
    run.gate('ship', { decisions })
    const { claims } = await verifyEnvelope((await run.seal()).bytes, { trust: [pinned(signer)] })
    expect(claims.find(({ code }) => code === 'attempts-broken')?.message).toBe(
      'Attempt 3 of build was not allowed after 2 attempts, the last of which was failed.',
    )
    expect(claims.findLast(({ code }) => code === 'attempts-broken')?.message).toMatch(
      /after \d+ attempts, the last of which was failed\.$/,
    )
    expect(claims.find(({ claim }) => claim === 'four-eyes')?.message).toMatch(
      /ann-4 and 95 more decided; .* and 4,996 more started\.$/,
    )
    expect(Math.max(...claims.map(({ message }) => message.length))).toBeLessThan(500)
  })

  it('[V11] nor are there more claims about a gate that is resolved over and over than about one', async () => {
    const run = startRun(signer, { gates: [planGate('ship')] })
    for (let index = 0; index < 300; index += 1)
      run.gate('ship', { decisions: [{ approver: 'user:ann' }] })
    for (let index = 0; index < 300; index += 1)
      run.gate(`unplanned-${index}`, { decisions: [{ approver: 'user:ann' }] })
    const { claims } = await verifyEnvelope((await run.seal()).bytes, { trust: [pinned(signer)] })
    expect(claims.filter(({ claim }) => claim === 'gate-signature')).toHaveLength(100)
  })
})

describe('what can be read in two ways', () => {
  const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
  it.each<[string, ClaimCode, () => Uint8Array]>([
    ['a line at the end', 'not-canonical', () => text((text) => `${text}\n`)],
    ['a space', 'not-canonical', () => text((text) => text.replace('":', '": '))],
    [
      'a key twice',
      'not-canonical',
      () => text((text) => text.replace('{"closing"', '{"run_id":"other","closing"')),
    ],
    [
      'keys in another order',
      'not-canonical',
      () =>
        text((text) =>
          text
            .replace(/"dirty":false\}/, '"dirty":false}')
            .replace(/("commit":"a+"),("dirty":false)/, '$2,$1'),
        ),
    ],
    [
      'a number with a fraction of zero',
      'not-canonical',
      () => text((text) => text.replace('"seal_seq":1', '"seal_seq":1.0')),
    ],
    [
      'an escape that is not needed',
      'not-canonical',
      () => text((text) => text.replace('"Release"', String.raw`"\u0052elease"`)),
    ],
    [
      'half a surrogate pair',
      'not-writable',
      () => text((text) => text.replace('"Release"', String.raw`"\ud800"`)),
    ],
    [
      'a key with an escape',
      'key-escaped',
      () => text((text) => text.replace('"version":"1.0.0"', String.raw`"\u0076ersion":"1.0.0"`)),
    ],
    [
      'a key with an escape after a text that ends in a backslash',
      'key-escaped',
      () =>
        text((text) =>
          text.replace(
            '"inputs":{"version":"1.0.0"}',
            String.raw`"inputs":{"a":"\\","\u0076":"x"}`,
          ),
        ),
    ],
    [
      'a key that is the prototype',
      'key-not-allowed',
      () =>
        text((text) => text.replace('"inputs":{"version"', '"inputs":{"__proto__":"x","version"')),
    ],
    [
      'a key that is the prototype where no record is',
      'key-not-allowed',
      () => text((text) => text.replace('{"closing"', '{"__proto__":{},"closing"')),
    ],
    [
      'a key with other characters',
      'key-not-allowed',
      () => text((text) => text.replace('"inputs":{"version"', '"inputs":{"ver sion"')),
    ],
    [
      'a document too deep',
      'too-deep',
      () => text((text) => text.replace('"title":"Release"', `"title":${deep(64)}`)),
    ],
    [
      'a document too deep for any stack',
      'too-deep',
      () => text((text) => text.replace('"title":"Release"', `"title":${deep(200_000)}`)),
    ],
  ])('[V3] %s does not verify', async (_name, code, bytes) => {
    expect(await verdictOn(bytes())).toEqual({ verdict: 'does not verify', codes: [code] })
  })

  it('[V3] a text of more escapes than a pattern can go back over', async () => {
    const forged = { ...honest.envelope, evidence_id: '\\'.repeat(3_500_000) }
    expect(await verdictOn(bytesOf(forged))).toEqual({
      verdict: 'does not verify',
      codes: ['over-limit'],
    })
  })

  it('[V1] what no engine has room for is an answer too', async () => {
    const { verdict, claims } = await verifyEnvelope(honest.bytes, { trust: [] }, () => {
      throw new RangeError('Maximum call stack size exceeded')
    })
    expect(verdict).toBe('does not verify')
    expect(claims[0]?.message).toContain('Reading it ended in RangeError')
  })

  it('[V3] a text that only looks like an escaped key is none', async () => {
    const run = startRun(
      signer,
      { steps: [planStep('build')] },
      { title: '\\', inputs: { a: '":\\":"', b: '\\\\"' } },
    )
    run.step('build')
    expect((await verdictOn((await run.seal()).bytes)).verdict).toBe('proven')
  })
})

describe('what does not have the shape', () => {
  const { integrity, execution, order, gates } = honest.envelope
  const { links, count } = integrity.hash_chain
  const [signature] = integrity.seal.signatures
  it.each<[string, ClaimCode, string, unknown]>([
    ['a member more', 'schema-violated', '/note', 'x'],
    ['a member more, deep inside', 'schema-violated', '/execution/steps/0/log/note', 'x'],
    ['a member less', 'schema-violated', '/closing/counts', undefined],
    ['another payload type', 'schema-violated', '/integrity/seal/payloadType', 'text/plain'],
    ['a second signature', 'schema-violated', '/integrity/seal/signatures', [signature, signature]],
    ['no signature', 'schema-violated', '/integrity/seal/signatures', []],
    ['another algorithm', 'schema-violated', '/integrity/hash_chain/algorithm', 'md5'],
    [
      'a digest in capitals',
      'schema-violated',
      '/integrity/content_sha256',
      integrity.content_sha256.toUpperCase(),
    ],
    ['order without an entry', 'coverage-broken', '/order', order.slice(1)],
    ['order in another order', 'coverage-broken', '/order', order.toSorted()],
    [
      'a step more than links',
      'coverage-broken',
      '/execution/steps',
      [...execution.steps, execution.steps[0]],
    ],
    ['a gate less', 'coverage-broken', '/gates', gates.slice(1)],
    ['a link less', 'coverage-broken', '/integrity/hash_chain/links', links.slice(0, -1)],
    [
      'a link more',
      'coverage-broken',
      '/integrity/hash_chain/links',
      [...links, { ...links.at(-1), seq: count }],
    ],
    ['another count', 'coverage-broken', '/integrity/hash_chain/count', count + 1],
    ['another seq', 'coverage-broken', '/integrity/hash_chain/links/1/seq', 2],
  ])('[V4] %s does not verify', async (_name, code, pointer, value) => {
    expect(await verdictOn(bytesOf(withMember(pointer, value)))).toEqual({
      verdict: 'does not verify',
      codes: [code],
    })
  })

  it.each([
    ['2026-02-30', false],
    ['2026-02-29', false],
    ['2024-02-29', true],
    ['2100-02-29', false],
    ['2000-02-29', true],
    ['2026-04-31', false],
    ['2026-06-30', true],
    ['2026-12-31', true],
    ['2026-13-01', false],
    ['2026-00-10', false],
  ])('[V4] a day such as %s', async (day, isDay) => {
    const { codes } = await verdictOn(
      bytesOf(withMember('/closing/finished_at', `${day}T10:00:00.000Z`)),
    )
    expect(codes.includes('schema-violated')).toBe(!isDay)
    expect(new Date(`${day}T00:00:00Z`).toJSON()?.startsWith(day) ?? false).toBe(isDay)
  })

  it('[V4] more that does not fit than a call takes arguments, or a process has memory for', async () => {
    const { schema } = honest.envelope
    const zeros = (length: number) => Array.from({ length }, () => 0)
    const steps = Array.from({ length: 1000 }, () => ({ argv: zeros(1000) }))
    for (const [document, where] of [
      [{ ...honest.envelope, order: zeros(130_000) }, '/order/0'],
      [{ order: zeros(130_000), schema }, '/evidence_id'],
      [{ ...honest.envelope, execution: { steps } }, '/execution/steps/0/step_id'],
    ] as const) {
      const { verdict, claims } = await verifyEnvelope(bytesOf(document), { trust: [] })
      expect(verdict).toBe('does not verify')
      // The first fault and no other was looked for.
      expect(claims).toMatchObject([{ code: 'schema-violated', where }])
    }
  })

  it('[V4] a list that is longer than any of a record is not held to the schema', async () => {
    const order = Array.from({ length: LIMITS.entries + 3 }, () => 0)
    expect(await verdictOn(bytesOf({ order, schema: honest.envelope.schema }))).toEqual({
      verdict: 'does not verify',
      codes: ['over-limit'],
    })
  })

  it('[V4] more artifacts, entries or text than the limits', async () => {
    for (const limits of [
      { ...LIMITS, artifactsPerStep: 0 },
      { ...LIMITS, entries: 2 },
      { ...LIMITS, textBytes: 20 },
    ]) {
      expect(await verdictOn(honest.bytes, { limits })).toEqual({
        verdict: 'does not verify',
        codes: ['over-limit'],
      })
    }
  })
})

describe('whoever does not hold the key', () => {
  it('[V5] changes an entry: it is named, and so is the link, and nothing after it', async () => {
    const forged = changed(honest.envelope, ({ execution: { steps } }) => {
      for (const step of steps) step.duration_ms = 1
    })
    const { claims } = await verifyEnvelope(bytesOf(forged), { trust: [pinned(signer)] })
    expect(claims.filter(({ claim }) => claim === 'chain')).toMatchObject([
      { code: 'entry-changed', where: '/execution/steps/0', step_id: 'build' },
      { code: 'entry-changed', where: '/execution/steps/1', step_id: 'publish' },
    ])
  })

  it('[V5] changes a link: it is named', async () => {
    const forged = changed(honest.envelope, ({ integrity: { hash_chain } }) => {
      for (const link of hash_chain.links) if (link.seq === 2) link.link = sha256('another')
    })
    const { claims } = await verifyEnvelope(bytesOf(forged), { trust: [pinned(signer)] })
    expect(claims.filter(({ claim }) => claim === 'chain')).toMatchObject([
      { code: 'link-broken', where: '/integrity/hash_chain/links/2/link' },
      { code: 'link-broken', where: '/integrity/hash_chain/links/3/link' },
    ])
  })

  it('[V5] changes the head', async () => {
    const forged = changed(
      honest.envelope,
      ({ integrity }) => (integrity.hash_chain.head = sha256('another')),
    )
    expect((await verdictOn(bytesOf(forged))).codes).toEqual(['head-differs'])
  })

  it('[V6] changes the content digest', async () => {
    const forged = changed(
      honest.envelope,
      ({ integrity }) => (integrity.content_sha256 = sha256('another')),
    )
    expect((await verdictOn(bytesOf(forged))).codes).toEqual(['content-differs'])
  })

  it('[V8] puts the seal of another run under it', async () => {
    const other = await approvedRun(signer, { evidence_id: 'ev-2', run_id: 'run-2' }).seal()
    const forged = changed(
      honest.envelope,
      ({ integrity }) => (integrity.seal = other.envelope.integrity.seal),
    )
    expect((await verdictOn(bytesOf(forged))).codes).toEqual(['statement-differs'])
  })

  it('[V7] signs with a key of his own, under the name of the pinned one', async () => {
    const thief = await newSigner(2)
    const { bytes } = await sealContent(honest.content, thief)
    const forged = new TextDecoder().decode(bytes).replaceAll(thief.key_id, signer.key_id)
    expect((await verdictOn(utf8(forged))).codes).toEqual(['signature-wrong'])
  })

  it('[V8] signs with a key of his own', async () => {
    const { bytes } = await sealContent(honest.content, await newSigner(2))
    expect((await verdictOn(bytes)).codes).toEqual(['server-differs'])
  })

  it('[V7] records all of it under a key of his own: nothing is proven', async () => {
    const { bytes } = await approvedRun(await newSigner(2)).seal()
    expect(await verdictOn(bytes)).toEqual({ verdict: 'not proven', codes: [] })
  })

  it('[V8] seals no statement at all', async () => {
    const forged = changed(
      honest.envelope,
      ({ integrity }) => (integrity.seal.payload = encodeBase64(Uint8Array.of(0xff))),
    )
    expect((await verdictOn(bytesOf(forged))).codes).toEqual([
      'signature-wrong',
      'statement-unreadable',
    ])
  })

  it('[V9] answers with another run than the one that was asked for', async () => {
    const asked = { run_id: 'run-2', evidence_id: 'ev-2' }
    expect((await verdictOn(honest.bytes, { asked })).codes).toEqual([
      'run-differs',
      'evidence-differs',
    ])
  })
})

const ruleOf = (code: ClaimCode): string => (CODE[code].claim === 'gate' ? 'V11' : 'V10')

/** Of an honest document, changed, then chained and sealed again by the real key. */
describe('whoever does hold the key', () => {
  const gate = (change: (gate: GateEntry) => void) => (content: Content) =>
    content.gates.forEach(change)
  const decision = (change: (decision: Decision, gate: GateEntry) => void) =>
    gate((gate) => gate.decisions.forEach(({ decision }) => change(decision, gate)))
  const step = (step_id: string, change: (step: StepEntry) => void) => (content: Content) =>
    content.execution.steps.filter((step) => step.step_id === step_id).forEach(change)

  const attacks: [string, ClaimCode, (content: Content) => void][] = [
    [
      'says that it failed',
      'outcome-differs',
      ({ closing }) => Object.assign(closing, { outcome: 'failed', reason: 'x' }),
    ],
    ['gives a reason for a success', 'reason-broken', ({ closing }) => (closing.reason = 'x')],
    ['counts a step more', 'counts-differ', ({ closing }) => (closing.counts.steps += 1)],
    [
      'adds totals',
      'totals-differ',
      ({ closing }) =>
        (closing.totals = { materialized: 0, skipped: 0, failures: 0, total_cost: '0' }),
    ],
    [
      'leaves out the gate',
      'needs-broken',
      (content) => {
        content.gates = []
        content.order = ['step', 'step']
        content.closing.counts.gates = 0
      },
    ],
    [
      'puts the step before its gate',
      'needs-broken',
      (content) => (content.order = ['step', 'step', 'gate']),
    ],
    [
      'begins the step before its gate was resolved',
      'needs-broken',
      step('publish', (step) => (step.started_at = '2026-11-12T09:30:05.000Z')),
    ],
    ['hides an attempt', 'attempts-broken', step('publish', (step) => (step.attempt = 2))],
    ['runs another command', 'plan-differs', step('build', (step) => (step.argv = ['/bin/true']))],
    [
      'runs a step that nobody planned',
      'not-in-plan',
      step('publish', (step) => (step.step_id = 'deploy')),
    ],
    [
      'plans one need twice',
      'plan-broken',
      ({ opening }) => opening.plan.steps[1]?.needs.push('ship'),
    ],
    [
      'plans one name twice',
      'plan-broken',
      ({ opening: { plan } }) => plan.steps.push(planStep('ship')),
    ],
    [
      'calls an exit code of 1 a success',
      'result-broken',
      step('build', (step) => (step.exit_code = 1)),
    ],
    [
      'calls a signal a success',
      'result-broken',
      step('build', (step) => Object.assign(step, { exit_code: null, signal: 'SIGKILL' })),
    ],
    [
      'leaves out a chunk of the log',
      'log-broken',
      step('build', (step) => (step.log.bytes = 2 * 1024 * 1024 + 1)),
    ],
    [
      'has lines in an empty log',
      'log-broken',
      step('build', (step) => {
        step.log = { ...step.log, bytes: 0, lines: 7, chunks: [], truncated: false }
      }),
    ],
    [
      'ends a step before it begins',
      'times-broken',
      step('build', (step) => (step.finished_at = '2026-11-12T09:30:01.500Z')),
    ],
    [
      'ends the run before a step',
      'times-broken',
      ({ closing }) => (closing.finished_at = '2026-11-12T09:30:01.000Z'),
    ],
    [
      'has a step last longer than its times',
      'times-broken',
      step('build', (step) => (step.duration_ms = 2001)),
    ],
    [
      'repeats itself',
      'lineage-broken',
      ({ opening, run_id }) => (opening.rerun_of = { run_id, starters: ['user:oda'] }),
    ],
    [
      'repeats a run that nobody started',
      'lineage-broken',
      ({ opening }) => (opening.rerun_of = { run_id: 'run-0', starters: [] }),
    ],
    [
      'takes over a step from its own record',
      'lineage-broken',
      ({ opening, execution: { steps }, evidence_id }) => {
        opening.rerun_of = { run_id: 'run-0', starters: ['user:oda'] }
        for (const step of steps) step.taken_over = { evidence_id, seq: 1, entry: sha256('x') }
      },
    ],
    [
      'takes over a step in a run that repeats none',
      'lineage-broken',
      step(
        'build',
        (step) => (step.taken_over = { evidence_id: 'ev-0', seq: 1, entry: sha256('x') }),
      ),
    ],
    [
      'lists an artifact twice',
      'repeated',
      step(
        'publish',
        (step) =>
          (step.artifacts = [1, 2].map((bytes) => ({ path: 'a', sha256: sha256('a'), bytes }))),
      ),
    ],
    ['leaves out the envelope before it', 'series-broken', ({ closing }) => (closing.seal_seq = 2)],
    ['asks another question', 'plan-differs', gate((gate) => (gate.question = 'Lunch?'))],
    ['weakens the policy', 'plan-differs', gate((gate) => (gate.policy.roles = ['admin']))],
    [
      'turns a no into a yes',
      'gate-outcome-differs',
      decision((decision) => (decision.decision = 'rejected')),
    ],
    ['drops the approval', 'gate-outcome-differs', gate((gate) => (gate.decisions = []))],
    [
      'calls an answer an expiry',
      'gate-outcome-differs',
      gate((gate) => (gate.outcome = 'expired')),
    ],
    [
      'takes the approval of another run',
      'decision-unbound',
      decision((decision) => (decision.run_id = 'run-2')),
    ],
    [
      'takes the approval of another envelope',
      'decision-unbound',
      decision((decision) => (decision.evidence_id = 'ev-2')),
    ],
    [
      'takes the approval of another gate',
      'decision-unbound',
      decision((decision) => (decision.gate_id = 'gate-2')),
    ],
    [
      'takes the approval of another question',
      'decision-unbound',
      decision((decision) => (decision.question = 'Lunch?')),
    ],
    [
      'takes the approval of another policy',
      'decision-unbound',
      decision((decision) => (decision.policy_sha256 = sha256('x'))),
    ],
    [
      'takes an earlier approval',
      'decision-unbound',
      decision((decision) => (decision.chain_head_before = sha256('x'))),
    ],
    [
      'shows something else',
      'decision-unbound',
      gate((gate) => (gate.shown.running = ['publish'])),
    ],
    ['shows another question', 'shown-differs', gate((gate) => (gate.shown.question = 'Lunch?'))],
    [
      'shows another artifact',
      'shown-differs',
      gate((gate) => gate.shown.artifacts.forEach((artifact) => (artifact.sha256 = sha256('x')))),
    ],
    [
      'displays open what the plan does not',
      'shown-differs',
      gate((gate) => gate.shown.artifacts.forEach((artifact) => (artifact.opened = true))),
    ],
    [
      'leaves closed what the plan displays open',
      'shown-differs',
      ({ opening: { plan } }) => plan.gates.forEach(({ show }) => show.push('build/dist/app.tgz')),
    ],
    [
      'does not show what the plan displays open',
      'shown-differs',
      (content) => {
        for (const { show } of content.opening.plan.gates) show.push('build/dist/app.tgz')
        for (const { shown } of content.gates) shown.artifacts = []
      },
    ],
    [
      'shows an artifact twice',
      'shown-differs',
      gate(({ shown }) => (shown.artifacts = [...shown.artifacts, ...shown.artifacts])),
    ],
    [
      'shows a difference from itself',
      'shown-differs',
      gate(({ shown }) => (shown.base = { evidence_id: 'ev-1', head: sha256('x') })),
    ],
    [
      'hides that a step was running',
      'shown-differs',
      step('publish', (step) => (step.started_at = '2026-11-12T09:30:03.000Z')),
    ],
    [
      'shows a step as running that was done',
      'shown-differs',
      gate((gate) => (gate.shown.running = ['build'])),
    ],
    [
      'shows what was never recorded',
      'prefix-wrong',
      gate((gate) => (gate.shown.chain_head_before = sha256('x'))),
    ],
    [
      'shows less than the gate needs',
      'prefix-wrong',
      (content) => {
        for (const { shown } of content.gates) shown.chain_head_before = honest.links[0]?.link ?? ''
      },
    ],
    [
      'shows what came after',
      'prefix-wrong',
      (content) => (content.order = ['gate', 'step', 'step']),
    ],
    [
      'lets the gate expire when the plan does not',
      'expiry-broken',
      gate((gate) => (gate.shown.expires_at = '2026-11-12T09:40:00.000Z')),
    ],
    [
      'answers before it is asked',
      'expiry-broken',
      decision((decision) => (decision.requested_at = '2026-11-12T09:31:00.000Z')),
    ],
    [
      'answers when it had expired',
      'expiry-broken',
      decision((decision) => (decision.expires_at = '2026-11-12T09:30:00.000Z')),
    ],
    [
      'decides for one person twice',
      'approver-repeated',
      gate((gate) => gate.decisions.push(...structuredClone(gate.decisions))),
    ],
    [
      'uses a request twice',
      'nonce-repeated',
      gate((gate) => gate.decisions.push(...structuredClone(gate.decisions))),
    ],
    [
      'decides as the system',
      'approver-not-allowed',
      decision((decision) => (decision.approver = 'system')),
    ],
    [
      'decides as nobody',
      'approver-not-allowed',
      decision((decision) => (decision.approver = 'user:')),
    ],
    [
      'answers what was not asked',
      'inputs-broken',
      decision((decision) => (decision.inputs = { ticket: 'A-1' })),
    ],
  ]
  it.each(attacks.map(([name, code, change]) => [ruleOf(code), name, code, change] as const))(
    '[%s] %s',
    async (_rule, _name, code, change) => {
      const { bytes } = await sealContent(changed(honest.content, change), signer)
      const { verdict, codes } = await verdictOn(bytes)
      expect(verdict).toBe('does not verify')
      expect(codes).toContain(code)
    },
  )

  it('[V10] has more attempts than the plan allows', async () => {
    const run = startRun(signer, { steps: [planStep('build')] })
    run.step('build', { outcome: 'failed' })
    run.step('build')
    expect((await verdictOn((await run.seal()).bytes)).codes).toContain('attempts-broken')
  })

  it('[V11] lets the starter approve where four eyes are asked for', async () => {
    const codesOf = async (options: object, approver = 'user:ann') => {
      const run = startRun(signer, gatedPlan({ four_eyes: true }), options)
      run.step('build')
      run.gate('ship', { decisions: [{ approver }] })
      run.step('publish')
      const { claims } = await verifyEnvelope((await run.seal()).bytes, { trust: [pinned(signer)] })
      return claims.flatMap(({ claim, code }) => (claim === 'four-eyes' ? [code] : []))
    }
    expect(await codesOf({})).toEqual(['others-decided'])
    expect(await codesOf({ actor: 'user:ann' })).toEqual(['starter-decided'])
    expect(await codesOf({ rerun_of: { run_id: 'run-0', starters: ['user:ann'] } })).toEqual([
      'starter-decided',
    ])
    expect(await codesOf({ actor: 'system' })).toEqual(['starter-without-owner'])
    expect(await codesOf({ actor: 'token:ci' })).toEqual(['owner-unknown'])
    expect(await codesOf({}, 'token:ci')).toEqual(['owner-unknown'])
  })

  it('[V11] leaves out the passkey that the policy asks for', async () => {
    const { bytes } = await approvedRun(signer, {}, { sign: 'passkey' }).seal()
    expect((await verdictOn(bytes)).codes).toEqual(['passkey-missing'])
  })

  it('[V11] lets somebody decide whom the policy does not name', async () => {
    const { bytes } = await approvedRun(signer, {}, { roles: [], users: ['ben'] }).seal()
    expect((await verdictOn(bytes)).codes).toEqual(['approver-not-allowed'])
  })

  it('[V10] has many attempts of a step of many needs: they are walked once', async () => {
    const steps = Array.from({ length: 50 }, (_, index) => planStep(`step-${index}`))
    const needs = steps.map(({ step_id }) => step_id)
    const run = startRun(signer, { steps: [...steps, planStep('last', { needs, retries: 99 })] })
    for (const need of needs) run.step(need)
    for (let index = 0; index < 99; index += 1) run.step('last', { outcome: 'failed' })
    run.step('last')
    const { bytes, envelope } = await run.seal()
    expect((await verdictOn(bytes)).verdict).toBe('proven')
    let walks = 0
    for (const step of envelope.opening.plan.steps)
      step.needs = new Proxy(step.needs, {
        get(all, key) {
          if (key === '0') walks += 1
          const value: unknown = Reflect.get(all, key)
          return value
        },
      })
    const watched = watchConsistency(envelope)
    for (const entry of entriesOf(envelope)) watched.add(entry)
    expect(watched.claims()).toMatchObject([{ code: 'entries-agree' }])
    expect(walks).toBeLessThan(10)
  })

  it('[V11] lists no more faults of a gate that it resolves over and over', async () => {
    const show = Array.from({ length: 20 }, (_, index) => `build/${index}`)
    const gates = [planGate('ship', { show }), planGate('other', { show: ['build/0'] })]
    const run = startRun(signer, { steps: [planStep('build')], gates })
    run.step('build')
    for (let index = 0; index < 20; index += 1) run.gate('ship', { gate_id: `gate-${index}` })
    run.gate('other')
    const { claims } = await verifyEnvelope((await run.seal()).bytes, { trust: [pinned(signer)] })
    const found = claims.filter(({ code }) => code === 'shown-differs')
    expect(found).toHaveLength(101)
    expect(found.at(-1)).toMatchObject({ step_id: 'other' })
  })

  it('[V11] is told of a gate that it resolves over and over a hundred times', async () => {
    const run = startRun(signer, { steps: [], gates: [planGate('ship'), planGate('other')] })
    for (let index = 0; index < 120; index += 1) run.gate('ship', { gate_id: `gate-${index}` })
    for (let index = 0; index < 120; index += 1) run.gate(`unplanned-${index}`)
    run.gate('other')
    const { verdict, claims } = await verifyEnvelope((await run.seal()).bytes, { trust: [] })
    expect(verdict).toBe('does not verify')
    const told = claims.filter(({ claim }) => claim === 'gate').map(({ step_id = '' }) => step_id)
    const times = Map.groupBy(told, (step_id) => step_id.split('-')[0])
    expect([...times].map(([name, { length }]) => [name, length])).toEqual([
      ['ship', 100],
      ['other', 1],
    ])
  })

  it('[V19] has many gates, and the reader can leave between them', async () => {
    const gates = Array.from({ length: 300 }, (_, index) => planGate(`gate-${index}`))
    const run = startRun(signer, { steps: [], gates })
    for (const { step_id } of gates) run.gate(step_id)
    const { bytes } = await run.seal()
    const left = new AbortController()
    const verified = verifyEnvelope(bytes, {
      trust: [pinned(signer)],
      onProgress: (_stage, entries) => {
        if (entries?.done === entries?.of && entries !== undefined) left.abort()
      },
      signal: left.signal,
    })
    await expect(verified).rejects.toThrow('aborted')
  })

  it('[V10] lists no more faults than a person can read', async () => {
    const run = startRun(signer, { steps: [] })
    for (let index = 0; index < 500; index += 1) run.step(`step-${index}`)
    expect((await verdictOn((await run.seal()).bytes)).codes).toHaveLength(100)
  })
})

describe('a series', () => {
  const shape = SHAPES['a rerun that took over a step']
  it('[V14] is held against the envelopes that the reader has', async () => {
    const { bytes, envelope } = await shape(signer)
    const { head } = envelope.integrity.hash_chain
    const before = {
      server: signer.key_id,
      evidence_id: 'ev-0',
      head: envelope.closing.previous?.head ?? '',
      seal_seq: 1,
    }
    const codeWith = async (...previous: NonNullable<VerifyOptions['previous']>) => {
      const { claims } = await verifyEnvelope(bytes, { trust: [pinned(signer)], previous })
      return claims.find(({ claim }) => claim === 'previous')?.code
    }
    expect(await codeWith()).toBe('previous-not-held')
    const elsewhere = { ...before, server: sha256('another server') }
    expect(await codeWith({ ...elsewhere, evidence_id: 'ev-x' })).toBe('previous-not-held')
    // Whichever key sealed them: one id, and one envelope before them, are there once.
    expect(await codeWith(elsewhere)).toBe('follows-held')
    expect(await codeWith({ ...elsewhere, head: sha256('x') })).toBe('previous-differs')
    expect(await codeWith({ ...elsewhere, evidence_id: 'ev-1', seal_seq: 2 })).toBe('fork')
    const { previous } = envelope.closing
    expect(await codeWith({ ...elsewhere, evidence_id: 'ev-x', seal_seq: 9, previous })).toBe(
      'fork',
    )
    expect(await codeWith(before)).toBe('follows-held')
    expect(await codeWith(before, { ...before, evidence_id: 'ev-1', head, seal_seq: 2 })).toBe(
      'follows-held',
    )
    expect(await codeWith({ ...before, head: sha256('x') })).toBe('previous-differs')
    expect(await codeWith({ ...before, evidence_id: 'ev-x' })).toBe('previous-differs')
    expect(await codeWith({ ...before, evidence_id: 'ev-x', seal_seq: 2 })).toBe('fork')
    expect(await codeWith({ ...before, evidence_id: 'ev-1', head: sha256('x'), seal_seq: 2 })).toBe(
      'fork',
    )
  })

  it('[V14] says of one that follows one of two in one place that there are two, and does not vouch for it', async () => {
    const [one, two] = await Promise.all(
      ['ev-a', 'ev-b'].map(async (evidence_id) => {
        const ids = { evidence_id, run_id: `run-${evidence_id}` }
        const { envelope } = await approvedRun(signer, ids).seal()
        return heldOf(envelope)
      }),
    )
    if (!one || !two) throw new RangeError('two')
    const previous = { evidence_id: one.evidence_id, head: one.head }
    const { bytes } = await approvedRun(signer).seal({ seal_seq: 2, previous })
    for (const held of [
      [one, two],
      [two, one],
    ]) {
      const { verdict, claims } = await verifyEnvelope(bytes, {
        trust: [pinned(signer)],
        previous: held,
      })
      expect(verdict).toBe('does not verify')
      expect(claims.find(({ claim }) => claim === 'previous')).toMatchObject({
        code: 'previous-differs',
        message:
          'It follows ev-a, which you hold, and you hold another one in that place, ev-b: two histories were sealed, and nothing says which of them counts.',
      })
    }
  })

  it('[V24] says of a run that repeats another whether its starters are those of the record at hand', async () => {
    const { bytes, envelope } = await shape(signer)
    const { run_id = '', starters = [] } = envelope.opening.rerun_of ?? {}
    const { head } = envelope.closing.previous ?? { head: '' }
    const before = { server: signer.key_id, evidence_id: 'ev-0', head, seal_seq: 1, run_id }
    const codeWith = async (...previous: NonNullable<VerifyOptions['previous']>) => {
      const { claims } = await verifyEnvelope(bytes, { trust: [pinned(signer)], previous })
      return claims.find(({ claim }) => claim === 'lineage')?.code
    }
    expect(await codeWith()).toBe('lineage-unchecked')
    expect(await codeWith(before)).toBe('lineage-unchecked')
    // A step was taken over, and is not compared.
    expect(await codeWith({ ...before, starters })).toBe('lineage-unchecked')
    expect(await codeWith({ ...before, starters: ['user:eve'] })).toBe('lineage-differs')
    // The record that it took the step from is here, and is that of another run.
    expect(await codeWith({ ...before, run_id: 'run-x' })).toBe('lineage-differs')
    const again = startRun(
      signer,
      { steps: [planStep('build')] },
      { rerun_of: { run_id, starters: ['user:oda'] } },
    )
    again.step('build')
    const { bytes: rerun } = await again.seal()
    const { claims } = await verifyEnvelope(rerun, {
      trust: [pinned(signer)],
      previous: [{ ...before, starters: ['user:oda'] }],
    })
    expect(claims.find(({ claim }) => claim === 'lineage')?.code).toBe('lineage-agrees')
  })

  it('[V14] names a second record of one run, wherever in the series it stands', async () => {
    const { bytes, envelope } = await shape(signer)
    const head = sha256('x')
    const other = { server: signer.key_id, evidence_id: 'ev-x', head, run_id: envelope.run_id }
    for (const seal_seq of [1, 3, 9]) {
      const previous = [{ ...other, seal_seq }]
      const { claims } = await verifyEnvelope(bytes, { trust: [pinned(signer)], previous })
      expect(claims.filter(({ claim }) => claim === 'previous')).toMatchObject([
        {
          code: 'fork',
          message: 'You hold another record of this run, ev-x: the server sealed two.',
          where: '/integrity/hash_chain/head',
          expected: head,
          actual: envelope.integrity.hash_chain.head,
        },
      ])
      // What the line by hand prints is one of the two that differ.
      const shell = claims.find(({ claim }) => claim === 'previous')?.shell
      expect(shell).toContain('.integrity.hash_chain.head')
    }
  })

  it('[V14] accuses no server of a second envelope over a copy that somebody damaged', async () => {
    const { bytes, envelope } = await shape(signer)
    const previous = [
      {
        server: signer.key_id,
        evidence_id: envelope.evidence_id,
        head: envelope.integrity.hash_chain.head,
        seal_seq: envelope.closing.seal_seq,
      },
    ]
    const text = new TextDecoder().decode(bytes).replaceAll('"title":"Release"', '"title":"Other"')
    for (const trust of [[pinned(signer)], []]) {
      const { claims } = await verifyEnvelope(utf8(text), { trust, previous })
      const place = claims.filter(({ claim }) => claim === 'previous')
      expect(place.map(({ code }) => code)).toEqual(['place-unsealed'])
      expect(place[0]?.message).toContain('not the record of this id that you verified before')
      expect(place[0]?.expected).toBe(envelope.integrity.hash_chain.head)
    }
  })
})

it('[S1] digests are of canonical bytes', () => {
  expect(digestOf({ b: 1, a: 'ä' })).toBe(sha256(utf8(canonicalize({ a: 'ä', b: 1 }))))
})
