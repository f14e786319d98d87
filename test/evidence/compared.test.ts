import { describe, expect, it } from 'vitest'
import { CODE, type ClaimCode, claimOf, fails } from '#evidence/claims.ts'
import { PROFILE } from '#contract/scalar.ts'
import { utf8 } from '#evidence/canonical.ts'
import { sha256 } from '#evidence/digest.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { optionsFor, readAttack, readAttackTable } from './attacks.ts'
import { newSigner, pinned, planGate, sealContent, startRun } from './fixture.ts'

/** Where nothing is compared with anything, or with what is said beside it. */
const NOT_COMPARED: readonly ClaimCode[] = [
  'signature-wrong',
  'statement-unreadable',
  'decision-signature-wrong',
  'expectation-fails',
]
/** Of a file that is not read as a record: its sorts, sizes and bytes, and no word of it. */
const STRUCTURE = ['bytes', 'canonical', 'schema', 'coverage']
const NO_WORD =
  /^(nothing|null|true|false|the end of the file|byte 0x[0-9a-f]{2}|(a (text|list) of |another key, of )?[\d,]+ (byte|character|element|link|step|gate|entry|entrie|artifact|level)s?|an object|the number \S+|another (text|one too)|(more|half) of .*|one that is too large|(kind )?(opening|step|gate|closing)|\d+|one with an escape)$/

/** No client data, no bytes at all, and a signature that is right and of another gate. */
const NOTHING_TO_COMPARE =
  /client data of no one reading|is not strict base64url|is not about what this record has/

describe('what was expected, and what is there', () => {
  it('[V27] stands at each claim that does not verify, and differs, but where nothing is compared', async () => {
    const table = readAttackTable()
    const met = new Set<ClaimCode>()
    for (const attack of table.attacks) {
      const { claims } = await verifyEnvelope(readAttack(attack), optionsFor(attack, table))
      for (const { code, expected, actual, message } of claims.filter(fails)) {
        if (NOT_COMPARED.includes(code)) continue
        if (STRUCTURE.includes(CODE[code].claim))
          expect(actual, `in ${attack.file}`).toMatch(NO_WORD)
        if (NOTHING_TO_COMPARE.test(message)) continue
        met.add(code)
        expect({ file: attack.file, code, message, differs: expected !== actual }).toMatchObject({
          differs: true,
        })
        expect([expected, actual], `${attack.file} ${message}`).not.toContain(undefined)
      }
    }
    expect(met.size).toBeGreaterThan(50)
  })

  it.each([
    ['what is no UTF-8 behind what is no JSON', [0x1f, 0x8b, 0x08, 0xff], 'UTF-8', 'byte 0x8b'],
    ['what is cut off within a character', [0x22, 0xc3], 'UTF-8', 'the end of the file'],
    ['a list too deep to look into', `${'['.repeat(150)}1 2`, 'what JSON has there', 'byte 0x32'],
    ['a nesting that nobody counts', '['.repeat(2e6), 'one JSON document', 'something else'],
    [
      'a key that has to have an escape',
      `{"schema":"${PROFILE}","\\u0001":1}`,
      'keys without an escape',
      'one with an escape',
    ],
    ['a number that no JSON has', '{"schema":1e999}', PROFILE, 'a number that no JSON has'],
    ['no object', '[1,2]', 'an object', 'a list of 2 elements'],
  ] as const)('[V27] %s', async (_what, file, expected, actual) => {
    const bytes = typeof file === 'string' ? utf8(file) : Uint8Array.from(file)
    const { claims } = await verifyEnvelope(bytes, { trust: [] })
    expect(claims).toMatchObject([{ expected, actual }])
  })

  it('[V27] of two long texts that begin as one, it is where they differ', () => {
    const same = 'x'.repeat(65_000)
    const { expected = '', actual = '' } = claimOf('plan-differs', {
      message: '',
      expected: `${same}left`,
      actual: `${same}right`,
    })
    expect([expected, actual]).toEqual([`…${'x'.repeat(100)}left`, `…${'x'.repeat(100)}right`])
  })
})

describe('what is digested', () => {
  it('[V27] is shown of each claim that does not verify where something is', async () => {
    const table = readAttackTable()
    const claimsOf = async (name: string) => {
      const attack = table.attacks.find(({ file }) => file === name)
      if (attack === undefined) throw new RangeError(name)
      return (await verifyEnvelope(readAttack(attack), optionsFor(attack, table))).claims
    }
    const shown = async (file: string, code: ClaimCode) =>
      (await claimsOf(file)).find((claim) => claim.code === code)
    for (const [file, code] of [
      ['opening-changed', 'entry-changed'],
      ['entries-swapped', 'entry-changed'],
      ['link-changed', 'link-broken'],
      ['version-people', 'another-plan'],
    ] as const) {
      const claim = await shown(file, code)
      expect([claim?.expected, claim?.actual]).toContain(sha256(claim?.preimage ?? ''))
    }
    for (const [file, code, beginning] of [
      ['content-digest', 'content-differs', '{"closing":'],
      ['sealed-early', 'sealed-early', '{"_type":"https://in-toto.io/Statement/v1"'],
      ['other-key-renamed', 'signature-wrong', 'DSSEv1 28 application/vnd.in-toto+json '],
      ['decision-late', 'expiry-broken', '{"approver":"ann"'],
      ['artifact-shown', 'shown-differs', '{"artifacts":[{'],
      ['passkey-origin', 'origin-refused', '{"type":"webauthn.get"'],
      ['approver-revoked', 'approver-revoked', '{"approver":"ann"'],
    ] as const)
      expect((await shown(file, code))?.preimage).toMatch(beginning)
    // Authenticator data and the digest of the client data.
    expect((await shown('passkey-signature', 'decision-signature-wrong'))?.preimage).toMatch(
      /^[0-9a-f]{138}$/,
    )
  })

  it('[V27] of many gates a hundred have it: a verdict is not as large as what it is about', async () => {
    const signer = await newSigner()
    const gates = Array.from({ length: 300 }, (_, nth) => planGate(`gate-${nth}`))
    const run = startRun(signer, { gates })
    for (const { step_id } of gates) run.gate(step_id, { decisions: [{ approver: 'user:ann' }] })
    const content = run.content()
    for (const { shown } of content.gates) shown.question = 'Another?'
    const { bytes } = await sealContent(content, signer)
    const { claims } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
    const differing = claims.filter(({ code }) => code === 'shown-differs')
    expect(differing).toHaveLength(300)
    const told = claims.filter(({ claim, preimage }) => claim === 'gate' && preimage !== undefined)
    expect(told).toHaveLength(100)
  })
})
