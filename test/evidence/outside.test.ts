import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleFromJSON } from '@sigstore/bundle'
import { crypto as sigstoreCrypto } from '@sigstore/core'
import { toSignedEntity, Verifier } from '@sigstore/verify'
import { afterAll, describe, expect, it, type TestContext } from 'vitest'
import { type Seal } from '#contract/envelope.ts'
import { type ClaimName } from '#evidence/claims.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { approvedRun, newSigner, pinned } from './fixture.ts'

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

  it('[V18] jq and sha256sum make the last entry and the head', (context) => {
    need(context, 'jq', 'sha256sum')
    const { links, head } = envelope.integrity.hash_chain
    expect(redo('chain').split(/\s+-\s+/)).toEqual([links.at(-1)?.entry, head, ''])
  })
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
