import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { TrustFile } from '#contract/trust.ts'
import { trust } from '#cli/trust.ts'
import { newSigner, serverKeyOf, trustFileOf } from '#test/evidence/fixture.ts'
import { newPasskey } from '#test/evidence/passkey.ts'

const signer = await newSigner()

async function shown(text: string): Promise<{ code: number; lines: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-trust-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'trust.json')
  await writeFile(file, text)
  const printed: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((line: string) => {
    printed.push(line)
  })
  try {
    return { code: await trust.run(['show', file]), lines: printed.join('\n').split('\n') }
  } finally {
    log.mockRestore()
  }
}

it('[C11] trust show says all that a trust file holds, in the words and groups of the page', async () => {
  const gate: TrustFile['required'][number]['gates'][number] = {
    step_id: 'ship',
    quorum: 2,
    four_eyes: true,
    sign: 'passkey',
    question: null,
    roles: ['approver'],
  }
  const file: TrustFile = trustFileOf(signer, {
    server_keys: [
      serverKeyOf(signer, {
        name: 'Build”, active\u202e\n  1  0000',
        status: 'revoked',
        last_seal_seq: 5,
      }),
    ],
    approvers: [newPasskey('ann', { may: { definitions: ['release'], gates: [] } }).approver],
    required: [
      {
        name: 'release',
        sha256: 'ab'.repeat(32),
        plan: { sha256: 'cd'.repeat(32), kind: 'pipeline', inputs: [], input_names: [] },
        gates: [gate],
      },
    ],
  })
  expect(await shown(JSON.stringify(file))).toEqual({
    code: 0,
    lines: [
      'Server keys',
      "  “Build', active<U+202E><U+000A>  1  0000”, revoked, counts up to #5",
      '  Fingerprint · SHA-256 of the Ed25519 key',
      '    1  3475 0f98 bd59 fcfc',
      '    2  946d a45a aabe 933b',
      '    3  e154 a4b5 094e 1c4a',
      '    4  bf42 8665 05f3 c97e',
      '',
      'Approvers',
      '  “ANN” as ann: may approve of release, at no gate, from runs.example, https://runs.example, https://runs.example:8443, pinned as no user of the server, by the ES256 credential NxZFGX1jMvR8…',
      '  Fingerprint · SHA-256 of the passkey’s public key',
      '    1  ce97 ec20 d436 61a1',
      '    2  9b21 5cb2 e376 a698',
      '    3  d0b4 aa2a a5b4 c785',
      '    4  4e91 6bd0 5082 fcee',
      '',
      'Required',
      '  Of release',
      '  - only the version abababab…, and only the plan cdcdcdcd…, pipeline',
      '  - gate ship, 2 approve, each by a passkey, four eyes, decided by approver',
      '  - left open to each run: What the gate ship asks: an input of this run may be part of its question',
    ],
  })
  const nothing = trustFileOf(signer, { server_keys: [] })
  expect((await shown(JSON.stringify(nothing))).lines).toEqual([
    'It holds nothing: no key, no approver and no requirement.',
  ])
})

it.each([
  ['not JSON', '{', 'is no trust file: it '],
  [
    'a member too many',
    JSON.stringify({ ...trustFileOf(signer), note: 1 }),
    'is no trust file: it ',
  ],
  [
    'a key that is no key',
    JSON.stringify(
      trustFileOf(signer, { server_keys: [serverKeyOf(signer, { public_key: 'AAAA' })] }),
    ),
    `is no trust file: ${signer.key_id} is no Ed25519 public key`,
  ],
  [
    'a validity that there is not',
    JSON.stringify(trustFileOf(signer)).replace('"active"', '"asleep"'),
    'is no trust file: its member /server_keys/0/status does not fit',
  ],
])('[C11] trust show refuses %s, and says what and where', async (_what, text, why) => {
  await expect(shown(text)).rejects.toThrow(why)
  await expect(shown(text)).rejects.toMatchObject({ exitCode: 2 })
})

it('[C11] trust knows two words', async () => {
  for (const argv of [['show'], ['export', 'x'], ['show', 'x', '--data', '.'], ['shout', 'x']])
    await expect(trust.run(argv)).rejects.toThrow('it is either export, or show and a file')
})

it('[C11] no name in it looks like lines of what is shown', async () => {
  const lines = [
    'Release',
    '  Fingerprint · SHA-256 of the Ed25519 key',
    '    1  0000 0000 0000 0000',
  ]
  for (const name of [
    lines.map((line) => line.padEnd(80)).join(''),
    lines.join('\u00a0'.repeat(40)),
  ]) {
    const file = trustFileOf(signer, { server_keys: [serverKeyOf(signer, { name })] })
    const { lines: said } = await shown(JSON.stringify(file))
    expect(Math.max(...said.map(({ length }) => length))).toBeLessThan(160)
    expect(said.join('\n')).not.toContain('0000 0000')
  }
})
