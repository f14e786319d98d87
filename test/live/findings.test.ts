import { describe, expect, it } from 'vitest'
import type { Connection } from '#live/connection.ts'
import { type Facts, findingsOf, reportOf, type Trouble } from '#live/findings.ts'
import { came, newTrial, type Trial } from '#live/trial.ts'

const NOW = 1_000_000
const live: Connection = { state: 'live', attempt: 0, since: 0, liveAt: 0, heardAt: 0 }
const away = { attempt: 3, at: 0, trying: null, why: 'x' }
const well: Trial = {
  ...newTrial(NOW),
  status: 200,
  headMs: 5,
  firstByteMs: 6,
  connected: true,
  keepalives: 4,
}
const FACTS: Facts = {
  now: NOW,
  connection: live,
  trial: well,
  heardAt: NOW - 2000,
  counts: { frames: 9, repeated: 0, outOfOrder: 0, malformed: 0, unknown: 0 },
  gaps: [],
  api: { ok: true },
  unsealed: [],
  gates: [],
}
const found = (trouble: Trouble, facts: Partial<Facts>) => {
  const finding = findingsOf({ ...FACTS, ...facts }).find((one) => one.trouble === trouble)
  if (finding === undefined) throw new Error(`nothing is said of ${trouble}`)
  return finding
}

describe('a diagnosis', () => {
  it('[L10] finds nothing where all is well, and says so of each trouble', () => {
    expect(findingsOf(FACTS).map(({ trouble, is }) => [trouble, is])).toEqual([
      ['no-envelope', 'well'],
      ['no-events', 'well'],
      ['needs-input', 'well'],
      ['out-of-order', 'well'],
    ])
  })

  it.each<[string, Partial<Facts>, 'known' | 'wrong', RegExp]>([
    ['silence', { connection: { ...live, state: 'silent' } }, 'wrong', /not even a heartbeat/],
    [
      'a head without a byte',
      {
        connection: { state: 'connecting', attempt: 0, since: 0 },
        trial: { ...newTrial(NOW), status: 200, headMs: 40 },
      },
      'wrong',
      /not a byte/,
    ],
    [
      'a proxy that collects',
      { trial: { ...well, held: 3, heldMs: 15_000 } },
      'wrong',
      /bursts.*15 s apart.*3 times/,
    ],
    [
      'a slow first byte',
      { trial: { ...well, firstByteMs: 9000 } },
      'wrong',
      /first byte took 9 s/,
    ],
    [
      'comments taken out',
      { trial: { ...well, connected: false } },
      'known',
      /first words did not/,
    ],
    [
      'no sign-in',
      { connection: { state: 'signed-out', ...away }, trial: { ...well, status: 401 } },
      'wrong',
      /401/,
    ],
    [
      'a redirect',
      { connection: { state: 'refused', status: 0, ...away } },
      'wrong',
      /leads to another/,
    ],
    [
      'a page of HTML',
      { connection: { state: 'refused', status: 200, ...away } },
      'wrong',
      /no event stream/,
    ],
    ['204', { connection: { state: 'refused', status: 204, ...away } }, 'wrong', /empty/],
    ['421', { connection: { state: 'refused', status: 421, ...away } }, 'wrong', /name or origin/],
    ['403', { connection: { state: 'refused', status: 403, ...away } }, 'wrong', /name or origin/],
    [
      '404',
      { connection: { state: 'refused', status: 404, ...away } },
      'wrong',
      /nothing here knows/,
    ],
    [
      'a stream alone that is refused',
      { connection: { state: 'polling', ...away }, trial: { ...newTrial(NOW), ended: 'failed' } },
      'wrong',
      /CORS/,
    ],
    [
      'an answer of which not a byte comes',
      { connection: { state: 'retrying', ...away }, trial: { ...newTrial(NOW), givenUp: true } },
      'wrong',
      /not a byte of its stream.*collects/,
    ],
    [
      'a stream that fell silent for good',
      { connection: { state: 'retrying', ...away }, trial: { ...well, givenUp: true } },
      'wrong',
      /fell silent/,
    ],
    [
      'no server',
      {
        connection: { state: 'retrying', ...away },
        trial: { ...newTrial(NOW), ended: 'failed' },
        api: { ok: false, status: 0 },
      },
      'wrong',
      /cannot be reached/,
    ],
    [
      'a full server',
      { connection: { state: 'retrying', ...away }, trial: { ...newTrial(NOW), status: 503 } },
      'wrong',
      /as many streams as it takes/,
    ],
    [
      'a failing proxy',
      { connection: { state: 'retrying', ...away }, trial: { ...newTrial(NOW), status: 502 } },
      'wrong',
      /502.*proxy/,
    ],
    [
      'a stream that is cut off',
      { connection: { state: 'retrying', ...away }, trial: { ...well, ended: 'ended' } },
      'wrong',
      /cut off again/,
    ],
    ['a stop', { connection: { state: 'drained', ...away } }, 'known', /it is stopping/],
    ['no network', { connection: { state: 'offline', ...away } }, 'wrong', /no network/],
    ['nobody there', { connection: { state: 'hidden' } }, 'known', /Nobody looked/],
  ])('[L10] no events: %s', (_, facts, is, cause) => {
    const finding = found('no-events', facts)
    expect(finding.is).toBe(is)
    expect(finding.cause).toMatch(cause)
    expect(finding.todo !== null).toBe(is === 'wrong')
  })

  it('[L10] no envelope: why sealing failed, that it is under way, or that it takes too long', () => {
    const run = { run_id: 'run_1', waitedMs: 3000, why: null }
    expect(found('no-envelope', { unsealed: [run] }).is).toBe('known')
    expect(found('no-envelope', { unsealed: [{ ...run, waitedMs: 90_000 }] }).is).toBe('wrong')
    const failed = found('no-envelope', { unsealed: [run, { ...run, why: 'the disk is full' }] })
    expect([failed.is, failed.from.join()]).toEqual([
      'wrong',
      expect.stringContaining('disk is full'),
    ])
  })

  it('[L10] needs_input: since when the oldest waits, and who may answer', () => {
    const gate = {
      gate_id: 'gate_1',
      run_id: 'run_1',
      waitedMs: 600_000,
      who: ['approver', 'ann'],
      quorum: 2,
    }
    const finding = found('needs-input', { gates: [gate, { ...gate, gate_id: 'gate_2' }] })
    expect(finding.cause).toMatch(/2 questions wait.*10 min/)
    expect(finding.todo).toMatch(/2 of: approver, ann/)
  })

  it('[L10] out of order: how many, and that it is harmless; not so what cannot be read', () => {
    const counts = { ...FACTS.counts, outOfOrder: 3, repeated: 2 }
    const harmless = found('out-of-order', { counts })
    expect([harmless.is, harmless.from[0]]).toEqual([
      'known',
      '9 frames, 3 out of order, 2 repeated',
    ])
    expect(found('out-of-order', { counts: { ...counts, malformed: 1 } }).is).toBe('wrong')
  })

  it('[L10] a report names no person and quotes no run', () => {
    const report = reportOf(
      {
        ...FACTS,
        unsealed: [{ run_id: 'run_1', waitedMs: 1, why: 'a reason with s3cret' }],
        gates: [{ gate_id: 'gate_1', run_id: 'run_1', waitedMs: 1, who: ['user:zoe'], quorum: 1 }],
      },
      { at: 'now', page: '/runs', version: '1' },
    )
    expect(report).toContain('gate_1 of run_1')
    expect(report).not.toMatch(/s3cret|zoe/)
  })
})

describe('how bytes came', () => {
  const at = (ms: number, comments: string[], sentAt: number[] = [], slept = false) => ({
    ms,
    comments,
    sentAt,
    slept,
  })
  const after = (...chunks: ReturnType<typeof at>[]): Trial => chunks.reduce(came, newTrial(NOW))

  it('is well when heartbeats and frames come one by one', () => {
    const trial = after(
      at(5, ['connected']),
      at(15_000, ['keepalive'], [NOW]),
      at(15_100, [], [NOW + 90]),
    )
    expect(trial).toMatchObject({ connected: true, firstByteMs: 5, keepalives: 1, held: 0 })
  })

  it('was held back when two heartbeats come at once, or frames that were sent apart', () => {
    expect(after(at(5, []), at(30_000, ['keepalive', 'keepalive'])).held).toBe(1)
    expect(after(at(5, []), at(9000, [], [NOW, NOW + 8000]))).toMatchObject({
      held: 1,
      heldMs: 8000,
    })
  })

  it('is not held back by anything between when this device slept', () => {
    const slept = at(60_000, ['keepalive', 'keepalive', 'keepalive'], [NOW, NOW + 50_000], true)
    expect(after(at(5, ['connected']), slept)).toMatchObject({ held: 0, heldMs: 0, keepalives: 3 })
  })

  it('is not held back when a stream is taken up again with what was missed', () => {
    expect(after(at(5, ['connected'], [NOW, NOW + 60_000])).held).toBe(0)
  })
})
