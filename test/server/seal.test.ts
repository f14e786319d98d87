import Database from 'better-sqlite3'
import { generateKeyPairSync } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, type Envelope } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import { readEnvelope } from '#evidence/read.ts'
import { signStatement } from '#evidence/seal.ts'
import type { HeldEnvelope } from '#evidence/place.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { openKey, serverKeyOf } from '#server/seal/key.ts'
import { createSealer } from '#server/seal/sealer.ts'
import type { DraftOrder } from '#server/seal/draft.ts'
import { draft } from '#server/seal/drafting.ts'
import type { RecordedFact, Storage } from '#server/storage/storage.ts'
import {
  aborted,
  AT,
  digest,
  opening,
  started,
  stepFinished,
  stepStarted,
  succeeded,
} from '#test/recorded.ts'
import { makeDataFolder, type DataFolder } from './data-folder.ts'

let data: DataFolder
beforeEach(async () => {
  data = await makeDataFolder()
})
afterEach(() => data.remove())

/** A run that ended and is not sealed. */
async function endedRun(run_id: string, end: Fact = succeeded(run_id)): Promise<string> {
  await data.recorder.open(started(run_id, { server: data.signer.key_id }))
  await data.recorder.record(run_id, () => [stepStarted(run_id)])
  const entry =
    end.type === 'run_succeeded'
      ? {}
      : { outcome: 'aborted' as const, exit_code: null, signal: 'SIGTERM' }
  await data.recorder.record(run_id, () => [stepFinished(run_id, entry), end])
  return run_id
}

const evidenceOf = (run_id: string) => run_id.replace('run_', 'ev_')

async function verify(run_id: string, previous: readonly HeldEnvelope[] = []) {
  const { bytes } = await data.sealer.read(evidenceOf(run_id))
  const file = {
    schema: 'runseal/trust/1' as const,
    server_keys: [serverKeyOf(data.signer)],
    approvers: [],
    required: [],
  }
  return verifyEnvelope(bytes, {
    trust: [{ file, source: 'pinned' }],
    asked: { run_id, evidence_id: evidenceOf(run_id) },
    previous,
  })
}

async function envelopeOf(run_id: string): Promise<Envelope> {
  return readEnvelope((await data.sealer.read(evidenceOf(run_id))).bytes, LIMITS)
}
const fileOf = (run_id: string) => join(data.folder, 'envelopes', `${evidenceOf(run_id)}.json`)

it.each([
  ['succeeded', succeeded('run_a')],
  ['aborted', aborted('run_a')],
] as const)('[SE1] seals a run that %s, and the envelope verifies', async (outcome, end) => {
  await endedRun('run_a', end)
  await data.sealer.seal('run_a')
  const { verdict, claims } = await verify('run_a')
  expect(claims.filter(({ state }) => state === 'does not verify')).toEqual([])
  expect(verdict).toBe('proven')
  expect((await envelopeOf('run_a')).closing).toMatchObject({
    outcome,
    seal_seq: 1,
    previous: null,
  })
  expect(await data.storage.runs.summary('run_a')).toMatchObject({
    seal: 'sealed',
    evidence_id: 'ev_a',
  })
  expect(data.told.at(-1)).toEqual({
    type: 'run_finalized',
    run_id: 'run_a',
    timestamp: AT,
    evidence_id: 'ev_a',
    seal_seq: 1,
  })
  const { mode, size } = await stat(fileOf('run_a'))
  expect(mode & 0o777).toBe(0o600)
  expect((await data.storage.seals.list({ cursor: null, limit: 10 })).items).toMatchObject([
    { evidence_id: 'ev_a', bytes: size, sha256: digest(await readFile(fileOf('run_a'), 'utf8')) },
  ])
})

it('[SE2] chains thirty runs that end at one instant, without a hole', async () => {
  const ids = Array.from({ length: 30 }, (_, i) => `run_${i}`)
  await Promise.all(ids.map((id) => endedRun(id)))
  await Promise.all(ids.map((id) => data.sealer.seal(id)))
  const envelopes = await Promise.all(ids.map(envelopeOf))
  envelopes.sort((a, b) => a.closing.seal_seq - b.closing.seal_seq)
  expect(envelopes.map(({ closing }) => closing.seal_seq)).toEqual(ids.map((_, i) => i + 1))
  envelopes.forEach(({ closing }, i) => {
    const before = envelopes[i - 1]
    expect(closing.previous).toEqual(
      before ? { evidence_id: before.evidence_id, head: before.integrity.hash_chain.head } : null,
    )
  })
  const held = envelopes.map(({ evidence_id, integrity, closing }) => ({
    server: data.signer.key_id,
    evidence_id,
    head: integrity.hash_chain.head,
    seal_seq: closing.seal_seq,
  }))
  for (const id of ids) expect((await verify(id, held)).verdict).toBe('proven')
})

it('[SE3] [SE4] puts a failure on record, and a retry seals with the same number and statement', async () => {
  await writeFile(join(data.folder, 'envelopes'), 'no folder')
  await endedRun('run_a')
  await data.sealer.seal('run_a')
  expect(data.told.at(-1)).toMatchObject({
    type: 'seal_failed',
    // Which names no path: every reader of the run reads it.
    reason: 'the envelope could not be written: EEXIST',
  })
  expect(data.faults).toHaveLength(1)
  expect(await data.storage.runs.summary('run_a')).toMatchObject({ seal: 'seal_failed' })
  await expect(data.sealer.read('ev_a')).rejects.toMatchObject({ code: 'not_found' })
  const prepared = await data.storage.seals.of('ev_a')
  expect(prepared).toMatchObject({ seal_seq: 1, file: null })

  // Another run takes the next number meanwhile: the failed one keeps its own.
  await rm(join(data.folder, 'envelopes'))
  await endedRun('run_b')
  await data.sealer.seal('run_b')
  data.clock.at = '2026-11-13T00:00:00.000Z'
  await data.sealer.seal('run_a')
  expect(await data.storage.seals.of('ev_a')).toMatchObject({
    seal_seq: 1,
    statement: prepared?.statement,
    sealed_at: AT,
  })
  const [a, b] = [await envelopeOf('run_a'), await envelopeOf('run_b')]
  expect(Buffer.from(a.integrity.seal.payload, 'base64')).toEqual(
    Buffer.from(prepared?.statement ?? []),
  )
  expect(b.closing.previous).toEqual({ evidence_id: 'ev_a', head: a.integrity.hash_chain.head })
  for (const id of ['run_a', 'run_b']) expect((await verify(id)).verdict).toBe('proven')
  expect(await data.storage.runs.summary('run_a')).toMatchObject({ seal: 'sealed' })
})

it('[SE3] has the statement on disk before anything is signed', async () => {
  await endedRun('run_a')
  const seen: unknown[] = []
  const sealer = createSealer({
    ...data,
    signer: {
      ...data.signer,
      async sign(message) {
        seen.push(await data.storage.seals.of('ev_a'))
        return data.signer.sign(message)
      },
    },
    folder: join(data.folder, 'envelopes'),
    now: () => new Date(AT),
    failed: (error) => data.faults.push(error),
  })
  await sealer.seal('run_a')
  expect(seen).toMatchObject([{ seal_seq: 1, file: null }])
})

// The process may die after any of its writes: the store that stands in for it fails there, and a new server goes on.
describe.each(['prepare', 'written', 'append'] as const)('cut off at %s', (where) => {
  it('[SE3] is sealed after a restart by the same way', async () => {
    await endedRun('run_a')
    await endedRun('run_b')
    const sealer = createSealer({
      ...data,
      storage: { runs: data.storage.runs, seals: dyingAt(where, data.storage) },
      recorder: where === 'append' ? { ...data.recorder, record: dies } : data.recorder,
      folder: join(data.folder, 'envelopes'),
      now: () => new Date(AT),
      failed: () => {},
    })
    const died = await sealer.seal('run_a').catch((error: unknown) => error)
    expect(died).toEqual(where === 'append' ? new Error('died') : undefined)
    await data.reopen()
    data.clock.at = '2026-11-13T00:00:00.000Z'
    await data.sealer.resume()
    expect(await data.storage.runs.unfinished()).toEqual([])
    const sequence = await Promise.all(['run_a', 'run_b'].map(envelopeOf))
    expect(sequence.map(({ closing }) => closing.seal_seq)).toEqual([1, 2])
    for (const id of ['run_a', 'run_b']) expect((await verify(id)).verdict).toBe('proven')
  })
})

async function dies(): Promise<never> {
  throw new Error('died')
}

function dyingAt(where: string, { seals }: Storage): Storage['seals'] {
  if (where === 'prepare') return { ...seals, prepare: dies }
  if (where === 'written') return { ...seals, written: dies }
  return seals
}

it('[SE1] refuses what cannot be sealed now', async () => {
  await data.recorder.open(started('run_a', { server: data.signer.key_id }))
  await expect(data.sealer.seal('run_x')).rejects.toMatchObject({ code: 'not_found' })
  await expect(data.sealer.seal('run_a')).rejects.toMatchObject({ code: 'run_not_ended' })
})

it('[SE1] seals a run once, whoever asks for it meanwhile', async () => {
  await endedRun('run_a')
  await Promise.all([data.sealer.seal('run_a'), data.sealer.resume(), data.sealer.seal('run_a')])
  expect(data.told.filter(({ type }) => type === 'run_finalized')).toHaveLength(1)
})

it('[SE5] gives no number to an envelope that no verifier would read', async () => {
  await endedRun('run_a')
  const sealer = createSealer({
    ...data,
    folder: join(data.folder, 'envelopes'),
    now: () => new Date(AT),
    failed: (error) => data.faults.push(error),
    limits: { ...LIMITS, bytes: 1000 },
  })
  await sealer.seal('run_a')
  expect(data.told.at(-1)).toMatchObject({ type: 'seal_failed' })
  expect(await data.storage.seals.last()).toBeNull()
})

it('[SE4] [SE6] seals the others where one record is damaged', async () => {
  for (const id of ['run_a', 'run_b', 'run_c']) await endedRun(id)
  const beside = new Database(join(data.folder, 'runseal.db'))
  beside.exec(`drop trigger fact_is_kept; update fact set link = null where run_id = 'run_b'`)
  beside.close()
  await data.reopen()
  await data.sealer.resume()
  const left = await data.storage.runs.unfinished()
  expect(left).toEqual(['run_b'])
  expect(data.faults).toMatchObject([{ code: 'damaged' }])
  expect((await envelopeOf('run_c')).closing.seal_seq).toBe(2)
})

it('[SE5] does not seal a run that was opened under another key', async () => {
  await data.recorder.open(started('run_a'))
  await data.recorder.record('run_a', () => [stepFinished('run_a'), succeeded('run_a')])
  await data.sealer.seal('run_a')
  expect(data.told.at(-1)).toMatchObject({ type: 'seal_failed' })
  expect(await data.storage.seals.last()).toBeNull()
})

describe('[SE9] a large record', () => {
  const steps = Array.from({ length: 800 }, (_, at) => `s${at}`)
  const order = () => ({
    place: { seal_seq: 1, previous: null, sealed_at: AT },
    key_id: data.signer.key_id,
    limits: LIMITS,
  })

  async function largeRun(): Promise<RecordedFact[]> {
    const [like] = opening().plan.steps
    const plan = {
      steps: steps.flatMap((step_id) => (like ? [{ ...like, step_id }] : [])),
      gates: [],
    }
    await data.recorder.open(started('run_a', { server: data.signer.key_id, plan }))
    await data.recorder.record('run_a', () => [
      ...steps.map((step_id) => stepFinished('run_a', { step_id })),
      succeeded('run_a'),
    ])
    return await data.storage.runs.facts('run_a')
  }

  it('is sealed while the server goes on, and verifies', async () => {
    await largeRun()
    await data.reopen()
    let turns = 0
    const turning = setInterval(() => (turns += 1))
    await data.sealer.seal('run_a')
    clearInterval(turning)
    expect(turns).toBeGreaterThan(5)
    expect((await verify('run_a')).verdict).toBe('proven')
    expect((await envelopeOf('run_a')).closing.counts.steps).toBe(steps.length)
  })

  it('is the same envelope as by the way of small ones', async () => {
    const facts = await largeRun()
    const [beside, here] = [await draft(facts, order(), true), await draft(facts, order(), false)]
    expect(beside.drafted).toEqual(here.drafted)
    const seal = await signStatement(here.drafted.statement, data.signer)
    expect(await beside.sealed(seal)).toEqual(await here.sealed(seal))
    await beside.end()
  })

  it.each([true, false])('is refused for the same reasons (in a thread: %s)', async (isLarge) => {
    const facts = await largeRun()
    const refused = (over: Partial<DraftOrder>, of = facts) =>
      draft(of, { ...order(), ...over }, isLarge).catch((error: unknown) => error)
    expect(await refused({ key_id: digest('another') })).toMatchObject({
      name: 'EvidenceError',
      code: 'signer-mismatch',
    })
    expect(await refused({ limits: { ...LIMITS, entries: 10 } })).toMatchObject({
      name: 'EvidenceError',
      code: 'over-limit',
      where: '/order',
    })
    const torn = facts.map((one, at) => (at === 7 ? { ...one, link: digest('torn') } : one))
    expect(await refused({}, torn)).toMatchObject({
      name: 'StorageError',
      code: 'damaged',
      message: 'entry 7 is not the one that was recorded',
    })
  })
})

it('[SE7] serves the bytes as they are, with the digest that was sealed', async () => {
  await endedRun('run_a')
  await data.sealer.seal('run_a')
  const sealed = await data.sealer.read('ev_a')
  await writeFile(
    fileOf('run_a'),
    Buffer.from(sealed.bytes).toString().replace('"exit_code":0', '"exit_code":1'),
  )
  const changed = await data.sealer.read('ev_a')
  expect(changed.sha256).toBe(sealed.sha256)
  expect(changed.bytes).not.toEqual(sealed.bytes)
  expect((await verify('run_a')).verdict).toBe('does not verify')
  await rm(fileOf('run_a'))
  await expect(data.sealer.read('ev_a')).rejects.toMatchObject({ code: 'not_found' })
  await expect(data.sealer.read('../key')).rejects.toMatchObject({ code: 'not_found' })
})

it('[SE7] leaves no temporary file behind, and gets over one', async () => {
  await mkdir(join(data.folder, 'envelopes'))
  await writeFile(`${fileOf('run_a')}.tmp`, 'half of an envel')
  await endedRun('run_a')
  await data.sealer.seal('run_a')
  expect(await readdir(join(data.folder, 'envelopes'))).toEqual(['ev_a.json'])
  expect((await verify('run_a')).verdict).toBe('proven')
})

describe('key', () => {
  const path = () => join(data.folder, 'key.pem')

  it('[SE8] is made once, for its owner alone', async () => {
    expect((await stat(path())).mode & 0o777).toBe(0o600)
    expect((await openKey(data.folder, { make: true })).key_id).toBe(data.signer.key_id)
  })
  it('[SE8] is not made again where one is missing', async () => {
    await rm(path())
    await expect(openKey(data.folder, { make: false })).rejects.toThrow('is missing')
    await expect(stat(path())).rejects.toThrow('ENOENT')
  })
  it('[SE8] is refused when others may read it', async () => {
    await chmod(path(), 0o644)
    await expect(openKey(data.folder, { make: false })).rejects.toThrow('chmod 600')
  })
  it('[SE8] is refused when it is none of Ed25519', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    await writeFile(path(), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    await expect(openKey(data.folder, { make: false })).rejects.toThrow('no Ed25519 key')
  })
})
