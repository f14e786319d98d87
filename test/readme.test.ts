import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadProject } from '#server/runs/project.ts'
import { approvedRun, newSigner } from '#test/evidence/fixture.ts'

/* What the README says is run as it stands there. */

const readme = readFileSync('README.md', 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'runseal-readme-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the README', () => {
  it('has the two commands', () => {
    expect(readme).toContain('\nnpm ci && npm start\n')
    expect(readme).toContain('\nnpm ci && npm test\n')
  })

  it('has a project file that loads', () => {
    const yaml = /```yaml\n([^]*?)```/.exec(readme)?.[1] ?? ''
    writeFileSync(join(folder, 'runseal.yaml'), yaml)
    expect([...loadProject(folder).definitions.keys()]).toEqual(['release'])
  })

  it('verifies an envelope without us, and refuses a changed one', async (context) => {
    const missing = ['python3', 'openssl'].filter((name) => spawnSync(name, ['--version']).error)
    if (missing.length > 0) context.skip(`no ${missing.join(', ')} on this machine`)
    const signer = await newSigner()
    const { bytes } = await approvedRun(signer, { title: 'Größe "1"\n\u007f\u2028' }).seal()
    const changed = bytes.slice()
    const at = Buffer.from(bytes).indexOf('"approved"')
    changed.set(Buffer.from('"rejected"'), at)

    const honest = check(bytes, signer.public_key)
    expect(honest.status).toBe(0)
    expect(honest.stdout).toContain('Signature Verified Successfully')
    expect(check(changed, signer.public_key).status).not.toBe(0)
    expect(check(bytes, (await newSigner(2)).public_key).status).not.toBe(0)
  })
})

function check(envelope: Uint8Array, publicKey: Uint8Array) {
  const shell = /```sh\n(runseal_check\(\) [^]*?)```/.exec(readme)?.[1] ?? ''
  writeFileSync(join(folder, 'envelope.json'), envelope)
  const script = `${shell}\nrunseal_check envelope.json ${Buffer.from(publicKey).toString('base64')}`
  return spawnSync('bash', ['-euc', script], { cwd: folder, encoding: 'utf8' })
}
