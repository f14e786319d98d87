import { describe, expect, it } from 'vitest'
import { type PlanGate, type Policy } from '#contract/envelope.ts'
import {
  type RequiredDefinition,
  type RequiredGate,
  type ServerKey,
  type TrustFile,
  type TrustSource,
} from '#contract/trust.ts'
import { encodeBase64 } from '#evidence/base64.ts'
import { sha256 } from '#evidence/digest.ts'
import { type Expectation } from '#evidence/expectations.ts'
import { requirementOf } from '#evidence/keep.ts'
import { openIn, requiredPlanOf } from '#evidence/plan.ts'
import { ED25519_SPKI } from '#evidence/spki.ts'
import { trustFault, type Trusted } from '#evidence/trust.ts'
import { MAX_TRUST_BYTES, readOffer, readTrustFile } from '#evidence/trust-file.ts'
import { withinQuotes } from '#evidence/trust-said.ts'
import { verifyEnvelope, type VerifyOptions } from '#evidence/verify.ts'
import {
  approvedRun,
  gatedPlan,
  newSigner,
  pinned,
  planGate,
  planStep,
  type Sealed,
  serverKeyOf,
  SHAPES,
  startRun,
  trustFileOf,
} from './fixture.ts'
import { newPasskey } from './passkey.ts'
import { workOf } from './work.ts'

const signer = await newSigner()
const other = await newSigner(2)
const sealed = await approvedRun(signer).seal({
  seal_seq: 3,
  previous: { evidence_id: 'ev-0', head: sha256('x') },
})

async function verdictBy(trust: Trusted[], { bytes }: Sealed = sealed) {
  const { verdict, claims, sealed_by } = await verifyEnvelope(bytes, { trust })
  const seal = claims.find(({ claim }) => claim === 'seal')
  const { state, code, message, ended } = seal ?? {}
  return { verdict, state, code, message, ended, sealed_by }
}

const from = (source: TrustSource, over: Partial<ServerKey> = {}): Trusted => ({
  file: trustFileOf(signer, { server_keys: [serverKeyOf(signer, over)] }),
  source,
})

describe('whose key it is', () => {
  it('[V7] without a key the signature is not checked, and nothing is proven', async () => {
    const { verdict, state, code, sealed_by } = await verdictBy([pinned(other)])
    expect({ verdict, state, code, sealed_by }).toEqual({
      verdict: 'not proven',
      state: 'not checked',
      code: 'key-unknown',
      sealed_by: null,
    })
  })

  it.each<[TrustSource, string, string]>([
    ['first_seen', 'key-first-seen', 'first seen on this device'],
    ['offered', 'key-offered', 'proves nothing about the server'],
  ])('[V7] a key that was %s proves nothing', async (source, code, words) => {
    const found = await verdictBy([from(source)])
    expect(found).toMatchObject({
      verdict: 'not proven',
      state: 'not checked',
      code,
      sealed_by: { key_id: signer.key_id, source },
    })
    expect(found.message).toContain(words)
  })

  it('[V7] a wrong signature is wrong by an offered key too', async () => {
    const text = new TextDecoder().decode(sealed.bytes)
    const bytes = new TextEncoder().encode(
      text.replace(/(?<="sig":")./, (sig) => (sig === 'A' ? 'B' : 'A')),
    )
    const found = await verdictBy([from('offered')], { ...sealed, bytes })
    expect(found).toMatchObject({
      verdict: 'does not verify',
      code: 'signature-wrong',
      sealed_by: null,
    })
  })

  it('[V7] the best source counts, and the name is the one that it gives', async () => {
    const trust = [from('offered', { name: 'says so' }), from('pinned', { name: 'CI' })]
    expect(await verdictBy(trust)).toMatchObject({
      verdict: 'proven',
      sealed_by: { source: 'pinned', name: 'CI' },
    })
  })

  it.each<[Partial<ServerKey>, string]>([
    [{ status: 'retired', last_seal_seq: 2 }, 'key-retired'],
    [{ status: 'retired', last_seal_seq: null }, 'key-retired'],
    [{ status: 'revoked', last_seal_seq: 2 }, 'key-revoked'],
    [{ status: 'retired', last_seal_seq: 3 }, 'seal-signed'],
    [{ status: 'revoked', last_seal_seq: 3 }, 'seal-signed'],
  ])('[V7] a key that is %o, for seal 3', async (over, code) => {
    expect((await verdictBy([from('pinned', over)])).code).toBe(code)
  })

  it('[V25] what only the record says is told as its word', async () => {
    const { claims } = await verifyEnvelope(sealed.bytes, { trust: [from('pinned')] })
    const said = (code: string) => claims.find((claim) => claim.code === code)?.message
    expect(said('seal-bound')).toMatch(/ It says that it was made at .*, which is the word of /)
    expect(said('entries-agree')).toMatch(/ with the outcome “succeeded”\.$/)
  })

  it('[V7] an older copy of a trust file does not undo a revocation', async () => {
    const revoked = from('pinned', { status: 'revoked', last_seal_seq: null })
    expect((await verdictBy([from('pinned'), revoked])).code).toBe('key-revoked')
  })

  it.each(['retired', 'revoked'] as const)(
    '[V7] that a key which still counts is %s is told, with what that rests on',
    async (status) => {
      const ended = from('pinned', { status, last_seal_seq: 5 })
      for (const trust of [[ended], [from('pinned'), ended]]) {
        const { message, ...found } = await verdictBy(trust)
        expect(found).toMatchObject({ verdict: 'proven', code: 'seal-signed', ended: status })
        expect(message).toContain(
          `It is ${status} and counts up to number 5: that this is number 3 is the word of whoever has the sealing key`,
        )
      }
      expect((await verdictBy([from('pinned')])).ended).toBeUndefined()
    },
  )
})

describe('a trust file', () => {
  const { approver } = newPasskey('ann')
  const key = serverKeyOf(signer)
  const required = { name: 'release', sha256: null, gates: [] }
  const requiredGate = {
    step_id: 'ship',
    quorum: 1,
    four_eyes: false,
    sign: 'session',
    question: null,
    roles: null,
  } as const

  it.each<[string, Partial<TrustFile>, string]>([
    [
      'an id that is not its key’s',
      { server_keys: [{ ...key, key_id: sha256('x') }] },
      'is not the id of its key',
    ],
    [
      'a key that is too short',
      { server_keys: [{ ...key, public_key: 'AAAA' }] },
      'is no Ed25519 public key',
    ],
    [
      'a key of low order',
      { server_keys: [{ ...key, public_key: `${'A'.repeat(43)}=` }] },
      'is no Ed25519 public key',
    ],
    [
      'base64 with bits left over',
      { server_keys: [{ ...key, public_key: key.public_key.replace(/.=$/, '/=') }] },
      'is no Ed25519 public key',
    ],
    ['one key twice', { server_keys: [key, key] }, 'is there twice'],
    [
      'one approver’s key under two ids',
      { approvers: [approver, { ...approver, id: 'ben' }] },
      'ben has the public key of ann',
    ],
    [
      'one id for two approvers',
      { approvers: [approver, newPasskey('ann', { seed: 8 }).approver] },
      'is there twice',
    ],
    [
      'the server’s key as an approver’s',
      {
        approvers: [
          {
            ...approver,
            alg: 'EdDSA',
            public_key: encodeBase64(Uint8Array.from([...ED25519_SPKI, ...signer.public_key])),
          },
        ],
      },
      `ann has the public key of ${signer.key_id}`,
    ],
    [
      'a key of another algorithm than it says',
      { approvers: [{ ...approver, alg: 'EdDSA' }] },
      'ann has no EdDSA public key',
    ],
    [
      'a credential id with bits left over',
      { approvers: [{ ...approver, credential_id: 'AB' }] },
      'ann has no strict base64url',
    ],
    [
      'an active key that counts up to a number',
      { server_keys: [serverKeyOf(signer, { last_seal_seq: 0 })] },
      `${signer.key_id} is active and counts up to number 0`,
    ],
    [
      'an active passkey that counts up to a number',
      { approvers: [{ ...approver, last_seal_seq: 7 }] },
      'ann is active and counts up to number 7',
    ],
    [
      'one gate required twice',
      { required: [{ ...required, gates: [requiredGate, requiredGate] }] },
      'release has one gate required twice',
    ],
    ['one definition required twice', { required: [required, required] }, 'is required twice'],
  ])('[V17] with %s is refused, and with it its requirements', async (_name, over, reason) => {
    const file = trustFileOf(signer, over)
    expect(trustFault(file)).toContain(reason)
    const { verdict, claims } = await verifyEnvelope(sealed.bytes, {
      trust: [pinned(signer), { file, source: 'pinned' }],
    })
    expect(claims.filter(({ claim }) => claim === 'trust')).toMatchObject([
      { state: 'not checked', code: 'trust-file-refused' },
    ])
    expect(claims.map(({ code }) => code)).not.toContain('nothing-required')
    expect(verdict).toBe('not proven')
  })

  const utf8 = new TextEncoder()
  it.each<[string, Uint8Array, string]>([
    [
      'a member twice',
      utf8.encode(JSON.stringify(trustFileOf(signer)).replace('{', '{"required":[{}],')),
      'it has a member twice',
    ],
    [
      'a key’s member twice',
      utf8.encode(
        JSON.stringify(trustFileOf(signer)).replace(
          '"status"',
          String.raw`"st\u0061tus":"revoked","status"`,
        ),
      ),
      'it has a member twice',
    ],
    ['a member __proto__', utf8.encode('{"__proto__":{}}'), 'it has a member __proto__'],
    [
      'a byte order mark',
      utf8.encode(`\ufeff${JSON.stringify(trustFileOf(signer))}`),
      'it begins with a byte order mark',
    ],
    ['a byte that is no UTF-8', Uint8Array.of(0xff), 'it is not UTF-8'],
    ['more bytes than any has', new Uint8Array(MAX_TRUST_BYTES + 1), 'it is too long'],
    ['a member of nobody’s', utf8.encode('{"schema":"runseal/trust/1","x":1}'), 'does not fit'],
    [
      'an unusable key',
      utf8.encode(JSON.stringify(trustFileOf(signer, { server_keys: [key, key] }))),
      'is there twice',
    ],
  ])('[V17] with %s is read in no way', (_name, bytes, why) => {
    const read = readTrustFile(bytes)
    expect(read.ok ? 'read' : read.why).toContain(why)
  })

  it('[V17] with more that does not fit than a call takes arguments is read in no way', () => {
    const required = Array.from({ length: 200_000 }, () => 0)
    const read = readTrustFile(utf8.encode(JSON.stringify({ ...trustFileOf(signer), required })))
    expect(read).toEqual({
      ok: false,
      why: 'its member /required/0 does not fit: Invalid input: expected object, received number',
    })
  })

  it('[V17] is read as it was written', () => {
    const file = trustFileOf(signer, { approvers: [approver], required: [required] })
    expect(readTrustFile(utf8.encode(JSON.stringify(file, null, 2)))).toEqual({ ok: true, file })
  })

  it('[V17] that was brought and refused leaves open what is required', async () => {
    const { verdict, claims } = await verifyEnvelope(sealed.bytes, {
      trust: [pinned(signer)],
      refused: ['it has a member twice'],
    })
    expect(verdict).toBe('not proven')
    expect(claims.filter(({ claim }) => claim === 'expectations')).toEqual([])
    expect(claims.find(({ claim }) => claim === 'trust')?.message).toBe(
      'A trust file (brought by you) was not used: it has a member twice. What it requires is not known.',
    )
  })

  it('[V15] that is not confirmed and requires a gate is named, and binds nobody', async () => {
    const file = trustFileOf(signer, { required: [{ ...required, gates: [requiredGate] }] })
    const { verdict, claims } = await verifyEnvelope(sealed.bytes, {
      trust: [pinned(signer), { file, source: 'offered' }],
    })
    expect(verdict).toBe('proven')
    expect(claims.find(({ code }) => code === 'nothing-required')?.message).toContain(
      'that you have not confirmed requires some gate',
    )
  })

  it('[V17] without fault is used', () => {
    expect(
      trustFault(
        trustFileOf(signer, { server_keys: [key, serverKeyOf(other)], approvers: [approver] }),
      ),
    ).toBeNull()
  })
})

describe('what the reader requires', () => {
  const { definition } = sealed.envelope.opening
  const plan = requiredPlanOf(sealed.envelope.opening)
  const gate = {
    step_id: 'ship',
    quorum: 1,
    four_eyes: false,
    sign: 'session',
    question: null,
    roles: null,
  } as const
  const requiring = (over: Partial<RequiredDefinition>, { bytes }: Sealed = sealed) =>
    verifyEnvelope(bytes, {
      trust: [
        pinned(signer, { required: [{ name: 'release', sha256: null, gates: [], ...over }] }),
      ],
    })
  const codesOf = async (over: Partial<RequiredDefinition>, of?: Sealed) => {
    const { verdict, claims } = await requiring(over, of)
    return [
      verdict,
      ...claims.flatMap(({ claim, code }) => (claim === 'expectations' ? [code] : [])),
    ]
  }

  it('[V1] what is no trust file at all, or throws when it is read, is none, and nothing is proven', async () => {
    const throwing = {
      ...trustFileOf(signer),
      get required(): never {
        throw new Error('no')
      },
    }
    const some: unknown[] = [null, undefined, 7, {}, { file: throwing, source: 'pinned' }]
    for (const one of [...some, { ...pinned(signer), source: 'constructor' }]) {
      const trust: Trusted[] = [pinned(signer)]
      Reflect.set(trust, 1, one)
      const { verdict, claims } = await verifyEnvelope(sealed.bytes, { trust })
      expect(verdict).toBe('not proven')
      expect(claims.map(({ code }) => code)).toContain('trust-file-refused')
    }
  })

  it('[V17] [V15] what could not be read of whom the reader trusts is as a file that is refused', async () => {
    const { verdict, claims } = await verifyEnvelope(sealed.bytes, {
      trust: [pinned(signer)],
      unread: 'the disk is gone',
    })
    expect(verdict).toBe('not proven')
    const codes = claims.map(({ code }) => code)
    expect(codes).toContain('trust-unread')
    expect(codes).not.toContain('trust-file-refused')
    expect(codes).not.toContain('nothing-required')
  })

  it('[V15] nothing: then that is said', async () => {
    const { verdict, claims } = await verifyEnvelope(sealed.bytes, { trust: [pinned(signer)] })
    expect(verdict).toBe('proven')
    expect(claims.find(({ claim }) => claim === 'expectations')).toMatchObject({
      state: 'not present',
      code: 'nothing-required',
      message: 'You required no gate of release: a trust file would.',
    })
  })

  it.each<[string, Partial<RequiredDefinition>, string[]]>([
    [
      'this definition, by its digest alone',
      { sha256: definition.sha256 },
      ['not proven', 'requirement-unchecked', 'nothing-required'],
    ],
    [
      'this definition and its plan',
      { sha256: definition.sha256, plan },
      ['proven', 'expectation-holds', 'expectation-holds', 'nothing-required'],
    ],
    [
      'another plan',
      { plan: { ...plan, sha256: sha256('x') } },
      ['does not verify', 'another-plan', 'nothing-required'],
    ],
    [
      'another definition',
      { sha256: sha256('x') },
      ['does not verify', 'definition-differs', 'nothing-required'],
    ],
    [
      'another name',
      { name: 'deploy', gates: [{ ...gate, quorum: 2 }] },
      ['not proven', 'another-definition'],
    ],
    ['the gate', { gates: [gate] }, ['proven', 'expectation-holds']],
    [
      'its question',
      { gates: [{ ...gate, question: 'Go on with ship?' }] },
      ['proven', 'expectation-holds'],
    ],
    [
      'its role',
      { gates: [{ ...gate, roles: ['approver', 'admin'] }] },
      ['proven', 'expectation-holds'],
    ],
    [
      'a gate that is not planned',
      { gates: [{ ...gate, step_id: 'legal' }] },
      ['does not verify', 'gate-missing'],
    ],
    ['more approvals', { gates: [{ ...gate, quorum: 2 }] }, ['does not verify', 'gate-weaker']],
    ['four eyes', { gates: [{ ...gate, four_eyes: true }] }, ['does not verify', 'gate-weaker']],
    ['passkeys', { gates: [{ ...gate, sign: 'passkey' }] }, ['does not verify', 'gate-weaker']],
    [
      'another question',
      { gates: [{ ...gate, question: 'Lunch?' }] },
      ['does not verify', 'gate-weaker'],
    ],
    [
      'another role',
      { gates: [{ ...gate, roles: ['admin'] }] },
      ['does not verify', 'gate-weaker'],
    ],
    [
      'its people, of whom there are none',
      { gates: [{ ...gate, users: [] }] },
      ['proven', 'expectation-holds'],
    ],
    ['a term', { gates: [{ ...gate, expires_ms: 1000 }] }, ['does not verify', 'gate-weaker']],
    [
      'an answer',
      { gates: [{ ...gate, inputs: [{ name: 'ticket', label: 'Ticket', required: false }] }] },
      ['does not verify', 'gate-weaker'],
    ],
  ])('[V15] %s', async (_name, over, codes) => {
    expect(await codesOf(over)).toEqual(codes)
  })

  const strict = {
    users: ['ann', 'ben'],
    expires_ms: 60_000,
    inputs: [{ name: 'ticket', label: 'Ticket', required: true }],
  }
  it.each<[string, Partial<Policy>, Partial<RequiredGate>, boolean]>([
    ['as it is', {}, {}, true],
    ['a shorter term', { expires_ms: 30_000 }, {}, true],
    ['a longer term', { expires_ms: 60_001 }, {}, false],
    ['no term', { expires_ms: null }, {}, false],
    ['fewer people', { users: ['ben'] }, {}, true],
    ['one more person', { users: ['ann', 'ben', 'eve'] }, {}, false],
    ['a role beside the people', { roles: ['approver'] }, {}, false],
    ['a role that is pinned too', { roles: ['approver'] }, { roles: ['approver'] }, true],
    ['people whom nobody pinned', {}, { roles: ['approver'], users: null }, false],
    [
      'one input more',
      { inputs: [...strict.inputs, { name: 'note', label: 'Note', required: false }] },
      {},
      true,
    ],
    [
      'an input that may be left empty',
      { inputs: [{ name: 'ticket', label: 'Ticket', required: false }] },
      {},
      false,
    ],
    [
      'an input with another label',
      { inputs: [{ name: 'ticket', label: 'Any', required: true }] },
      {},
      false,
    ],
  ])('[V15] a policy with %s', async (_name, policy, over, isStrong) => {
    const gated = gatedPlan({ roles: [], ...strict, ...policy })
    const run = startRun(signer, gated)
    run.step('build')
    run.gate('ship', {
      decisions: [{ approver: 'user:ben', inputs: { ticket: 'A-1' } }],
    })
    run.step('publish')
    const gates = [{ ...gate, roles: [], ...strict, ...over }]
    expect(await codesOf({ gates }, await run.seal())).toEqual(
      isStrong ? ['proven', 'expectation-holds'] : ['does not verify', 'gate-weaker'],
    )
  })

  it('[V15] a plan whose program was an input is another plan with another program', async () => {
    const model = await deploying({ shell: '/bin/sh', as: 'make' }, ['/bin/sh', '-c', 'make'])
    const plan = requiredPlanOf(model.envelope.opening)
    expect(plan.inputs).toEqual([{ step_id: 'deploy', element: 2, input: 'as' }])
    const evil = await deploying({ shell: '/tmp/evil', as: 'make' }, ['/tmp/evil', '-c', 'make'])
    expect(await codesOf({ plan }, evil)).toContain('another-plan')
    const { claims } = await verifyEnvelope(model.bytes, {
      trust: [pinned(signer, { required: [{ name: 'release', sha256: null, gates: [], plan }] })],
    })
    const said = claims.find(({ code }) => code === 'expectation-holds')?.message
    expect(said).toContain(
      'by the inputs of the run: element 2 of deploy (the input as); and what each command reads in INPUT_ variables (as, shell).',
    )
  })

  const deploying = (inputs: Record<string, string>, argv: string[], gates: PlanGate[] = []) => {
    const run = startRun(signer, { steps: [planStep('deploy', { argv })], gates }, { inputs })
    for (const { step_id } of gates) run.gate(step_id, { decisions: [{ approver: 'user:ann' }] })
    run.step('deploy')
    return run.seal()
  }
  it.each<[string, Promise<Sealed>, string[]]>([
    [
      'with other inputs',
      deploying({ to: 'live', as: 'root' }, ['put', 'live']),
      ['proven', 'expectation-holds'],
    ],
    [
      'with an input more',
      deploying({ to: 'live', as: 'root', manifest: 'https://evil.example' }, ['put', 'live']),
      ['does not verify', 'another-plan'],
    ],
    [
      'whose command has another word than its input',
      deploying({ to: 'live', as: 'root' }, ['put', 'test']),
      ['does not verify', 'another-plan'],
    ],
    [
      'whose command has no input',
      deploying({}, ['put', 'undefined']),
      ['does not verify', 'another-plan'],
    ],
    [
      'with another command',
      deploying({ to: 'live', as: 'root' }, ['rm', 'live']),
      ['does not verify', 'another-plan'],
    ],
    [
      'with a gate more',
      deploying({ to: 'live', as: 'root' }, ['put', 'live'], [planGate('more')]),
      ['does not verify', 'another-plan'],
    ],
  ])('[V15] a plan %s', async (_name, sealing, codes) => {
    const model = await deploying({ to: 'test', as: 'root' }, ['put', 'test'])
    const required = { plan: requiredPlanOf(model.envelope.opening) }
    expect(required.plan.inputs).toEqual([{ step_id: 'deploy', element: 1, input: 'to' }])
    expect(
      (await codesOf(required, await sealing)).filter((code) => code !== 'nothing-required'),
    ).toEqual(codes)
  })

  it('[V15] a plan in another root is another plan, and one without is in the folder of the project', async () => {
    const rooted = async (root?: string) => {
      const steps = [planStep('deploy')]
      const run = startRun(signer, { ...(root !== undefined && { root }), steps, gates: [] })
      run.step('deploy')
      return await run.seal()
    }
    const pinnedAs = async (root?: string) => ({
      plan: requiredPlanOf((await rooted(root)).envelope.opening),
    })
    expect((await codesOf(await pinnedAs('A'), await rooted('A')))[0]).toBe('proven')
    expect(await codesOf(await pinnedAs('A'), await rooted('B'))).toContain('another-plan')
    expect(await codesOf(await pinnedAs(), await rooted('B'))).toContain('another-plan')
    expect((await codesOf(await pinnedAs(), await rooted('.')))[0]).toBe('proven')
  })

  it.each<[string, Pick<VerifyOptions, 'expect'>, RequiredDefinition[], string[]]>([
    ['and does not look for it', {}, [], ['not proven', 'another-definition']],
    [
      'and expects something else',
      { expect: [{ kind: 'outcome', value: 'succeeded' }] },
      [],
      ['not proven', 'expectation-holds', 'another-definition'],
    ],
    [
      'and expects it by name',
      { expect: [{ kind: 'definition', value: 'release' }] },
      [],
      ['proven', 'expectation-holds', 'nothing-required'],
    ],
    [
      'and requires it too, without a gate',
      {},
      [{ name: 'release', sha256: null, gates: [] }],
      ['proven', 'nothing-required'],
    ],
  ])('[V15] where the reader requires another definition %s', async (_, wanted, more, codes) => {
    const required = [{ name: 'release-prod', sha256: null, gates: [] }, ...more]
    const trust = [pinned(signer, { required })]
    const { verdict, claims } = await verifyEnvelope(sealed.bytes, { trust, ...wanted })
    const found = claims.filter(({ claim }) => claim === 'expectations')
    expect([verdict, ...found.map(({ code }) => code)]).toEqual(codes)
    // What a server offers requires nothing.
    const offered = await verifyEnvelope(sealed.bytes, {
      trust: [pinned(signer), { file: trustFileOf(signer, { required }), source: 'offered' }],
    })
    expect(offered.verdict).toBe('proven')
  })

  it.each<[string, Partial<RequiredDefinition>, Partial<VerifyOptions>, string[]]>([
    ['by name alone', {}, {}, ['not proven', 'another-definition', 'nothing-required']],
    [
      'by its version, which is the server’s word',
      { sha256: definition.sha256 },
      {},
      ['not proven', 'another-definition', 'requirement-unchecked', 'nothing-required'],
    ],
    ['by its plan', { plan }, {}, ['proven', 'expectation-holds', 'nothing-required']],
    [
      'by a gate that the server can answer',
      { gates: [gate] },
      {},
      ['not proven', 'another-definition', 'expectation-holds'],
    ],
    [
      'by name, and is expected on the spot',
      {},
      { accept: ['weekly', 'nightly'] },
      ['proven', 'expectation-holds', 'nothing-required'],
    ],
    [
      'by name, and is the one expected',
      {},
      { expect: [{ kind: 'definition', value: 'nightly' }] },
      ['proven', 'expectation-holds', 'nothing-required'],
    ],
    [
      'by name, and others are expected on the spot',
      {},
      { accept: ['weekly'] },
      ['not proven', 'another-definition', 'nothing-required'],
    ],
  ])(
    '[V15] what is required less of than of another definition: %s',
    async (_, over, wanted, codes) => {
      const nightly = await approvedRun(signer, {
        definition: { ...definition, name: 'nightly' },
      }).seal()
      const strict = {
        name: 'release',
        sha256: null,
        gates: [{ ...gate, sign: 'passkey' as const }],
      }
      const required = [strict, { name: 'nightly', sha256: null, gates: [], ...over }]
      const { verdict, claims } = await verifyEnvelope(nightly.bytes, {
        trust: [pinned(signer, { required })],
        ...wanted,
      })
      const found = claims.filter(({ claim }) => claim === 'expectations')
      expect([verdict, ...found.map(({ code }) => code)]).toEqual(codes)
    },
  )

  it('[V15] who requires a definition without gates by one click has its plan, and no ungated run passes for it', async () => {
    const sealedAs = async (name: string, step: string) => {
      const options = { definition: { ...definition, name } }
      const run = startRun(signer, { steps: [planStep(step)] }, options)
      run.step(step)
      return await run.seal()
    }
    const keys = [pinned(signer)]
    const model = await verifyEnvelope((await sealedAs('nightly', 'sweep')).bytes, { trust: keys })
    const nightly = model.envelope && requirementOf(model.envelope, 'this version')
    const release = { name: 'release', sha256: null, gates: [gate] }
    const required = [release, ...(nightly === null ? [] : [nightly])]
    const verdictOf = async (step: string) =>
      (
        await verifyEnvelope((await sealedAs('nightly', step)).bytes, {
          trust: [pinned(signer, { required })],
        })
      ).verdict
    expect(await verdictOf('sweep')).toBe('proven')
    expect(await verdictOf('publish')).toBe('does not verify')
  })

  it('[V15] as soon as some are expected on the spot, what is neither expected nor required rests on its name', async () => {
    const codesBy = async (accept: string[], required: RequiredDefinition[] = []) => {
      const trust = [pinned(signer, { required })]
      const { verdict, claims } = await verifyEnvelope(sealed.bytes, { trust, accept })
      return [
        verdict,
        ...claims.flatMap(({ claim, code }) => (claim === 'expectations' ? [code] : [])),
      ]
    }
    expect(await codesBy(['nightly'])).toEqual(['not proven', 'another-definition'])
    expect(await codesBy(['nightly', 'release'])).toEqual([
      'proven',
      'expectation-holds',
      'nothing-required',
    ])
    const release = { name: 'release', sha256: null, gates: [gate] }
    expect(await codesBy(['nightly'], [release])).toEqual(['proven', 'expectation-holds'])
  })

  it('[V15] a run of another kind is not what was pinned, and where no kind is, that is open', async () => {
    const deriving = async (kind: 'pipeline' | 'materialize') => {
      const plan = { steps: [planStep('derive', { kind: 'materialize' })] }
      const run = startRun(signer, plan, { kind, inputs: {} })
      run.step('derive')
      return await run.seal()
    }
    const model = (await deriving('materialize')).envelope.opening
    const { kind, ...older } = requiredPlanOf(model)
    expect(kind).toBe('materialize')
    const codes = ['another-plan', 'nothing-required']
    const pipeline = await deriving('pipeline')
    expect(await codesOf({ plan: { kind, ...older } }, pipeline)).toEqual([
      'does not verify',
      ...codes,
    ])
    expect((await codesOf({ plan: older }, pipeline))[0]).toBe('proven')
    expect(openIn(older, {})).toContain('Not pinned: whether it is a run of a pipeline')
    expect(openIn({ kind, ...older }, {})).toBe('')
  })

  it('[V15] a question is pinned with its gate, and not with the plan', async () => {
    const asking = (question: string) => deploying({}, ['put'], [planGate('ship', { question })])
    const required = { plan: requiredPlanOf((await asking('Version 1?')).envelope.opening) }
    expect((await codesOf(required, await asking('Version 2?')))[0]).toBe('proven')
  })

  it('[V15] a gate that the run ended before', async () => {
    const failed = await SHAPES['a step that fails'](signer)
    expect(await codesOf({ gates: [{ ...gate, step_id: 'ship' }] }, failed)).toEqual([
      'does not verify',
      'gate-missing',
    ])
    const empty = await SHAPES['no step at all'](signer)
    expect(await codesOf({}, empty)).toEqual(['proven', 'nothing-required'])
  })

  it('[V15] four eyes, where the record does not say whose a token is', async () => {
    const owned = await SHAPES['two approvals, four eyes and inputs'](signer)
    expect(await codesOf({ gates: [{ ...gate, four_eyes: true, quorum: 2 }] }, owned)).toEqual([
      'proven',
      'expectation-holds',
    ])
    const token = await approvedRun(signer, { actor: 'token:ci' }, { four_eyes: true }).seal()
    expect(await codesOf({ gates: [{ ...gate, four_eyes: true }] }, token)).toEqual([
      'not proven',
      'requirement-unchecked',
    ])
  })

  it('[V15] a passkey, which is checked where the reader pinned whose it is', async () => {
    const passkey = newPasskey('ann')
    const signed = await approvedRun(signer, {}, { sign: 'passkey' }, [
      { approver: 'ann', sign: passkey.sign },
    ]).seal()
    const gates = [{ ...gate, sign: 'passkey' as const }]
    expect(await codesOf({ gates }, signed)).toEqual(['not proven', 'requirement-unchecked'])
    const trust = pinned(signer, {
      approvers: [passkey.approver],
      required: [{ name: 'release', sha256: null, gates }],
    })
    expect((await verifyEnvelope(signed.bytes, { trust: [trust] })).verdict).toBe('proven')
  })

  it.each<[TrustSource]>([['first_seen'], ['offered']])(
    '[V15] a file that was %s requires nothing',
    async (source) => {
      const required = [{ name: 'release', sha256: sha256('x'), gates: [] }]
      const trust: Trusted[] = [pinned(signer), { file: trustFileOf(signer, { required }), source }]
      expect((await verifyEnvelope(sealed.bytes, { trust })).verdict).toBe('proven')
    },
  )

  it.each<[Expectation['kind'], string]>([
    ['definition', 'release'],
    ['outcome', 'succeeded'],
  ])('[V15] the %s is %s', async (kind, value) => {
    const verdictWith = async (expected: string) =>
      (
        await verifyEnvelope(sealed.bytes, {
          trust: [pinned(signer)],
          expect: [{ kind, value: expected }],
        })
      ).verdict
    expect(await verdictWith(value)).toBe('proven')
    expect(await verdictWith('another')).toBe('does not verify')
  })
})

it('[V17] a file is held to its schema once for all records that are verified by it', async () => {
  const keys = await Promise.all(Array.from({ length: 60 }, (_, n) => newSigner(20 + n)))
  const file = trustFileOf(signer, { server_keys: keys.map((key) => serverKeyOf(key)) })
  const by = (file: TrustFile) =>
    workOf(() => verifyEnvelope(sealed.bytes, { trust: [{ file, source: 'offered' }] }))
  await by(file)
  const again = await by(file)
  expect(again).toBeLessThan((await by(structuredClone(file))) - 50 * keys.length)
})

it('[V17] what a server offers is read as every trust file is, and requires nothing', () => {
  const offered = { server_keys: [serverKeyOf(signer)], approvers: [] }
  const read = (value: object | string) =>
    readOffer(new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)))
  expect(read(offered)).toMatchObject({ ok: true, file: { ...offered, required: [] } })
  const required = [{ name: 'release', sha256: null, gates: [] }]
  expect(read({ ...offered, required })).toMatchObject({ ok: true, file: { required: [] } })
  for (const wrong of [
    { ...offered, server_keys: [serverKeyOf(signer), serverKeyOf(signer)] },
    { ...offered, server_keys: [serverKeyOf(signer, { key_id: sha256('x') })] },
    { ...offered, approvers: {} },
    [offered],
    '{"server_keys":[],"server_keys":[],"approvers":[]}',
    'hello',
    ' '.repeat(MAX_TRUST_BYTES + 1),
  ])
    expect(read(wrong).ok).toBe(false)
})

it('[V25] no name ends the quotes in which all of it is shown', () => {
  expect(withinQuotes('Zoë’s CI (“fast”)')).toBe("Zoë's CI ('fast')")
  for (const mark of ['”', '"', "''", '’’', 'ꞌꞌ', '′′', '″', '»'])
    expect(withinQuotes(`CI${mark}) is pinned`)).toBe("CI') is pinned")
})
