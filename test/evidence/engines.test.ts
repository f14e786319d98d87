import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { sha256 as theirSha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import * as z from 'zod/mini'
import { type Assertion } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { type ServerKey, type TrustedApprover } from '#contract/trust.ts'
import { signatureFault } from '#evidence/approval.ts'
import { tryBase64, tryBase64Url } from '#evidence/base64.ts'
import { sha256, sha256Bytes, sha256OfMany } from '#evidence/digest.ts'
import { preAuthEncoding, verifyDsse } from '#evidence/dsse.ts'
import { verifyEd25519 } from '#evidence/key.ts'
import { derOfSignature, signatureOfDer, verifyEs256 } from '#evidence/p256.ts'
import { decodeSpki } from '#evidence/spki.ts'
import { ATTACKS, readAttackTable } from './attacks.ts'
import { newSigner, SHAPES } from './fixture.ts'
import { readSeriesTable, SERIES } from './frozen-series.ts'
import { SEED } from './seed.ts'
import { readVectors, VECTOR_FILES, whyNoVectors } from './vector-files.ts'
import { type SignatureCase, signatureCases, webauthnCases } from './vectors.ts'

/* A second engine, written in JavaScript by others, over the same bytes as WebCrypto behind our own strictness. */

const theirs = {
  ed25519: ({ key, message, signature }: SignatureCase) =>
    unlessThrown(() => ed25519.verify(signature, message, key, { zip215: false })),
  p256: ({ key, message, signature }: SignatureCase) =>
    unlessThrown(() => p256.verify(signature, message, key, { lowS: false })),
  der: ({ key, message, signature }: SignatureCase) =>
    unlessThrown(() => p256.verify(signature, message, key, { lowS: false, format: 'der' })),
}

const ours = {
  ed25519: ({ key, message, signature }: SignatureCase) => verifyEd25519(key, message, signature),
  p256: ({ key, message, signature }: SignatureCase) => verifyEs256(key, message, signature),
  der: async ({ key, message, signature }: SignatureCase) => {
    const numbers = signatureOfDer(signature)
    return numbers !== null && (await verifyEs256(key, message, numbers))
  },
}

// Theirs throws for what is no key and no signature.
function unlessThrown(verify: () => boolean): boolean {
  try {
    return verify()
  } catch {
    return false
  }
}

type Engine = keyof typeof ours

async function disagreement(engine: Engine, asked: SignatureCase): Promise<string | null> {
  const [here, there] = [await ours[engine](asked), theirs[engine](asked)]
  return here === there
    ? null
    : `${engine} ${asked.name}: ours ${here}, theirs ${there}, ${Buffer.from(asked.signature).toString('hex')}`
}

it.for<[Engine, 'ed25519' | 'es256']>([
  ['ed25519', 'ed25519'],
  ['p256', 'es256'],
])('[V13] %s: both engines make the same of the vectors', async ([engine, file], context) => {
  const missing = whyNoVectors('wycheproof')
  if (missing !== null) context.skip(missing)
  const cases = signatureCases(readVectors(VECTOR_FILES[file]))
  const found = await Promise.all(cases.map((asked) => disagreement(engine, asked)))
  expect(found.filter((text) => text !== null)).toEqual([])
})

it('[S3] both engines verify every seal', async () => {
  const signer = await newSigner()
  for (const seal of Object.values(SHAPES)) {
    const { envelope, statement } = await seal(signer)
    const { payloadType, signatures } = envelope.integrity.seal
    const asked = {
      name: 'seal',
      key: signer.public_key,
      message: preAuthEncoding(payloadType, statement),
      signature: Buffer.from(signatures[0]?.sig ?? '', 'base64'),
    }
    expect([await ours.ed25519(asked), theirs.ed25519(asked)]).toEqual([true, true])
  }
})

/** So much of a record as has signatures, whatever else is wrong with it. */
const Signed = z.object({
  integrity: z.object({
    seal: z.object({
      payloadType: z.string(),
      payload: z.string(),
      signatures: z.array(z.object({ keyid: z.string(), sig: z.string() })),
    }),
  }),
  gates: z.array(
    z.object({
      decisions: z.array(
        z.object({
          assertion: z.nullable(
            z.object({
              credential_id: z.string(),
              client_data_json: z.string(),
              authenticator_data: z.string(),
              signature: z.string(),
            }),
          ),
        }),
      ),
    }),
  ),
})
type Seal = z.infer<typeof Signed>['integrity']['seal']

/** By ours as it ships and by theirs from the text on; null where the text is of no bytes. */
async function sealAnswers(seal: Seal, sig: string, key: ServerKey): Promise<Answers | null> {
  const [payload, signature] = [tryBase64(seal.payload), tryBase64(sig)]
  if (payload === null || signature === null) return null
  const { key_id } = key
  const raw = Buffer.from(key.public_key, 'base64')
  const found = await verifyDsse(
    { ...seal, signatures: [{ keyid: key_id, sig }] },
    { keys: [{ key_id, public_key: raw }], threshold: 1, payloadTypes: [seal.payloadType] },
  )
  const type = Buffer.from(seal.payloadType)
  const head = `DSSEv1 ${type.length} ${seal.payloadType} ${payload.length} `
  const message = Buffer.concat([Buffer.from(head), payload])
  return [found.ok, theirs.ed25519({ name: 'seal', key: raw, message, signature })]
}

async function assertionAnswers(
  assertion: Assertion,
  approver: TrustedApprover,
): Promise<Answers | null> {
  const { client_data_json, authenticator_data, credential_id, signature: text } = assertion
  const texts = [client_data_json, authenticator_data, text, credential_id]
  const [clientData, authenticatorData, signature, credential] = texts.map(tryBase64Url)
  if (!clientData || !authenticatorData || !signature || !credential?.length) return null
  const message = Uint8Array.from([...authenticatorData, ...theirSha256(clientData)])
  const key = Buffer.from(approver.public_key, 'base64').subarray(
    approver.alg === 'ES256' ? -65 : -32,
  )
  const engine = approver.alg === 'ES256' ? 'der' : 'ed25519'
  return [
    (await signatureFault(approver, assertion)) === null,
    theirs[engine]({ name: 'assertion', key, message, signature }),
  ]
}

type Answers = readonly [ours: boolean, theirs: boolean]

/** How often both said what, by kind; and where they did not say the same. */
function newTally() {
  const counts: Record<string, number> = {}
  const differing: string[] = []
  return {
    counts,
    differing,
    add(kind: string, name: string, answers: Answers | null): void {
      const [here, there] = answers ?? [null, null]
      if (here !== there) differing.push(`${name}, ${kind}: ours ${here}, theirs ${there}`)
      const what = `${kind} ${here === null ? 'of no bytes' : here ? 'right' : 'wrong'}`
      counts[what] = (counts[what] ?? 0) + 1
    },
  }
}

/** Each once: a file may be written into many tables, and a key into many files. */
const oneOfEach = <T>(all: readonly T[], nameOf: (one: T) => string): T[] => [
  ...new Map(all.map((one) => [nameOf(one), one])).values(),
]

it('[S3] [V12] [V13] [V20] both engines make the same of every signature of the frozen files, by every key of their readers', async () => {
  const attacks = readAttackTable()
  const series = readSeriesTable()
  const files = [...Object.values(attacks.trust), series.trust]
  const keys = oneOfEach(
    files.flatMap(({ server_keys }) => server_keys),
    ({ public_key }) => public_key,
  )
  const approvers = oneOfEach(
    files.flatMap((file) => file.approvers),
    ({ public_key, alg }) => `${alg} ${public_key}`,
  ).filter(({ public_key, alg }) => decodeSpki(public_key)?.alg === alg)

  const records = [ATTACKS, SERIES].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.envelope'))
      .map((name) => {
        const text = readFileSync(new URL(name, folder), 'utf8')
        return { name, text, read: parseJson(Signed, text) }
      }),
  )
  // No engine is asked of what is no JSON, or has no payload to sign.
  const isPassedOver = ({ text, read }: (typeof records)[number]) =>
    !read.ok && read.error.at !== '' && text.includes('"payload":')
  expect(records.filter(isPassedOver).map(({ name }) => name)).toEqual([])
  const seals = records.flatMap(({ name, read }) =>
    read.ok
      ? read.value.integrity.seal.signatures.map(({ sig }) => ({
          name,
          seal: read.value.integrity.seal,
          sig,
        }))
      : [],
  )
  const assertions = records.flatMap(({ name, read }) =>
    read.ok
      ? read.value.gates
          .flatMap(({ decisions }) => decisions)
          .flatMap(({ assertion }) => (assertion === null ? [] : [{ name, assertion }]))
      : [],
  )
  const tally = newTally()
  for (const { name, seal, sig } of oneOfEach(seals, ({ seal, sig }) =>
    JSON.stringify([seal, sig]),
  ))
    for (const key of keys) tally.add('seal', name, await sealAnswers(seal, sig, key))
  for (const { name, assertion } of oneOfEach(assertions, (one) => JSON.stringify(one.assertion)))
    for (const approver of approvers)
      tally.add(approver.alg, name, await assertionAnswers(assertion, approver))
  expect(tally.differing).toEqual([])
  expect(Object.keys(tally.counts).toSorted()).toEqual([
    'ES256 of no bytes',
    'ES256 right',
    'ES256 wrong',
    'EdDSA of no bytes',
    'EdDSA right',
    'EdDSA wrong',
    'seal of no bytes',
    'seal right',
    'seal wrong',
  ])
  console.log(tally.counts)
})

it('[V20] both engines make the same of the assertions of the WebAuthn text', async (context) => {
  const missing = whyNoVectors('webauthn-w3c-l3')
  if (missing !== null) context.skip(missing)
  const cases = webauthnCases(readVectors(VECTOR_FILES.webauthn))
  const tally = newTally()
  for (const { section, assertion } of cases)
    for (const { approver } of cases)
      tally.add(approver.alg, section, await assertionAnswers(assertion, approver))
  expect(tally).toMatchObject({
    differing: [],
    counts: { 'ES256 right': 5, 'ES256 wrong': 25, 'EdDSA right': 1, 'EdDSA wrong': 5 },
  })
})

const RUNS = 500
const secret = new Uint8Array(32).fill(3)
const honest = {
  ed25519: (message: Uint8Array) => ({
    key: ed25519.getPublicKey(secret),
    signature: ed25519.sign(message, secret),
  }),
  p256: (message: Uint8Array) => ({
    key: p256.getPublicKey(secret, false),
    signature: p256.sign(message, secret, { lowS: false }),
  }),
  der: (message: Uint8Array) => ({
    key: p256.getPublicKey(secret, false),
    signature: derOfSignature(p256.sign(message, secret, { lowS: false })),
  }),
}

/** Numbers that a careless engine takes for another: the order or the prime added, the sign turned, nothing at all. */
const ED_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
const P_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('none' as const) }),
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(200), bit: fc.nat(7) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(80) }),
  fc.record({ kind: fc.constant('append' as const), byte: fc.nat(255) }),
  fc.record({
    kind: fc.constant('add' as const),
    half: fc.nat(1),
    order: fc.constantFrom(ED_ORDER, P_ORDER),
  }),
  fc.record({ kind: fc.constant('turn' as const), half: fc.nat(1) }),
  fc.record({
    kind: fc.constant('fill' as const),
    half: fc.nat(1),
    byte: fc.constantFrom(0, 1, 255),
  }),
)
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never

function mutated(bytes: Uint8Array, change: Mutation, engine: Engine): Uint8Array {
  switch (change.kind) {
    case 'none':
      return bytes
    case 'flip': {
      const at = change.at % bytes.length
      return bytes.with(at, (bytes[at] ?? 0) ^ (1 << change.bit))
    }
    case 'cut':
      return bytes.subarray(0, change.at)
    case 'append':
      return Uint8Array.from([...bytes, change.byte])
    case 'add':
      return withHalf(bytes, change.half, engine, (value) => value + change.order)
    case 'turn':
      return withHalf(bytes, change.half, engine, (value) =>
        engine === 'ed25519' ? value ^ (1n << 255n) : P_ORDER - value,
      )
    case 'fill':
      return bytes.map((byte, at) => (Math.floor(at / 32) === change.half ? change.byte : byte))
  }
}

function withHalf(
  bytes: Uint8Array,
  half: number,
  engine: Engine,
  change: (value: bigint) => bigint,
): Uint8Array {
  const raw = engine === 'der' ? signatureOfDer(bytes) : bytes
  if (raw === null) return bytes
  const isLittle = engine === 'ed25519'
  const part = raw.slice(half * 32, half * 32 + 32)
  const hex = Buffer.from(isLittle ? part.toReversed() : part).toString('hex')
  const value = change(BigInt(`0x${hex || '0'}`)) & (2n ** 256n - 1n)
  const digits = Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'))
  const changed = Uint8Array.from(raw)
  if (part.length === 32) changed.set(isLittle ? digits.toReversed() : digits, half * 32)
  return engine === 'der' ? derOfSignature(changed) : changed
}

it.each<[Engine]>([['ed25519'], ['p256'], ['der']])(
  '[V13] %s: both engines make the same of keys and signatures that were changed',
  async (engine) => {
    let right = 0
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), mutation, mutation, async (message, ofSignature, ofKey) => {
        const { key, signature } = honest[engine](message)
        const asked = {
          name: 'changed',
          message,
          key: mutated(key, ofKey, engine === 'ed25519' ? engine : 'p256'),
          signature: mutated(signature, ofSignature, engine),
        }
        if (await ours[engine](asked)) right += 1
        expect(await disagreement(engine, asked)).toBeNull()
      }),
      { seed: SEED, numRuns: RUNS },
    )
    expect(right).toBeGreaterThan(0)
  },
)

it('[S1] both engines digest the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 1000 }), async (bytes) => {
      expect(await sha256OfMany(Uint8Array.from(bytes))).toBe(sha256(bytes))
    }),
    { seed: SEED },
  )
})

it('[S1] our SHA-256 is that of both others, for every length around the blocks and for each view of a memory', async () => {
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  const memory = Uint8Array.from({ length: 1100 }, (_, at) => (at * 167 + (at >> 3)) % 256)
  for (let length = 0; length < 600; length += 1) {
    const view = memory.subarray(length % 7, (length % 7) + length)
    const theirs = Buffer.from(theirSha256(view)).toString('hex')
    expect([length, sha256(view), await sha256OfMany(view)]).toEqual([length, theirs, theirs])
  }
  const long = new Uint8Array(3_000_001).fill(0xa5)
  expect(sha256(long)).toBe(await sha256OfMany(long))
  // What was answered stays what it was.
  const first = sha256Bytes('a')
  sha256('b')
  expect(Buffer.from(first).toString('hex')).toBe(sha256('a'))
  const any = fc.string({ unit: 'binary', maxLength: 3000 })
  fc.assert(
    fc.property(any, (text) => {
      const theirs = theirSha256(new TextEncoder().encode(text))
      expect(sha256(text)).toBe(Buffer.from(theirs).toString('hex'))
    }),
    { seed: SEED },
  )
})
