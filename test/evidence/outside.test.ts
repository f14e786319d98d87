import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleFromJSON } from '@sigstore/bundle'
import { crypto as sigstoreCrypto } from '@sigstore/core'
import { toSignedEntity, Verifier } from '@sigstore/verify'
import { afterAll, describe, expect, it, type TestContext } from 'vitest'
import { type Envelope, type Seal } from '#contract/envelope.ts'
import { type Claim, type ClaimName } from '#evidence/claims.ts'
import { sha256 } from '#evidence/digest.ts'
import { requirementOf } from '#evidence/keep.ts'
import { shellForPlan } from '#evidence/shell.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { approvedRun, bytesOf, newSigner, pinned, planStep, SHAPES, startRun } from './fixture.ts'
import { newPasskey } from './passkey.ts'

/* Tools that know nothing of us, on a real seal. */

const signer = await newSigner()
const { bytes, envelope } = await approvedRun(signer, { title: 'Größe "1"\n\u2028' }).seal()
const { claims } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })

const folder = mkdtempSync(join(tmpdir(), 'runseal-outside-'))
writeFileSync(join(folder, 'envelope.json'), bytes)
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs the shell lines of a claim beside the saved file. */
function redo(name: ClaimName): string {
  const shell = claims.find(({ claim }) => claim === name)?.shell ?? ''
  return execFileSync('/bin/sh', ['-euc', shell], { cwd: folder, encoding: 'utf8' })
}

const redone = ({ shell = '' }: Claim): string =>
  execFileSync('/bin/sh', ['-euc', shell], { cwd: folder, encoding: 'utf8' })

/** What has to be printed, beside that nothing is false. */
const SURE: Partial<Record<Claim['code'], readonly RegExp[]>> = {
  'seal-signed': [/Signature Verified Successfully/],
  'seal-bound': [/^true\ntrue\n$/],
  'decision-signed': [/this decision": true/, /Verified/],
  'entries-agree': [/the counts are those of the entries": true/],
  'gate-recorded': [/what was shown": true/, /up to link": \d+/],
  'others-decided': [/nobody did both": true/],
}

function need(context: TestContext, ...programs: string[]): void {
  const missing = programs.filter(
    (name) => spawnSync('/bin/sh', ['-c', `command -v ${name}`]).status !== 0,
  )
  if (missing.length > 0) context.skip(`no ${missing.join(', ')} on this machine`)
}

describe('the shell lines of a claim', () => {
  it('[V18] openssl verifies the seal', (context) => {
    need(context, 'openssl', 'jq', 'base64')
    expect(redo('seal')).toContain('Signature Verified Successfully')
  })

  it('[V18] openssl refuses the seal of a changed statement', (context) => {
    need(context, 'openssl', 'jq', 'base64')
    redo('seal')
    const openssl = (message: Uint8Array): number | null => {
      writeFileSync(join(folder, 'changed.bin'), message)
      const line =
        'openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key.der -in changed.bin -sigfile sig.bin'
      return spawnSync('/bin/sh', ['-c', line], { cwd: folder }).status
    }
    expect(openssl(Buffer.from('DSSEv1 28 application/vnd.in-toto+json 2 {}'))).not.toBe(0)
  })

  it('[V18] jq and sha256sum make the content digest', (context) => {
    need(context, 'jq', 'sha256sum')
    expect(redo('content')).toContain(envelope.integrity.content_sha256)
  })

  it('[V18] jq and sha256sum make every entry and link, up to the head', (context) => {
    need(context, 'jq', 'sha256sum')
    const { head } = envelope.integrity.hash_chain
    expect(redo('chain')).toBe(`${head}\n${head}\n`)
  })

  it.for([
    'a step that succeeds when tried again',
    'an expired gate',
    'two approvals, four eyes and inputs',
    'a gate that two passkeys answered',
    'steps side by side, a gate between',
    'a rerun that took over a step',
  ] as const)(
    '[V18] redo every claim of a record: %s',
    { timeout: 120_000 },
    async (name, context) => {
      need(context, 'openssl', 'jq', 'base64', 'sha256sum')
      const { bytes: record, envelope: known } = await SHAPES[name](signer)
      writeFileSync(join(folder, 'envelope.json'), record)
      const approvers = [
        newPasskey('ann', { user: 'ann' }),
        newPasskey('ben', { seed: 8, alg: 'EdDSA' }),
      ]
      const { run_id, evidence_id } = known
      const reader = { approvers: approvers.map(({ approver }) => approver) }
      const first = await verifyEnvelope(record, { trust: [pinned(signer, reader)] })
      if (first.envelope === null) throw new Error('does not verify')
      const required = [requirementOf(first.envelope, 'this version')]
      const found = await verifyEnvelope(record, {
        trust: [pinned(signer, { ...reader, required })],
        asked: { run_id, evidence_id },
        expect: [{ kind: 'outcome', value: known.closing.outcome }],
      })
      for (const claim of found.claims) {
        if (claim.state === 'not present' || claim.where === '') continue
        const said = redone(claim)
        const sure = SURE[claim.code]
        const isFalse = sure !== undefined && said.includes('false')
        const missing = (sure ?? []).filter((words) => !words.test(said))
        expect({ code: claim.code, isSaid: said !== '', isFalse, missing }).toEqual({
          code: claim.code,
          isSaid: true,
          isFalse: false,
          missing: [],
        })
      }
      expect(
        found.claims.filter(({ state, shell }) => state === 'proven' && shell === undefined),
      ).toEqual([])
    },
  )

  it.for([undefined, '.', 'site'])(
    '[V18] redo the plan of a run in the root %s',
    { timeout: 120_000 },
    async (root, context) => {
      need(context, 'jq', 'sha256sum')
      const plan = { ...(root !== undefined && { root }), steps: [planStep('build')] }
      const run = startRun(signer, plan)
      run.step('build')
      const { bytes: record } = await run.seal()
      writeFileSync(join(folder, 'envelope.json'), record)
      const first = await verifyEnvelope(record, { trust: [pinned(signer)] })
      if (first.envelope === null) throw new Error('does not verify')
      const required = [requirementOf(first.envelope, 'this version')]
      const { claims } = await verifyEnvelope(record, { trust: [pinned(signer, { required })] })
      const claim = claims.find(({ where }) => where === '/opening/plan')
      expect(claim?.state).toBe('proven')
      expect(claim && redone(claim)).toContain(required[0]?.plan?.sha256)
    },
  )

  it.for<[ClaimName, string, (document: Envelope) => void]>([
    [
      'consistency',
      'ran the command',
      ({ execution: { steps } }) => steps.forEach((it) => (it.argv = ['rm'])),
    ],
    [
      'consistency',
      'counted from 1',
      ({ execution: { steps } }) => steps.forEach((it) => (it.attempt = 2)),
    ],
    ['consistency', 'done before', (it) => (it.order = ['gate', 'step', 'step'])],
    ['consistency', 'the counts', ({ closing }) => (closing.counts.gates = 2)],
    ['consistency', 'exactly when', ({ closing }) => (closing.outcome = 'failed')],
    ['gate', 'each decision', ({ gates }) => gates.forEach((it) => (it.shown.running = ['build']))],
    ['gate', 'this policy', ({ gates }) => gates.forEach((it) => (it.policy.quorum = 2))],
    ['four-eyes', 'nobody did both', ({ opening }) => (opening.actor = 'user:ann')],
    ['four-eyes', 'who they are is known', ({ opening }) => (opening.actor = 'token:ci')],
    ['four-eyes', 'who they are is known', ({ opening }) => (opening.actor = 'system')],
  ])(
    '[V18] and do not come to it in another record: %s, %s',
    async ([name, words, change], context) => {
      need(context, 'jq', 'sha256sum')
      const { envelope: known, bytes: record } = await approvedRun(
        signer,
        {},
        { four_eyes: true },
      ).seal()
      const { claims: honest } = await verifyEnvelope(record, { trust: [pinned(signer)] })
      change(known)
      writeFileSync(join(folder, 'envelope.json'), bytesOf(known))
      const claim = honest.find((one) => one.claim === name)
      expect(claim && redone(claim)).toMatch(new RegExp(`${words}[^\n]*: false`))
    },
  )
})

it('[V18] an element that a pinned plan leaves open is held to its input by a line too', (context) => {
  need(context, 'jq', 'sha256sum')
  const required = { sha256: sha256('x'), inputs: [{ step_id: 'put', element: 1, input: 'to' }] }
  const shell = shellForPlan({ ...required, kind: 'pipeline', input_names: ['to', 'as'] })
  const said = (argv: string[], inputs: Record<string, string>, kind = 'pipeline'): string => {
    const opening = { kind, plan: { steps: [planStep('put', { argv })], gates: [] }, inputs }
    writeFileSync(join(folder, 'envelope.json'), bytesOf({ opening }))
    return execFileSync('/bin/sh', ['-euc', shell], { cwd: folder, encoding: 'utf8' })
  }
  expect(said(['put', 'live'], { to: 'live', as: 'x' })).not.toContain('false')
  expect(said(['put', '--evil'], { to: 'live', as: 'x' })).toContain('of put is its input": false')
  expect(said(['put', 'live'], { to: 'live', more: 'x' })).toContain('were pinned": false')
  expect(said(['put', 'live'], { to: 'live', as: 'x' }, 'materialize')).toContain(
    'was pinned": false',
  )
})

describe('@sigstore/verify', () => {
  const publicKey = sigstoreCrypto.createPublicKey(
    Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), signer.public_key]),
    'spki',
  )
  const verifier = new Verifier(
    {
      certificateAuthorities: [],
      timestampAuthorities: [],
      tlogs: [],
      ctlogs: [],
      publicKey: () => ({ publicKey, validFor: () => true }),
    },
    { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 },
  )
  const entityOf = (seal: Seal) =>
    toSignedEntity(
      bundleFromJSON({
        mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
        verificationMaterial: { publicKey: { hint: signer.key_id }, tlogEntries: [] },
        dsseEnvelope: seal,
      }),
    )

  it('[S3] verifies the seal as it stands in the file', () => {
    expect(verifier.verify(entityOf(envelope.integrity.seal)).key).toBe(publicKey)
  })

  it('[S3] refuses it over another payload', () => {
    const changed = { ...envelope.integrity.seal, payload: 'e30=' }
    expect(() => verifier.verify(entityOf(changed))).toThrow('signature verification failed')
  })
})
