import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Decision } from '#contract/envelope.ts'
import { type TrustedApprover } from '#contract/trust.ts'
import { encodeBase64, encodeBase64Url, tryBase64Url } from '#evidence/base64.ts'
import { type ClaimCode } from '#evidence/claims.ts'
import { digestOf } from '#evidence/digest.ts'
import { derOfSignature, signatureOfDer } from '#evidence/p256.ts'
import { decodeSpki, P256_SPKI } from '#evidence/spki.ts'
import { type Trusted } from '#evidence/trust.ts'
import { verifyEnvelope, type VerifyOptions } from '#evidence/verify.ts'
import { type Answer, approvedRun, newSigner, pinned, startRun, gatedPlan } from './fixture.ts'
import { HONEST_FLAGS, newPasskey, type Passkey, type Unusual } from './passkey.ts'
import { SEED } from './seed.ts'

const signer = await newSigner()
const ann = newPasskey('ann')
const ben = newPasskey('ben', { seed: 8, alg: 'EdDSA' })

const by = (passkey: Passkey, unusual?: Unusual, over: Partial<Decision> = {}): Answer => ({
  approver: passkey.approver.id,
  sign: (decision) => passkey.sign(decision, unusual),
  ...over,
})

async function claimsOf(
  decisions: Answer[],
  {
    approvers = [ann.approver, ben.approver],
    ...options
  }: Partial<VerifyOptions> & { approvers?: TrustedApprover[] } = {},
  policy: Parameters<typeof approvedRun>[2] = {},
) {
  const run = approvedRun(
    signer,
    {},
    { sign: 'passkey', quorum: decisions.length, ...policy },
    decisions,
  )
  const { bytes } = await run.seal()
  return verifyEnvelope(bytes, { trust: [pinned(signer, { approvers })], ...options })
}

async function signatureCodes(...asked: Parameters<typeof claimsOf>) {
  const { claims } = await claimsOf(...asked)
  return claims.flatMap(({ claim, code }) => (claim === 'gate-signature' ? [code] : []))
}

describe('a passkey', () => {
  it.each([ann, ben])('[V20] of a pinned approver signs a decision: proven', async (passkey) => {
    const { verdict, claims } = await claimsOf([by(passkey)])
    expect(verdict).toBe('proven')
    expect(claims.filter(({ claim }) => claim === 'gate-signature')).toMatchObject([
      { state: 'proven', code: 'decision-signed', actual: passkey.approver.public_key },
    ])
  })

  it('[V20] signs a refusal too', async () => {
    const run = startRun(signer, gatedPlan({ sign: 'passkey' }))
    run.step('build')
    run.gate('ship', { decisions: [by(ann, {}, { decision: 'rejected' })] })
    const trust = [pinned(signer, { approvers: [ann.approver] })]
    const { verdict, claims } = await verifyEnvelope((await run.seal()).bytes, { trust })
    expect(verdict).toBe('proven')
    expect(claims.map(({ code }) => code)).toContain('decision-signed')
  })

  it('[V20] of whom the reader did not pin is not checked', async () => {
    expect(await signatureCodes([by(ann)], { approvers: [] })).toEqual(['passkey-unchecked'])
    const offered = [
      pinned(signer),
      { ...pinned(signer, { approvers: [ann.approver] }), source: 'offered' as const },
    ]
    expect(await signatureCodes([by(ann)], { trust: offered })).toEqual(['passkey-unchecked'])
  })

  const high = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const otherS = (der: Uint8Array): Uint8Array => {
    const raw = signatureOfDer(der) ?? new Uint8Array(64)
    const s = high - BigInt(`0x${Buffer.from(raw.subarray(32)).toString('hex')}`)
    const hex = s.toString(16).padStart(64, '0')
    return derOfSignature(Uint8Array.from([...raw.subarray(0, 32), ...Buffer.from(hex, 'hex')]))
  }

  it.each<[string, Unusual]>([
    ['with s the other way round', { signature: otherS }],
    [
      'with slashes as old Android clients write them',
      { clientText: (text) => text.replaceAll('/', String.raw`\/`) },
    ],
    ['without crossOrigin, as the first clients', { client: { crossOrigin: undefined } }],
    ['with a member more', { client: { other_keys_can_be_added_here: 'do not compare' } }],
    ['at the other pinned origin', { client: { origin: 'https://runs.example:8443' } }],
    ['that is not backed up', { flags: 0x05 }],
  ])('[V20] %s is proven', async (_name, unusual) => {
    expect(await signatureCodes([by(ann, unusual)])).toEqual(['decision-signed'])
  })

  it.each<[string, ClaimCode, Unusual]>([
    ['of a registration', 'assertion-unbound', { client: { type: 'webauthn.create' } }],
    ['of another challenge', 'assertion-unbound', { client: { challenge: 'AAAA' } }],
    [
      'at an origin that is not pinned',
      'origin-refused',
      { client: { origin: 'https://evil.example' } },
    ],
    ['at a longer origin', 'origin-refused', { client: { origin: 'https://runs.example/' } }],
    ['at no origin', 'origin-refused', { client: { origin: undefined } }],
    ['in a frame of another site', 'origin-refused', { client: { crossOrigin: true } }],
    ['with crossOrigin as a text', 'origin-refused', { client: { crossOrigin: 'false' } }],
    ['with a crossOrigin of null', 'origin-refused', { client: { crossOrigin: null } }],
    ['under another site', 'origin-refused', { client: { topOrigin: 'https://evil.example' } }],
    ['under the same site', 'origin-refused', { client: { topOrigin: 'https://runs.example' } }],
    ['for another rp_id', 'origin-refused', { rp_id: 'evil.example' }],
    ['without the person verified', 'user-not-verified', { flags: HONEST_FLAGS & ~0x04 }],
    ['without the person present', 'user-not-verified', { flags: HONEST_FLAGS & ~0x01 }],
    ['with an attested key', 'assertion-unreadable', { flags: HONEST_FLAGS | 0x40 }],
    ['with extensions', 'assertion-unreadable', { flags: HONEST_FLAGS | 0x80, more: [0xa0] }],
    ['with a byte more', 'assertion-unreadable', { more: [0] }],
    ['that is backed up and may not be', 'assertion-unreadable', { flags: HONEST_FLAGS & ~0x08 }],
    ['over white space', 'assertion-unreadable', { clientText: (text) => `${text} ` }],
    ['over a byte order mark', 'assertion-unreadable', { clientText: (text) => `\ufeff${text}` }],
    ['over no object', 'assertion-unreadable', { clientText: (text) => `[${text}]` }],
    ['over no JSON', 'assertion-unreadable', { clientText: (text) => text.slice(1) }],
    ['over nothing', 'assertion-unreadable', { clientText: () => '' }],
    [
      'over an origin that is there twice',
      'assertion-unreadable',
      { clientText: (text) => text.replace('{', '{"origin":"https://evil.example",') },
    ],
    [
      'over a key with an escape',
      'assertion-unreadable',
      { clientText: (text) => text.replace('"origin"', String.raw`"\u006frigin"`) },
    ],
    [
      'over more than any client writes',
      'assertion-unreadable',
      {
        clientText: (text) => text.replace('}', `,"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`),
      },
    ],
    [
      'of other bytes',
      'decision-signature-wrong',
      { signature: (der) => der.with(20, (der[20] ?? 0) ^ 1) },
    ],
    [
      'with a byte behind the DER',
      'decision-signature-wrong',
      { signature: (der) => Uint8Array.from([...der, 0]) },
    ],
    [
      'that is no DER',
      'decision-signature-wrong',
      { signature: (der) => signatureOfDer(der) ?? der },
    ],
    ['that is empty', 'decision-signature-wrong', { signature: () => new Uint8Array() }],
    [
      'of zeros',
      'decision-signature-wrong',
      { signature: () => derOfSignature(new Uint8Array(64)) },
    ],
  ])('[V20] %s does not verify', async (_name, code, unusual) => {
    expect(await signatureCodes([by(ann, unusual)])).toEqual([code])
  })

  it('[V20] of something else is none by whoever’s key', async () => {
    for (const unusual of [{ client: { challenge: 'AAAA' } }, { flags: 0 }, { more: [0] }]) {
      const [code] = await signatureCodes([by(ann, unusual)], { approvers: [] })
      expect(code).toMatch(/assertion-unbound|user-not-verified|assertion-unreadable/)
    }
  })

  it.each<[string, Unusual, ClaimCode]>([
    ['as one key could have made it', {}, 'passkey-unchecked'],
    ['that is empty', { signature: () => new Uint8Array() }, 'decision-signature-wrong'],
    ['of three bytes', { signature: () => new Uint8Array(3) }, 'decision-signature-wrong'],
    [
      'with a byte behind it',
      { signature: (it) => Uint8Array.from([...it, 0]) },
      'decision-signature-wrong',
    ],
    [
      'of zeros',
      { signature: () => derOfSignature(new Uint8Array(64)) },
      'decision-signature-wrong',
    ],
    ['of 64 zeros', { signature: () => new Uint8Array(64) }, 'decision-signature-wrong'],
  ])('[V20] of whom nobody pinned, with a signature %s', async (_, unusual, code) => {
    for (const passkey of [ann, ben])
      expect(await signatureCodes([by(passkey, unusual)], { approvers: [] })).toEqual([code])
  })

  it('[V20] of no credential is none by whoever’s key', async () => {
    const nameless: Answer = {
      approver: 'ann',
      sign: (decision) => ({ ...ann.sign(decision), credential_id: '' }),
    }
    expect(await signatureCodes([nameless], { approvers: [] })).toEqual(['assertion-unreadable'])
    const approvers = [{ ...ann.approver, credential_id: '' }]
    expect(await signatureCodes([nameless], { approvers })).toEqual(['assertion-unreadable'])
  })

  it('[V20] of somebody else, or of another passkey of the same person', async () => {
    const forged: Answer = { ...by(ben), approver: 'ann' }
    expect(await signatureCodes([forged])).toEqual(['credential-differs'])
    const sameId = { ...ben.approver, credential_id: ann.approver.credential_id }
    expect(await signatureCodes([by(ann)], { approvers: [{ ...sameId, id: 'ann' }] })).toEqual([
      'decision-signature-wrong',
    ])
  })

  it.each<[string, Partial<TrustedApprover>, ClaimCode]>([
    [
      'for this definition',
      { may: { definitions: ['release'], gates: ['ship'] } },
      'decision-signed',
    ],
    [
      'for another definition',
      { may: { definitions: ['deploy'], gates: null } },
      'approver-not-entitled',
    ],
    ['for another gate', { may: { definitions: null, gates: ['legal'] } }, 'approver-not-entitled'],
    ['for nothing', { may: { definitions: [], gates: null } }, 'approver-not-entitled'],
    ['retired before', { status: 'retired', last_seal_seq: null }, 'approver-retired'],
    ['revoked before', { status: 'revoked', last_seal_seq: 0 }, 'approver-revoked'],
    ['revoked since', { status: 'revoked', last_seal_seq: 1 }, 'decision-signed'],
    ['at another origin', { origins: ['https://other.example'] }, 'origin-refused'],
    ['of another site', { rp_id: 'other.example' }, 'origin-refused'],
  ])('[T3] [V20] pinned %s', async (_name, over, code) => {
    const approvers = [{ ...ann.approver, ...over }]
    expect(await signatureCodes([by(ann)], { approvers })).toEqual([code])
  })

  it('[T3] [V20] an older copy of a trust file does not undo a revocation', async () => {
    const revoked = { ...ann.approver, status: 'revoked' as const }
    const trust = [[ann.approver], [revoked]].map((approvers) => pinned(signer, { approvers }))
    expect(await signatureCodes([by(ann)], { trust })).toEqual(['approver-revoked'])
  })

  it.each<[string, Partial<TrustedApprover>, ClaimCode]>([
    ['signed elsewhere', { origins: ['https://new.example'] }, 'origin-disputed'],
    ['was of another site', { rp_id: 'new.example' }, 'origin-disputed'],
    [
      'signed elsewhere, and is revoked',
      { origins: ['https://new.example'], status: 'revoked' },
      'approver-revoked',
    ],
    [
      'signed elsewhere, and decides elsewhere',
      { rp_id: 'new.example', may: { definitions: [], gates: null } },
      'approver-not-entitled',
    ],
    ['decides elsewhere', { may: { definitions: [], gates: null } }, 'approver-not-entitled'],
    ['is as it was', {}, 'decision-signed'],
  ])('[T3] [V20] by another record of one passkey, which %s', async (_, over, code) => {
    const credential_id = encodeBase64Url(new TextEncoder().encode('another credential'))
    for (const as of [{ id: 'cid' }, { credential_id }, { id: 'cid', credential_id }]) {
      const other = { ...ann.approver, ...as, ...over }
      const trust = [ann.approver, other].map((one) => pinned(signer, { approvers: [one] }))
      for (const files of [trust, trust.toReversed()])
        expect(await signatureCodes([by(ann)], { trust: files })).toEqual([code])
    }
  })

  it('[V20] where two files differ about its origin, both are named; where neither has it, it fails', async () => {
    const at = (name: string, origin: string) => ({
      ...pinned(signer, { approvers: [{ ...ann.approver, origins: [origin] }] }),
      name,
    })
    const [origin = ''] = ann.approver.origins
    const found = async (...trust: Trusted[]) =>
      (await claimsOf([by(ann)], { trust })).claims.find(({ claim }) => claim === 'gate-signature')
    const open = await found(at('old.json', 'https://old.example'), at('new.json', origin))
    expect(open).toMatchObject({ code: 'origin-disputed', state: 'not checked', actual: origin })
    expect(open?.message).toContain(`https://old.example for ${ann.approver.rp_id} (old.json)`)
    expect(open?.message).toContain(`${origin} for ${ann.approver.rp_id} (new.json)`)
    const neither = [at('a', 'https://a.example'), at('b', 'https://b.example')]
    expect(await found(...neither)).toMatchObject({ code: 'origin-refused' })
  })

  it('[T3] [V20] that is revoked and still counts is told to be, with what that rests on', async () => {
    const since = { ...ann.approver, status: 'revoked' as const, last_seal_seq: 1 }
    const { claims } = await claimsOf([by(ann)], { approvers: [since] })
    const signed = claims.find(({ code }) => code === 'decision-signed')
    expect(signed?.ended).toBe('revoked')
    expect(signed?.message).toContain('It is revoked and counts up to number 1')
  })
})

describe('whoever counts', () => {
  const gateCodes = async (...asked: Parameters<typeof claimsOf>) => {
    const { claims } = await claimsOf(...asked)
    return claims.flatMap(({ claim, code }) => (claim === 'gate' ? [code] : []))
  }

  it('[V20] two approvers are two ids and two keys', async () => {
    expect(await gateCodes([by(ann), by(ben)])).toEqual(['gate-recorded'])
    expect(await gateCodes([by(ann), by(ann)])).toEqual(['approver-repeated'])
    const twin = newPasskey('cid')
    const trust = [ann, twin].map(({ approver }) => pinned(signer, { approvers: [approver] }))
    expect(await gateCodes([by(ann), by(twin)], { trust })).toEqual(['approver-repeated'])
  })

  it('[V20] one person with a passkey and a session is one', async () => {
    const approvers = [newPasskey('ann', { user: 'anna' }).approver]
    const policy = { sign: 'session' as const }
    expect(await gateCodes([by(ann), { approver: 'user:anna' }], { approvers }, policy)).toEqual([
      'approver-repeated',
    ])
    expect(await gateCodes([by(ann), { approver: 'user:ann' }], {}, policy)).toEqual([
      'approver-repeated',
    ])
  })

  it.each<[string, Partial<TrustedApprover>, string]>([
    ['the starter under another id', { id: 'cid', user: 'oda' }, 'starter-decided'],
    ['the starter under the same id', { user: 'oda' }, 'starter-decided'],
    ['somebody else under another id', { id: 'cid', user: 'cid' }, 'owner-unknown'],
    ['nobody', { id: 'cid', user: undefined }, 'owner-unknown'],
    ['the same person', { id: 'cid' }, 'others-decided'],
  ])('[V11] four eyes, where another file gives the key to %s', async (_name, over, code) => {
    const approver = { ...ann.approver, user: 'ann' }
    const { user, ...second } = { ...approver, ...over }
    const trust = [approver, user === undefined ? second : { ...second, user }].map((one) =>
      pinned(signer, { approvers: [one] }),
    )
    const { claims } = await claimsOf([by(ann)], { trust }, { four_eyes: true })
    expect(claims.find(({ claim }) => claim === 'four-eyes')?.code).toBe(code)
  })

  it('[V11] four eyes are counted by whom the reader pinned the passkey as', async () => {
    const codeOf = async (approvers: TrustedApprover[], passkey = ann) => {
      const { claims } = await claimsOf([by(passkey)], { approvers }, { four_eyes: true })
      return claims.find(({ claim }) => claim === 'four-eyes')?.code
    }
    expect(await codeOf([ann.approver])).toBe('owner-unknown')
    expect(await codeOf([newPasskey('ann', { user: 'anna' }).approver])).toBe('others-decided')
    expect(await codeOf([newPasskey('ann', { user: 'oda' }).approver])).toBe('starter-decided')
    expect(await codeOf([], newPasskey('oda'))).toBe('starter-decided')
  })

  it('[V20] a request is answered once, also over the envelopes that the reader holds', async () => {
    const nonce = 'f'.repeat(32)
    const { envelope } = await claimsOf([by(ann, {}, { nonce })])
    const [held] = envelope?.gates.flatMap(({ decisions }) => decisions) ?? []
    const before = { server: signer.key_id, evidence_id: 'ev-0', head: 'x', seal_seq: 9 }
    const previousOf = (sha256: string) => [{ ...before, decisions: [{ nonce, sha256 }] }]
    const again = previousOf(digestOf(held?.decision))
    expect(await gateCodes([by(ann, {}, { nonce })], { previous: again })).toEqual([
      'gate-recorded',
    ])
    expect(
      await gateCodes([by(ann, {}, { nonce, comment: 'Another.' })], { previous: again }),
    ).toEqual(['nonce-repeated'])
  })
})

describe('encodings', () => {
  it('[V13] base64url is the one text of its bytes', () => {
    for (const text of ['A', 'AB', 'AAB', 'AA==', 'AA+/', 'AA\n', ' AA', 'ÄÄ'])
      expect(tryBase64Url(text)).toBeNull()
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(tryBase64Url(encodeBase64Url(bytes))).toEqual(Uint8Array.from(bytes))
      }),
      { seed: SEED },
    )
  })

  it('[V13] DER is the one encoding of two numbers', () => {
    const raw = Uint8Array.from({ length: 64 }, (_, index) => 0x90 + index)
    const der = [...derOfSignature(raw)]
    expect(signatureOfDer(Uint8Array.from(der))).toEqual(raw)
    const small = [0x30, 6, 2, 1, 1, 2, 1, 2]
    expect(signatureOfDer(Uint8Array.from(small))).not.toBeNull()
    for (const wrong of [
      [],
      [0x30],
      [...der, 0],
      der.slice(0, -1),
      [0x31, ...der.slice(1)],
      [0x30, 0x81, ...der.slice(1)],
      [0x30, 7, 2, 2, 0, 1, 2, 1, 2],
      [0x30, 6, 2, 1, 0x81, 2, 1, 2],
      [0x30, 6, 3, 1, 1, 2, 1, 2],
      [0x30, 5, 2, 0, 2, 1, 2],
      [0x30, 0x80, 2, 1, 1, 2, 1, 2, 0, 0],
    ])
      expect(signatureOfDer(Uint8Array.from(wrong))).toBeNull()
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
        expect(signatureOfDer(derOfSignature(bytes))).toEqual(Uint8Array.from(bytes))
      }),
      { seed: SEED },
    )
  })

  it('[V13] a key is a point of its curve in its one encoding', () => {
    const spki = Buffer.from(ann.approver.public_key, 'base64')
    expect(decodeSpki(ann.approver.public_key)?.alg).toBe('ES256')
    expect(decodeSpki(ben.approver.public_key)?.alg).toBe('EdDSA')
    const prime = Buffer.from(
      'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff',
      'hex',
    )
    for (const wrong of [
      spki.subarray(0, -1),
      Buffer.concat([spki, Buffer.of(0)]),
      spki.with(spki.length - 1, (spki.at(-1) ?? 0) ^ 1),
      spki.with(P256_SPKI.length, 0x02),
      Buffer.concat([Buffer.from(P256_SPKI), Buffer.of(4), Buffer.alloc(64)]),
      Buffer.concat([Buffer.from(P256_SPKI), Buffer.of(4), prime, spki.subarray(-32)]),
      spki.subarray(P256_SPKI.length),
    ])
      expect(decodeSpki(encodeBase64(wrong))).toBeNull()
    expect(decodeSpki(`${ann.approver.public_key}\n`)).toBeNull()
  })
})
