import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { bundleFromJSON } from '@sigstore/bundle'
import { crypto as sigstoreCrypto } from '@sigstore/core'
import { toSignedEntity, Verifier } from '@sigstore/verify'
import fc from 'fast-check'
import { afterAll, describe, expect, it, type TestContext } from 'vitest'
import { Envelope, type Seal } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { keysOf } from '#contract/status.ts'
import { compareBeside } from './beside-one.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { type Claim, type ClaimName, CODE } from '#evidence/claims.ts'
import { sha256 } from '#evidence/digest.ts'
import { requirementOf } from '#evidence/keep.ts'
import { AN_INPUT } from '#evidence/plan.ts'
import { shellForPlan } from '#evidence/shell.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { isNameable, readAttack, readAttackTable, readerOf } from './attacks.ts'
import {
  approvedRun,
  bytesOf,
  CELL,
  newSigner,
  pinned,
  planGate,
  planStep,
  SHAPES,
  startRun,
} from './fixture.ts'
import { newPasskey } from './passkey.ts'
import { judge } from './portable.ts'
import { LONG_MS, SEED } from './seed.ts'

/* Tools that know nothing of us, on a real seal. */

const signer = await newSigner()
const { bytes, envelope } = await approvedRun(signer, { title: 'Größe "1"\n\u2028' }).seal()
/** jq writes the one character as an escape, which the others only look like. */
const DELETE = '\u007f \\u007f \\\\u007f \\\u007f\u007f'
const { claims } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })

/** The frozen files, each judged once: some thirty lines are looked for in all of them. */
const table = readAttackTable()
const judged = await Promise.all(
  table.attacks.filter(isNameable).map(async (attack) => {
    const file = readAttack(attack)
    return { attack, file, ...(await judge(file, readerOf(attack, table))) }
  }),
)

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
  'chain-whole': [/^[0-9a-f]{64}\ntrue\n$/],
  'content-whole': [/^[0-9a-f]{64}\ntrue\n$/],
  'seal-signed': [/Signature Verified Successfully/],
  'seal-bound': [/^true\ntrue\n$/],
  'decision-signed': [/this decision": true/, /Verified/],
  'entries-agree': [/the counts are those of the entries": true/],
  'gate-recorded': [/what was shown": true/, /up to entry \d+": true/, /follows from that": true/],
  'others-decided': [/nobody did both": true/],
}

/** Two passkeys have answered over it, and what they decided has it too. */
function withDeletes() {
  const run = startRun(
    signer,
    {
      steps: [planStep('build', { argv: ['make', DELETE], env: { MADE_BY: DELETE } })],
      gates: [
        planGate('ship', {
          needs: ['build'],
          question: DELETE,
          policy: { quorum: 2, sign: 'passkey' },
        }),
      ],
    },
    { title: DELETE, inputs: { whom: DELETE } },
  )
  run.step('build', { reason: DELETE })
  const passkeys = [newPasskey('ann'), newPasskey('ben', { seed: 8, alg: 'EdDSA' })]
  run.gate('ship', {
    decisions: passkeys.map(({ approver, sign }) => ({
      approver: approver.id,
      sign,
      comment: DELETE,
    })),
  })
  return run
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
    expect(redo('content')).toBe(`${envelope.integrity.content_sha256}\ntrue\n`)
  })

  it('[V18] jq and sha256sum make every entry and link, up to the head', (context) => {
    need(context, 'jq', 'sha256sum')
    const { head } = envelope.integrity.hash_chain
    expect(redo('chain')).toBe(`${head}\ntrue\n`)
  })

  it('[V18] and say so where a document is another', (context) => {
    need(context, 'jq', 'sha256sum')
    const other = structuredClone(envelope)
    other.opening.title = 'another'
    writeFileSync(join(folder, 'envelope.json'), bytesOf(other))
    for (const name of ['content', 'chain'] as const)
      expect(redo(name)).toMatch(/^[0-9a-f]{64}\nfalse\n$/)
    writeFileSync(join(folder, 'envelope.json'), bytes)
  })

  const shapes = [
    'a step that succeeds when tried again',
    'an expired gate',
    'two approvals, four eyes and inputs',
    'a gate that two passkeys answered',
    'steps side by side, a gate between',
    'a rerun that took over a step',
  ] as const
  it.for([
    ...shapes.map((name) => ({ name, seal: () => SHAPES[name](signer) })),
    { name: 'U+007F wherever there is text', seal: () => withDeletes().seal() },
  ])(
    '[V18] redo every claim of a record: $name',
    { timeout: 120_000 },
    async ({ seal }, context) => {
      need(context, 'openssl', 'jq', 'base64', 'sha256sum', 'sed')
      const { bytes: record, envelope: known } = await seal()
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
      expect(claim && redone(claim)).toMatch(new RegExp(`^${required[0]?.plan?.sha256}\ntrue\n`))
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
    [
      'gate',
      'up to entry 1',
      ({ execution: { steps } }) => steps.forEach((it) => (it.duration_ms = 7)),
    ],
    ['gate', 'follows from', ({ gates }) => gates.forEach((it) => (it.outcome = 'expired'))],
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
  const open = { steps: [planStep('put', { argv: ['put', AN_INPUT] })], gates: [] }
  const required = {
    sha256: sha256(canonicalize(open)),
    inputs: [{ step_id: 'put', element: 1, input: 'to' }],
  }
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

/** A log of several MiB, an artifact, and cells in a part that two steps name; with the files as an export names them. */
async function withPartsBeside() {
  const [log, file] = [new Uint8Array(MIB + 5).fill(10), new TextEncoder().encode('a package')]
  const line = `${canonicalize(CELL)}\n`
  const cells = new TextEncoder().encode(line)
  const derive = ['one', 'other'].map((name) => planStep(name, { kind: 'materialize' }))
  const run = startRun(
    signer,
    { steps: [planStep('build', { artifacts: ['out/a.tgz'] }), ...derive] },
    { kind: 'materialize', rerun_of: { run_id: 'run-0', starters: ['user:oda'] } },
  )
  const [bytes, lines, truncated] = [log.length, log.length, false]
  const chunks = [log.subarray(0, MIB), log.subarray(MIB)].map((chunk) => sha256(chunk))
  run.step('build', {
    log: { sha256: sha256(log), bytes, lines, truncated, chunks },
    artifacts: [{ path: 'out/a.tgz', sha256: sha256(file), bytes: file.length }],
  })
  const cells_part = { sha256: sha256(cells), bytes: cells.length, count: 1 }
  for (const { step_id } of derive) run.step(step_id, { cells_part })
  const totals = { materialized: 2, skipped: 0, failures: 0, total_cost: '0.2' }
  const head = sha256('a head')
  const previous = { evidence_id: 'ev-0', head }
  const { bytes: record } = await run.seal({ totals, seal_seq: 2, previous })
  const held = { server: signer.key_id, evidence_id: 'ev-0', head, seal_seq: 1, run_id: 'run-0' }
  const found = await verifyEnvelope(record, {
    trust: [pinned(signer)],
    previous: [{ ...held, starters: ['user:oda'] }],
  })
  if (found.envelope === null) throw new Error('does not verify')
  const files = [
    [`logs/${sha256(log)}`, log],
    [`artifacts/${sha256(file)}`, file],
    [`artifacts/${sha256(cells)}`, cells],
  ] as const
  for (const name of ['logs', 'artifacts']) mkdirSync(join(folder, name), { recursive: true })
  for (const [name, content] of files) writeFileSync(join(folder, name), content)
  writeFileSync(join(folder, 'envelope.json'), record)
  // The logs of the other two steps are not among them.
  const compared = await compareBeside(
    found.envelope,
    files.map(([name, content]) => ({
      name,
      size: content.length,
      bytes: () => Promise.resolve(Uint8Array.from(content)),
    })),
  )
  return { claims: [...found.claims, ...compared.map(({ claim }) => claim)], files }
}

const MIB = 1024 * 1024

it('[V18] redo what is beside a record, and do not come to it with other bytes', async (context) => {
  need(context, 'jq', 'sha256sum', 'split', 'xargs')
  const { claims: found, files } = await withPartsBeside()
  const whole = found.filter(({ code }) => code === 'attached-whole')
  expect(whole).toHaveLength(3)
  for (const claim of whole) expect(redone(claim)).toMatch(/^(?!.*false).*true.*so often": \d/s)
  expect(whole.map(redone).join()).toContain('"so often": 2')
  const cells = found.find(({ code }) => code === 'cells-agree')
  expect(cells && redone(cells)).toMatch(/: OK\n{"materialized":2,.*0\.2}\n{.*"0\.2"/s)
  for (const [name] of files) writeFileSync(join(folder, name), 'other')
  for (const claim of whole) expect(redone(claim)).toContain('its digest is on record": false')
  expect(() => cells && redone(cells)).toThrow('did NOT match')
})

it.for<[Claim['code'], RegExp, string?]>([
  ['signature-wrong', /Signature Verification Failure/],
  ['origin-refused', /"at": "https:\/\/[^"]*"/],
  ['assertion-unbound', /"signed was this decision": false/],
  ['user-not-verified', /present 1, verified 0,/],
  ['sealed-early', /"sealed after it": false/],
  ['gate-outcome-differs', /"needed": 1,\n +"outcome": "/],
  ['origin-refused', /"in no page of another site": false/, 'passkey-cross-origin-null'],
  // What only is not written as it should be is shown: who reads it in another way finds nothing wrong with it.
  ['decision-signature-wrong', /^ 30 [^]* 00 +>[^\n]*<\n$/, 'passkey-der'],
  ['assertion-unreadable', /^ 7b [0-9a-f ]+ +>\{.*\}<\n$/s, 'passkey-client-data-space'],
  ['assertion-unreadable', /^( [0-9a-f]{2}){16} /, 'passkey-attested'],
])('[V18] show of a frozen file what fails: %s', ([code, words, file], context) => {
  need(context, 'openssl', 'jq', 'base64', 'od')
  for (const { attack, file: bytes, claims: found } of judged) {
    if (file !== undefined && attack.file !== file) continue
    const claim = found.find(
      (one) => one.code === code && one.shell?.startsWith('jq -ac ') === false,
    )
    if (claim === undefined) continue
    writeFileSync(join(folder, 'envelope.json'), bytes)
    const said = spawnSync('/bin/sh', ['-uc', claim.shell ?? ''], { cwd: folder, encoding: 'utf8' })
    expect(`${said.stdout}${said.stderr}`).toMatch(words)
    return
  }
  expect.unreachable(`no frozen file fails by ${code}`)
})

it('[V18] show of each frozen file that is not read as a record what is wrong with it', (context) => {
  need(context, 'jq', 'od', 'cmp', 'iconv')
  const shown = new Set<string>()
  for (const { attack, file: bytes, claims: found } of judged) {
    const [claim] = found
    if (claim === undefined || found.length > 1 || claim.shell === undefined) continue
    writeFileSync(join(folder, 'envelope.json'), bytes)
    const said = spawnSync('/bin/sh', ['-uc', claim.shell], { cwd: folder, encoding: 'utf8' })
    const text = `${said.stdout}${said.stderr}`
    expect({ file: attack.file, isShown: text.trim() !== '' }).toEqual({
      file: attack.file,
      isShown: true,
    })
    expect({ file: attack.file, text }).not.toMatchObject({
      text: '{\n  "JSON documents in it": 1\n}\n',
    })
    shown.add(claim.code)
  }
  expect([...shown]).toEqual(
    expect.arrayContaining([
      'byte-order-mark',
      'not-utf8',
      'not-json',
      'not-canonical',
      'schema-violated',
    ]),
  )
})

it('[V18] show of a frozen file what a question or a requirement would be held against', (context) => {
  need(context, 'jq')
  const open = judged.flatMap(({ file, claims: found }) =>
    found
      .filter(({ code }) => code === 'nothing-asked' || code === 'nothing-required')
      .map((claim) => ({ bytes: file, claim })),
  )
  const ofCode = Map.groupBy(open, ({ claim }) => claim.code)
  expect(ofCode.size).toBe(2)
  for (const { bytes, claim } of [...ofCode.values()].flatMap((all) => someOf(all, 20))) {
    writeFileSync(join(folder, 'envelope.json'), bytes)
    const said = redone(claim)
    expect(said).toMatch(/^[ -~]+\n$/)
    const read = parseJson(Envelope, new TextDecoder().decode(bytes))
    if (!read.ok) throw new Error('it was read before')
    const { run_id, evidence_id, opening, closing } = read.value
    const gates = opening.plan.gates.map(({ step_id, question, policy }) => ({
      step_id,
      question,
      policy,
    }))
    expect(JSON.parse(said)).toEqual(
      claim.code === 'nothing-asked'
        ? { run_id, evidence_id }
        : { definition: opening.definition, gates, outcome: closing.outcome },
    )
  }
})

it('[V18] each claim that can be proven has lines', async (context) => {
  need(context, 'openssl', 'jq', 'base64', 'sha256sum', 'split', 'xargs')
  const { approver, sign } = newPasskey('ann', { user: 'ann' })
  const trust = [pinned(signer, { approvers: [approver] })]
  const policy = { four_eyes: true, sign: 'passkey' } as const
  const run = approvedRun(signer, {}, policy, [{ approver: 'ann', sign }])
  const gated = await verifyEnvelope((await run.seal()).bytes, {
    trust,
    asked: { run_id: 'run-1' },
    expect: [{ kind: 'outcome', value: 'succeeded' }],
  })
  const beside = await withPartsBeside()
  const proven = [...gated.claims, ...beside.claims].filter(({ state }) => state === 'proven')
  const provable = keysOf(CODE).filter((code) => CODE[code].state === 'proven')
  expect(new Set(proven.map(({ code }) => code))).toEqual(new Set(provable))
  expect(proven.filter(({ shell = '' }) => shell === '')).toEqual([])
  // Those that are of this record alone: the others are run above.
  for (const claim of beside.claims.filter(({ state }) => state === 'proven'))
    expect(redone(claim)).not.toMatch(/^$|false/)
})

it(
  '[V18] redo what is proven of frozen files, most of which are attacks',
  { timeout: LONG_MS },
  (context) => {
    need(context, 'openssl', 'jq', 'base64', 'sha256sum', 'split', 'xargs')
    const proven = judged.flatMap(({ attack, file, claims, beside }) =>
      [...claims, ...beside]
        .filter(({ state }) => state === 'proven')
        .map((claim) => ({ attack, file, claim })),
    )
    // All of them take more than a minute: `npm run test:shells`.
    const tried = process.env['RUNSEAL_SHELLS'] === 'all' ? proven : someOf(proven, 20)
    for (const { attack, file, claim } of tried) {
      writeFileSync(join(folder, 'envelope.json'), file)
      for (const [name, text] of Object.entries(attack.beside ?? {})) {
        // A line is over the name that an export gives; who has the file under another puts that in its first line.
        for (const path of [name, `artifacts/${sha256(text)}`]) {
          mkdirSync(dirname(join(folder, path)), { recursive: true })
          writeFileSync(join(folder, path), text)
        }
      }
      const said = redone(claim)
      const missing = (SURE[claim.code] ?? []).filter((words) => !words.test(said))
      // A rule prints it on a line of its own; what is only shown may have it, too.
      const isTrue = said !== '' && !/(?:^|: )false,?$/m.test(said)
      expect({ file: attack.file, code: claim.code, said, isTrue, missing }).toEqual({
        file: attack.file,
        code: claim.code,
        said,
        isTrue: true,
        missing: [],
      })
    }
    console.log(`${tried.length} of ${proven.length} proven claims done again`)
  },
)

const someOf = <T>(all: readonly T[], count: number): T[] =>
  fc.sample(fc.constantFrom(...all), { seed: SEED, numRuns: count })

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
