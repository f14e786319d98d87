import { expect, it } from 'vitest'
import {
  byDigest,
  checkAttached,
  checkHad,
  comparePiece,
  missingParts,
  partsOf,
} from '#evidence/attached.ts'
import { compareBeside } from './beside-one.ts'
import { sha256 } from '#evidence/digest.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { newSigner, pinned, planStep, startRun } from './fixture.ts'
import { workOf } from './work.ts'

const MIB = 1024 * 1024
const signer = await newSigner()
const long = new Uint8Array(2 * MIB + 5).map((_, at) => at % 251)
const file = new TextEncoder().encode('a package')

async function recorded() {
  const run = startRun(signer, {
    steps: [planStep('build', { artifacts: ['out/a.tgz'] }), planStep('quiet')],
  })
  run.step('build', {
    log: {
      sha256: sha256(long),
      bytes: long.length,
      lines: 1,
      truncated: false,
      chunks: [0, 1, 2].map((at) => sha256(long.subarray(at * MIB, (at + 1) * MIB))),
    },
    artifacts: [{ path: 'out/a.tgz', sha256: sha256(file), bytes: file.length }],
  })
  run.step('quiet', {
    log: { sha256: sha256(''), bytes: 0, lines: 0, truncated: false, chunks: [] },
  })
  const { bytes } = await run.seal()
  const { envelope } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
  if (envelope === null) throw new Error('does not verify')
  return envelope
}

const parts = async () => partsOf(await recorded())

it('[A1] bytes are what their digest says, under whatever name', async () => {
  const on_record = await parts()
  expect(on_record.map(({ kind, path }) => [kind, path])).toEqual([
    ['log', null],
    ['artifact', 'out/a.tgz'],
  ])
  const log = await checkAttached(byDigest(on_record), 'readme.txt', long)
  expect(log.claim).toMatchObject({
    code: 'attached-whole',
    where: '/execution/steps/0/log/sha256',
  })
  expect(log.claim.message).toBe('readme.txt is the log of step build, attempt 1.')
  const artifact = await checkAttached(byDigest(on_record), 'a.tgz', file)
  expect(artifact.part).toEqual(on_record[1])
})

it('[A2] what was asked for by its digest is that, or is told as what it was asked for', async () => {
  const record = byDigest(await parts())
  const [log = ''] = record.keys()
  const told = async (bytes: Uint8Array<ArrayBuffer>) =>
    (await checkHad(record, log, bytes))?.message
  expect(await told(long)).toBe(undefined)
  const as = 'What is here as the log of step build, attempt 1 is something else'
  expect(await told(file)).toBe(`${as}: MiB 1 of 3 is another one.`)
  expect(await told(new Uint8Array())).toBe(`${as}: it is empty.`)
})

it('[A2] changed bytes are refused, and the first MiB that differs is named', async () => {
  const on_record = await parts()
  const name = `logs/${on_record[0]?.sha256}`
  const changed = long.slice()
  changed[MIB + 1] = 0
  expect(await checkAttached(byDigest(on_record), name, changed)).toMatchObject({
    part: null,
    claim: {
      code: 'attached-differs',
      state: 'does not verify',
      message: `${name} is not the log of step build, attempt 1: MiB 2 of 3 is another one.`,
    },
  })
  const cut = await checkAttached(byDigest(on_record), name, long.slice(0, 2 * MIB))
  expect(cut.claim.message).toContain('MiB 3 of 3')
  const longer = await checkAttached(byDigest(on_record), on_record[1]?.sha256 ?? '', changed)
  expect(longer.claim.message).toContain('and the record says 9')
  const unknown = await checkAttached(byDigest(on_record), 'a.tgz', changed)
  expect(unknown.claim).toMatchObject({ code: 'attached-unknown', state: 'does not verify' })
})

it('[A2] bytes of one digest under the name of another do not verify, though both are on record', async () => {
  const [log, artifact] = await parts()
  if (log === undefined || artifact === undefined) throw new Error('no parts')
  const named = (name: string) => checkAttached(byDigest([log, artifact]), name, file)
  expect(await named(`artifacts/${log.sha256}`)).toMatchObject({
    part: null,
    claim: { code: 'attached-differs', where: log.where, expected: log.sha256 },
  })
  expect((await named(`artifacts/${artifact.sha256}`)).part).toBe(artifact)
  expect((await named(sha256('what nothing on record is'))).part).toBe(artifact)
})

it.each<[string, (digest: string, own: string) => string]>([
  ['in capitals', (digest) => digest.toUpperCase()],
  ['behind another digit', (digest) => `logs/a${digest}`],
  ['before another digit', (digest) => `${digest}0.txt`],
  ['beside its own', (digest, own) => `${digest} (was ${own})`],
  ['before its own', (digest, own) => `${digest}/${own}`],
  ['grown together with its own', (digest, own) => `${own}${digest}`],
  ['with what shows as nothing', (digest) => `${digest.slice(0, 9)}\u200b${digest.slice(9)}`],
  ['with strokes under it', (digest) => `${digest.slice(0, 9)}\u0332${digest.slice(9)}`],
  ['with what rings a bell', (digest) => `${digest.slice(0, 9)}\u0007${digest.slice(9)}`],
  ['in two halves', (digest) => `${digest.slice(0, 32)}-${digest.slice(32)}`],
  ['in wide digits', (digest) => digest.replaceAll('0', '\uff10').replaceAll('a', '\uff41')],
])('[A2] a name says the digest of another %s', async (_, nameOf) => {
  const [log, artifact] = await parts()
  if (log === undefined || artifact === undefined) throw new Error('no parts')
  const record = byDigest([log, artifact])
  expect(await checkAttached(record, nameOf(log.sha256, artifact.sha256), file)).toMatchObject({
    part: null,
    claim: { code: 'attached-differs', where: log.where, expected: log.sha256 },
  })
  expect((await checkAttached(record, nameOf(artifact.sha256, artifact.sha256), file)).part).toBe(
    artifact,
  )
})

it('[A2] a name that only looks like the digest of another is shown as what it is, and not taken for one', async () => {
  const [log, artifact] = await parts()
  if (log === undefined || artifact === undefined) throw new Error('no parts')
  const name = log.sha256.replaceAll('a', '\u0430').replaceAll('e', '\u0435')
  const { claim, part } = await checkAttached(byDigest([log, artifact]), name, file)
  expect(part).toBe(artifact)
  expect(claim).toMatchObject({ code: 'attached-renamed', state: 'not checked' })
  expect(claim.message).toContain('\\u{430}')
  expect(claim.message).toContain('is the artifact out/a.tgz of step build')
  expect(claim.message).not.toContain('\u0430')
  const unknown = await checkAttached(byDigest([log]), name, file)
  expect(unknown.claim.message).toContain('\\u{430}')
})

it.each<[string, (digest: string) => string]>([
  ['with O for 0', (digest) => digest.replaceAll('0', 'O')],
  ['with l for 1, in an export’s folder', (digest) => `artifacts/${digest.replaceAll('1', 'l')}`],
  ['with s for 5 and z for 2', (digest) => digest.replaceAll('5', 's').replaceAll('2', 'z')],
  ['cut short', (digest) => `${digest.slice(0, 20)}.tar.gz`],
  ['with a digit more', (digest) => `${digest.slice(0, 9)}0${digest.slice(9)}`],
  ['with a digit less, in groups', (digest) => (digest.slice(1).match(/.{1,8}/g) ?? []).join('-')],
  ['with another digit, beside its own', (digest) => `${digest.slice(0, -1)}g`],
])('[A2] a name that looks like the digest of another, %s, is not checked', async (_, nameOf) => {
  const [log, artifact] = await parts()
  if (log === undefined || artifact === undefined) throw new Error('no parts')
  const record = byDigest([log, artifact])
  for (const name of [nameOf(log.sha256), `${artifact.sha256}.${nameOf(log.sha256)}`]) {
    const { claim } = await checkAttached(record, name, file)
    expect(claim).toMatchObject({ code: 'attached-renamed', state: 'not checked' })
    expect(claim.message).toContain('can be read as a digest')
  }
})

it.each([
  'a.tgz',
  'release-1.2.3.tar.gz',
  'backup-2026-11-27-094512.csv',
  'logs/2026-11-27T09:45:12.345678'.replaceAll(':', ''),
  'dist/assets/index-3f2b8c1e.js',
  'diffs/old/files-selected.log',
  'deadbeef.bin',
])('[A2] %j says no digest', async (name) => {
  expect((await checkAttached(byDigest(await parts()), name, file)).claim.code).toBe(
    'attached-whole',
  )
})

it('[A2] what an export writes says the digest of its bytes, in either case and with any ending', async () => {
  const on_record = await parts()
  const { sha256: own = '' } = on_record.find(({ kind }) => kind === 'artifact') ?? {}
  for (const name of [own, `artifacts/${own}`, `${own.toUpperCase()}.tar.gz`, `was-${own}.bin`])
    expect((await checkAttached(byDigest(on_record), name, file)).claim.code).toBe('attached-whole')
  // Above its own folder stands what the reader calls it.
  for (const folder of ['My Export', 'größe', '0123456789abcdef01234567'])
    expect(
      (await checkAttached(byDigest(on_record), `${folder}/artifacts/${own}`, file)).claim.code,
    ).toBe('attached-whole')
})

it.each(['a b.tgz', 'x'.repeat(256), '../a.tgz\u202e', '', 'größe.txt'])(
  '[A2] %j is no plain name, and what it says is not checked',
  async (name) => {
    const { claim } = await checkAttached(byDigest(await parts()), name, file)
    expect(claim.code).toBe('attached-renamed')
    expect(claim.message).toMatch(/^[\u0020-\u007e]*$/)
  },
)

it('[V26] many files of the digest of many parts are each compared with one of them', async () => {
  const [log] = await parts()
  if (log === undefined) throw new Error('no parts')
  const many = Array.from({ length: 500 }, (_, n) => ({ ...log, step_id: `step-${n}` }))
  const record = byDigest(many)
  expect(await workOf(() => checkAttached(record, 'log', long))).toBeLessThan(100)
  expect((await checkAttached(record, 'log', long)).claim.message).toContain('and 499 more')
})

it('[A1] a part of many steps is one file, and each has to agree with it', async () => {
  const [log] = await parts()
  if (log === undefined) throw new Error('no parts')
  const also = { ...log, step_id: 'again' }
  const found = await checkAttached(byDigest([log, also]), 'log', long)
  expect(found.claim.message).toContain('and 1 more on record')
  const short = byDigest([log, { ...also, chunks: log.chunks.slice(0, 2) }, { ...also, bytes: 7 }])
  expect((await checkAttached(short, 'log', long)).claim).toMatchObject({
    code: 'attached-differs',
    step_id: 'again',
  })
})

it('[A5] what is longer than anything on record is not read', async () => {
  const envelope = await recorded()
  const [log] = partsOf(envelope)
  const beside = (name: string) => ({
    name,
    size: long.length + 1,
    bytes: () => Promise.reject(new Error('read')),
  })
  const compared = await compareBeside(envelope, [beside('x'), beside(`logs/${log?.sha256}`)])
  expect(compared.map(({ claim, from }) => [claim.code, from])).toEqual([
    ['attached-unknown', 0],
    ['attached-differs', 1],
    ['attached-missing', null],
  ])
  expect(compared[1]?.claim.message).toContain('and the record says 2,097,157')
})

it('[A2] a record whose own digests contradict each other proves no bytes', async () => {
  const on_record = (await parts()).map((part) => ({ ...part, chunks: part.chunks.toReversed() }))
  expect((await checkAttached(byDigest(on_record), 'log', long)).claim.code).toBe(
    'attached-differs',
  )
})

it('[A3] what is not at hand is not checked, and counted', async () => {
  const on_record = await parts()
  expect(missingParts(on_record, [])).toMatchObject({ state: 'not checked' })
  expect(missingParts(on_record, on_record.slice(0, 1))?.message).toContain('1 of 2')
  expect(missingParts(on_record, on_record)).toBeNull()
})

it('[A1] a file that is gone, as a server answers for its log, is told as empty and not as another', async () => {
  const [piece] = await parts()
  if (piece === undefined) throw new Error('nothing on record')
  expect((await comparePiece(piece, new Uint8Array())).fault).toBe('it is empty')
  expect((await comparePiece(piece, new Uint8Array(3))).fault).toBe('it has another digest')
})
