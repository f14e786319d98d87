import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import {
  type Assertion,
  type Content,
  type Decision,
  type Envelope,
  type GateEntry,
  type Plan,
  type Shown,
  type StepEntry,
} from '#contract/envelope.ts'
import { keysOf, type VerdictWord } from '#contract/status.ts'
import { type RequiredDefinition, type TrustFile, type TrustSource } from '#contract/trust.ts'
import { encodeBase64 } from '#evidence/base64.ts'
import { canonicalize, utf8 } from '#evidence/canonical.ts'
import { entriesOf, extendChain, openChain } from '#evidence/chain.ts'
import { type ClaimCode, type ClaimName, CODE } from '#evidence/claims.ts'
import { sha256 } from '#evidence/digest.ts'
import { keyIdOf } from '#evidence/key.ts'
import { requiredPlanOf } from '#evidence/plan.ts'
import { assembleEnvelope, prepareSeal, signStatement, type Signer } from '#evidence/seal.ts'
import { type Attack, ATTACKS } from './attacks.ts'
import {
  type Answer,
  bytesOf,
  CELL,
  gatedPlan,
  LOW_ORDER,
  newSigner,
  planGate,
  planStep,
  REQUIRED_GATE,
  requiring,
  type RunBuilder,
  sealContent,
  serverKeyOf,
  startRun,
  trustFileOf,
} from './fixture.ts'
import { newPasskey, type Passkey, type Unusual } from './passkey.ts'
import { type BROUGHT } from './portable.ts'

/*
 * Writes test/evidence/attacks: `node test/evidence/build-attacks.ts`. What stands there is frozen: a file is written
 * anew only where it is meant to be another one, and what is expected of it is decided here, by hand.
 */

const signer = await newSigner()
const thief = await newSigner(2)
const [ann, ben, oda] = [
  newPasskey('ann', { user: 'ann' }),
  newPasskey('ben', { user: 'ben', seed: 8, alg: 'EdDSA' }),
  newPasskey('oda', { user: 'oda', seed: 9 }),
]
const stranger = newPasskey('eve', { seed: 10 })
/** Ann, of whom nobody says who she is among the server's people. */
const nameless = newPasskey('ann')
/** Of the server's own key. */
const sealer = newPasskey('sealer', { user: 'sealer', seed: 1, alg: 'EdDSA' })

const gate = REQUIRED_GATE
const required = (over: Partial<typeof gate> = {}): RequiredDefinition[] => [requiring(over)]
const approvers = [ann, ben, oda].map(({ approver }) => approver)
const reader = trustFileOf(signer, { approvers, required: required() })
/** What stands open where the one trust file of the reader is refused. */
const WITHOUT_TRUST = [
  'key-unknown /integrity/seal',
  'owner-unknown ship /gates/0/decisions',
  'passkey-unchecked ship /gates/0/decisions/0/assertion',
  'trust-file-refused',
] as const
const POLICY = { four_eyes: true, sign: 'passkey', expires_ms: 3_600_000 } as const

const by = (
  { approver, sign }: Passkey,
  unusual?: Unusual,
  over: Partial<Decision> = {},
): Answer => ({
  approver: approver.id,
  sign: (decision) => sign(decision, unusual),
  ...over,
})

function recordedRun({
  by: key = signer,
  decisions = [by(ann)],
  policy = {},
  shown = {},
  built = {},
  ...options
}: {
  by?: Signer
  decisions?: Answer[]
  policy?: Parameters<typeof gatedPlan>[0]
  shown?: Partial<Shown>
  built?: Partial<StepEntry>
} & Parameters<typeof startRun>[2] = {}): RunBuilder {
  const run = startRun(key, gatedPlan({ ...POLICY, ...policy }), options)
  run.step('build', built)
  run.gate('ship', { decisions, shown })
  run.step('publish')
  return run
}

const honest = await recordedRun().seal()
const honestText = new TextDecoder().decode(honest.bytes)
const another = await recordedRun({ evidence_id: 'ev-2', run_id: 'run-2' }).seal()

const plan = requiredPlanOf(honest.envelope.opening)
const pinned = { name: 'release', sha256: honest.content.opening.definition.sha256, plan }
const TRUST = {
  reader,
  'this version': { ...reader, required: [{ ...pinned, gates: [gate] }] },
  'this version alone': { ...reader, required: [{ ...pinned, plan: null, gates: [] }] },
  'these people': {
    ...reader,
    required: [
      {
        ...pinned,
        sha256: null,
        plan: null,
        gates: [{ ...gate, users: [], expires_ms: 3_600_000 }],
      },
    ],
  },
  'an answer': {
    ...reader,
    required: required({ inputs: [{ name: 'ticket', label: 'Ticket', required: true }] }),
  },
  'no requirement': trustFileOf(signer, { approvers }),
  'two approvals': { ...reader, required: required({ quorum: 2 }) },
  'another question': { ...reader, required: required({ question: 'Release 2.0.0?' }) },
  'another definition': {
    ...reader,
    required: [{ name: 'release', sha256: sha256('another'), gates: [] }],
  },
  'key retired': {
    ...reader,
    server_keys: [serverKeyOf(signer, { status: 'retired', last_seal_seq: 0 })],
  },
  'key revoked': {
    ...reader,
    server_keys: [serverKeyOf(signer, { status: 'revoked', last_seal_seq: null })],
  },
  'key revoked since': {
    ...reader,
    server_keys: [serverKeyOf(signer, { status: 'revoked', last_seal_seq: 5 })],
    approvers: [{ ...ann.approver, status: 'revoked', last_seal_seq: 5 }],
  },
  'key active up to 0': {
    ...reader,
    server_keys: [serverKeyOf(signer, { last_seal_seq: 0 })],
  },
  'approver active up to 0': {
    ...reader,
    approvers: [{ ...ann.approver, last_seal_seq: 0 }],
  },
  'a key under the id of another': {
    ...reader,
    server_keys: [{ ...serverKeyOf(thief), key_id: signer.key_id }],
  },
  nobody: trustFileOf(thief),
  'a key of low order': {
    ...reader,
    server_keys: [
      { ...serverKeyOf(signer), key_id: keyIdOf(LOW_ORDER), public_key: encodeBase64(LOW_ORDER) },
    ],
  },
  'an approver of another algorithm': {
    ...reader,
    approvers: [{ ...ann.approver, alg: 'EdDSA' }],
  },
  'ann as nobody': {
    ...trustFileOf(signer),
    approvers: [nameless.approver],
    required: required({ four_eyes: false, roles: [], users: ['ann'] }),
  },
  'ann as another user': {
    ...trustFileOf(signer),
    approvers: [{ ...ann.approver, id: 'ann.old', user: 'anna' }],
  },
  'approver revoked': {
    ...reader,
    approvers: [{ ...ann.approver, status: 'revoked' }],
  },
  'approver retired': {
    ...reader,
    approvers: [{ ...ann.approver, status: 'retired', last_seal_seq: 0 }],
  },
  'approver of another definition': {
    ...reader,
    approvers: [{ ...ann.approver, may: { definitions: ['nightly'], gates: ['ship'] } }],
  },
  'ann at another origin': {
    ...trustFileOf(signer),
    approvers: [{ ...ann.approver, origins: ['https://former.example'] }],
  },
  'ann at a third origin': {
    ...reader,
    approvers: [{ ...ann.approver, origins: ['https://third.example'] }],
  },
  'a nightly alone': {
    ...reader,
    required: [{ name: 'nightly', sha256: null, gates: [] }],
  },
  'a nightly by name too': {
    ...reader,
    required: [...required(), { name: 'nightly', sha256: null, gates: [] }],
  },
  'a materialize': {
    ...reader,
    required: [
      { ...pinned, sha256: null, plan: { ...pinned.plan, kind: 'materialize' }, gates: [] },
    ],
  },
  'approver of another gate': {
    ...reader,
    approvers: [{ ...ann.approver, may: { definitions: ['release'], gates: ['legal'] } }],
  },
  'ann under her former id': {
    ...trustFileOf(signer),
    approvers: [{ ...ann.approver, id: 'ann.old' }],
  },
  'ann.old at another origin': {
    ...trustFileOf(signer),
    approvers: [{ ...ann.approver, id: 'ann.old', origins: ['https://former.example'] }],
  },
  'a version of an input': {
    ...reader,
    required: [
      {
        name: 'release',
        sha256: sha256('release'),
        plan: requiredPlanOf(named('1.0.0', '1.0.0').content().opening),
        gates: [gate],
      },
    ],
  },
  'the sealing key as an approver': {
    ...trustFileOf(signer),
    server_keys: [],
    approvers: [sealer.approver],
  },
  'two gates': {
    ...reader,
    required: required({ step_id: 'ok-prod', question: 'Go on?' }),
  },
  'one key under two ids': {
    ...reader,
    approvers: [ann.approver, { ...ann.approver, id: 'ben' }],
  },
  'nameless ann': { ...reader, approvers: [nameless.approver] },
  'oda as nobody': trustFileOf(signer, { approvers: [newPasskey('oda', { seed: 9 }).approver] }),
  'oda as the user ann': trustFileOf(signer, { approvers: [{ ...oda.approver, user: 'ann' }] }),
  'ann for another site': {
    ...trustFileOf(signer),
    approvers: [{ ...ann.approver, rp_id: 'former.example' }],
  },
  'ann for a third site': { ...reader, approvers: [{ ...ann.approver, rp_id: 'third.example' }] },
  'any role': { ...reader, required: required({ roles: null }) },
  'a session': { ...reader, required: required({ sign: 'session' }) },
  'a session, and a passkey of a nightly': {
    ...reader,
    required: [...required({ sign: 'session' }), { name: 'nightly', sha256: null, gates: [gate] }],
  },
  'a session, and the plan of a nightly': {
    ...reader,
    required: [
      ...required({ sign: 'session' }),
      { ...pinned, name: 'nightly', sha256: null, gates: [] },
    ],
  },
  'a name, and a session of a nightly': {
    ...reader,
    required: [
      { name: 'release', sha256: null, gates: [] },
      { name: 'nightly', sha256: null, gates: [{ ...gate, sign: 'session' }] },
    ],
  },
  'an answer that may be left out': {
    ...reader,
    required: required({ inputs: [{ name: 'ticket', label: 'Ticket', required: false }] }),
  },
  'a version without kind and names': {
    ...reader,
    required: [{ ...pinned, plan: { sha256: plan.sha256, inputs: plan.inputs }, gates: [gate] }],
  },
  'key revoked at 1': {
    ...reader,
    server_keys: [serverKeyOf(signer, { status: 'revoked', last_seal_seq: 1 })],
  },
  'key retired at 1': {
    ...reader,
    server_keys: [serverKeyOf(signer, { status: 'retired', last_seal_seq: 1 })],
  },
  'key retired at 5': {
    ...reader,
    server_keys: [serverKeyOf(signer, { status: 'retired', last_seal_seq: 5 })],
  },
} as const satisfies Record<string, TrustFile>

function changed<T>(value: T, change: (copy: T) => void): T {
  const copy = structuredClone(value)
  change(copy)
  return copy
}

/** A cell that could not be derived. */
const CELL_FAILED = {
  ...CELL,
  state: 'failed',
  value_sha256: null,
  cost: null,
  error: 'no age',
} as const

/** Without any key. */
const document = (change: (document: Envelope) => void) => bytesOf(changed(honest.envelope, change))
const member = (where: (document: Envelope) => object, members: object) =>
  document((document) => Object.assign(where(document), members))
const text = (from: string, to: string): Uint8Array => {
  if (!honestText.includes(from)) throw new RangeError(`nothing to replace: ${from}`)
  return utf8(honestText.replace(from, to))
}
/** With the server's own key: chained and sealed again. */
const sealed = async (change: (content: Content) => void) =>
  (await sealContent(changed(honest.content, change), signer)).bytes
const sealedGate = (change: (gate: GateEntry) => void) =>
  sealed(({ gates }) => gates.forEach(change))
const sealedDecision = (change: (decision: Decision) => void) =>
  sealedGate(({ decisions }) => decisions.forEach(({ decision }) => change(decision)))
const sealedStep = (step_id: string, change: (step: StepEntry) => void) =>
  sealed(({ execution: { steps } }) =>
    steps.filter((step) => step.step_id === step_id).forEach(change),
  )
/** The gate's policy as it would be weaker, planned and recorded. */
const weaker = async (
  policy: Parameters<typeof gatedPlan>[0],
  decisions?: Answer[],
): Promise<Uint8Array> =>
  (await recordedRun({ policy, ...(decisions !== undefined && { decisions }) }).seal()).bytes
const signedBy = async (passkey: Passkey, unusual?: Unusual) =>
  (await recordedRun({ decisions: [by(passkey, unusual)] }).seal()).bytes

const attacks: Attack[] = []
const bytesOfAttack = new Map<string, Uint8Array>()

/** A claim as a row of the table has it: its code, of which step or gate, and where. */
type Told = ClaimCode | `${ClaimCode} ${string}`

/** What is told of an honest record of each shape. Of an attack the same is, but for what is told otherwise. */
const HONEST = {
  gated: [
    'chain-whole /integrity/hash_chain',
    'content-whole /integrity/content_sha256',
    'seal-signed /integrity/seal',
    'seal-bound /integrity/seal/payload',
    'nothing-asked',
    'entries-agree /closing/counts',
    'gate-recorded ship /gates/0',
    'decision-signed ship /gates/0/decisions/0/assertion',
    'others-decided ship /gates/0/decisions',
    'first-in-series /closing/previous',
    'expectation-holds ship /opening/plan/gates/0',
  ],
  'two gates': [
    'chain-whole /integrity/hash_chain',
    'content-whole /integrity/content_sha256',
    'seal-signed /integrity/seal',
    'seal-bound /integrity/seal/payload',
    'nothing-asked',
    'entries-agree /closing/counts',
    'gate-recorded ok-prod /gates/0',
    'decision-signed ok-prod /gates/0/decisions/0/assertion',
    'others-decided ok-prod /gates/0/decisions',
    'gate-recorded ok-staging /gates/1',
    'decision-signed ok-staging /gates/1/decisions/0/assertion',
    'others-decided ok-staging /gates/1/decisions',
    'first-in-series /closing/previous',
    'expectation-holds ok-prod /opening/plan/gates/1',
  ],
  ungated: [
    'chain-whole /integrity/hash_chain',
    'content-whole /integrity/content_sha256',
    'seal-signed /integrity/seal',
    'seal-bound /integrity/seal/payload',
    'nothing-asked',
    'entries-agree /closing/counts',
    'first-in-series /closing/previous',
    'nothing-required',
  ],
} as const satisfies Record<string, readonly Told[]>

function attack(
  file: string,
  what: string,
  verdict: VerdictWord,
  told: readonly Told[],
  bytes: Uint8Array,
  {
    shape = 'gated',
    without = [],
    ...reader
  }: {
    trust?: keyof typeof TRUST
    source?: TrustSource
    also?: keyof typeof TRUST
    shape?: keyof typeof HONEST
    /** Of which there is nothing to say at all. */
    without?: readonly ClaimName[]
  } & Partial<Pick<Attack, keyof typeof BROUGHT>> = {},
): void {
  const claims = [
    ...told,
    ...HONEST[shape].filter((one) => !told.some((other) => isInPlaceOf(other, one))),
  ].filter((one) => !without.includes(CODE[codeOf(one)].claim))
  attacks.push({ file, what, trust: 'reader', ...reader, verdict, claims: claims.toSorted() })
  bytesOfAttack.set(file, bytes)
}

/** Of which nothing but its form is said. */
const FORM: readonly ClaimName[] = ['bytes', 'canonical', 'schema', 'coverage']

function isInPlaceOf(told: Told, honest: Told): boolean {
  const [claim, of] = [told, honest].map((one) => CODE[codeOf(one)].claim)
  const [step, ofStep] = [told, honest].map((one) => /^\S+ ([^/ ]\S*) \//.exec(one)?.[1])
  if (claim !== undefined && FORM.includes(claim)) return true
  return claim === of && (step === undefined || ofStep === undefined || step === ofStep)
}

function codeOf(told: Told): ClaimCode {
  const code = keysOf(CODE).find((one) => one === told.split(' ')[0])
  if (code === undefined) throw new RangeError(told)
  return code
}

const NO = 'does not verify'
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const { bytes } = honest

attack('honest', 'no attack at all', 'proven', [], bytes)

// Bytes.
attack(
  'bom',
  'a byte order mark',
  'not an envelope',
  ['byte-order-mark'],
  Uint8Array.from([0xef, 0xbb, 0xbf, ...bytes]),
)
attack(
  'not-utf8',
  'a byte that is no UTF-8',
  'not an envelope',
  ['not-utf8'],
  Uint8Array.from([...bytes, 0xff]),
)
attack(
  'overlong',
  'a quote written as two bytes',
  'not an envelope',
  ['not-utf8'],
  Uint8Array.from([0x7b, 0xc0, 0xa2, ...bytes.subarray(2)]),
)
attack(
  'truncated',
  'half of it',
  'not an envelope',
  ['not-json'],
  bytes.subarray(0, bytes.length >> 1),
)
attack('empty', 'nothing', 'not an envelope', ['not-json'], new Uint8Array())
attack(
  'concatenated',
  'two files in one',
  'not an envelope',
  ['not-json'],
  Uint8Array.from([...bytes, ...another.bytes]),
)
attack(
  'next-version',
  'another profile',
  'not an envelope',
  ['not-an-envelope /schema'],
  member((it) => it, { schema: 'runseal/evidence-envelope/2' }),
)

// Form.
attack('newline', 'a line end behind it', NO, ['not-canonical'], utf8(`${honestText}\n`))
attack('white-space', 'a space', NO, ['not-canonical'], text('":', '": '))
attack(
  'duplicate-key',
  'an outcome twice',
  NO,
  ['not-canonical'],
  text('"outcome":"succeeded"', '"outcome":"failed","outcome":"succeeded"'),
)
attack(
  'key-order',
  'keys in another order',
  NO,
  ['not-canonical'],
  text('"bytes":12,"path":"dist/app.tgz"', '"path":"dist/app.tgz","bytes":12'),
)
attack('number-fraction', '1.0', NO, ['not-canonical'], text('"seal_seq":1', '"seal_seq":1.0'))
attack('number-exponent', '1e0', NO, ['not-canonical'], text('"seal_seq":1', '"seal_seq":1e0'))
attack('number-negative-zero', '-0', NO, ['not-canonical'], text('"exit_code":0', '"exit_code":-0'))
attack(
  'number-unsafe',
  '2^53 + 1, which is read as 2^53',
  NO,
  ['not-canonical'],
  text('"seal_seq":1', '"seal_seq":9007199254740993'),
)
attack(
  'number-large',
  '2^53, which is no safe integer',
  NO,
  ['schema-violated /closing/seal_seq'],
  text('"seal_seq":1', '"seal_seq":9007199254740992'),
)
attack(
  'number-infinite',
  '1e999',
  NO,
  ['not-writable /closing/seal_seq'],
  text('"seal_seq":1', '"seal_seq":1e999'),
)
attack(
  'escape',
  'an escape that is not needed',
  NO,
  ['not-canonical'],
  text('"Release"', String.raw`"\u0052elease"`),
)
attack(
  'surrogate',
  'half a surrogate pair',
  NO,
  ['not-writable /opening/title'],
  text('"Release"', String.raw`"\ud800"`),
)
attack(
  'surrogates-swapped',
  'two halves the wrong way round',
  NO,
  ['not-writable /opening/title'],
  text('"Release"', String.raw`"\udc00\ud800"`),
)
attack(
  'key-escaped',
  'a key written with an escape',
  NO,
  ['key-escaped'],
  text('"version":"1.0.0"', String.raw`"\u0076ersion":"1.0.0"`),
)
attack(
  'key-proto',
  'a key __proto__ in a free map',
  NO,
  ['key-not-allowed /opening/inputs'],
  text('"inputs":{"version"', '"inputs":{"__proto__":"x","version"'),
)
attack(
  'key-proto-closed',
  'a key __proto__ where no free map is',
  NO,
  ['key-not-allowed'],
  text('{"closing"', '{"__proto__":{},"closing"'),
)
attack(
  'key-bidi',
  'a key that turns the writing round',
  NO,
  ['key-not-allowed /opening/inputs'],
  text('"inputs":{"version"', '"inputs":{"\u202everse":"x","version"'),
)
attack(
  'deep-64',
  '64 deep, within the limit',
  NO,
  ['schema-violated /opening/title'],
  text('"title":"Release"', `"title":${deep(62)}`),
)
attack(
  'deep-65',
  '65 deep',
  NO,
  // As far as a record has such a place.
  ['too-deep /opening/title'],
  text('"title":"Release"', `"title":${deep(63)}`),
)
attack(
  'bidi',
  'a title that turns the writing round: sealed so, and shown visibly',
  'proven',
  [],
  (await recordedRun({ title: '\u202eesaeleR\u0007' }).seal()).bytes,
)

// Shape.
attack(
  'extra-member',
  'a member more',
  NO,
  ['schema-violated'],
  member((it) => it, { note: 'x' }),
)
attack(
  'extra-member-deep',
  'a member more in a log',
  NO,
  ['schema-violated /execution/steps/0/log'],
  document(({ execution }) =>
    execution.steps.forEach(({ log }) => Object.assign(log, { note: 'x' })),
  ),
)
attack(
  'extra-member-sealed',
  'a member more, chained and sealed',
  NO,
  ['schema-violated /closing'],
  await sealedAsIs(changed(honest.content, ({ closing }) => Object.assign(closing, { note: 'x' }))),
)
attack(
  'missing-member',
  'no counts',
  NO,
  ['schema-violated /closing/counts'],
  document(({ closing }) => Reflect.deleteProperty(closing, 'counts')),
)
attack(
  'payload-type',
  'another payloadType',
  NO,
  ['schema-violated /integrity/seal/payloadType'],
  member(({ integrity }) => integrity.seal, { payloadType: 'application/json' }),
)
attack(
  'no-signature',
  'no signature',
  NO,
  ['schema-violated /integrity/seal/signatures'],
  member(({ integrity }) => integrity.seal, { signatures: [] }),
)
attack(
  'two-signatures',
  'a signature of somebody else besides',
  NO,
  ['schema-violated /integrity/seal/signatures'],
  document(({ integrity }) =>
    integrity.seal.signatures.push({ keyid: thief.key_id, sig: encodeBase64(new Uint8Array(64)) }),
  ),
)
attack(
  'signature-twice',
  'the signature twice',
  NO,
  ['schema-violated /integrity/seal/signatures'],
  document(({ integrity: { seal } }) => seal.signatures.push(...structuredClone(seal.signatures))),
)
attack(
  'algorithm-lies',
  'an algorithm that is not the profile’s',
  NO,
  ['schema-violated /integrity/hash_chain/algorithm'],
  member(({ integrity }) => integrity.hash_chain, { algorithm: 'md5' }),
)
attack(
  'canonicalization-lies',
  'a canonical form that is not the profile’s',
  NO,
  ['schema-violated /integrity/hash_chain/canonicalization'],
  member(({ integrity }) => integrity.hash_chain, { canonicalization: 'none' }),
)
attack(
  'signature-algorithm',
  'an algorithm beside the signature',
  NO,
  ['schema-violated /integrity/seal/signatures/0'],
  document(({ integrity }) =>
    integrity.seal.signatures.forEach((signature) => Object.assign(signature, { alg: 'none' })),
  ),
)
attack(
  'digest-capitals',
  'a digest in capitals',
  NO,
  ['schema-violated /integrity/content_sha256'],
  member(({ integrity }) => integrity, {
    content_sha256: honest.envelope.integrity.content_sha256.toUpperCase(),
  }),
)
attack(
  'time-loose',
  'a time without milliseconds',
  NO,
  ['schema-violated /closing/finished_at'],
  member(({ closing }) => closing, { finished_at: '2026-11-12T09:30:00Z' }),
)
attack(
  'profile-lies',
  'digests and seal by a profile that is not that of the record',
  NO,
  ['schema-violated /integrity/profile'],
  member(({ integrity }) => integrity, { profile: 'runseal/evidence-envelope/2' }),
)
attack(
  'number-of-none',
  'a record of number 0',
  NO,
  ['schema-violated /closing/seal_seq'],
  member(({ closing }) => closing, { seal_seq: 0 }),
)
attack(
  'salt-short',
  'a step whose salt can be guessed',
  NO,
  ['schema-violated /execution/steps/0/salt'],
  document(({ execution }) => execution.steps.forEach((step) => (step.salt = '00'))),
)
attack(
  'salt-capitals',
  'a gate whose salt is in capitals',
  NO,
  ['schema-violated /gates/0/salt'],
  document(({ gates }) => gates.forEach((gate) => (gate.salt = 'A'.repeat(32)))),
)
attack(
  'decision-of-another-type',
  'a decision of another type, as of another profile or for another purpose',
  NO,
  ['schema-violated /gates/0/decisions/0/decision/type'],
  text('evidence-envelope/1/gate-decision', 'evidence-envelope/2/gate-decision'),
)
attack(
  'keyid-of-nobody',
  'a seal under the id of a key that nobody has',
  NO,
  ['key-unknown /integrity/seal', 'server-differs /opening/server'],
  document(({ integrity }) =>
    integrity.seal.signatures.forEach((signature) => (signature.keyid = sha256('nobody'))),
  ),
)
attack(
  'keyid-of-another',
  'a seal under the id of another key that the reader pinned',
  NO,
  ['server-differs /opening/server', 'signature-wrong /integrity/seal'],
  document(({ integrity }) =>
    integrity.seal.signatures.forEach((signature) => (signature.keyid = thief.key_id)),
  ),
  { also: 'nobody' },
)
attack(
  'path-outside',
  'an artifact outside the root',
  NO,
  ['schema-violated /execution/steps/0/artifacts/0/path'],
  document(({ execution }) =>
    execution.steps.forEach(({ artifacts }) => artifacts.forEach((it) => (it.path = '../app.tgz'))),
  ),
)
attack(
  'text-long',
  'a text above the limit',
  NO,
  ['over-limit /opening/title'],
  text('"Release"', `"${'\u00e4'.repeat(40_000)}"`),
)
attack(
  'order-short',
  'an entry that order does not have',
  NO,
  ['coverage-broken /order'],
  document((it) => it.order.pop()),
)
attack(
  'links-short',
  'a link less',
  NO,
  ['coverage-broken /integrity/hash_chain/links/4'],
  document(({ integrity }) => integrity.hash_chain.links.pop()),
)
attack(
  'links-renumbered',
  'a seq twice',
  NO,
  ['coverage-broken /integrity/hash_chain/links/1/seq'],
  document(({ integrity }) => integrity.hash_chain.links.forEach((link) => (link.seq = 0))),
)

// Without the sealing key.
attack(
  'entry-changed',
  'another exit code',
  NO,
  [
    'content-differs /integrity/content_sha256',
    'decision-unbound ship /gates/0/decisions/0/assertion',
    'entry-changed build /execution/steps/0',
    'expectation-fails ship /opening/plan/gates/0',
    'others-decided ship /gates/0/decisions',
    'prefix-wrong ship /gates/0/shown',
    'result-broken build /execution/steps/0',
    'statement-differs /integrity/seal/payload',
  ],
  document(({ execution }) => execution.steps.slice(0, 1).forEach((step) => (step.exit_code = 1))),
  { shape: 'ungated' },
)
attack(
  'opening-changed',
  'another starter',
  NO,
  [
    'content-differs /integrity/content_sha256',
    'decision-unbound ship /gates/0/decisions/0/assertion',
    'entry-changed /opening',
    'expectation-fails ship /opening/plan/gates/0',
    'others-decided ship /gates/0/decisions',
    'prefix-wrong ship /gates/0/shown',
    'statement-differs /integrity/seal/payload',
  ],
  member(({ opening }) => opening, { actor: 'user:eve' }),
  { shape: 'ungated' },
)
attack(
  'entries-swapped',
  'two steps in each other’s place',
  NO,
  [
    'content-differs /integrity/content_sha256',
    'decision-unbound ship /gates/0/decisions/0/assertion',
    'entry-changed build /execution/steps/1',
    'entry-changed publish /execution/steps/0',
    'expectation-fails ship /opening/plan/gates/0',
    'needs-broken publish /execution/steps/0',
    'needs-broken ship /gates/0',
    'others-decided ship /gates/0/decisions',
    'prefix-wrong ship /gates/0/shown',
    'statement-differs /integrity/seal/payload',
  ],
  document(({ execution }) => (execution.steps = execution.steps.toReversed())),
  { shape: 'ungated' },
)
attack(
  'link-changed',
  'another link',
  NO,
  [
    'link-broken /integrity/hash_chain/links/1/link',
    'link-broken /integrity/hash_chain/links/2/link',
  ],
  document(({ integrity }) =>
    integrity.hash_chain.links.slice(1, 2).forEach((it) => (it.link = sha256('x'))),
  ),
)
attack(
  'head-changed',
  'another head',
  NO,
  ['head-differs /integrity/hash_chain/head'],
  member(({ integrity }) => integrity.hash_chain, { head: sha256('x') }),
)
attack(
  'content-digest',
  'another content digest',
  NO,
  ['content-differs /integrity/content_sha256'],
  member(({ integrity }) => integrity, { content_sha256: sha256('x') }),
)
const rechained = (
  await sealContent(
    changed(honest.content, ({ closing }) => (closing.finished_at = '2026-11-12T11:00:00.000Z')),
    thief,
  )
).envelope
attack(
  'chain-recomputed',
  'changed, and the chain made again under the old seal',
  NO,
  ['statement-differs /integrity/seal/payload'],
  bytesOf({
    ...rechained,
    integrity: { ...rechained.integrity, seal: honest.envelope.integrity.seal },
  }),
)
attack(
  'seal-spliced',
  'the genuine seal of another run',
  NO,
  ['statement-differs /integrity/seal/payload'],
  member(({ integrity }) => integrity, { seal: another.envelope.integrity.seal }),
)
attack(
  'record-replaced',
  'another record under the genuine seal',
  NO,
  ['statement-differs /integrity/seal/payload'],
  bytesOf({
    ...another.envelope,
    integrity: { ...another.envelope.integrity, seal: honest.envelope.integrity.seal },
  }),
)
attack(
  'other-key',
  'signed again by another key',
  NO,
  ['key-unknown /integrity/seal', 'server-differs /opening/server'],
  (await sealContent(honest.content, thief)).bytes,
)
attack(
  'other-key-renamed',
  'signed by another key under the pinned one’s id',
  NO,
  ['signature-wrong /integrity/seal'],
  utf8(
    new TextDecoder()
      .decode((await sealContent(honest.content, thief)).bytes)
      .replaceAll(thief.key_id, signer.key_id),
  ),
)
attack(
  'test-server',
  'all of it by a server whose key is not pinned',
  'not proven',
  ['key-unknown /integrity/seal'],
  (await recordedRun({ by: thief }).seal()).bytes,
)
attack(
  'key-refused',
  'by a key that the reader refused, and has in a pinned file all the same',
  'not proven',
  ['key-refused /integrity/seal'],
  honest.bytes,
  { refusedKeys: [signer.key_id] },
)
attack(
  'trust-unread',
  'where what the reader keeps of whom they trust could not be read, by a key that a file of theirs has pinned',
  'not proven',
  ['trust-unread'],
  honest.bytes,
  { unread: 'the disk is gone' },
)
const signature = (change: (raw: Uint8Array) => Uint8Array) =>
  document(({ integrity }) =>
    integrity.seal.signatures.forEach(
      (it) => (it.sig = encodeBase64(change(Buffer.from(it.sig, 'base64')))),
    ),
  )
attack(
  'signature-zero',
  'a signature of zeros',
  NO,
  ['signature-wrong /integrity/seal'],
  signature(() => new Uint8Array(64)),
)
attack(
  'signature-short',
  'a signature cut short',
  NO,
  ['signature-wrong /integrity/seal'],
  signature((raw) => raw.subarray(1)),
)
attack(
  'signature-s',
  'the same signature with the group order added to S',
  NO,
  ['signature-wrong /integrity/seal'],
  signature((raw) => Uint8Array.from([...raw.subarray(0, 32), ...plusOrder(raw.subarray(32))])),
)
attack(
  'signature-base64',
  'a signature with bits left over in base64',
  NO,
  ['signature-wrong /integrity/seal'],
  document(({ integrity }) =>
    integrity.seal.signatures.forEach((it) => (it.sig = it.sig.replace(/.(?===$)/, nextDigit))),
  ),
)
attack(
  'payload-changed',
  'a statement that nobody signed',
  NO,
  ['signature-wrong /integrity/seal', 'statement-unreadable /integrity/seal/payload'],
  member(({ integrity }) => integrity.seal, { payload: encodeBase64(utf8('{}')) }),
)
attack(
  'signature-invented',
  'a signature that nobody made, by a key that nobody has',
  'not proven',
  [
    'key-unknown /integrity/seal',
    'nothing-required',
    'owner-unknown ship /gates/0/decisions',
    'passkey-unchecked ship /gates/0/decisions/0/assertion',
  ],
  signature(() => new Uint8Array(64).fill(7)),
  { trust: 'nobody' },
)
attack(
  'signature-impossible',
  'a signature that no key can have made, by a key that nobody has',
  NO,
  [
    'nothing-required',
    'owner-unknown ship /gates/0/decisions',
    'passkey-unchecked ship /gates/0/decisions/0/assertion',
    'signature-wrong /integrity/seal',
  ],
  signature((raw) => Uint8Array.from([...raw.subarray(0, 32), ...plusOrder(raw.subarray(32))])),
  { trust: 'nobody' },
)
attack(
  'old-envelope',
  'a genuine old envelope for a new question',
  NO,
  ['run-differs /run_id'],
  bytes,
  {
    asked: { run_id: 'run-2' },
  },
)

attack(
  'another-record',
  'another record of the run that was asked for',
  NO,
  ['evidence-differs /evidence_id'],
  bytes,
  {
    asked: { evidence_id: 'ev-other' },
  },
)
attack(
  'step-unplanned',
  'a step that the plan does not have',
  NO,
  [
    'not-in-plan upload /execution/steps/1',
    'outcome-differs /closing/outcome',
    'requirement-unchecked ship /opening/plan/gates/0',
  ],
  await sealedStep('publish', (step) => (step.step_id = 'upload')),
)
attack(
  'log-cut',
  'a log with a part less than its bytes',
  NO,
  ['log-broken publish /execution/steps/1/log', 'requirement-unchecked ship /opening/plan/gates/0'],
  await sealedStep('publish', ({ log }) => (log.chunks = [])),
)

// What the reader pinned.
attack(
  'definition-renamed',
  'a definition by another name than the one that the reader requires something of',
  'not proven',
  ['another-definition /opening/definition/name'],
  bytes,
  { trust: 'a nightly alone' },
)
attack(
  'definition-by-name',
  'a run without its gate, under a name of which the reader pinned nothing but the name',
  'not proven',
  ['another-definition /opening/definition/name', 'nothing-required'],
  await ungated({ definition: { name: 'nightly', sha256: sha256('nightly') } }),
  { trust: 'a nightly by name too', shape: 'ungated' },
)
attack(
  'kind-of-another',
  'a run of another kind than was pinned',
  NO,
  ['another-plan /opening/plan', 'nothing-required'],
  bytes,
  {
    trust: 'a materialize',
  },
)
attack(
  'key-retired',
  'sealed after the key was retired',
  NO,
  ['key-retired /integrity/seal'],
  bytes,
  {
    trust: 'key retired',
  },
)
attack('key-revoked', 'sealed by a revoked key', NO, ['key-revoked /integrity/seal'], bytes, {
  trust: 'key revoked',
})
attack(
  'key-revoked-since',
  'a number that a revoked key still counts for, which is said',
  'proven',
  [
    'decision-signed ship /gates/0/decisions/0/assertion by a key that is revoked',
    'seal-signed /integrity/seal by a key that is revoked',
  ],
  bytes,
  { trust: 'key revoked since' },
)
attack(
  'two-ids',
  'a trust file that has one key under two ids',
  'not proven',
  WITHOUT_TRUST,
  bytes,
  { trust: 'one key under two ids', without: ['expectations'] },
)
attack(
  'definition-changed',
  'a run of another definition',
  NO,
  ['definition-differs /opening/definition/sha256', 'nothing-required'],
  bytes,
  {
    trust: 'another definition',
  },
)
attack(
  'gate-removed',
  'the gate is in no plan',
  NO,
  ['gate-missing ship /opening/plan/gates'],
  await ungated(),
  { shape: 'ungated' },
)
attack(
  'gate-unplanned-step',
  'the gate is planned, and no step waits for it',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'gate-outcome-differs ship /gates/0/outcome',
    'others-decided ship /gates/0/decisions',
    'outcome-differs /closing/outcome',
  ],
  await unasked(),
  { shape: 'ungated' },
)
attack(
  'gate-unwaited',
  'the gate is planned and never asked, and the step that it was for waits for it no more, which is said',
  'proven',
  [],
  await unwaited(),
  { without: ['gate', 'gate-signature', 'four-eyes'] },
)
attack(
  'gate-session',
  'a gate turned from passkey to session',
  NO,
  [
    'decision-unsigned ship /gates/0/decisions/0/assertion',
    'gate-weaker ship /opening/plan/gates/0',
  ],
  await weaker({ sign: 'session' }, [{ approver: 'user:ann' }]),
)
attack('gate-quorum', 'a quorum lowered', NO, ['gate-weaker ship /opening/plan/gates/0'], bytes, {
  trust: 'two approvals',
})
attack(
  'gate-four-eyes',
  'four eyes left out',
  NO,
  ['gate-weaker ship /opening/plan/gates/0'],
  await weaker({ four_eyes: false }),
  { without: ['four-eyes'] },
)
attack(
  'gate-roles',
  'others let in by name',
  NO,
  ['gate-weaker ship /opening/plan/gates/0'],
  await weaker({ users: ['eve'] }),
)
attack('gate-question', 'another question', NO, ['gate-weaker ship /opening/plan/gates/0'], bytes, {
  trust: 'another question',
})

// With the sealing key: a run that cannot have been.
attack(
  'prefix-rewritten',
  'what the approver had seen done, done otherwise',
  NO,
  [
    'decision-unbound ship /gates/0/decisions/0/assertion',
    'expectation-fails ship /opening/plan/gates/0',
    'others-decided ship /gates/0/decisions',
    'prefix-wrong ship /gates/0/shown',
  ],
  await sealedStep('build', (step) => (step.salt = '0'.repeat(32))),
  { shape: 'ungated' },
)
attack(
  'attempt-hidden',
  'the first attempt left out',
  NO,
  ['attempts-broken build /execution/steps/0', 'requirement-unchecked ship /opening/plan/gates/0'],
  (await recordedRun({ built: { attempt: 2 } }).seal()).bytes,
)
attack(
  'attempts-too-many',
  'a failed step tried again until it succeeds',
  NO,
  [
    'attempts-broken build /execution/steps/1',
    'outcome-differs /closing/outcome',
    'reason-broken /closing',
  ],
  await retried(),
  { trust: 'no requirement', shape: 'ungated' },
)
attack(
  'step-before-gate',
  'a step recorded before the gate that it needs',
  NO,
  ['needs-broken publish /execution/steps/1', 'requirement-unchecked ship /opening/plan/gates/0'],
  await sealed((content) => (content.order = ['step', 'step', 'gate'])),
)
attack(
  'step-begun-before-gate',
  'a step begun before the gate was resolved',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'needs-broken publish /execution/steps/1',
    'shown-differs ship /gates/0/shown',
  ],
  await sealedStep('publish', (step) => (step.started_at = '2026-11-12T09:30:03.000Z')),
)
attack(
  'gate-left-out',
  'the gate left out of the record',
  NO,
  [
    'needs-broken publish /execution/steps/1',
    'outcome-differs /closing/outcome',
    'requirement-unchecked ship /opening/plan/gates/0',
  ],
  await sealed((content) => {
    content.gates = []
    content.order = ['step', 'step']
    content.closing.counts.gates = 0
  }),
  { shape: 'ungated' },
)
attack(
  'exit-code',
  'an exit code of 1 called a success',
  NO,
  ['requirement-unchecked ship /opening/plan/gates/0', 'result-broken publish /execution/steps/1'],
  await sealedStep('publish', (step) => (step.exit_code = 1)),
)
attack(
  'command',
  'another command than planned',
  NO,
  ['plan-differs publish /execution/steps/1', 'requirement-unchecked ship /opening/plan/gates/0'],
  await sealedStep('publish', (step) => (step.argv = ['/bin/true'])),
)
attack(
  'outcome',
  'a success called a failure',
  NO,
  ['outcome-differs /closing/outcome', 'requirement-unchecked ship /opening/plan/gates/0'],
  await sealed(({ closing }) => Object.assign(closing, { outcome: 'failed', reason: 'x' })),
)
attack(
  'counts',
  'a step more than there is',
  NO,
  ['counts-differ /closing/counts', 'requirement-unchecked ship /opening/plan/gates/0'],
  await sealed(({ closing }) => (closing.counts.steps += 1)),
)
attack(
  'previous',
  'a second envelope without one before it',
  NO,
  ['requirement-unchecked ship /opening/plan/gates/0', 'series-broken /closing/previous'],
  await sealed(({ closing }) => (closing.seal_seq = 2)),
)
attack(
  'artifact-shown',
  'an artifact shown that is not on record',
  NO,
  [
    'decision-unbound ship /gates/0/decisions/0/assertion',
    'decision-unbound ship /gates/0/decisions/0/decision/shown_sha256',
    'expectation-fails ship /opening/plan/gates/0',
    'others-decided ship /gates/0/decisions',
    'shown-differs ship /gates/0/shown/artifacts/0',
  ],
  await sealedGate(({ shown }) => shown.artifacts.forEach((it) => (it.sha256 = sha256('x')))),
  { shape: 'ungated' },
)

// With the sealing key: decisions.
attack(
  'decision-of-another-run',
  'the whole gate of another run',
  NO,
  [
    'decision-unbound ship /gates/0/decisions/0/assertion',
    'decision-unbound ship /gates/0/decisions/0/decision/evidence_id',
    'decision-unbound ship /gates/0/decisions/0/decision/run_id',
    'expectation-fails ship /opening/plan/gates/0',
    'others-decided ship /gates/0/decisions',
    'prefix-wrong ship /gates/0/shown',
  ],
  await sealed((content) => (content.gates = structuredClone(another.content.gates))),
  { shape: 'ungated' },
)
attack(
  'decision-turned',
  'a refusal turned into an approval',
  NO,
  [
    'assertion-unbound ship /gates/0/decisions/0/assertion/client_data_json',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  await turned(),
)
attack(
  'refusal-approved',
  'a refusal with the outcome approved',
  NO,
  ['expectation-fails ship /opening/plan/gates/0', 'gate-outcome-differs ship /gates/0/outcome'],
  await refusedAnyway(),
)
attack(
  'decision-comment',
  'another comment than the signed one',
  NO,
  [
    'assertion-unbound ship /gates/0/decisions/0/assertion/client_data_json',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  await sealedDecision((it) => (it.comment = 'Fine.')),
)
attack(
  'decision-approver',
  'the decision of one under the name of another',
  NO,
  [
    'credential-differs ship /gates/0/decisions/0/assertion/credential_id',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  (await recordedRun({ decisions: [{ ...by(ben), approver: 'ann' }] }).seal()).bytes,
)
attack(
  'decision-dropped',
  'no decision, and approved',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'gate-outcome-differs ship /gates/0/outcome',
    'others-decided ship /gates/0/decisions',
  ],
  await sealedGate((it) => (it.decisions = [])),
  { shape: 'ungated' },
)
attack(
  'decision-repeated',
  'one approval counted twice',
  NO,
  [
    'approver-repeated ship /gates/0/decisions/1/decision',
    'decision-signed ship /gates/0/decisions/1/assertion',
    'expectation-fails ship /opening/plan/gates/0',
    'nonce-repeated ship /gates/0/decisions/1/decision',
    'decision-signed ship /gates/0/decisions/0/assertion',
  ],
  await repeated(),
  { trust: 'two approvals' },
)
attack(
  'decision-late',
  'decided after the gate had expired',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'expiry-broken ship /gates/0/decisions/0/decision',
  ],
  (
    await recordedRun({
      decisions: [by(ann, {}, { decided_at: '2026-11-12T12:00:00.000Z' })],
    }).seal()
  ).bytes,
)
attack(
  'decision-of-the-system',
  'an expiry that looks like a person’s approval',
  NO,
  [
    'approver-not-allowed ship /gates/0/decisions/0/decision/approver',
    'expectation-fails ship /opening/plan/gates/0',
    'owner-unknown ship /gates/0/decisions',
    'passkey-missing ship /gates/0/decisions/0/assertion',
  ],
  (await recordedRun({ decisions: [{ approver: 'system' }] }).seal()).bytes,
)
attack(
  'decision-of-the-starter',
  'the starter approves',
  NO,
  ['expectation-fails ship /opening/plan/gates/0', 'starter-decided ship /gates/0/decisions'],
  await signedBy(oda),
)
attack(
  'decision-of-a-lineage',
  'the starter of the run that this one repeats approves',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'lineage-unchecked /opening/rerun_of',
    'starter-decided ship /gates/0/decisions',
  ],
  (await recordedRun({ rerun_of: { run_id: 'run-0', starters: ['user:ann'] } }).seal()).bytes,
)
attack(
  'started-by-the-system',
  'started by nobody',
  NO,
  ['expectation-fails ship /opening/plan/gates/0', 'starter-without-owner ship /gates/0/decisions'],
  (await recordedRun({ actor: 'system' }).seal()).bytes,
)
attack(
  'decision-unsigned',
  'a session’s decision where a passkey is asked for',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'passkey-missing ship /gates/0/decisions/0/assertion',
  ],
  (await recordedRun({ decisions: [{ approver: 'user:ann' }] }).seal()).bytes,
)
attack(
  'approver-unknown',
  'signed by somebody whom the reader did not pin',
  'not proven',
  [
    'owner-unknown ship /gates/0/decisions',
    'passkey-unchecked ship /gates/0/decisions/0/assertion',
    'requirement-unchecked ship /opening/plan/gates/0',
  ],
  await signedBy(stranger),
)
attack(
  'approver-revoked',
  'signed by a revoked passkey',
  NO,
  [
    'approver-revoked ship /gates/0/decisions/0/assertion',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  bytes,
  { trust: 'approver revoked' },
)
attack(
  'approver-retired',
  'signed by a passkey after it was retired',
  NO,
  [
    'approver-retired ship /gates/0/decisions/0/assertion',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  bytes,
  { trust: 'approver retired' },
)
attack(
  'approver-of-another-definition',
  'signed by somebody who may decide this gate of another definition',
  NO,
  [
    'approver-not-entitled ship /gates/0/decisions/0/assertion',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  bytes,
  { trust: 'approver of another definition' },
)
attack(
  'approver-at-another-origin',
  'a passkey that another trust file has at another origin alone',
  'not proven',
  [
    'requirement-unchecked ship /opening/plan/gates/0',
    'origin-disputed ship /gates/0/decisions/0/assertion/client_data_json',
  ],
  bytes,
  { also: 'ann at another origin' },
)
attack(
  'approver-at-other-origins',
  'a passkey that each of two trust files has at another origin than it signed at',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'origin-refused ship /gates/0/decisions/0/assertion/client_data_json',
  ],
  bytes,
  { trust: 'ann at a third origin', also: 'ann at another origin' },
)
attack(
  'inputs-unasked',
  'an answer to what the gate does not ask',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'inputs-broken ship /gates/0/decisions/0/decision/inputs',
  ],
  (await recordedRun({ decisions: [by(ann, {}, { inputs: { ticket: 'T-1' } })] }).seal()).bytes,
)
attack(
  'rejected-beside-approved',
  'a gate that one approves and another rejects, as approved',
  NO,
  [
    'decision-signed ship /gates/0/decisions/1/assertion',
    'expectation-fails ship /opening/plan/gates/0',
    'gate-outcome-differs ship /gates/0/outcome',
    'decision-signed ship /gates/0/decisions/0/assertion',
  ],
  await rejectedBeside(),
)
attack(
  'approver-of-another-gate',
  'signed by somebody who may not decide this gate',
  NO,
  [
    'approver-not-entitled ship /gates/0/decisions/0/assertion',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  bytes,
  { trust: 'approver of another gate' },
)
const origin = (unusual: Unusual) => signedBy(ann, unusual)
attack(
  'passkey-origin',
  'signed at another origin',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'origin-refused ship /gates/0/decisions/0/assertion/client_data_json',
  ],
  await origin({ client: { origin: 'https://runs.example.evil' } }),
)
attack(
  'passkey-cross-origin',
  'signed in a frame of another site',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'origin-refused ship /gates/0/decisions/0/assertion/client_data_json',
  ],
  await origin({ client: { crossOrigin: true } }),
)
attack(
  'passkey-top-origin',
  'signed under another site',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'origin-refused ship /gates/0/decisions/0/assertion/client_data_json',
  ],
  await origin({ client: { topOrigin: 'https://evil.example' } }),
)
attack(
  'passkey-rp-id',
  'signed for another site',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'origin-refused ship /gates/0/decisions/0/assertion/authenticator_data',
  ],
  await origin({ rp_id: 'evil.example' }),
)
attack(
  'passkey-create',
  'a registration as a signature',
  NO,
  [
    'assertion-unbound ship /gates/0/decisions/0/assertion/client_data_json',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  await origin({ client: { type: 'webauthn.create' } }),
)
attack(
  'passkey-unverified',
  'signed without the person verified',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'user-not-verified ship /gates/0/decisions/0/assertion/authenticator_data',
  ],
  await origin({ flags: 0x19 }),
)
attack(
  'passkey-absent',
  'signed without the person present',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'user-not-verified ship /gates/0/decisions/0/assertion/authenticator_data',
  ],
  await origin({ flags: 0x1c }),
)
attack(
  'passkey-extensions',
  'extensions that nobody asked for',
  NO,
  [
    'assertion-unreadable ship /gates/0/decisions/0/assertion/authenticator_data',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  await origin({ flags: 0x9d, more: [0xa0] }),
)
attack(
  'passkey-client-data',
  'an origin twice',
  NO,
  [
    'assertion-unreadable ship /gates/0/decisions/0/assertion/client_data_json',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  await origin({ clientText: (text) => text.replace('{', '{"origin":"https://evil.example",') }),
)
attack(
  'passkey-der',
  'a byte behind the DER',
  NO,
  [
    'decision-signature-wrong ship /gates/0/decisions/0/assertion/signature',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  await origin({ signature: (der) => Uint8Array.from([...der, 0]) }),
)
attack(
  'passkey-signature',
  'another signature',
  NO,
  [
    'decision-signature-wrong ship /gates/0/decisions/0/assertion/signature',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  await origin({ signature: (der) => der.with(12, (der[12] ?? 0) ^ 1) }),
)

// A pinned definition, whose digest anybody with the key can write.
attack(
  'version',
  'the version and the plan that were pinned',
  'proven',
  [
    'expectation-holds /opening/definition/sha256',
    'expectation-holds /opening/plan',
    'expectation-holds ship /opening/plan/gates/0',
  ],
  bytes,
  {
    trust: 'this version',
  },
)
attack(
  'version-alone',
  'the version that was pinned, without its plan',
  'not proven',
  ['nothing-required', 'requirement-unchecked /opening/definition/sha256'],
  bytes,
  { trust: 'this version alone' },
)
const otherPlan = async (change: (plan: Plan) => void): Promise<Uint8Array> => {
  const { steps, gates } = gatedPlan({ ...POLICY })
  const plan = { steps, gates }
  change(plan)
  const run = startRun(signer, plan, { definition: honest.content.opening.definition })
  run.step('build')
  run.gate('ship', { decisions: [by(ann)] })
  run.step('publish')
  return (await run.seal()).bytes
}
attack(
  'version-command',
  'another command under the digest that was pinned',
  NO,
  [
    'another-plan /opening/plan',
    'requirement-unchecked /opening/definition/sha256',
    'expectation-holds ship /opening/plan/gates/0',
  ],
  await otherPlan(({ steps }) => steps.forEach((step) => (step.argv = ['/bin/sh', '-c', 'evil']))),
  { trust: 'this version' },
)
attack(
  'version-variable',
  'another variable of a step under the digest that was pinned',
  NO,
  [
    'another-plan /opening/plan',
    'requirement-unchecked /opening/definition/sha256',
    'expectation-holds ship /opening/plan/gates/0',
  ],
  await otherPlan(({ steps }) =>
    steps.forEach((step) => (step.env = { NODE_OPTIONS: '--eval=1' })),
  ),
  { trust: 'this version' },
)
attack(
  'version-people',
  'people in the policy under the digest that was pinned',
  NO,
  [
    'another-plan /opening/plan',
    'gate-weaker ship /opening/plan/gates/0',
    'requirement-unchecked /opening/definition/sha256',
  ],
  await otherPlan(({ gates }) => gates.forEach(({ policy }) => policy.users.push('eve'))),
  { trust: 'this version' },
)
attack(
  'gate-people',
  'a policy that names somebody whom nobody pinned',
  NO,
  ['gate-weaker ship /opening/plan/gates/0'],
  await weaker({ users: ['eve'] }),
  { trust: 'these people' },
)
attack(
  'gate-term',
  'a policy with a longer term than was pinned',
  NO,
  ['gate-weaker ship /opening/plan/gates/0'],
  await weaker({ expires_ms: 3_600_001 }),
  { trust: 'these people' },
)
attack(
  'gate-answer',
  'a policy that does not ask what was pinned',
  NO,
  ['gate-weaker ship /opening/plan/gates/0'],
  bytes,
  {
    trust: 'an answer',
  },
)

attack(
  'version-inputs',
  'an input that the pinned plan does not have, for its commands to read',
  NO,
  [
    'another-plan /opening/plan',
    'requirement-unchecked /opening/definition/sha256',
    'expectation-holds ship /opening/plan/gates/0',
  ],
  (
    await recordedRun({
      definition: honest.content.opening.definition,
      inputs: { version: '1.0.0', manifest: 'https://evil.example' },
    }).seal()
  ).bytes,
  { trust: 'this version' },
)

// What was shown, lineages and times.
const showing = async (show: string[], opened: boolean): Promise<Uint8Array> => {
  const { steps, gates } = gatedPlan({ ...POLICY })
  const run = startRun(signer, { steps, gates: gates.map((it) => ({ ...it, show })) })
  const { artifacts, attempt, step_id } = run.step('build')
  run.gate('ship', {
    shown: { artifacts: artifacts.map((it) => ({ step_id, attempt, ...it, opened })) },
    decisions: [by(ann)],
  })
  run.step('publish')
  return (await run.seal()).bytes
}
attack(
  'shown-open',
  'displayed open as the plan says',
  'proven',
  [],
  await showing(['build/dist/app.tgz'], true),
)
attack(
  'shown-closed',
  'an artifact not displayed open, as the plan says',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'shown-differs ship /gates/0/shown/artifacts',
    'shown-differs ship /gates/0/shown/artifacts/0/opened',
  ],
  await showing(['build/dist/app.tgz'], false),
)
attack(
  'shown-unplanned',
  'an artifact displayed open, of which the plan does not say so',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'shown-differs ship /gates/0/shown/artifacts/0/opened',
  ],
  await showing([], true),
)
attack(
  'repeats-itself',
  'a run that repeats itself',
  NO,
  [
    'lineage-broken /opening/rerun_of',
    'lineage-unchecked /opening/rerun_of',
    'requirement-unchecked ship /opening/plan/gates/0',
  ],
  (await recordedRun({ rerun_of: { run_id: 'run-1', starters: ['user:oda'] } }).seal()).bytes,
)
attack(
  'repeats-nobody',
  'a run that repeats one that nobody started, so that four eyes miss somebody',
  NO,
  [
    'lineage-broken /opening/rerun_of/starters',
    'lineage-unchecked /opening/rerun_of',
    'owner-unknown ship /gates/0/decisions',
    'requirement-unchecked ship /opening/plan/gates/0',
  ],
  (await recordedRun({ rerun_of: { run_id: 'run-0', starters: [] } }).seal()).bytes,
)
attack(
  'day-30-february',
  'a day that there is not',
  NO,
  ['schema-violated /closing/finished_at'],
  text('"finished_at":"2026-11-12', '"finished_at":"2026-02-30'),
)
attack(
  'duration',
  'a step that lasted longer than from its beginning to its end',
  NO,
  [
    'requirement-unchecked ship /opening/plan/gates/0',
    'times-broken publish /execution/steps/1/duration_ms',
  ],
  await sealedStep('publish', (step) => (step.duration_ms = 3_600_000)),
)

// Two gates that ask the same by the same policy.
const shownByName = await twoGates({ isShown: true }).seal()
attack(
  'gates-exchanged',
  'the approval of one gate for another that asks the same, where what was shown names no gate',
  'not proven',
  [
    'decision-of-several ok-prod /gates/0/decisions/0/assertion',
    'decision-of-several ok-staging /gates/1/decisions/0/assertion',
    'requirement-unchecked ok-prod /opening/plan/gates/1',
  ],
  (await twoGates({ isShown: false }).seal()).bytes,
  { trust: 'two gates', shape: 'two gates' },
)
attack(
  'gates-told-apart',
  'the same two gates, each of which was shown as itself',
  'proven',
  [],
  (await twoGates({ isShown: true }).seal()).bytes,
  { trust: 'two gates', shape: 'two gates' },
)
attack(
  'gates-exchanged-shown',
  'the approval of one gate for another, of which it was not shown',
  NO,
  [
    'decision-unbound ok-prod /gates/1/decisions/0/assertion',
    'decision-unbound ok-staging /gates/0/decisions/0/assertion',
    'expectation-fails ok-prod /opening/plan/gates/1',
    'others-decided ok-prod /gates/1/decisions',
    'others-decided ok-staging /gates/0/decisions',
    'prefix-wrong ok-prod /gates/1/shown',
    'shown-differs ok-prod /gates/1/shown',
    'shown-differs ok-staging /gates/0/shown',
  ],
  (
    await sealContent(
      changed(twoGates({ isShown: true }).content(), ({ gates }) => {
        const names = gates.map(({ step_id }) => step_id)
        for (const [index, gate] of gates.entries()) gate.step_id = names[1 - index] ?? ''
      }),
      signer,
    )
  ).bytes,
  { trust: 'two gates', shape: 'ungated' },
)

// What the key's holder writes, and cannot have been.
attack(
  'sealed-early',
  'a seal from before the end of the run',
  NO,
  ['sealed-early /integrity/seal/payload'],
  (await sealContent(honest.content, signer, '2026-11-12T09:30:00.000Z')).bytes,
)
attack(
  'needs-circle',
  'two steps of the plan that wait for each other, and were never run',
  NO,
  ['plan-broken /opening/plan'],
  await circled(),
  { trust: 'no requirement', shape: 'ungated' },
)
attack(
  'needs-twice',
  'a step that needs one thing twice',
  NO,
  [
    'plan-broken publish /opening/plan/steps/1/needs',
    'requirement-unchecked ship /opening/plan/gates/0',
  ],
  await otherPlan(({ steps }) => steps.forEach((it) => it.needs.push(...it.needs))),
)
attack(
  'artifact-twice',
  'one path twice among the artifacts of a step',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'repeated build /execution/steps/0/artifacts',
    'shown-differs ship /gates/0/shown/artifacts/1',
  ],
  (
    await recordedRun({
      built: {
        artifacts: honest.content.execution.steps.flatMap(({ artifacts }) => [
          ...artifacts,
          ...artifacts,
        ]),
      },
    }).seal()
  ).bytes,
)
attack(
  'artifacts-hidden',
  'artifacts that the gate did not show',
  NO,
  ['expectation-fails ship /opening/plan/gates/0', 'shown-differs ship /gates/0/shown/artifacts'],
  (await recordedRun({ shown: { artifacts: [] } }).seal()).bytes,
)
attack(
  'running-hidden',
  'a step that was running when the gate opened, and was not shown',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'needs-broken publish /execution/steps/1',
    'shown-differs ship /gates/0/shown',
  ],
  await sealedStep('publish', (step) => (step.started_at = '2026-11-12T09:30:03.000Z')),
)
attack(
  'running-invented',
  'a step shown as running that was done',
  NO,
  ['expectation-fails ship /opening/plan/gates/0', 'shown-differs ship /gates/0/shown'],
  (await recordedRun({ shown: { running: ['build'] } }).seal()).bytes,
)
attack(
  'base-itself',
  'a difference of the record from itself',
  NO,
  ['expectation-fails ship /opening/plan/gates/0', 'shown-differs ship /gates/0/shown/base'],
  (await recordedRun({ shown: { base: { evidence_id: 'ev-1', head: sha256('x') } } }).seal()).bytes,
)
attack(
  'request-twice',
  'two approvers who answer one request',
  NO,
  [
    'decision-signed ship /gates/0/decisions/1/assertion',
    'expectation-fails ship /opening/plan/gates/0',
    'nonce-repeated ship /gates/0/decisions/1/decision',
    'decision-signed ship /gates/0/decisions/0/assertion',
  ],
  (
    await recordedRun({
      policy: { quorum: 2 },
      decisions: [by(ann, {}, { nonce: 'ab'.repeat(16) }), by(ben, {}, { nonce: 'ab'.repeat(16) })],
    }).seal()
  ).bytes,
)
attack(
  'decision-unnamed',
  'a decision by somebody whom the policy does not name',
  NO,
  [
    'approver-not-allowed ship /gates/0/decisions/0/decision/approver',
    'gate-weaker ship /opening/plan/gates/0',
  ],
  (await recordedRun({ policy: { roles: [], users: ['ben'] } }).seal()).bytes,
)
attack(
  'gate-expired-early',
  'a gate that expired before its time',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'expiry-broken ship /gates/0/resolved_at',
    'others-decided ship /gates/0/decisions',
  ],
  await expiredEarly(),
  { shape: 'ungated' },
)
attack(
  'user-twice',
  'one person with a passkey in each of two files, who decides twice',
  NO,
  [
    'approver-repeated ship /gates/0/decisions/1/decision',
    'decision-signed ship /gates/0/decisions/1/assertion',
    'expectation-fails ship /opening/plan/gates/0',
    'decision-signed ship /gates/0/decisions/0/assertion',
  ],
  (
    await recordedRun({
      policy: { quorum: 2 },
      decisions: [by(ann), { ...by(ann), approver: 'ann.old' }],
    }).seal()
  ).bytes,
  { also: 'ann under her former id' },
)
attack(
  'cells-of-a-command',
  'cells of a step that derives none',
  NO,
  [
    'requirement-unchecked ship /opening/plan/gates/0',
    'result-broken publish /execution/steps/1',
    'totals-differ /closing/totals',
  ],
  await sealedStep('publish', (step) => (step.cells = [])),
)

// A rerun, and the record of the run that it repeats.
const rerun = recordedRun({ rerun_of: { run_id: 'run-0', starters: ['user:eve'] } })
const repeatedRun = {
  server: signer.key_id,
  evidence_id: 'ev-0',
  head: sha256('ev-0'),
  seal_seq: 7,
  run_id: 'run-0',
}
attack(
  'repeats-another',
  'a run that repeats one of which the reader has no record',
  'proven',
  ['lineage-unchecked /opening/rerun_of'],
  (await rerun.seal()).bytes,
)
attack(
  'repeats-as-held',
  'a run that repeats one as the record says that the reader holds',
  'proven',
  ['lineage-agrees /opening/rerun_of'],
  (await rerun.seal()).bytes,
  { held: [{ ...repeatedRun, starters: ['user:eve'] }] },
)
attack(
  'repeats-without-ann',
  'a run that leaves out who started the one that it repeats, so that she can approve it',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'lineage-differs /opening/rerun_of',
    'starter-decided ship /gates/0/decisions',
  ],
  (await rerun.seal()).bytes,
  { held: [{ ...repeatedRun, starters: ['user:ann'] }] },
)

// What it took over, and from where.
const tookOver = (...from: string[]): RunBuilder => {
  const steps = from.map((_, index) => planStep(`step-${index}`))
  const run = startRun(signer, { steps }, { rerun_of: { run_id: 'run-0', starters: ['user:eve'] } })
  const times = { started_at: '2026-11-11T09:00:00.000Z', finished_at: '2026-11-11T09:00:01.000Z' }
  for (const [index, evidence_id] of from.entries())
    run.step(`step-${index}`, {
      ...times,
      taken_over: { evidence_id, seq: index + 1, entry: sha256('an entry') },
    })
  return run
}
attack(
  'taken-over-of-another-run',
  'a step taken over from a record that the reader holds, which is of another run than is repeated',
  NO,
  ['lineage-differs /opening/rerun_of'],
  (await tookOver('ev-0').seal()).bytes,
  {
    trust: 'no requirement',
    held: [{ ...repeatedRun, run_id: 'run-7', starters: ['user:ann'] }],
    shape: 'ungated',
  },
)
attack(
  'taken-over-of-two',
  'steps taken over from two records',
  NO,
  ['lineage-differs /opening/rerun_of'],
  (await tookOver('ev-0', 'ev-7').seal()).bytes,
  { trust: 'no requirement', shape: 'ungated' },
)

// Against what the reader holds.
const follows = { seal_seq: 8, previous: { evidence_id: 'ev-0', head: sha256('ev-0') } }
const before = { ...repeatedRun, starters: ['user:eve'] }
const following = (await recordedRun().seal(follows)).bytes
attack(
  'follows',
  'a record that follows the one that is held',
  'proven',
  ['follows-held /closing/previous'],
  following,
  {
    held: [before],
  },
)
attack(
  'follows-another',
  'a record that was sealed over another one than is held',
  NO,
  ['previous-differs /closing/previous'],
  following,
  { held: [{ ...before, head: sha256('another') }] },
)
attack(
  'fork',
  'a second record of one number',
  NO,
  ['fork /integrity/hash_chain/head'],
  following,
  {
    held: [{ ...before, evidence_id: 'ev-8', head: sha256('ev-8'), seal_seq: 8 }],
  },
)
attack(
  'request-answered-before',
  'a request that was answered otherwise in a record that is held',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'follows-held /closing/previous',
    'nonce-repeated ship /gates/0/decisions/0/decision',
  ],
  following,
  {
    held: [
      {
        ...before,
        decisions: honest.content.gates.flatMap(({ decisions }) =>
          decisions.map(({ decision }) => ({ nonce: decision.nonce, sha256: sha256('refused') })),
        ),
      },
    ],
  },
)

// Gates of plans that cannot be.
attack(
  'gates-circle',
  'two gates of the plan that wait for each other',
  NO,
  ['plan-broken /opening/plan'],
  (
    await startRun(signer, {
      steps: [planStep('build')],
      gates: [planGate('one', { needs: ['other'] }), planGate('other', { needs: ['one'] })],
    }).seal()
  ).bytes,
  { trust: 'no requirement', shape: 'ungated' },
)
attack(
  'gate-resolved-twice',
  'a gate that is resolved twice',
  NO,
  [
    'decision-unsigned ship /gates/0/decisions/0/assertion',
    'decision-unsigned ship /gates/1/decisions/0/assertion',
    'gate-recorded ship /gates/0',
    'gate-recorded ship /gates/1',
    'repeated ship /gates/1',
  ],
  await resolvedTwice(),
  { trust: 'no requirement', shape: 'ungated' },
)

// By nobody's key: what names the gate is taken out of what was shown.
attack(
  'shown-nameless',
  'the approval of one gate for another, and what was shown names none',
  NO,
  [
    'content-differs /integrity/content_sha256',
    'decision-unbound ok-prod /gates/1/decisions/0/assertion',
    'decision-unbound ok-prod /gates/1/decisions/0/decision/shown_sha256',
    'decision-unbound ok-staging /gates/0/decisions/0/assertion',
    'decision-unbound ok-staging /gates/0/decisions/0/decision/shown_sha256',
    'entry-changed ok-prod /gates/1',
    'entry-changed ok-staging /gates/0',
    'expectation-fails ok-prod /opening/plan/gates/1',
    'others-decided ok-prod /gates/1/decisions',
    'others-decided ok-staging /gates/0/decisions',
    'prefix-wrong ok-prod /gates/1/shown',
    'statement-differs /integrity/seal/payload',
  ],
  unnamed(({ gates }) => {
    const names = gates.map(({ step_id }) => step_id)
    for (const [index, gate] of gates.entries()) gate.step_id = names[1 - index] ?? ''
  }),
  { trust: 'two gates', shape: 'ungated' },
)
attack(
  'shown-of-another-prefix',
  'a decision that is told over another link than was signed',
  NO,
  [
    'content-differs /integrity/content_sha256',
    'decision-unbound ok-prod /gates/0/decisions/0/assertion',
    'decision-unbound ok-prod /gates/0/decisions/0/decision/chain_head_before',
    'decision-unbound ok-prod /gates/0/decisions/0/decision/shown_sha256',
    'decision-unbound ok-staging /gates/1/decisions/0/assertion',
    'decision-unbound ok-staging /gates/1/decisions/0/decision/chain_head_before',
    'decision-unbound ok-staging /gates/1/decisions/0/decision/shown_sha256',
    'entry-changed ok-prod /gates/0',
    'entry-changed ok-staging /gates/1',
    'expectation-fails ok-prod /opening/plan/gates/1',
    'prefix-wrong ok-prod /gates/0/shown',
    'prefix-wrong ok-staging /gates/1/shown',
    'statement-differs /integrity/seal/payload',
  ],
  unnamed(({ gates, integrity }) => {
    for (const gate of gates) gate.shown.chain_head_before = integrity.hash_chain.head
  }),
  { trust: 'two gates', shape: 'two gates', without: ['gate-signature'] },
)

// One passkey in two of the reader's files.
attack(
  'approver-revoked-elsewhere',
  'a passkey that one file revokes, under the id that it has in another',
  NO,
  [
    'approver-revoked ship /gates/0/decisions/0/assertion',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  (await recordedRun({ decisions: [{ ...by(ann), approver: 'ann.old' }] }).seal()).bytes,
  { trust: 'approver revoked', also: 'ann under her former id' },
)
attack(
  'approver-seals',
  'an approver whose key is the one that seals',
  'not proven',
  [
    'owner-unknown ship /gates/0/decisions',
    'passkey-unchecked ship /gates/0/decisions/0/assertion',
    'requirement-unchecked ship /opening/plan/gates/0',
    'trust-file-refused',
  ],
  await signedBy(sealer),
  { also: 'the sealing key as an approver' },
)
attack(
  'passkey-empty',
  'a signature that no key can have made, of somebody whom nobody pinned',
  NO,
  [
    'decision-signature-wrong ship /gates/0/decisions/0/assertion/signature',
    'expectation-fails ship /opening/plan/gates/0',
    'owner-unknown ship /gates/0/decisions',
  ],
  await signedBy(stranger, { signature: () => new Uint8Array() }),
)
attack(
  'decisions-many',
  'one signed decision over and over',
  NO,
  ['expectation-fails ship /opening/plan/gates/0', 'gate-outcome-differs ship /gates/0/decisions'],
  await sealedGate(
    (it) =>
      (it.decisions = Array.from({ length: 500 }, () => it.decisions[0]).flatMap(
        (one) => one ?? [],
      )),
  ),
  { shape: 'ungated' },
)

// What this reader brings, or does not.
attack('too-large', 'a byte more than the reader reads', 'not an envelope', ['too-large'], bytes, {
  most: bytes.length - 1,
})
attack(
  'key-first-seen',
  'a key that was seen on this device before, and nobody pinned',
  'not proven',
  [
    'key-first-seen /integrity/seal',
    'nothing-required',
    'owner-unknown ship /gates/0/decisions',
    'passkey-unchecked ship /gates/0/decisions/0/assertion',
  ],
  bytes,
  { source: 'first_seen' },
)
attack(
  'key-offered',
  'a key, people and requirements that the server itself offers',
  'not proven',
  [
    'key-offered /integrity/seal',
    'nothing-required',
    'owner-unknown ship /gates/0/decisions',
    'passkey-unchecked ship /gates/0/decisions/0/assertion',
  ],
  bytes,
  { source: 'offered' },
)
attack(
  'key-low-order',
  'a trust file whose server key is of low order',
  'not proven',
  WITHOUT_TRUST,
  bytes,
  { trust: 'a key of low order', without: ['expectations'] },
)
attack(
  'approver-algorithm',
  'a trust file that names another algorithm than the passkey’s',
  'not proven',
  WITHOUT_TRUST,
  bytes,
  { trust: 'an approver of another algorithm', without: ['expectations'] },
)
for (const [file, what, trust] of [
  [
    'key-of-another-id',
    'a trust file with a server key under the id of another',
    'a key under the id of another',
  ],
  [
    'key-active-up-to',
    'a trust file with a server key that is active, and counts up to number 0',
    'key active up to 0',
  ],
  [
    'approver-active-up-to',
    'a trust file with a passkey that is active, and counts up to number 0',
    'approver active up to 0',
  ],
] as const)
  attack(file, what, 'not proven', WITHOUT_TRUST, bytes, { trust, without: ['expectations'] })
attack(
  'entries-too-many',
  'an entry more than the reader reads',
  NO,
  ['over-limit /order'],
  bytes,
  { mostOf: { entries: 2 } },
)
attack('entries-at-most', 'as many entries as the reader reads', 'proven', [], bytes, {
  mostOf: { entries: 3 },
})
attack(
  'artifacts-too-many',
  'an artifact more of a step than the reader reads',
  NO,
  ['over-limit /execution/steps/0/artifacts'],
  bytes,
  { mostOf: { artifactsPerStep: 0 } },
)
attack(
  'artifacts-at-most',
  'as many artifacts of a step as the reader reads',
  'proven',
  [],
  bytes,
  {
    mostOf: { artifactsPerStep: 1 },
  },
)
attack(
  'asked',
  'the record that was asked for',
  'proven',
  ['asked-fits /evidence_id', 'asked-fits /run_id'],
  bytes,
  { asked: { run_id: 'run-1', evidence_id: 'ev-1' } },
)
attack(
  'asked-half',
  'another record of the run that was asked for by both its ids',
  NO,
  ['asked-fits /run_id', 'evidence-differs /evidence_id'],
  bytes,
  { asked: { run_id: 'run-1', evidence_id: 'ev-7' } },
)
attack(
  'outcome-expected',
  'the outcome that the reader expects',
  'proven',
  ['expectation-holds /closing/outcome', 'expectation-holds ship /opening/plan/gates/0'],
  bytes,
  { expect: [{ kind: 'outcome', value: 'succeeded' }] },
)
attack(
  'outcome-unexpected',
  'another outcome than the reader expects',
  NO,
  ['expectation-fails /closing/outcome', 'expectation-holds ship /opening/plan/gates/0'],
  bytes,
  { expect: [{ kind: 'outcome', value: 'failed' }] },
)
attack(
  'definition-expected',
  'a definition by another name than the reader requires something of, which they expect by name',
  'proven',
  ['expectation-holds /opening/definition/name', 'nothing-required'],
  bytes,
  { trust: 'a nightly alone', expect: [{ kind: 'definition', value: 'release' }] },
)
attack(
  'definition-unexpected',
  'another definition than the reader expects by name',
  NO,
  ['expectation-fails /opening/definition/name', 'expectation-holds ship /opening/plan/gates/0'],
  bytes,
  { expect: [{ kind: 'definition', value: 'nightly' }] },
)

// Statements that the key's holder signed.
attack(
  'statement-profile',
  'a Statement, signed, of another profile',
  NO,
  ['statement-unreadable /integrity/seal/payload'],
  await signedStatement((text) => text.replace('evidence-envelope/1', 'evidence-envelope/2')),
)
attack(
  'statement-more',
  'a Statement, signed, about another thing besides',
  NO,
  ['statement-unreadable /integrity/seal/payload'],
  await signedStatement((text) =>
    text.replace('"subject":[', `"subject":[{"digest":{"sha256":"${sha256('x')}"},"name":"x"},`),
  ),
)
attack(
  'statement-subject-twice',
  'a Statement, signed, that names the record twice',
  NO,
  ['statement-unreadable /integrity/seal/payload'],
  await signedStatement((text) => text.replace(/"subject":\[(.*?\}.*?\})\]/, '"subject":[$1,$1]')),
)
attack(
  'statement-type',
  'a Statement, signed, of another version of in-toto',
  NO,
  ['statement-unreadable /integrity/seal/payload'],
  await signedStatement((text) => text.replace('Statement/v1', 'Statement/v0.1')),
)
attack(
  'statement-predicate-type',
  'a Statement, signed, that says another thing of the record',
  NO,
  ['statement-unreadable /integrity/seal/payload'],
  await signedStatement((text) => text.replace('seal/v1', 'seal/v2')),
)
attack(
  'statement-space',
  'a Statement, signed, with a space',
  NO,
  ['statement-differs /integrity/seal/payload'],
  await signedStatement((text) => text.replace(':', ': ')),
)
// Each member by itself that the verifier has of its own: who seals otherwise has the key.
for (const [member, what, change] of [
  [
    'previous',
    'that names one before it, which the record does not',
    (text: string) =>
      text.replace('"previous":null', `"previous":${JSON.stringify(follows.previous)}`),
  ],
  [
    'run',
    'about another run',
    (text: string) => text.replace('"run_id":"run-1"', '"run_id":"run-2"'),
  ],
  ['count', 'over more links', (text: string) => text.replace('"count":5', '"count":6')],
  [
    'head',
    'over another head',
    (text: string) => text.replace(/"head":"[0-9a-f]{64}"/, `"head":"${sha256('x')}"`),
  ],
  [
    'name',
    'about another record',
    (text: string) => text.replace('"name":"ev-1"', '"name":"ev-2"'),
  ],
  [
    'digest',
    'about another document',
    (text: string) => text.replace(/"sha256":"[0-9a-f]{64}"/, `"sha256":"${sha256('x')}"`),
  ],
] as const)
  attack(
    `statement-${member}`,
    `a Statement, signed, ${what}`,
    NO,
    ['statement-differs /integrity/seal/payload'],
    await signedStatement(change),
  )
const { previous: ofThose } = follows
for (const [member, what, previous] of [
  ['none', 'that names none before it, which the record does', null],
  ['id', 'that names the one before it by another id', { ...ofThose, evidence_id: 'ev-9' }],
  ['head', 'that names the one before it by another head', { ...ofThose, head: sha256('ev-9') }],
] as const)
  attack(
    `statement-previous-${member}`,
    `a Statement, signed, ${what}`,
    NO,
    ['statement-differs /integrity/seal/payload', 'previous-not-held /closing/previous'],
    await signedStatement(
      (text) => text.replace(JSON.stringify(ofThose), JSON.stringify(previous)),
      await recordedRun().seal(follows),
    ),
  )
attack(
  'signature-r',
  'a signature whose R is not the one encoding of its point',
  NO,
  ['signature-wrong /integrity/seal'],
  signature((raw) =>
    Uint8Array.from([0xee, ...new Uint8Array(30).fill(0xff), 0x7f, ...raw.subarray(32)]),
  ),
)

// What the plan says, and the record does not.
attack(
  'order-kinds',
  'an order of other kinds than the links have',
  NO,
  ['coverage-broken /integrity/hash_chain/links/1'],
  document((it) => (it.order = ['gate', 'step', 'step'])),
)
attack(
  'attempt-twice',
  'the first attempt of a step twice',
  NO,
  ['attempts-broken build /execution/steps/1'],
  await (async () => {
    const run = startRun(signer, { steps: [planStep('build', { retries: 1 })] })
    run.step('build', { outcome: 'failed' })
    run.step('build', { attempt: 1 })
    return (await run.seal()).bytes
  })(),
  { trust: 'no requirement', shape: 'ungated' },
)
attack(
  'question-unplanned',
  'a gate that asked another question than the plan says',
  NO,
  [
    'decision-unbound ship /gates/0/decisions/0/assertion',
    'decision-unbound ship /gates/0/decisions/0/decision/question',
    'expectation-fails ship /opening/plan/gates/0',
    'plan-differs ship /gates/0',
    'shown-differs ship /gates/0/shown',
  ],
  await sealedGate((it) => (it.question = 'Go on?')),
  { without: ['gate-signature'] },
)
attack(
  'policy-unplanned',
  'a gate that was resolved by another policy than the plan says',
  NO,
  [
    'expectation-fails ship /opening/plan/gates/0',
    'plan-differs ship /gates/0',
    'shown-differs ship /gates/0/shown',
  ],
  await sealedGate((it) => (it.policy.four_eyes = false)),
  { without: ['four-eyes'] },
)
attack(
  'totals',
  'a cost below that of the cells',
  NO,
  ['totals-differ /closing/totals'],
  await derived({ cells: [CELL] }, { materialized: 1, total_cost: '0.01' }),
  { trust: 'no requirement', shape: 'ungated' },
)
attack(
  'taken-over-unsaid',
  'a step taken over in a run that repeats none',
  NO,
  ['lineage-broken step-0 /execution/steps/0'],
  await sealedAgain(tookOver('ev-0'), ({ opening }) => (opening.rerun_of = null)),
  { trust: 'no requirement', shape: 'ungated' },
)

// Decisions that are signed, about something else.
attack(
  'decision-of-another-question',
  'a signed decision about another question',
  NO,
  [
    'decision-unbound ship /gates/0/decisions/0/assertion',
    'decision-unbound ship /gates/0/decisions/0/decision/question',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  (await recordedRun({ decisions: [by(ann, {}, { question: 'Go on?' })] }).seal()).bytes,
  { without: ['gate-signature'] },
)
attack(
  'decision-of-another-policy',
  'a signed decision by another policy',
  NO,
  [
    'decision-unbound ship /gates/0/decisions/0/assertion',
    'decision-unbound ship /gates/0/decisions/0/decision/policy_sha256',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  (await recordedRun({ decisions: [by(ann, {}, { policy_sha256: sha256('x') })] }).seal()).bytes,
  { without: ['gate-signature'] },
)
attack(
  'decision-of-another-request',
  'a signed decision about another gate of the server',
  NO,
  [
    'decision-unbound ship /gates/0/decisions/0/assertion',
    'decision-unbound ship /gates/0/decisions/0/decision/gate_id',
    'expectation-fails ship /opening/plan/gates/0',
  ],
  (await recordedRun({ decisions: [by(ann, {}, { gate_id: 'run-0-ship' })] }).seal()).bytes,
  { without: ['gate-signature'] },
)
attack(
  'prefix-early',
  'an approval, rightly signed, from before the step that its gate needs',
  NO,
  ['expectation-fails ship /opening/plan/gates/0', 'prefix-wrong ship /gates/0/shown'],
  (
    await recordedRun({
      shown: {
        chain_head_before: honest.links[0]?.link ?? '',
        artifacts: [],
        running: ['build'],
      },
    }).seal()
  ).bytes,
)
attack(
  'refused',
  'a refusal that is signed, and told as one',
  'proven',
  [],
  await (async () => {
    const run = startRun(signer, gatedPlan({ ...POLICY }))
    run.step('build')
    run.gate('ship', { decisions: [by(ann, {}, { decision: 'rejected' })] })
    return (await run.seal()).bytes
  })(),
)
attack(
  'approved-beyond-quorum',
  'an approval more than the quorum',
  NO,
  [
    'decision-signed ship /gates/0/decisions/1/assertion',
    'expectation-fails ship /opening/plan/gates/0',
    'gate-outcome-differs ship /gates/0/decisions',
    'decision-signed ship /gates/0/decisions/0/assertion',
  ],
  (await recordedRun({ decisions: [by(ann), by(ben)] }).seal()).bytes,
)
attack(
  'key-twice',
  'one passkey as two persons in two files, that decides twice',
  NO,
  [
    'approver-repeated ship /gates/0/decisions/1/decision',
    'decision-signed ship /gates/0/decisions/1/assertion',
    'expectation-fails ship /opening/plan/gates/0',
    'owner-unknown ship /gates/0/decisions',
    'decision-signed ship /gates/0/decisions/0/assertion',
  ],
  (
    await recordedRun({
      policy: { quorum: 2 },
      decisions: [by(ann), { ...by(ann), approver: 'ann.old' }],
    }).seal()
  ).bytes,
  { also: 'ann as another user' },
)
attack(
  'started-by-a-token',
  'started by a token, of which the record does not say whose it is',
  'not proven',
  ['owner-unknown ship /gates/0/decisions', 'requirement-unchecked ship /opening/plan/gates/0'],
  (await recordedRun({ actor: 'token:ci' }).seal()).bytes,
)
attack(
  'approver-of-nobody',
  'a policy that names ann, and a passkey that was pinned as nobody’s',
  'not proven',
  ['approver-unknown ship /gates/0', 'requirement-unchecked ship /opening/plan/gates/0'],
  (
    await recordedRun({
      policy: { roles: [], users: ['ann'], four_eyes: false },
      decisions: [by(nameless)],
    }).seal()
  ).bytes,
  { trust: 'ann as nobody', without: ['four-eyes'] },
)
// Bases.
const based = (
  await recordedRun({ shown: { base: { evidence_id: 'ev-0', head: sha256('ev-0') } } }).seal()
).bytes
attack(
  'base-not-held',
  'a difference from a record that the reader does not hold',
  'not proven',
  [
    'base-unchecked ship /gates/0/shown/base',
    'requirement-unchecked ship /opening/plan/gates/0',
    'gate-recorded ship /gates/0',
  ],
  based,
)
attack('base-held', 'a difference from the record that the reader holds', 'proven', [], based, {
  held: [{ ...before, server: thief.key_id, head: sha256('ev-0') }],
})
attack(
  'base-of-another',
  'a difference from another record than the reader holds',
  NO,
  ['expectation-fails ship /opening/plan/gates/0', 'shown-differs ship /gates/0/shown/base'],
  based,
  { held: [{ ...before, server: thief.key_id, head: sha256('another') }] },
)

// Places among what the reader holds.
attack(
  'follows-unheld',
  'a record that follows one that the reader does not hold',
  'proven',
  ['previous-not-held /closing/previous'],
  following,
)
attack(
  'place-unsealed',
  'a record that no key at hand has sealed, in the place of one that is held',
  'not proven',
  [
    'key-unknown /integrity/seal',
    'nothing-required',
    'owner-unknown ship /gates/0/decisions',
    'passkey-unchecked ship /gates/0/decisions/0/assertion',
    'place-unsealed /closing/previous',
  ],
  following,
  { trust: 'nobody', held: [{ ...before, evidence_id: 'ev-1', seal_seq: 8 }] },
)
attack(
  'fork-of-an-id',
  'a second record of one id',
  NO,
  ['fork /integrity/hash_chain/head'],
  following,
  {
    held: [{ ...before, server: thief.key_id, evidence_id: 'ev-1', run_id: 'run-1' }],
  },
)
attack(
  'fork-after-one',
  'a second record after one and the same, by another key',
  NO,
  ['fork /integrity/hash_chain/head'],
  following,
  {
    held: [{ ...before, server: thief.key_id, evidence_id: 'ev-8', previous: follows.previous }],
  },
)
attack(
  'fork-of-a-run',
  'a second record of one run',
  NO,
  ['fork /integrity/hash_chain/head'],
  following,
  {
    held: [{ ...before, evidence_id: 'ev-8', run_id: 'run-1', seal_seq: 9 }],
  },
)

// What came beside it, which the verdict on the record itself does not rest on.
const [log, published] = ['build 1\n', 'publish 1\n']
const app = 'dist/app.tgz'
const whole = {
  [`logs/${sha256(log)}`]: log,
  [`logs/${sha256(published)}`]: published,
  [`artifacts/${sha256(app)}`]: app,
}
attack(
  'beside',
  'all that is on record, beside it',
  'proven',
  [
    'attached-whole build /execution/steps/0/artifacts/0/sha256',
    'attached-whole build /execution/steps/0/log/sha256',
    'attached-whole publish /execution/steps/1/log/sha256',
  ],
  bytes,
  { beside: whole },
)
attack(
  'beside-missing',
  'a log alone beside it',
  'proven',
  [
    'attached-missing build /execution/steps/0/artifacts/0/sha256',
    'attached-whole build /execution/steps/0/log/sha256',
  ],
  bytes,
  {
    beside: { [`logs/${sha256(log)}`]: log },
  },
)
attack(
  'beside-changed',
  'a changed artifact under its name',
  'proven',
  [
    'attached-differs build /execution/steps/0/artifacts/0/sha256',
    'attached-missing build /execution/steps/0/artifacts/0/sha256',
    'attached-whole build /execution/steps/0/log/sha256',
    'attached-whole publish /execution/steps/1/log/sha256',
  ],
  bytes,
  {
    beside: { ...whole, [`artifacts/${sha256(app)}`]: 'dist/evil.tg' },
  },
)
attack(
  'beside-exchanged',
  'two logs under each other’s names',
  'proven',
  [
    'attached-differs build /execution/steps/0/log/sha256',
    'attached-differs publish /execution/steps/1/log/sha256',
    'attached-missing build /execution/steps/0/log/sha256',
    'attached-whole build /execution/steps/0/artifacts/0/sha256',
  ],
  bytes,
  {
    beside: {
      ...whole,
      [`logs/${sha256(log)}`]: published,
      [`logs/${sha256(published)}`]: log,
    },
  },
)
attack(
  'beside-unknown',
  'a file that is nothing on record',
  'proven',
  [
    'attached-unknown',
    'attached-whole build /execution/steps/0/artifacts/0/sha256',
    'attached-whole build /execution/steps/0/log/sha256',
    'attached-whole publish /execution/steps/1/log/sha256',
  ],
  bytes,
  {
    beside: { ...whole, 'notes.txt': 'All good.' },
  },
)
attack(
  'beside-long',
  'a file longer than anything on record',
  'proven',
  [
    'attached-differs build /execution/steps/0/artifacts/0/sha256',
    'attached-missing build /execution/steps/0/artifacts/0/sha256',
    'attached-whole build /execution/steps/0/log/sha256',
    'attached-whole publish /execution/steps/1/log/sha256',
  ],
  bytes,
  {
    beside: { ...whole, [`artifacts/${sha256(app)}`]: `${app}${app}` },
  },
)
attack(
  'beside-renamed',
  'an artifact under a name that turns the writing round',
  'proven',
  [
    'attached-renamed build /execution/steps/0/artifacts/0/sha256',
    'attached-whole build /execution/steps/0/artifacts/0/sha256',
    'attached-whole build /execution/steps/0/log/sha256',
    'attached-whole publish /execution/steps/1/log/sha256',
  ],
  bytes,
  {
    beside: { ...whole, [`artifacts/${sha256(app)}`]: app, 'artifacts/\u202etgz.ppa': app },
  },
)
const cells = [CELL, { ...CELL, record_id: 'r2', cost: '0.2' }].map((it) => `${canonicalize(it)}\n`)
const part = (text: string, count: number) => ({
  cells_part: { sha256: sha256(text), bytes: utf8(text).length, count },
})
const inPart = async (text: string, count = 2, total_cost = '0.3'): Promise<Uint8Array> =>
  derived(part(text, count), { materialized: count, total_cost })
const all = cells.join('')
const UNGATED = { trust: 'no requirement', shape: 'ungated' } as const
attack(
  'cells-away',
  'cells in a part that is not here',
  'proven',
  ['cells-unchecked /closing/totals'],
  await inPart(all),
  UNGATED,
)
attack(
  'cells-counted',
  'cells in a part that is here',
  'proven',
  [
    'attached-missing derive /execution/steps/0/log/sha256',
    'attached-whole derive /execution/steps/0/cells_part/sha256',
    'cells-agree /closing/totals',
    'cells-unchecked /closing/totals',
  ],
  await inPart(all),
  {
    ...UNGATED,
    beside: { [`artifacts/${sha256(all)}`]: all },
  },
)
attack(
  'cells-fewer',
  'a part with a cell less than its entry says',
  'proven',
  [
    'attached-missing derive /execution/steps/0/log/sha256',
    'attached-whole derive /execution/steps/0/cells_part/sha256',
    'cells-differ derive /execution/steps/0/cells_part',
    'cells-unchecked /closing/totals',
  ],
  await inPart(all, 3),
  {
    ...UNGATED,
    beside: { [`artifacts/${sha256(all)}`]: all },
  },
)
attack(
  'cells-cheaper',
  'cells that cost more than the totals say',
  'proven',
  [
    'attached-missing derive /execution/steps/0/log/sha256',
    'attached-whole derive /execution/steps/0/cells_part/sha256',
    'cells-differ /closing/totals',
    'cells-unchecked /closing/totals',
  ],
  await inPart(all, 2, '0.1'),
  {
    ...UNGATED,
    beside: { [`artifacts/${sha256(all)}`]: all },
  },
)
const twice = `${cells[0]}${cells[0]}`
attack(
  'cells-twice',
  'one cell twice in a part',
  'proven',
  [
    'attached-missing derive /execution/steps/0/log/sha256',
    'attached-whole derive /execution/steps/0/cells_part/sha256',
    'cells-differ derive /execution/steps/0/cells_part',
    'cells-unchecked /closing/totals',
  ],
  await inPart(twice, 2, '0.2'),
  {
    ...UNGATED,
    beside: { [`artifacts/${sha256(twice)}`]: twice },
  },
)

// Rules that no other file here rests on: who has the server's key writes each of these.
/** What the honest record has of its artifact, and of a step that another run did. */
const APP = { path: 'dist/app.tgz', sha256: sha256('dist/app.tgz'), bytes: 12 }
const FROM = { seq: 1, entry: sha256('an entry') }
const FORMERLY = { started_at: '2026-11-11T09:00:00.000Z', finished_at: '2026-11-11T09:00:01.000Z' }
const T = (time: string) => `2026-11-12T09:${time}.000Z`
const BROKEN_GATE = 'expectation-fails ship /opening/plan/gates/0'
attack(
  'gate-before-all-ended',
  'a prefix with a step that ended after the gate had opened',
  NO,
  [BROKEN_GATE, 'prefix-wrong ship /gates/0/shown'],
  await besides((run) => {
    run.step('lint', { started_at: T('30:02'), finished_at: T('30:08') })
    run.gate('ship', { decisions: [by(ann)] })
  }),
)
attack(
  'artifact-behind-prefix',
  'an artifact shown of a step that had not been recorded when the gate asked',
  NO,
  [BROKEN_GATE, 'shown-differs ship /gates/0/shown/artifacts/1'],
  await besides((run) => {
    const chain_head_before = run.chain.head
    const lint = { path: 'lint.txt', sha256: sha256('lint.txt'), bytes: 8 }
    run.step('lint', { started_at: T('30:03'), finished_at: T('30:30'), artifacts: [lint] })
    run.gate('ship', {
      decisions: [by(ann)],
      resolved_at: T('30:40'),
      shown: {
        chain_head_before,
        running: ['lint'],
        artifacts: [
          { ...APP, step_id: 'build', attempt: 1, opened: false },
          { ...lint, step_id: 'lint', attempt: 1, opened: false },
        ],
      },
    })
    run.tick(60_000)
  }),
)
attack(
  'artifact-of-a-failed-attempt',
  'the artifact of an attempt that failed, shown in place of that of the one that succeeded',
  NO,
  [BROKEN_GATE, 'shown-differs ship /gates/0/shown/artifacts/0'],
  await failedFirst(),
)
attack(
  'artifact-shown-longer',
  'an artifact shown with another size',
  NO,
  [BROKEN_GATE, 'shown-differs ship /gates/0/shown/artifacts/0'],
  (
    await recordedRun({
      shown: { artifacts: [{ ...APP, step_id: 'build', attempt: 1, opened: false, bytes: 13 }] },
    }).seal()
  ).bytes,
)
attack(
  'running-twice',
  'a step shown as running twice',
  NO,
  [BROKEN_GATE, 'shown-differs ship /gates/0/shown'],
  await besides((run) => {
    run.gate('ship', { decisions: [by(ann)], shown: { running: ['lint', 'lint'] } })
    run.step('lint', { started_at: T('30:02') })
  }),
)
attack(
  'gate-longer',
  'a gate that is open for longer than its policy says',
  NO,
  [BROKEN_GATE, 'expiry-broken ship /gates/0/shown'],
  (await recordedRun({ shown: { expires_at: '2026-11-12T11:30:04.000Z' } }).seal()).bytes,
)
for (const [file, what, over] of [
  [
    'decision-longer',
    'a decision with a longer term than the gate has',
    { expires_at: '2026-11-12T11:30:04.000Z' },
  ],
  ['decision-for-ever', 'a decision without a term', { expires_at: null }],
  [
    'decision-asked-late',
    'a decision that was asked for after its own term',
    { expires_at: T('30:06'), requested_at: T('30:07'), decided_at: T('30:05') },
  ],
  [
    'decision-asked-early',
    'a decision that was asked for before the gate opened',
    { requested_at: T('30:03') },
  ],
] as const)
  attack(
    file,
    what,
    NO,
    [BROKEN_GATE, 'expiry-broken ship /gates/0/decisions/0/decision'],
    (await recordedRun({ decisions: [by(ann, {}, over)] }).seal()).bytes,
  )
for (const [file, what, decision] of [
  ['gate-approved-late', 'a gate that is approved after it had expired', 'approved'],
  ['gate-rejected-late', 'a gate that is rejected after it had expired', 'rejected'],
] as const)
  attack(
    file,
    what,
    NO,
    [BROKEN_GATE, 'expiry-broken ship /gates/0/resolved_at'],
    await resolved({}, { decisions: [by(ann, {}, { decision })], resolved_at: T('50:00') }),
  )
attack(
  'rejected-twice',
  'two refusals of one gate',
  NO,
  [
    BROKEN_GATE,
    'decision-signed ship /gates/0/decisions/0/assertion',
    'decision-signed ship /gates/0/decisions/1/assertion',
    'gate-outcome-differs ship /gates/0/decisions',
  ],
  await resolved({ quorum: 2 }, { decisions: [ann, ben].map(refusing) }),
)
attack(
  'rejected-after-all-approved',
  'a refusal beside as many approvals as the gate asks for',
  NO,
  [
    BROKEN_GATE,
    'decision-signed ship /gates/0/decisions/0/assertion',
    'decision-signed ship /gates/0/decisions/1/assertion',
    'gate-outcome-differs ship /gates/0/decisions',
  ],
  await resolved({}, { decisions: [by(ann), refusing(ben)] }),
)
for (const [file, what, decisions, outcome] of [
  ['approved-told-aborted', 'an approved gate that is told as aborted', [by(ann)], 'aborted'],
  ['rejected-told-aborted', 'a refused gate that is told as aborted', [refusing(ann)], 'aborted'],
  ['approved-told-rejected', 'an approved gate that is told as refused', [by(ann)], 'rejected'],
] as const)
  attack(
    file,
    what,
    NO,
    [BROKEN_GATE, 'gate-outcome-differs ship /gates/0/outcome'],
    await resolved({}, { decisions: [...decisions], outcome }),
  )
for (const [file, what, inputs] of [
  ['inputs-empty', 'an approval that leaves empty what the gate asks for', { ticket: '' }],
  ['inputs-missing', 'an approval without what the gate asks for', {}],
] as const)
  attack(
    file,
    what,
    NO,
    [BROKEN_GATE, 'inputs-broken ship /gates/0/decisions/0/decision/inputs'],
    (
      await recordedRun({
        policy: { inputs: [{ name: 'ticket', label: 'Ticket', required: true }] },
        decisions: [by(ann, {}, { inputs: { ...inputs } })],
      }).seal()
    ).bytes,
  )
attack(
  'gate-endless',
  'a gate without the term that is required',
  NO,
  ['gate-weaker ship /opening/plan/gates/0'],
  await weaker({ expires_ms: null }),
  { trust: 'these people' },
)
attack(
  'gate-other-roles',
  'a gate that other roles answer than are required',
  NO,
  ['gate-weaker ship /opening/plan/gates/0'],
  await weaker({ roles: ['admin'] }),
)
for (const [file, what, input] of [
  ['gate-answer-optional', 'an answer that may be left out', { required: false }],
  ['gate-answer-renamed', 'another answer than is required', { name: 'note' }],
  ['gate-answer-labelled', 'an answer that was asked for by other words', { label: 'Note' }],
] as const)
  attack(
    file,
    what,
    NO,
    ['gate-weaker ship /opening/plan/gates/0'],
    await weaker({ inputs: [{ name: 'ticket', label: 'Ticket', required: true, ...input }] }, [
      by(ann, {}, { inputs: { ['name' in input ? input.name : 'ticket']: 'A-1' } }),
    ]),
    { trust: 'an answer' },
  )
const FREE = { trust: 'no requirement', shape: 'ungated' } as const
for (const [file, what, told, over] of [
  [
    'taken-over-failed',
    'a step taken over that did not succeed',
    'lineage-broken build /execution/steps/0',
    { ...FORMERLY, outcome: 'failed', taken_over: { ...FROM, evidence_id: 'ev-0' } },
  ],
  [
    'taken-over-of-itself',
    'a step taken over from its own record',
    'lineage-broken build /execution/steps/0',
    { ...FORMERLY, taken_over: { ...FROM, evidence_id: 'ev-1' } },
  ],
] as const)
  attack(
    file,
    what,
    NO,
    [told, 'lineage-unchecked /opening/rerun_of'],
    await oneStep({ over, options: { rerun_of: { run_id: 'run-0', starters: ['user:eve'] } } }),
    FREE,
  )
const nothing = { sha256: sha256(''), bytes: 0, lines: 0, truncated: false, chunks: [] }
const wrongly: [string, string, Told[], Partial<StepEntry>][] = [
  [
    'exit-code-and-signal',
    'a step that ended by a code and by a signal',
    ['result-broken build /execution/steps/0'],
    { outcome: 'failed', exit_code: 1, signal: 'SIGTERM' },
  ],
  [
    'timed-out-unplanned',
    'a step that timed out, for which the plan has no time',
    ['result-broken build /execution/steps/0'],
    { outcome: 'timed_out' },
  ],
  [
    'step-of-another-kind',
    'a step of another kind than the plan says',
    ['plan-differs build /execution/steps/0'],
    { kind: 'materialize' },
  ],
  [
    'step-ends-before-it-begins',
    'a step that ended before it began',
    ['times-broken build /execution/steps/0', 'times-broken build /execution/steps/0/duration_ms'],
    { finished_at: T('30:01') },
  ],
  [
    'step-before-run',
    'a step that began before the run',
    ['times-broken build /execution/steps/0'],
    { started_at: T('29:00') },
  ],
  [
    'log-empty-lines',
    'an empty log of a line',
    ['log-broken build /execution/steps/0/log'],
    { log: { ...nothing, lines: 1 } },
  ],
  [
    'log-empty-digest',
    'an empty log with the digest of another',
    ['log-broken build /execution/steps/0/log'],
    { log: { ...nothing, sha256: sha256('x') } },
  ],
  [
    'log-of-two-digests',
    'a log of one part, of which another digest is said than of the whole',
    ['log-broken build /execution/steps/0/log'],
    { log: { ...nothing, bytes: 1, chunks: [sha256('x')] } },
  ],
]
for (const [file, what, told, over] of wrongly)
  attack(file, what, NO, told, await oneStep({ over }), FREE)
attack(
  'run-ends-before-it-begins',
  'a run without a step that ended before it began',
  NO,
  ['times-broken /closing/finished_at'],
  (await startRun(signer, { steps: [planStep('build')] }).seal({ finished_at: T('29:00') })).bytes,
  FREE,
)
attack(
  'previous-itself',
  'a record that follows itself',
  NO,
  [
    'previous-not-held /closing/previous',
    'requirement-unchecked ship /opening/plan/gates/0',
    'series-broken /closing/previous',
  ],
  (
    await recordedRun().seal({
      seal_seq: 8,
      previous: { evidence_id: 'ev-1', head: sha256('ev-1') },
    })
  ).bytes,
)
attack(
  'step-planned-twice',
  'a plan that has one step twice',
  NO,
  ['plan-broken build /opening/plan/steps/1/step_id'],
  await oneStep({ steps: [planStep('build'), planStep('build')] }),
  FREE,
)
attack(
  'needs-unknown',
  'a step that needs what the plan does not have',
  NO,
  ['plan-broken /opening/plan', 'plan-broken later /opening/plan'],
  await oneStep({ steps: [planStep('build'), planStep('later', { needs: ['nothing'] })] }),
  FREE,
)
const TWO = { materialized: 2, total_cost: '0.2' }
const ONE = { materialized: 1, total_cost: '0.1' }
attack(
  'cell-twice',
  'one cell twice among those of a step',
  NO,
  ['repeated derive /execution/steps/0/cells/1'],
  await derived({ cells: [CELL, CELL] }, TWO),
  UNGATED,
)
attack(
  'cell-fresh-without-value',
  'a cell that was derived and has no value',
  NO,
  ['result-broken derive /execution/steps/0/cells/0'],
  await derived({ cells: [{ ...CELL, value_sha256: null }] }, ONE),
  UNGATED,
)
attack(
  'cell-fresh-with-error',
  'a cell that was derived and has an error',
  NO,
  ['result-broken derive /execution/steps/0/cells/0'],
  await derived({ cells: [{ ...CELL, error: 'no age' }] }, ONE),
  UNGATED,
)
attack(
  'cells-listed-and-apart',
  'cells of one step that are listed and in a part',
  NO,
  ['result-broken derive /execution/steps/0', 'cells-unchecked /closing/totals'],
  await derived({ cells: [CELL], ...part(all, 1) }, TWO),
  UNGATED,
)
attack(
  'cells-apart-miscounted',
  'totals of fewer cells than are in a part',
  NO,
  ['cells-unchecked /closing/totals', 'totals-differ /closing/totals'],
  await derived(part(all, 2), ONE),
  UNGATED,
)
attack(
  'approver-at-another-origin-elsewhere',
  'a passkey that another file has under another id, at another origin than it signed at',
  'not proven',
  [
    'origin-disputed ship /gates/0/decisions/0/assertion/client_data_json',
    'requirement-unchecked ship /opening/plan/gates/0',
  ],
  bytes,
  { also: 'ann.old at another origin' },
)
attack(
  'version-element',
  'another element of a command than the input that it is pinned as',
  NO,
  [
    'another-plan /opening/plan',
    'expectation-holds ship /opening/plan/gates/0',
    'requirement-unchecked /opening/definition/sha256',
  ],
  (await named('evil', '1.0.0').seal()).bytes,
  { trust: 'a version of an input' },
)
attack(
  'version-of-another-input',
  'an honest later run, with another input in the place of the pinned one',
  'proven',
  [
    'expectation-holds /opening/definition/sha256',
    'expectation-holds /opening/plan',
    'expectation-holds ship /opening/plan/gates/0',
  ],
  (await named('2.0.0', '2.0.0').seal()).bytes,
  { trust: 'a version of an input' },
)
for (const [file, what, member, over] of [
  [
    'decision-of-another-record',
    'a decision about another record',
    'evidence_id',
    { evidence_id: 'ev-9' },
  ],
  ['decision-of-another-run-alone', 'a decision about another run', 'run_id', { run_id: 'run-9' }],
] as const)
  attack(
    file,
    what,
    NO,
    [
      BROKEN_GATE,
      'decision-unbound ship /gates/0/decisions/0/assertion',
      `decision-unbound ship /gates/0/decisions/0/decision/${member}`,
    ],
    (await recordedRun({ decisions: [by(ann, {}, over)] }).seal()).bytes,
    { without: ['gate-signature'] },
  )
for (const [approver, told] of [
  ['user:ann', []],
  ['system', ['owner-unknown ship /gates/0/decisions']],
] as const)
  attack(
    `passkey-of-${approver.replace(':', '-')}`,
    'a passkey’s signature as that of whom no passkey is',
    NO,
    [
      'approver-not-allowed ship /gates/0/decisions/0/decision/approver',
      BROKEN_GATE,
      'passkey-unchecked ship /gates/0/decisions/0/assertion',
      ...told,
    ],
    (await recordedRun({ decisions: [{ ...by(ann), approver }] }).seal()).bytes,
  )
for (const [file, what, argv] of [
  [
    'command-longer',
    'a command with an element more than is planned',
    ['/bin/sh', '-c', 'echo build', 'evil'],
  ],
  ['command-shorter', 'a command with an element less than is planned', ['/bin/sh', '-c']],
] as const)
  attack(
    file,
    what,
    NO,
    ['plan-differs build /execution/steps/0'],
    await oneStep({ over: { argv: [...argv] } }),
    FREE,
  )
attack(
  'gate-unplanned',
  'a gate that the plan does not have',
  NO,
  ['gate-recorded other /gates/0', 'not-in-plan other /gates/0'],
  await gated([], (run) => run.gate('other')),
  FREE,
)
attack(
  'gate-id-twice',
  'two gates under one id',
  NO,
  ['gate-recorded one /gates/0', 'gate-recorded other /gates/1', 'repeated other /gates/1'],
  await gated([planGate('one'), planGate('other')], (run) => {
    for (const step_id of ['one', 'other']) run.gate(step_id, { gate_id: 'gate-1' })
  }),
  FREE,
)
attack(
  'gate-after-run',
  'a gate that was resolved after the end of the run',
  NO,
  ['gate-recorded one /gates/0', 'times-broken one /gates/0'],
  await gated([planGate('one')], (run) => run.gate('one', { resolved_at: T('50:00') })),
  FREE,
)
attack(
  'gate-before-run',
  'a gate that opened before the run began',
  NO,
  ['prefix-wrong one /gates/0/shown', 'times-broken one /gates/0'],
  await gated([planGate('one')], (run) => run.gate('one', { shown: { opened_at: T('20:00') } })),
  FREE,
)
attack(
  'gate-planned-as-a-step',
  'a gate of the plan under the id of a step',
  NO,
  ['plan-broken build /opening/plan/gates/0/step_id'],
  await gated([planGate('build')], () => {}),
  FREE,
)
attack(
  'gate-needs-unknown',
  'a gate that needs what the plan does not have',
  NO,
  ['plan-broken /opening/plan', 'plan-broken one /opening/plan'],
  await gated([planGate('one', { needs: ['nothing'] })], () => {}),
  FREE,
)
for (const [file, what, totals] of [
  [
    'cells-apart-below-nothing',
    'totals of cells that cost less than nothing',
    { total_cost: '-0.1' },
  ],
  ['cells-apart-cheaper', 'totals that cost less than the listed cells', { total_cost: '0.05' }],
  ['cells-apart-fewer', 'totals of fewer cells than are listed', { materialized: 0, failures: 3 }],
  [
    'cells-apart-better',
    'totals of fewer failures than are listed',
    { materialized: 3, failures: 0 },
  ],
] as const)
  attack(
    file,
    what,
    NO,
    ['cells-unchecked /closing/totals', 'totals-differ /closing/totals'],
    await listedAndApart(totals),
    UNGATED,
  )
attack(
  'gate-people-same',
  'a gate of the very people and term that are required',
  'proven',
  [],
  bytes,
  {
    trust: 'these people',
  },
)
attack(
  'gate-answer-same',
  'a gate with the very answer that is required',
  'proven',
  [],
  await weaker({ inputs: [{ name: 'ticket', label: 'Ticket', required: true }] }, [
    by(ann, {}, { inputs: { ticket: 'A-1' } }),
  ]),
  { trust: 'an answer' },
)
for (const [file, what, held] of [
  [
    'follows-another-number',
    'a record before it that is held under another number',
    { seal_seq: 6 },
  ],
  [
    'follows-unnamed',
    'another record of the number before it, by the same key',
    { evidence_id: 'ev-7' },
  ],
] as const)
  attack(file, what, NO, ['previous-differs /closing/previous'], following, {
    held: [{ ...before, ...held }],
  })
attack(
  'fork-of-a-run-by-another',
  'a second record of one run, under another key',
  NO,
  ['fork /integrity/hash_chain/head'],
  following,
  {
    held: [{ ...before, server: thief.key_id, evidence_id: 'ev-9', run_id: 'run-1', seal_seq: 2 }],
  },
)
attack(
  'number-of-another-series',
  'a record of that number by another key, which counts for itself',
  'proven',
  ['previous-not-held /closing/previous'],
  following,
  { held: [{ ...before, server: thief.key_id, evidence_id: 'ev-9', seal_seq: 8 }] },
)
attack(
  'request-held',
  'the very decision in a record that is held',
  'proven',
  ['follows-held /closing/previous'],
  following,
  {
    held: [
      {
        ...before,
        decisions: honest.content.gates.flatMap(({ decisions }) =>
          decisions.map(({ decision }) => ({
            nonce: decision.nonce,
            sha256: sha256(canonicalize(decision)),
          })),
        ),
      },
    ],
  },
)

// Where two conditions stand side by side, each for itself; and what is honest at the very edge of a rule.
attack(
  'prefix-of-nowhere',
  'a gate that needs nothing, over a link that the record does not have',
  NO,
  ['prefix-wrong one /gates/0/shown'],
  await gated([planGate('one')], (run) =>
    run.gate('one', { shown: { chain_head_before: sha256('x') } }),
  ),
  FREE,
)
const OTHERWISE = 'Go on?'
attack(
  'gate-asked-otherwise',
  'a gate that asked, showed and had signed another question than the plan says',
  NO,
  [
    'decision-unbound ship /gates/0/decisions/0/assertion',
    BROKEN_GATE,
    'gate-recorded ship /gates/0',
    'plan-differs ship /gates/0',
  ],
  await resolved(
    { expires_ms: POLICY.expires_ms },
    {
      question: OTHERWISE,
      shown: { question: OTHERWISE },
      decisions: [by(ann, {}, { question: OTHERWISE })],
    },
  ),
  { without: ['gate-signature'] },
)
attack(
  'gate-unplanned-signed',
  'a gate that the plan does not have, and somebody signed',
  NO,
  [
    'decision-unbound other /gates/0/decisions/0/assertion',
    'gate-recorded other /gates/0',
    'not-in-plan other /gates/0',
  ],
  await gated([], (run) => run.gate('other', { decisions: [by(ann)] })),
  FREE,
)
attack(
  'decision-of-another-record-second',
  'two approvals, the second of which is about another record',
  NO,
  [
    BROKEN_GATE,
    'decision-signed ship /gates/0/decisions/0/assertion',
    'decision-unbound ship /gates/0/decisions/1/assertion',
    'decision-unbound ship /gates/0/decisions/1/decision/evidence_id',
  ],
  (
    await recordedRun({
      policy: { quorum: 2 },
      decisions: [by(ann), by(ben, {}, { evidence_id: 'ev-9' })],
    }).seal()
  ).bytes,
)
for (const [file, needs] of [
  ['prefix-before-a-need', ['build', 'lint']],
  ['prefix-before-a-need-named-first', ['lint', 'build']],
] as const)
  attack(
    file,
    'an approval from before one of the two steps that its gate needs',
    NO,
    ['decision-unsigned one /gates/0/decisions/0/assertion', 'prefix-wrong one /gates/0/shown'],
    await needingBoth([...needs]),
    FREE,
  )
attack(
  'gate-before-first-ended',
  'a prefix with a step that ended after the gate had opened, and another one recorded behind it',
  NO,
  [BROKEN_GATE, 'prefix-wrong ship /gates/0/shown'],
  await besides(
    (run) => {
      run.step('lint', { started_at: T('30:02'), finished_at: T('30:20') })
      run.step('spell')
      run.gate('ship', { decisions: [by(ann)] })
      run.tick(60_000)
    },
    ['lint', 'spell'],
  ),
)
attack(
  'running-later',
  'a step shown as running that began after the gate had opened',
  NO,
  [BROKEN_GATE, 'shown-differs ship /gates/0/shown'],
  await besides((run) => {
    run.gate('ship', { decisions: [by(ann)], shown: { running: ['lint'] } })
    run.step('lint')
  }),
)
attack(
  'running-hidden-first',
  'the first step of all, which was running when the gate opened, and was not shown',
  NO,
  ['shown-differs one /gates/0/shown'],
  await (async () => {
    const run = startRun(signer, { steps: [planStep('lint')], gates: [planGate('one')] })
    const started_at = run.tick()
    run.gate('one')
    run.step('lint', { started_at })
    return (await run.seal()).bytes
  })(),
  FREE,
)
attack(
  'decision-before-asked',
  'a session’s decision from before it was asked for',
  NO,
  [
    'decision-unsigned ship /gates/0/decisions/0/assertion',
    'expiry-broken ship /gates/0/decisions/0/decision',
    'nothing-required',
  ],
  await resolved(
    { sign: 'session' },
    { decisions: [{ approver: 'user:ann', requested_at: T('30:06'), decided_at: T('30:05') }] },
  ),
  { trust: 'no requirement' },
)
attack(
  'approver-of-no-policy',
  'a policy that lets nobody decide, and somebody of whom it is not known who it is',
  NO,
  [
    'approver-not-allowed ship /gates/0/decisions/0/decision/approver',
    'gate-weaker ship /opening/plan/gates/0',
    'owner-unknown ship /gates/0/decisions',
  ],
  await resolved({ roles: [] }, { decisions: [by(nameless)] }),
  { trust: 'nameless ann' },
)
attack(
  'session-unnamed',
  'a session’s decision by somebody whom the policy does not name',
  NO,
  [
    'approver-not-allowed ship /gates/0/decisions/0/decision/approver',
    'decision-unsigned ship /gates/0/decisions/0/assertion',
    'nothing-required',
  ],
  await resolved(
    { sign: 'session', roles: [], users: ['ann'] },
    { decisions: [{ approver: 'user:eve' }] },
  ),
  { trust: 'no requirement' },
)
attack(
  'inputs-inherited',
  'an approval without an answer whose name each object has something under',
  NO,
  [BROKEN_GATE, 'inputs-broken ship /gates/0/decisions/0/decision/inputs'],
  await resolved(
    { inputs: [{ name: 'constructor', label: 'Constructor', required: true }] },
    { decisions: [by(ann)] },
  ),
)
attack(
  'gate-expired-without-term',
  'a gate without a term that is told as expired',
  NO,
  [
    'expiry-broken ship /gates/0/resolved_at',
    'nothing-required',
    'others-decided ship /gates/0/decisions',
  ],
  await resolved({ expires_ms: null }, { outcome: 'expired' }),
  FREE,
)
attack(
  'approved-beside-rejected',
  'a gate of one approval that one approves and another rejects, as approved',
  NO,
  [
    BROKEN_GATE,
    'decision-signed ship /gates/0/decisions/0/assertion',
    'decision-signed ship /gates/0/decisions/1/assertion',
    'gate-outcome-differs ship /gates/0/decisions',
    'gate-outcome-differs ship /gates/0/outcome',
  ],
  await resolved({}, { decisions: [by(ann), refusing(ben)], outcome: 'approved' }),
)
attack(
  'started-by-the-system-undecided',
  'a gate that nobody decided, in a run that the system started',
  'proven',
  ['gate-recorded ship /gates/0', 'others-decided ship /gates/0/decisions'],
  await (async () => {
    const run = startRun(signer, gatedPlan({ ...POLICY }), { actor: 'system' })
    run.step('build')
    run.gate('ship')
    return (await run.seal()).bytes
  })(),
  FREE,
)
attack(
  'four-eyes-of-nobody',
  'four eyes, and a passkey that was pinned as nobody’s',
  'not proven',
  ['owner-unknown ship /gates/0/decisions', 'requirement-unchecked ship /opening/plan/gates/0'],
  bytes,
  { trust: 'nameless ann' },
)
attack(
  'four-eyes-of-a-namesake',
  'a passkey that was pinned as nobody’s, under the id of who started the run',
  NO,
  ['nothing-required', 'starter-decided ship /gates/0/decisions'],
  await signedBy(oda),
  { trust: 'oda as nobody' },
)
attack(
  'four-eyes-of-another-user',
  'a passkey under the id of who started the run, which was pinned as another user’s',
  'proven',
  ['nothing-required'],
  await signedBy(oda),
  { trust: 'oda as the user ann' },
)
attack(
  'approver-for-another-site-elsewhere',
  'a passkey that another trust file has for another site alone',
  'not proven',
  [
    'origin-disputed ship /gates/0/decisions/0/assertion/authenticator_data',
    'requirement-unchecked ship /opening/plan/gates/0',
  ],
  bytes,
  { also: 'ann for another site' },
)
attack(
  'approver-for-other-sites',
  'a passkey that one trust file has for another site, and another one at another origin',
  NO,
  [BROKEN_GATE, 'origin-refused ship /gates/0/decisions/0/assertion/authenticator_data'],
  bytes,
  { trust: 'ann for a third site', also: 'ann at another origin' },
)
attack(
  'approver-seals-elsewhere',
  'an approver whose key seals at a server that only offers it',
  'not proven',
  ['key-offered /integrity/seal', 'nothing-required'],
  await signedBy(sealer),
  { source: 'offered', also: 'the sealing key as an approver' },
)

// Honest gates.
for (const [file, what, told, bytes, reader = {}] of [
  [
    'gate-at-once',
    'a gate that opened as the last step ended, and a step that began as it was resolved',
    [],
    await atOnce(),
  ],
  [
    'gate-at-expiry',
    'a gate that is asked, decided and resolved in the instant in which it expires',
    [],
    await resolved(
      {},
      {
        decisions: [by(ann, {}, { requested_at: T('40:04'), decided_at: T('40:04') })],
        resolved_at: T('40:04'),
      },
    ),
  ],
  [
    'gate-expired',
    'a gate that expired in the instant in which it does, decided by nobody',
    [],
    await resolved({}, { outcome: 'expired', resolved_at: T('40:04') }),
    { without: ['gate-signature'] },
  ],
  [
    'gate-expired-later',
    'a gate that is resolved as expired a while after its time',
    [],
    await resolved({}, { outcome: 'expired', resolved_at: T('41:00') }),
    { without: ['gate-signature'] },
  ],
  [
    'running-begun-at-once',
    'a step that began in the instant in which the gate opened, and was not shown',
    [],
    await besides((run) => {
      const { shown } = run.gate('ship', { decisions: [by(ann)] })
      run.step('lint', { started_at: shown.opened_at })
    }),
  ],
  [
    'running-shown-at-once',
    'the same, and shown as running',
    [],
    await besides((run) => {
      run.gate('ship', {
        decisions: [by(ann)],
        shown: { running: ['lint'], opened_at: T('30:04') },
      })
      run.step('lint', { started_at: T('30:04') })
    }),
  ],
  [
    'refused-without-inputs',
    'a refusal without the answer that an approval has to give',
    [],
    await resolved(
      { inputs: [{ name: 'ticket', label: 'Ticket', required: true }] },
      { decisions: [refusing(ann)] },
    ),
  ],
  [
    'inputs-optional',
    'an approval without an answer that may be left out',
    [],
    await resolved(
      { inputs: [{ name: 'ticket', label: 'Ticket', required: false }] },
      { decisions: [by(ann)] },
    ),
    { trust: 'an answer that may be left out' },
  ],
  [
    'approver-named',
    'an approval by whom the policy names, and the reader pinned as that user',
    ['nothing-required'],
    await resolved({ roles: [], users: ['ann'] }, { decisions: [by(ann)] }),
    { trust: 'no requirement' },
  ],
  [
    'session-named',
    'a session’s decision by whom the policy names',
    ['decision-unsigned ship /gates/0/decisions/0/assertion', 'nothing-required'],
    await resolved(
      { sign: 'session', roles: [], users: ['ann'] },
      { decisions: [{ approver: 'user:ann' }] },
    ),
    { trust: 'no requirement' },
  ],
  [
    'gate-any-roles',
    'a gate of whichever roles and people, where none are required',
    [],
    await weaker({ roles: ['admin'], users: ['ann'] }),
    { trust: 'any role' },
  ],
  [
    'gate-session-required',
    'a session’s decision, where no more is required',
    ['decision-unsigned ship /gates/0/decisions/0/assertion'],
    await weaker({ sign: 'session' }, [{ approver: 'user:ann' }]),
    { trust: 'a session' },
  ],
] satisfies [string, string, Told[], Uint8Array, Parameters<typeof attack>[5]?][])
  attack(file, what, 'proven', told, bytes, reader)

// The same of steps.
for (const [file, what, told, over] of [
  [
    'command-of-another-element',
    'a command of as many elements as planned, one of which is another',
    'plan-differs build /execution/steps/0',
    { argv: ['/bin/sh', '-c', 'echo evil'] },
  ],
  [
    'failed-without-reason',
    'a step that failed with exit code 0, without a signal or a reason',
    'result-broken build /execution/steps/0',
    { outcome: 'failed', exit_code: 0 },
  ],
  [
    'cells-part-of-a-command',
    'a part of cells of a step that derives none',
    'result-broken build /execution/steps/0',
    part(all, 2),
  ],
] satisfies [string, string, Told, Partial<StepEntry>][])
  attack(
    file,
    what,
    NO,
    [told, ...('cells_part' in over ? (['cells-unchecked /closing/totals'] as const) : [])],
    await oneStep({ over }),
    FREE,
  )
attack(
  'step-of-a-gate',
  'a step under the id of a gate',
  NO,
  ['not-in-plan one /execution/steps/1', 'outcome-differs /closing/outcome'],
  await gated([planGate('one')], (run) => run.step('one')),
  FREE,
)
attack(
  'gate-of-a-step',
  'a gate under the id of a step',
  NO,
  ['gate-recorded build /gates/0', 'not-in-plan build /gates/0'],
  await gated([], (run) => run.gate('build')),
  FREE,
)
attack(
  'second-attempt-before-need',
  'a second attempt that began before what the step needs had ended',
  NO,
  ['needs-broken test /execution/steps/2'],
  await (async () => {
    const run = startRun(signer, {
      steps: [planStep('build'), planStep('test', { needs: ['build'], retries: 1 })],
    })
    const { started_at } = run.step('build')
    run.step('test', { outcome: 'failed' })
    run.step('test', { started_at })
    return (await run.seal()).bytes
  })(),
  FREE,
)
for (const [file, what, over] of [
  ['cell-failed-with-value', 'a cell that failed and has a value', { value_sha256: sha256('40') }],
  ['cell-failed-without-error', 'a cell that failed without an error', { error: null }],
] as const)
  attack(
    file,
    what,
    NO,
    ['result-broken derive /execution/steps/0/cells/0'],
    await derived(
      { cells: [{ ...CELL_FAILED, ...over }] },
      { materialized: 0, failures: 1, total_cost: '0' },
    ),
    UNGATED,
  )
attack(
  'totals-dearer',
  'a cost above that of the cells, all of which are listed',
  NO,
  ['totals-differ /closing/totals'],
  await derived({ cells: [CELL] }, { materialized: 1, total_cost: '0.2' }),
  UNGATED,
)
attack(
  'cells-apart-without-totals',
  'cells in a part, and no totals',
  NO,
  ['cells-unchecked /closing/totals', 'totals-differ /closing/totals'],
  await (async () => {
    const run = startRun(
      signer,
      { steps: [planStep('derive', { kind: 'materialize' })] },
      { kind: 'materialize' },
    )
    run.step('derive', part(all, 2))
    return sealedAgain(run, ({ closing }) => Reflect.deleteProperty(closing, 'totals'))
  })(),
  UNGATED,
)
attack(
  'cells-apart-below-a-refund',
  'totals of less than nothing, where a listed cell cost still less',
  NO,
  ['cells-unchecked /closing/totals', 'totals-differ /closing/totals'],
  await listedAndApart({ total_cost: '-0.1' }, '-0.2'),
  UNGATED,
)

// Honest steps.
for (const [file, what, told, bytes] of [
  [
    'attempts',
    'a step that was interrupted, failed and timed out before it succeeded',
    [],
    await (async () => {
      const run = startRun(signer, {
        steps: [planStep('test', { retries: 2, timeout_ms: 1000 })],
      })
      for (const outcome of ['interrupted', 'failed', 'timed_out', 'succeeded'] as const)
        run.step('test', { outcome })
      return (await run.seal()).bytes
    })(),
  ],
  [
    'failures',
    'steps that failed by a code, by a signal and for a reason',
    [],
    await (async () => {
      const steps = ['one', 'two', 'three'].map((step_id) => planStep(step_id))
      const run = startRun(signer, { steps })
      run.step('one', { outcome: 'failed' })
      run.step('two', { outcome: 'failed', exit_code: null, signal: 'SIGKILL' })
      run.step('three', { outcome: 'failed', exit_code: 0, reason: 'artifact missing: out.tgz' })
      return (await run.seal()).bytes
    })(),
  ],
  [
    'artifacts-two',
    'a step with two artifacts',
    [],
    await oneStep({ over: { artifacts: [APP, { ...APP, path: 'dist/app.zip' }] } }),
  ],
  [
    'duration-at-most',
    'a step as long as two clocks let it be',
    [],
    await oneStep({ over: { duration_ms: 2000 } }),
  ],
  ['log-empty', 'an empty log', [], await oneStep({ over: { log: nothing } })],
  [
    'log-of-parts',
    'a log of more than a MiB',
    [],
    await oneStep({
      over: {
        log: {
          ...nothing,
          sha256: sha256('whole'),
          bytes: 1024 * 1024 + 1,
          lines: 9,
          chunks: [sha256('one'), sha256('two')],
        },
      },
    }),
  ],
  [
    'log-truncated',
    'a log of which no more was kept, so that its part has another digest than the whole',
    [],
    await oneStep({
      over: {
        log: {
          sha256: sha256('whole'),
          bytes: 5,
          lines: 1,
          truncated: true,
          chunks: [sha256('whol')],
        },
      },
    }),
  ],
  [
    'run-of-an-instant',
    'a run that was stopped in the instant in which it began',
    [],
    await (async () => {
      const run = startRun(signer, { steps: [planStep('build')] })
      return sealedAgain(run, ({ opening, closing }) => (closing.finished_at = opening.started_at))
    })(),
  ],
  [
    'step-of-an-instant',
    'a run and a step that all began and ended in one instant',
    [],
    await (async () => {
      const run = startRun(signer, { steps: [planStep('build')] })
      run.step('build')
      return sealedAgain(run, ({ opening, execution, closing }) => {
        closing.finished_at = opening.started_at
        for (const step of execution.steps)
          Object.assign(step, {
            started_at: opening.started_at,
            finished_at: opening.started_at,
            duration_ms: 0,
          })
      })
    })(),
  ],
  [
    'cells-apart-failed',
    'cells in a part, all of which failed',
    ['cells-unchecked /closing/totals'],
    await listedAndApart({ materialized: 1, failures: 2, total_cost: '0.1' }),
  ],
] satisfies [string, string, Told[], Uint8Array][])
  attack(file, what, 'proven', told, bytes, FREE)

// Reruns.
const derivedText = new TextDecoder().decode(await listedAndApart({}))
for (const [file, what, where, from, to] of [
  [
    'money-number',
    'a cost that is a number',
    '/execution/steps/0/cells/0/cost',
    '"cost":"0.1"',
    '"cost":1',
  ],
  [
    'money-zeros',
    'a cost with a zero in front',
    '/execution/steps/0/cells/0/cost',
    '"cost":"0.1"',
    '"cost":"00.1"',
  ],
  [
    'money-exponent',
    'a sum of money with an exponent',
    '/closing/totals/total_cost',
    '"total_cost":"0.2"',
    '"total_cost":"2e-1"',
  ],
] as const) {
  if (!derivedText.includes(from)) throw new RangeError(`nothing to replace: ${from}`)
  attack(file, what, NO, [`schema-violated ${where}`], utf8(derivedText.replace(from, to)))
}
const REPEATS = { rerun_of: { run_id: 'run-0', starters: ['user:eve'] } }
attack(
  'taken-over-of-another-clock',
  'steps taken over that began and ended by the clocks of other servers, one before what it needs had ended',
  'proven',
  ['lineage-unchecked /opening/rerun_of'],
  await (async () => {
    const run = startRun(
      signer,
      { steps: [planStep('build'), planStep('test', { needs: ['build'] })] },
      REPEATS,
    )
    const [eve, day] = ['2026-11-11T09:00:00.000Z', '2026-11-12T08:00:00.000Z']
    const taken = (seq: number) => ({ ...FROM, evidence_id: 'ev-0', seq })
    run.step('build', { started_at: day, finished_at: day, taken_over: taken(1) })
    run.step('test', { started_at: eve, finished_at: day, taken_over: taken(2) })
    return (await run.seal()).bytes
  })(),
  FREE,
)
attack(
  'gate-over-taken-over',
  'a gate over a step that was taken over, and ended by a clock that is ahead',
  'proven',
  ['lineage-unchecked /opening/rerun_of'],
  await (async () => {
    const run = startRun(signer, gatedPlan({ ...POLICY }), REPEATS)
    run.step('build', {
      started_at: T('50:00'),
      finished_at: T('50:01'),
      taken_over: { ...FROM, evidence_id: 'ev-0' },
    })
    run.gate('ship', { decisions: [by(ann)] })
    run.step('publish')
    return (await run.seal({ finished_at: T('51:00') })).bytes
  })(),
)
for (const [file, what, verdict, told, started_at, finished_at, ended] of [
  [
    'taken-over-of-later',
    'a step taken over that ended after the run that took it over',
    NO,
    ['times-broken build /execution/steps/0'],
    T('50:00'),
    T('50:01'),
    T('50:00'),
  ],
  [
    'taken-over-backwards',
    'a step taken over that ended before it began',
    NO,
    ['times-broken build /execution/steps/0'],
    T('20:01'),
    T('20:00'),
    T('50:00'),
  ],
  [
    'taken-over-at-last',
    'a step taken over that ended by a clock that was set back since, as the run did that took it over',
    'proven',
    [],
    T('50:00'),
    T('50:01'),
    T('50:01'),
  ],
] as const)
  attack(
    file,
    what,
    verdict,
    ['lineage-unchecked /opening/rerun_of', ...told],
    await (async () => {
      const run = startRun(signer, { steps: [planStep('build')] }, REPEATS)
      const duration_ms = 0
      const taken_over = { ...FROM, evidence_id: 'ev-0' }
      run.step('build', { started_at, finished_at, duration_ms, taken_over })
      return (await run.seal({ finished_at: ended })).bytes
    })(),
    FREE,
  )
attack(
  'taken-over-as-held',
  'a step taken over from the record that the reader holds, which was not compared',
  'proven',
  ['lineage-unchecked /opening/rerun_of'],
  (await tookOver('ev-0').seal()).bytes,
  { ...FREE, held: [{ ...repeatedRun, starters: ['user:eve'] }] },
)
attack(
  'repeats-beside-others',
  'a run that repeats one of which the reader has no record, beside records of other runs, which others started',
  'proven',
  ['lineage-unchecked /opening/rerun_of'],
  (await rerun.seal()).bytes,
  { held: [{ ...repeatedRun, run_id: 'run-7', starters: ['user:ann'] }] },
)
attack(
  'repeats-none-beside-others',
  'a run that repeats none, beside the record of one that its approver started',
  'proven',
  [],
  bytes,
  { held: [{ ...repeatedRun, starters: ['user:ann'] }] },
)

// Places.
const itself = {
  server: signer.key_id,
  evidence_id: 'ev-1',
  head: honest.envelope.integrity.hash_chain.head,
  seal_seq: 1,
  run_id: 'run-1',
  starters: ['user:oda'],
}
const BY_EVE = { starters: ['user:eve'] }
const after = ({ evidence_id, head }: typeof itself) => ({ evidence_id, head })
for (const [file, what, told, held] of [
  ['held-itself', 'the very record that is held', 'first-in-series /closing/previous', [itself]],
  [
    'followed-by-held',
    'a record that the held one was sealed after',
    'first-in-series /closing/previous',
    [{ ...repeatedRun, ...BY_EVE, previous: after(itself) }],
  ],
  ...[signer, thief].map(
    ({ key_id: server }, nth) =>
      [
        `fork-of-what-was-followed${nth === 0 ? '' : '-by-another'}`,
        'a record beside one that was sealed after another of its id',
        'fork /integrity/hash_chain/head',
        [
          {
            ...repeatedRun,
            server,
            ...BY_EVE,
            previous: { evidence_id: 'ev-1', head: sha256('another') },
          },
        ],
      ] satisfies [string, string, Told, NonNullable<Attack['held']>],
  ),
  [
    'fork-of-an-id-and-number',
    'a second record of one id and number, by another key',
    'fork /integrity/hash_chain/head',
    [{ ...itself, server: thief.key_id, head: sha256('another') }],
  ],
  [
    'fork-of-an-id-alone',
    'a second record of one id, of another run, number and key',
    'fork /integrity/hash_chain/head',
    [
      {
        ...itself,
        server: thief.key_id,
        run_id: 'run-7',
        seal_seq: 7,
        head: sha256('another'),
      },
    ],
  ],
] satisfies [string, string, Told, NonNullable<Attack['held']>][])
  attack(file, what, told.startsWith('fork') ? NO : 'proven', [told], bytes, { held: [...held] })
for (const [file, what, told, held] of [
  [
    'follows-beside-others',
    'the record before it, beside others of that key',
    'follows-held /closing/previous',
    [
      { ...before, evidence_id: 'ev-3', run_id: 'run-3', head: sha256('ev-3'), seal_seq: 3 },
      before,
    ],
  ],
  [
    'follows-one-of-two',
    'the record before it, and another of that key and number',
    'previous-differs /closing/previous',
    [before, { ...before, evidence_id: 'ev-7', run_id: 'run-7', head: sha256('ev-7') }],
  ],
  [
    'follows-number-of-another',
    'the record before it, which is held by another key and under its own number',
    'previous-differs /closing/previous',
    [{ ...before, server: thief.key_id, seal_seq: 8 }],
  ],
] as const)
  attack(file, what, told.startsWith('follows') ? 'proven' : NO, [told], following, {
    held: [...held],
  })
attack(
  'unsealed-beside-others',
  'a record that no key at hand has sealed, beside records that have nothing to do with it',
  'not proven',
  [
    'key-unknown /integrity/seal',
    'nothing-required',
    'owner-unknown ship /gates/0/decisions',
    'passkey-unchecked ship /gates/0/decisions/0/assertion',
    'previous-not-held /closing/previous',
  ],
  following,
  {
    trust: 'nobody',
    held: [{ ...before, server: thief.key_id, evidence_id: 'ev-9', run_id: 'run-9' }],
  },
)
attack(
  'place-spliced',
  'a right seal that is over another record, in the place of one that is held',
  NO,
  ['place-unsealed /closing/previous', 'statement-differs /integrity/seal/payload'],
  member(({ integrity }) => integrity, { seal: another.envelope.integrity.seal }),
  { held: [{ ...itself, evidence_id: 'ev-8', run_id: 'run-8', head: sha256('ev-8') }] },
)

// Keys and requirements.
const KEPT_GATE = 'expectation-holds ship /opening/plan/gates/0'
for (const [file, what, verdict, told, reader] of [
  [
    'key-revoked-elsewhere',
    'a key that one file has as active, and another one as revoked',
    NO,
    ['key-revoked /integrity/seal', KEPT_GATE, KEPT_GATE],
    { also: 'key revoked' },
  ],
  [
    'key-revoked-at-last',
    'the last number that a revoked key counts for',
    'proven',
    ['seal-signed /integrity/seal by a key that is revoked'],
    { trust: 'key revoked at 1' },
  ],
  [
    'key-ended-elsewhere',
    'a key that one file has as active, and another one as revoked since a later number',
    'proven',
    ['seal-signed /integrity/seal by a key that is retired', KEPT_GATE, KEPT_GATE],
    { also: 'key retired at 5' },
  ],
  [
    'key-ended-twice',
    'a key that one file has as retired, and another one as revoked since an earlier number',
    'proven',
    ['seal-signed /integrity/seal by a key that is revoked', KEPT_GATE, KEPT_GATE],
    { trust: 'key retired at 5', also: 'key revoked at 1' },
  ],
  [
    'version-of-no-kind',
    'the plan that was pinned before its kind and the names of its inputs were',
    'proven',
    [
      'expectation-holds /opening/definition/sha256',
      'expectation-holds /opening/plan',
      'expectation-holds ship /opening/plan/gates/0',
    ],
    { trust: 'a version without kind and names' },
  ],
  [
    'definition-expected-as-outcome',
    'an outcome that is expected, and a definition of which the reader requires nothing',
    'not proven',
    ['another-definition /opening/definition/name', 'expectation-holds /closing/outcome'],
    {
      trust: 'a nightly alone',
      expect: [{ kind: 'outcome', value: 'succeeded' }],
    },
  ],
  [
    'definition-expected-otherwise',
    'another definition than the reader expects by name, and requires something of',
    NO,
    ['another-definition /opening/definition/name', 'expectation-fails /opening/definition/name'],
    { trust: 'a nightly alone', expect: [{ kind: 'definition', value: 'nightly' }] },
  ],
  [
    'definition-accepted',
    'one of the definitions that a reader of many looks for',
    'proven',
    ['expectation-holds /opening/definition/name', 'nothing-required'],
    { trust: 'no requirement', accept: ['nightly', 'release'] },
  ],
  [
    'definition-unaccepted',
    'none of the definitions that a reader of many looks for',
    'not proven',
    ['another-definition /opening/definition/name'],
    { trust: 'no requirement', accept: ['nightly'] },
  ],
  [
    'trust-file-unreadable',
    'a trust file that could not be read, so that it is not known what it requires',
    'not proven',
    ['trust-file-refused', 'expectation-holds ship /opening/plan/gates/0'],
    { refused: ['trust.json: it is not UTF-8'] },
  ],
  [
    'trust-file-unreadable-alone',
    'the same, where another one requires nothing',
    'not proven',
    ['trust-file-refused'],
    {
      trust: 'no requirement',
      refused: ['trust.json: it is not UTF-8'],
      without: ['expectations'],
    },
  ],
  [
    'trust-file-offered',
    'a trust file that a server offers, and is none: it requires nothing',
    'not proven',
    [
      'key-unknown /integrity/seal',
      'nothing-required',
      'owner-unknown ship /gates/0/decisions',
      'passkey-unchecked ship /gates/0/decisions/0/assertion',
      'trust-file-refused',
    ],
    { trust: 'one key under two ids', source: 'offered' },
  ],
] satisfies [string, string, VerdictWord, Told[], Parameters<typeof attack>[5]][])
  attack(file, what, verdict, told, bytes, reader)
attack(
  'definition-named-as-outcome',
  'a definition that is named as the outcome which is expected',
  'not proven',
  ['another-definition /opening/definition/name', 'expectation-holds /closing/outcome'],
  (await recordedRun({ definition: { name: 'succeeded', sha256: sha256('release') } }).seal())
    .bytes,
  { trust: 'a nightly alone', expect: [{ kind: 'outcome', value: 'succeeded' }] },
)
const ofSession = await weaker({ sign: 'session' }, [{ approver: 'user:ann' }])
for (const [file, what, trust, told] of [
  [
    'definition-of-less-than-a-passkey',
    'a run of a definition of which a session is required, where of another one a passkey is',
    'a session, and a passkey of a nightly',
    [],
  ],
  [
    'definition-of-less-than-a-plan',
    'a run of a definition of which a session is required, where of another one a plan is',
    'a session, and the plan of a nightly',
    [],
  ],
  [
    'definition-of-less-than-a-session',
    'a run of a definition of which nothing but the name is required, where of another one a session is',
    'a name, and a session of a nightly',
    ['nothing-required'],
  ],
] as const)
  attack(
    file,
    what,
    'not proven',
    [
      'another-definition /opening/definition/name',
      'decision-unsigned ship /gates/0/decisions/0/assertion',
      ...(told.length === 0 ? (['expectation-holds ship /opening/plan/gates/0'] as const) : told),
    ],
    ofSession,
    { trust },
  )
attack(
  'gate-without-roles',
  'a gate that nobody may answer, where roles are required',
  NO,
  ['gate-weaker ship /opening/plan/gates/0'],
  await resolved({ roles: [], expires_ms: POLICY.expires_ms }, {}),
  { without: ['gate-signature'] },
)
attack(
  'gate-answer-optional-same',
  'the very answer that is required, which may be left out',
  'proven',
  [],
  await weaker({ inputs: [{ name: 'ticket', label: 'Ticket', required: false }] }),
  { trust: 'an answer that may be left out' },
)
attack(
  'gate-kept-beside-another',
  'a gate that was kept, beside another one of which a decision was changed',
  NO,
  [
    'assertion-unbound ok-staging /gates/1/decisions/0/assertion/client_data_json',
    'expectation-holds ok-prod /opening/plan/gates/1',
  ],
  await sealedAgain(twoGates({ isShown: true }), ({ gates }) => {
    for (const { step_id, decisions } of gates)
      if (step_id === 'ok-staging') for (const { decision } of decisions) decision.comment = 'Fine.'
  }),
  { trust: 'two gates', shape: 'two gates' },
)

// Seals.
for (const [file, what, payload] of [
  ['payload-not-utf8', 'a seal over bytes that are no text', encodeBase64(Uint8Array.of(0xff))],
  ['payload-not-json', 'a seal over a text that is no statement', encodeBase64(utf8('none'))],
  ['payload-base64', 'a seal over a payload with bits left over in base64', 'e31='],
] as const)
  attack(
    file,
    what,
    NO,
    ['signature-wrong /integrity/seal', 'statement-unreadable /integrity/seal/payload'],
    member(({ integrity }) => integrity.seal, { payload }),
  )

// Assertions.
const assertionOf = (change: (assertion: Assertion) => void) =>
  sealedGate(({ decisions }) =>
    decisions.forEach(({ assertion }) => assertion !== null && change(assertion)),
  )
for (const member of [
  'credential_id',
  'client_data_json',
  'authenticator_data',
  'signature',
] as const)
  attack(
    `passkey-base64-${member.replaceAll('_', '-')}`,
    'a member of an assertion that no bytes are written as',
    NO,
    ['assertion-unreadable ship /gates/0/decisions/0/assertion', BROKEN_GATE],
    await assertionOf((assertion) => (assertion[member] = 'A')),
  )
attack(
  'passkey-credential-empty',
  'an assertion by a credential of no byte',
  NO,
  ['assertion-unreadable ship /gates/0/decisions/0/assertion', BROKEN_GATE],
  await assertionOf((assertion) => (assertion.credential_id = '')),
)
/** Client data of so many bytes, all of which one member takes. */
const clientOf = (length: number): Unusual => ({
  clientText: (text) => text.replace('{', `{"x":"${'x'.repeat(length - text.length - 7)}",`),
})
for (const [file, what, member, unusual] of [
  ['passkey-client-data-long', 'client data of a byte too many', 'client', clientOf(4097)],
  ['passkey-client-data-list', 'client data that is a list', 'client', { clientText: () => '[]' }],
  ['passkey-client-data-text', 'client data that is a text', 'client', { clientText: () => '"x"' }],
  [
    'passkey-client-data-space',
    'client data with a space',
    'client',
    { clientText: (text: string) => text.replace(':', ': ') },
  ],
  ['passkey-backed-up-only', 'a passkey that is backed up and cannot be', 'data', { flags: 0x15 }],
  ['passkey-attested', 'an attested key, by its flag alone', 'data', { flags: 0x5d }],
  ['passkey-data-longer', 'authenticator data of a byte too many', 'data', { more: [0] }],
] as const)
  attack(
    file,
    what,
    NO,
    [
      member === 'client'
        ? 'assertion-unreadable ship /gates/0/decisions/0/assertion/client_data_json'
        : 'assertion-unreadable ship /gates/0/decisions/0/assertion/authenticator_data',
      BROKEN_GATE,
    ],
    await signedBy(ann, unusual),
  )
attack(
  'passkey-cross-origin-null',
  'a frame of which nothing is said',
  NO,
  ['origin-refused ship /gates/0/decisions/0/assertion/client_data_json', BROKEN_GATE],
  await signedBy(ann, { client: { crossOrigin: null } }),
)
for (const [file, what, change] of [
  [
    'passkey-der-zero',
    'a signature whose first number has a zero in front that is not needed',
    ([head = 0, length = 0, kind = 0, count = 0, ...rest]: Uint8Array) => [
      head,
      length + 1,
      kind,
      count + 1,
      0,
      ...rest,
    ],
  ],
  [
    'passkey-der-long-form',
    'a signature whose length is in the long form',
    ([head = 0, ...rest]: Uint8Array) => [head, 0x81, ...rest],
  ],
  [
    'passkey-der-kind',
    'a signature whose first number is said to be something else',
    ([head = 0, length = 0, , ...rest]: Uint8Array) => [head, length, 0x04, ...rest],
  ],
] as const)
  attack(
    file,
    what,
    NO,
    ['decision-signature-wrong ship /gates/0/decisions/0/assertion/signature', BROKEN_GATE],
    await signedBy(ann, { signature: (der) => Uint8Array.from(change(der)) }),
  )
const edwards = newPasskey('eve', { seed: 11, alg: 'EdDSA' })
const UNKNOWN = [
  'owner-unknown ship /gates/0/decisions',
  'passkey-unchecked ship /gates/0/decisions/0/assertion',
  'requirement-unchecked ship /opening/plan/gates/0',
] as const
attack(
  'approver-unknown-edwards',
  'signed by an Ed25519 passkey of somebody whom the reader did not pin',
  'not proven',
  UNKNOWN,
  await signedBy(edwards),
)
for (const [file, what, passkey, raw] of [
  [
    'passkey-impossible',
    'a signature of a number that is 0, of somebody whom nobody pinned',
    stranger,
    Uint8Array.of(0x30, 6, 2, 1, 1, 2, 1, 0),
  ],
  [
    'passkey-impossible-edwards',
    'a signature with the group order added to S, of somebody whom nobody pinned',
    edwards,
    null,
  ],
] as const)
  attack(
    file,
    what,
    NO,
    [
      BROKEN_GATE,
      'decision-signature-wrong ship /gates/0/decisions/0/assertion/signature',
      'owner-unknown ship /gates/0/decisions',
    ],
    await signedBy(passkey, {
      signature: (signed) =>
        raw ?? Uint8Array.from([...signed.subarray(0, 32), ...plusOrder(signed.subarray(32))]),
    }),
  )
for (const [file, what, unusual] of [
  ['passkey-client-data-longest', 'client data as long as it may be', clientOf(4096)],
  [
    'passkey-client-data-slash',
    'client data with slashes as old Android clients write them',
    { clientText: (text: string) => text.replaceAll('/', String.raw`\/`) },
  ],
  [
    'passkey-no-frame',
    'client data that says nothing of frames',
    { client: { crossOrigin: undefined } },
  ],
  ['passkey-of-one-device', 'a passkey that cannot be backed up', { flags: 0x05 }],
  ['passkey-not-backed-up', 'a passkey that can be backed up and is not', { flags: 0x0d }],
] as const)
  attack(file, what, 'proven', [], await signedBy(ann, unusual))
attack(
  'key-ended-at-once',
  'a key that one file has as retired and another one as revoked, since one number',
  'proven',
  [
    'decision-signed ship /gates/0/decisions/0/assertion by a key that is revoked',
    'seal-signed /integrity/seal by a key that is revoked',
    KEPT_GATE,
    KEPT_GATE,
  ],
  bytes,
  { trust: 'key retired at 5', also: 'key revoked since' },
)
attack(
  'key-ended-first',
  'a key that one file has as revoked, and another one as retired since an earlier number',
  'proven',
  [
    'decision-signed ship /gates/0/decisions/0/assertion by a key that is revoked',
    'seal-signed /integrity/seal by a key that is retired',
    KEPT_GATE,
    KEPT_GATE,
  ],
  bytes,
  { trust: 'key revoked since', also: 'key retired at 1' },
)

// More attempts, cells and sums.
for (const [file, what, outcomes, verdict, told] of [
  [
    'attempt-after-success',
    'a step that is tried again after it had succeeded',
    ['succeeded', 'succeeded'],
    NO,
    ['attempts-broken build /execution/steps/1'],
  ],
  [
    'attempts-interrupted-too-often',
    'a step that is tried again after it was cut off four times',
    ['interrupted', 'interrupted', 'interrupted', 'interrupted', 'succeeded'],
    NO,
    [
      'attempts-broken build /execution/steps/4',
      'outcome-differs /closing/outcome',
      'reason-broken /closing',
    ],
  ],
  [
    'attempts-interrupted',
    'a step that is tried again after it was cut off three times',
    ['interrupted', 'interrupted', 'interrupted', 'succeeded'],
    'proven',
    [],
  ],
  ['aborted', 'a run that was aborted with its step', ['aborted'], 'proven', []],
] as const)
  attack(
    file,
    what,
    verdict,
    told,
    await (async () => {
      const run = startRun(signer, { steps: [planStep('build', { retries: 9 })] })
      for (const outcome of outcomes) run.step('build', { outcome })
      return verdict === 'proven' || told.length === 1
        ? (await run.seal()).bytes
        : await sealedAgain(run, ({ closing }) => Object.assign(closing, { outcome: 'succeeded' }))
    })(),
    FREE,
  )
attack(
  'cells-for-nothing',
  'cells that cost nothing',
  'proven',
  [],
  await derived({ cells: [{ ...CELL, cost: '0' }] }, { materialized: 1, total_cost: '0' }),
  UNGATED,
)
attack(
  'second-attempt-before-first-need',
  'a second attempt that began before the first thing that the step needs had ended, and after the last',
  NO,
  ['needs-broken test /execution/steps/3'],
  await (async () => {
    const needs = ['build', 'lint']
    const run = startRun(signer, {
      steps: [planStep('build'), planStep('lint'), planStep('test', { needs, retries: 1 })],
    })
    run.step('build', { finished_at: T('30:10') })
    const { finished_at } = run.step('lint')
    run.tick(60_000)
    run.step('test', { outcome: 'failed' })
    run.step('test', { started_at: finished_at })
    return (await run.seal()).bytes
  })(),
  FREE,
)
const PART = 'attached-whole derive /execution/steps/0/cells_part/sha256'
const LOG = 'attached-missing derive /execution/steps/0/log/sha256'
const AWAY = 'cells-unchecked /closing/totals'
const lineOf = (cell: object): string => `${canonicalize({ ...CELL, ...cell })}\n`
for (const [file, what, lines] of [
  ['cells-cut', 'a part that is cut off in its last line', all.slice(0, -1)],
  ['cells-of-none', 'a part with a line that is no cell', `${cells[0]}none\n`],
  ['cells-loose', 'a part with a line that has a space', all.replace(':', ': ')],
  [
    'cells-wrong-value',
    'a derived cell without a value in a part',
    `${cells[0]}${lineOf({ record_id: 'r2', value_sha256: null })}`,
  ],
  [
    'cells-wrong-error',
    'a derived cell with an error in a part',
    `${cells[0]}${lineOf({ record_id: 'r2', error: 'no age' })}`,
  ],
] as const)
  attack(
    file,
    what,
    'proven',
    [LOG, PART, 'cells-differ derive /execution/steps/0/cells_part', AWAY],
    await inPart(lines),
    { ...UNGATED, beside: { [`artifacts/${sha256(lines)}`]: lines } },
  )
const withFailed = `${cells[0]}${canonicalize({ ...CELL_FAILED, record_id: 'r2' })}\n`
attack(
  'cells-failed-counted',
  'a part with a cell that failed',
  'proven',
  [LOG, PART, AWAY, 'cells-agree /closing/totals'],
  await derived(part(withFailed, 2), { materialized: 1, failures: 1, total_cost: '0.1' }),
  { ...UNGATED, beside: { [`artifacts/${sha256(withFailed)}`]: withFailed } },
)
for (const [file, what, count, told, beside] of [
  ['cells-of-two', 'one part that two steps name', 2, 'cells-agree /closing/totals', all],
  [
    'cells-of-two-counts',
    'one part that two steps name, one of them with another count',
    1,
    'cells-differ two /execution/steps/1/cells_part',
    all,
  ],
  ['cells-of-two-away', 'two parts, one of which is not here', 1, AWAY, cells[0] ?? ''],
] as const)
  attack(
    file,
    what,
    'proven',
    [
      AWAY,
      told,
      'attached-missing one /execution/steps/0/log/sha256',
      file === 'cells-of-two-away'
        ? 'attached-whole two /execution/steps/1/cells_part/sha256'
        : 'attached-whole one /execution/steps/0/cells_part/sha256',
    ],
    await twoParts(file === 'cells-of-two-away' ? part(beside, 1) : part(all, count)),
    { ...UNGATED, beside: { [`artifacts/${sha256(beside)}`]: beside } },
  )

// Beside.
const WHOLE = 'attached-whole build /execution/steps/0/artifacts/0/sha256'
const LOGS = [
  'attached-whole build /execution/steps/0/log/sha256',
  'attached-whole publish /execution/steps/1/log/sha256',
] as const
const appUnder = (name: string) => ({
  [`logs/${sha256(log)}`]: log,
  [`logs/${sha256(published)}`]: published,
  [name]: app,
})
for (const [file, what, name, told] of [
  [
    'beside-named-in-letters',
    'a name of sixteen letters, which is no digest',
    'deadbeefdeadbeef.tgz',
    WHOLE,
  ],
  [
    'beside-named-by-date',
    'a name of sixteen digits, which is no digest',
    '2026-11-27.2026-11-27.tgz',
    WHOLE,
  ],
  [
    'beside-like-a-digest',
    'a name that can be read as the beginning of a digest',
    'deadbeefdeadbee1.tgz',
    'attached-renamed build /execution/steps/0/artifacts/0/sha256',
  ],
  [
    'beside-under-an-unknown-digest',
    'a name that is a digest of nothing on record',
    `artifacts/${sha256('x')}`,
    'attached-renamed build /execution/steps/0/artifacts/0/sha256',
  ],
  ['beside-named-at-length', 'a name as long as one may be', 'x'.repeat(255), WHOLE],
  [
    'beside-named-too-long',
    'a name longer than one may be',
    'x'.repeat(256),
    'attached-renamed build /execution/steps/0/artifacts/0/sha256',
  ],
] as const)
  attack(file, what, 'proven', [...LOGS, told], bytes, { beside: appUnder(name) })
attack(
  'beside-long-unknown',
  'a file longer than anything on record, under a name of its own',
  'proven',
  [...LOGS, WHOLE, 'attached-unknown'],
  bytes,
  { beside: { ...whole, 'notes.txt': 'All of it is very good.' } },
)
attack(
  'beside-nothing',
  'nothing beside a record that has nothing',
  'proven',
  [],
  await oneStep({ over: { log: nothing } }),
  {
    ...FREE,
    beside: {},
  },
)
for (const [file, what, told, over] of [
  [
    'beside-of-another-size',
    'an artifact whose size on record is another',
    'artifacts/0/sha256',
    { artifacts: [{ ...APP, bytes: 13 }] },
  ],
  [
    'beside-of-another-part',
    'a log whose MiB has another digest on record',
    'log/sha256',
    {
      log: { sha256: sha256(app), bytes: 12, lines: 1, truncated: true, chunks: [sha256('x')] },
    },
  ],
] satisfies [string, string, string, Partial<StepEntry>][])
  attack(
    file,
    what,
    'proven',
    [
      `attached-differs build /execution/steps/0/${told}`,
      'attached-missing build /execution/steps/0/log/sha256',
    ],
    await oneStep({ over }),
    { ...FREE, beside: { [`artifacts/${sha256(app)}`]: app } },
  )

// Bytes that look like a known damage.
/** Over the end of a step and the beginning of the gate. */
const ZEROS = 1000
const zeroed = Uint8Array.from(bytes).fill(0, ZEROS, ZEROS + 512)
for (const [file, what, code, damaged] of [
  ['zeros', 'a gap of zero bytes', 'not-json', zeroed],
  ['compressed', 'compressed by gzip', 'not-utf8', Uint8Array.from(gzipSync(bytes))],
  [
    'utf16',
    'in UTF-16',
    'not-utf8',
    Uint8Array.from(Buffer.from(`\ufeff${honestText}`, 'utf16le')),
  ],
  ['quote-missing', 'a quote less', 'not-json', text('"exit_code":0', '"exit_code:0')],
  ['brace-missing', 'without its last brace', 'not-json', bytes.subarray(0, -1)],
  [
    'tail-missing',
    'cut off behind the last link',
    'not-json',
    utf8(honestText.slice(0, honestText.indexOf(']},"profile"'))),
  ],
] as const)
  attack(file, what, 'not an envelope', [code], damaged)

attack(
  'link-changed-ended',
  'another link, where the keys of the seal and of the approver count up to a number',
  NO,
  [
    'decision-signed ship /gates/0/decisions/0/assertion by a key that is revoked',
    'link-broken /integrity/hash_chain/links/1/link',
    'link-broken /integrity/hash_chain/links/2/link',
    'seal-signed /integrity/seal by a key that is revoked',
  ],
  bytesOfAttack.get('link-changed') ?? bytes,
  { trust: 'key revoked since' },
)

// Of what does not verify: what can still be said.
const SHIP = 'frozen: ship ann approved up to 1'
const [OPENING, BUILD, CLOSING] = [
  'opening /opening',
  'step build /execution/steps/0',
  'closing /closing',
]
const ALL = ['intact: 5 of 5', 'sealed', SHIP]
const NONE = 'intact: 0 of 0'
/** The first byte that is another one then. */
const first = (from: string, to: string): number => {
  const damaged = text(from, to)
  return bytes.findIndex((byte, at) => damaged[at] !== byte)
}
const breaks = (offset: number, expected: string) => `breaks at byte ${offset}: ${expected}`
const written = (byte: string) => `what RFC 8785 writes (byte ${byte})`
const CUT = 'looks: It ends there, in the middle: it looks cut off.'
const CHANGED = (place: string, before: number) => [
  `intact: ${before} of 5`,
  `broken: ${place}`,
  `changed: ${place}`,
]
const REMAINING: Record<string, readonly string[]> = {
  'entry-changed': [...CHANGED(BUILD, 1), 'sealed'],
  'opening-changed': [...CHANGED(OPENING, 0), 'sealed'],
  'entries-swapped': [
    ...CHANGED('step publish /execution/steps/0', 1),
    'changed: step build /execution/steps/1',
    'sealed',
  ],
  // What comes out of the entries is what the pinned key has sealed.
  'link-changed': ['intact: 5 of 5', `beside: ${BUILD}`, 'sealed', SHIP],
  'link-changed-ended': ['intact: 5 of 5', `beside: ${BUILD}`, 'sealed', `${SHIP}, revoked`],
  'head-changed': ALL,
  'content-digest': ALL,
  'other-key': ['intact: 5 of 5', SHIP],
  'key-retired': ['intact: 5 of 5', SHIP],
  'key-revoked': ['intact: 5 of 5', SHIP],
  'signature-zero': ['intact: 5 of 5', SHIP],
  'chain-recomputed': ['intact: 5 of 5', SHIP],
  'prefix-rewritten': ['intact: 5 of 5', 'sealed'],
  'decision-comment': ['intact: 5 of 5', 'sealed'],
  'step-before-gate': ALL,
  'approver-revoked': ['intact: 5 of 5', 'sealed'],
  'gate-kept-beside-another': ['intact: 6 of 6', 'sealed', 'frozen: ok-prod ann approved up to 1'],
  'gates-exchanged-shown': ['intact: 6 of 6', 'sealed'],
  // Of what cannot be read as a record.
  bom: [breaks(0, 'JSON, and no byte order mark,'), ...ALL],
  'not-utf8': [breaks(bytes.length, 'UTF-8'), ...ALL],
  truncated: [
    breaks(bytes.length >> 1, 'the rest of a text'),
    CUT,
    NONE,
    `added: ${BUILD}`,
    'added: step publish /execution/steps/1',
    'added: gate /gates/0',
    `added: ${CLOSING}`,
  ],
  empty: [breaks(0, 'a value'), 'looks: It is empty.', NONE],
  concatenated: [
    breaks(bytes.length, 'the end of the file'),
    'looks: Another document begins there: it looks like two files in one.',
    ...ALL,
  ],
  newline: [breaks(bytes.length, 'the end of the file'), ...ALL],
  'white-space': [breaks(first('":', '": '), written('0x7b')), ...ALL],
  'number-fraction': [breaks(first('"seal_seq":1', '"seal_seq":1.0'), written('0x2c')), ...ALL],
  'key-order': [
    breaks(
      first('"bytes":12,"path":"dist/app.tgz"', '"path":"dist/app.tgz","bytes":12'),
      written('0x62'),
    ),
    ...ALL,
  ],
  'duplicate-key': [
    breaks(
      first('"outcome":"succeeded"', '"outcome":"failed","outcome":"succeeded"'),
      written('0x73'),
    ),
    ...CHANGED(CLOSING, 4),
    'sealed',
    SHIP,
  ],
  'extra-member': ALL,
  'missing-member': [...CHANGED(CLOSING, 4), 'sealed', SHIP],
  'day-30-february': [...CHANGED(CLOSING, 4), 'sealed', SHIP],
  'deep-65': [...CHANGED(OPENING, 0), 'sealed'],
  'key-proto': [...CHANGED(OPENING, 0), 'sealed'],
  'next-version': [...CHANGED(OPENING, 0), 'sealed'],
  'payload-type': ['intact: 5 of 5', SHIP],
  'two-signatures': ['intact: 5 of 5', SHIP],
  'order-short': ALL,
  'links-short': ['intact: 5 of 5', 'lost: 1', 'sealed', SHIP],
  'links-renumbered': ['intact: 5 of 5', 'lost: 4', 'sealed', SHIP],
  'too-large': [],
  compressed: [
    breaks(0, 'a value'),
    'looks: It begins as a file of gzip does: unpack it first.',
    NONE,
  ],
  utf16: [
    breaks(0, 'UTF-8'),
    'looks: It looks like UTF-16: an editor or a shell has written it in another encoding.',
    NONE,
  ],
  zeros: [
    breaks(ZEROS, 'the rest of a name'),
    'looks: 512 zero bytes stand there: nothing was written in their place, as when a disk or a transfer leaves a gap.',
    'intact: 2 of 5',
    'broken: gate /integrity/hash_chain/links/2',
    'changed: step /execution/steps/1',
    'missing: gate /integrity/hash_chain/links/2',
    'sealed',
  ],
  'quote-missing': [
    // The name goes on to the next quote.
    breaks(honestText.indexOf('"exit_code":0') + '"exit_code:0,"'.length, '“:”'),
    ...CHANGED(BUILD, 1),
    'sealed',
  ],
  'brace-missing': [breaks(bytes.length - 1, '“,” or a closing bracket'), CUT, ...ALL],
  'tail-missing': [
    breaks(honestText.indexOf(']},"profile"'), '“,” or a closing bracket'),
    CUT,
    'intact: 0 of 5',
    'broken: opening /integrity/hash_chain/links/0',
    'missing: opening /integrity/hash_chain/links/0',
  ],
}

for (const [file, bytes] of bytesOfAttack)
  writeFileSync(new URL(`${file}.envelope`, ATTACKS), bytes)
writeFileSync(
  new URL('table.json', ATTACKS),
  `${JSON.stringify({ trust: TRUST, attacks: attacks.map(withRemaining) }, null, 2)}\n`,
)
console.log(
  `${attacks.length} files, ${[...bytesOfAttack.values()].reduce((sum, { length }) => sum + length, 0)} bytes`,
)

function withRemaining(attack: Attack): Attack {
  const remaining = REMAINING[attack.file]
  return remaining === undefined ? attack : { ...attack, remaining: [...remaining] }
}

/** `sealContent` for a document that has not our shape. */
async function sealedAsIs(content: Content) {
  let state = openChain(content.evidence_id, content.run_id)
  const links = [...entriesOf(content)].map(({ kind, body }) => {
    const next = extendChain(state, kind, body)
    state = next.state
    return next.link
  })
  const statement = prepareSeal(
    content,
    { count: state.seq, head: state.head },
    '2026-11-12T10:00:00.000Z',
  )
  return assembleEnvelope(content, links, await signStatement(statement, signer))
}

/** A Statement that was changed before the key signed it. */
async function signedStatement(
  change: (text: string) => string,
  { statement, content, links } = honest,
): Promise<Uint8Array> {
  const text = new TextDecoder().decode(statement)
  if (change(text) === text) throw new RangeError('nothing changed')
  return assembleEnvelope(content, links, await signStatement(utf8(change(text)), signer))
}

async function sealedAgain(run: RunBuilder, change: (content: Content) => void) {
  return (await sealContent(changed(run.content(), change), signer)).bytes
}

async function derived(
  step: Partial<StepEntry>,
  totals: { materialized: number; failures?: number; total_cost: string },
): Promise<Uint8Array> {
  const run = startRun(
    signer,
    { steps: [planStep('derive', { kind: 'materialize' })] },
    { kind: 'materialize' },
  )
  run.step('derive', step)
  return (await run.seal({ totals: { skipped: 0, failures: 0, ...totals } })).bytes
}

async function circled() {
  const steps = [
    planStep('build', { needs: ['publish'] }),
    planStep('publish', { needs: ['build'] }),
  ]
  return (await startRun(signer, { steps }).seal()).bytes
}

async function resolvedTwice() {
  const run = startRun(signer, { gates: [planGate('ship')] })
  for (const gate_id of ['gate-1', 'gate-2'])
    run.gate('ship', { gate_id, decisions: [{ approver: 'user:ann' }] })
  return (await run.seal()).bytes
}

function unnamed(change: (document: Envelope) => void): Uint8Array {
  return bytesOf(
    changed(shownByName.envelope, (document) => {
      for (const { shown } of document.gates) Reflect.deleteProperty(shown, 'step_id')
      change(document)
    }),
  )
}

async function expiredEarly() {
  const run = startRun(signer, gatedPlan({ ...POLICY }))
  run.step('build')
  run.gate('ship', { outcome: 'expired' })
  return (await run.seal()).bytes
}

function twoGates({ isShown }: { isShown: boolean }): RunBuilder {
  const asked = (step_id: string) =>
    planGate(step_id, { needs: ['build'], question: 'Go on?', policy: POLICY })
  const run = startRun(signer, {
    steps: [planStep('build'), planStep('deploy', { needs: ['ok-prod'] })],
    gates: [asked('ok-staging'), asked('ok-prod')],
  })
  run.step('build')
  for (const step_id of ['ok-prod', 'ok-staging'])
    run.gate(step_id, { decisions: [by(ann)], shown: isShown ? { step_id } : {} })
  run.step('deploy')
  return run
}

async function ungated(options: Parameters<typeof startRun>[2] = {}) {
  const steps = [planStep('build'), planStep('publish', { needs: ['build'] })]
  const run = startRun(signer, { steps }, options)
  run.step('build')
  run.step('publish')
  return (await run.seal()).bytes
}

async function unwaited() {
  const { gates, steps } = gatedPlan({ ...POLICY })
  const run = startRun(signer, {
    steps: [...steps.map((step) => ({ ...step, needs: [] })), planStep('bow', { needs: ['ship'] })],
    gates,
  })
  run.step('build')
  run.step('publish')
  return (await run.seal()).bytes
}

async function unasked() {
  const { gates, steps } = gatedPlan({ ...POLICY })
  const free = steps.map((step) => ({
    ...step,
    needs: step.step_id === 'publish' ? ['build'] : [],
  }))
  const run = startRun(signer, { steps: free, gates })
  run.step('build')
  run.gate('ship', { outcome: 'approved' })
  run.step('publish')
  return (await run.seal({ outcome: 'failed', reason: 'x' })).bytes
}

async function retried() {
  const run = startRun(signer, { steps: [planStep('build')] })
  run.step('build', { outcome: 'failed' })
  run.step('build')
  const content = run.content()
  Object.assign(content.closing, { outcome: 'succeeded' })
  return (await sealContent(content, signer)).bytes
}

async function turned() {
  const run = recordedRun({ decisions: [by(ann, {}, { decision: 'rejected' })] })
  return (
    await sealContent(
      changed(run.content(), ({ gates, closing }) => {
        for (const gate of gates) {
          gate.outcome = 'approved'
          for (const { decision } of gate.decisions) decision.decision = 'approved'
        }
        closing.outcome = 'succeeded'
        Reflect.deleteProperty(closing, 'reason')
      }),
      signer,
    )
  ).bytes
}

async function refusedAnyway() {
  const run = startRun(signer, gatedPlan({ ...POLICY }))
  run.step('build')
  run.gate('ship', { decisions: [by(ann, {}, { decision: 'rejected' })], outcome: 'approved' })
  run.step('publish')
  return (await run.seal()).bytes
}

async function rejectedBeside() {
  const run = startRun(signer, gatedPlan({ ...POLICY, quorum: 2 }))
  run.step('build')
  run.gate('ship', {
    decisions: [by(ann), by(ben, {}, { decision: 'rejected' })],
    outcome: 'approved',
  })
  run.step('publish')
  return (await run.seal()).bytes
}

async function repeated() {
  const run = recordedRun({ policy: { quorum: 2 }, decisions: [by(ann), by(ben)] })
  const content = changed(run.content(), ({ gates }) => {
    for (const gate of gates) gate.decisions = gate.decisions.slice(0, 1).flatMap((it) => [it, it])
  })
  return (await sealContent(content, signer)).bytes
}

function plusOrder(s: Uint8Array): Uint8Array {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const value = BigInt(`0x${Buffer.from(s.toReversed()).toString('hex')}`) + order
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toReversed()
}

function nextDigit(digit: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  return digits[digits.indexOf(digit) + 1] ?? 'A'
}

/** build → ship (gate) → publish, and steps of which the gate knows nothing. */
async function besides(
  record: (run: RunBuilder) => void,
  others: readonly string[] = ['lint'],
): Promise<Uint8Array> {
  const { gates, steps } = gatedPlan({ ...POLICY })
  const run = startRun(signer, {
    steps: [...steps, ...others.map((step_id) => planStep(step_id))],
    gates,
  })
  run.step('build')
  record(run)
  run.step('publish')
  return (await run.seal()).bytes
}

async function failedFirst() {
  const { gates, steps } = gatedPlan({ ...POLICY })
  const run = startRun(signer, { steps: steps.map((it) => ({ ...it, retries: 1 })), gates })
  run.step('build', { outcome: 'failed', artifacts: [{ ...APP, sha256: sha256('broken') }] })
  run.step('build')
  const artifacts = [
    { ...APP, sha256: sha256('broken'), step_id: 'build', attempt: 1, opened: false },
  ]
  run.gate('ship', { decisions: [by(ann)], shown: { artifacts } })
  run.step('publish')
  return (await run.seal()).bytes
}

/** A gate of a term of ten minutes, after which the run goes on as it may. */
async function resolved(
  policy: Parameters<typeof gatedPlan>[0],
  over: Parameters<RunBuilder['gate']>[1],
): Promise<Uint8Array> {
  const run = startRun(signer, gatedPlan({ ...POLICY, expires_ms: 600_000, ...policy }))
  run.step('build')
  const { outcome } = run.gate('ship', over)
  run.tick(1_800_000)
  if (outcome === 'approved') run.step('publish')
  return (await run.seal()).bytes
}

function refusing(passkey: Passkey): Answer {
  return by(passkey, {}, { decision: 'rejected' })
}

async function oneStep({
  steps = [planStep('build')],
  over = {},
  options = {},
}: {
  steps?: ReturnType<typeof planStep>[]
  over?: Partial<StepEntry>
  options?: Parameters<typeof startRun>[2]
}): Promise<Uint8Array> {
  const run = startRun(signer, { steps }, options)
  run.step('build', over)
  return (await run.seal()).bytes
}

/** Of a command with an element that is an input, as a reader pinned it. */
function named(element: string, version: string): RunBuilder {
  const { gates, steps } = gatedPlan({ ...POLICY })
  const [build, ...others] = steps
  if (build === undefined) throw new RangeError('no step')
  const argv = ['/bin/sh', '-c', 'echo build', element]
  const run = startRun(
    signer,
    { steps: [{ ...build, argv }, ...others], gates },
    { inputs: { version }, definition: { name: 'release', sha256: sha256('release') } },
  )
  run.step('build')
  run.gate('ship', { decisions: [by(ann)] })
  run.step('publish')
  return run
}

/** A step, and gates that do not wait for it. */
async function gated(
  gates: ReturnType<typeof planGate>[],
  record: (run: RunBuilder) => void,
): Promise<Uint8Array> {
  const run = startRun(signer, { steps: [planStep('build')], gates })
  run.step('build')
  record(run)
  return (await run.seal()).bytes
}

/** Two cells listed, one of which failed, and one in a part. */
async function listedAndApart(over: object, cost: string = CELL.cost ?? '0'): Promise<Uint8Array> {
  const kind = 'materialize'
  const run = startRun(
    signer,
    { steps: [planStep('one', { kind }), planStep('two', { kind })] },
    { kind },
  )
  run.step('one', {
    cells: [
      { ...CELL, cost },
      { ...CELL_FAILED, record_id: 'r9' },
    ],
  })
  run.step('two', part(`${canonicalize({ ...CELL, record_id: 'r2' })}\n`, 1))
  const totals = { materialized: 2, skipped: 0, failures: 1, total_cost: '0.2', ...over }
  return (await run.seal({ totals })).bytes
}

/** A gate that needs two steps, and was asked before the second. */
async function needingBoth(needs: string[]): Promise<Uint8Array> {
  const run = startRun(signer, {
    steps: [planStep('build'), planStep('lint')],
    gates: [planGate('one', { needs })],
  })
  run.step('build')
  const chain_head_before = run.chain.head
  run.step('lint')
  run.gate('one', {
    shown: { chain_head_before, running: ['lint'] },
    decisions: [{ approver: 'user:ann' }],
  })
  return (await run.seal()).bytes
}

/** All that follows something begins as that ends. */
async function atOnce(): Promise<Uint8Array> {
  const run = startRun(signer, gatedPlan({ ...POLICY }))
  const { finished_at } = run.step('build')
  const expires_at = new Date(Date.parse(finished_at) + POLICY.expires_ms).toISOString()
  const { resolved_at } = run.gate('ship', {
    decisions: [by(ann)],
    shown: { opened_at: finished_at, expires_at },
  })
  run.step('publish', { started_at: resolved_at })
  return (await run.seal()).bytes
}

/** Two steps with a part of cells each, of which the first has two cells. */
async function twoParts(second: Partial<StepEntry>): Promise<Uint8Array> {
  const kind = 'materialize'
  const run = startRun(
    signer,
    { steps: [planStep('one', { kind }), planStep('two', { kind })] },
    { kind },
  )
  run.step('one', part(all, 2))
  const { cells_part } = run.step('two', second)
  const isSame = cells_part?.sha256 === sha256(all)
  const totals = {
    materialized: 2 + (cells_part?.count ?? 0),
    skipped: 0,
    failures: 0,
    total_cost: isSame ? '0.6' : '0.4',
  }
  return (await run.seal({ totals })).bytes
}
