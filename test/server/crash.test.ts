import { beforeAll, describe, expect, it } from 'vitest'
import { campaign, type Death, type Report } from './crash/campaign.ts'

/*
 * A real server is ended by SIGKILL, three times over one folder, and then brought to the end. `npm run test:crash`
 * does it with as many seeds as make a thousand deaths; `RUNSEAL_SEED=n` does it again with one of them, and
 * `RUNSEAL_DEATHS="…; …"` with the very deaths that were printed.
 */

const KILLS = Number(process.env['RUNSEAL_KILLS'] ?? 0)
const SEED = process.env['RUNSEAL_SEED']
const DEATHS = process.env['RUNSEAL_DEATHS']
const MINUTE = 60_000

// Between every two writes of an attempt, of a decision and of a seal. They die in this order, one of each a folder.
const ATTEMPT = [
  'server commit step_started: before',
  'server commit step_started: after',
  'server launch: after',
  'both open build.log: after',
  'both spawn step: after',
  'both write build.pid: after',
  'both write test.pid: after',
  'both rename part digest: before',
  'both rename part digest: after',
  'both datasync test.log: after',
  'server commit step_finished: before',
  'server commit step_finished: after',
]
const DECISION = [
  'server commit needs_input: before',
  'server commit needs_input: after',
  'server commit gate_decided: before',
  'server commit gate_decided: after',
  'server commit gate_resolved: before',
  'server commit gate_resolved: after',
]
const SEAL = [
  'server commit statement: before',
  'server commit statement: after',
  'server open ev.json.tmp: before',
  'server open ev.json.tmp: after',
  'server writeFile ev.json.tmp: after',
  'server sync ev.json.tmp: after',
  'server rename ev.json.tmp ev.json: after',
  'server sync envelopes: after',
  'server commit written: before',
  'server commit written: after',
  'server commit run_finalized: before',
  'server commit run_finalized: after',
]

let undisturbed: Report
/** How often a first life passes each point, and how often one that has to recover. */
let first: ReadonlyMap<string, number>
let later: ReadonlyMap<string, number>

beforeAll(async () => {
  undisturbed = await campaign([], { trace: true })
  first = timesOf(undisturbed.points[0])
  // It died while steps ran: the next one does what is left, and what only a recovery does.
  const death = deathAt('server commit step_finished: before')
  later = timesOf((await campaign([death], { trace: true })).points[1])
}, 4 * MINUTE)

function timesOf(passed: readonly string[] = []): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const point of passed.toSorted()) times.set(point, (times.get(point) ?? 0) + 1)
  return times
}

describe('a server that is killed at any moment', () => {
  it('[CR1] is compared with one that was not', () => {
    expect(undisturbed.faults).toEqual([])
    expect(Object.keys(undisturbed.endings)).toEqual(['four', 'one', 'three', 'two'])
  })

  const exact = SEED === undefined && DEATHS === undefined && KILLS === 0 ? ATTEMPT : []
  it.concurrent.for(exact.map((attempt, at) => [attempt, DECISION[at % 6], SEAL[at]] as const))(
    '[CR2] [CR3] loses nothing at %s, at %s and at %s',
    { timeout: 12 * MINUTE },
    async (names) => {
      expect(await survives(names.map((name) => deathAt(name ?? '')))).toBe(3)
    },
  )

  it(
    '[CR2] [CR3] loses nothing at seeded moments',
    async () => {
      const seed0 = SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(SEED)
      const tally = { begun: 0, died: 0, failed: new Array<string>() }
      const isOne = SEED !== undefined || DEATHS !== undefined
      const goesOn = () => !isOne && tally.died < KILLS && tally.failed.length < 20
      const worker = async () => {
        // A point may not be passed any more: it is deaths that are counted.
        while (tally.begun === 0 || goesOn()) {
          const seed = seed0 + tally.begun
          tally.begun += 1
          const deaths = DEATHS === undefined ? deathsOf(seed) : DEATHS.split('; ').map(deathIn)
          const told = `RUNSEAL_SEED=${seed} RUNSEAL_DEATHS="${deaths.map(wordsOf).join('; ')}"`
          try {
            const died = await survives(deaths)
            tally.died += died
          } catch (error) {
            tally.failed.push(`${told}\n${error instanceof Error ? error.message : String(error)}`)
            console.log(tally.failed.at(-1))
          }
          const now = new Date().toISOString().slice(11, 19)
          console.log(
            `${now} ${tally.died} deaths of ${KILLS}, ${tally.failed.length} failed. ${told}`,
          )
        }
      }
      await Promise.all([worker(), worker(), worker()])
      expect(tally.failed).toEqual([])
    },
    (KILLS + 20) * MINUTE,
  )
})

async function survives(deaths: readonly Death[]): Promise<number> {
  const { faults, endings, died } = await campaign(deaths)
  for (const key of Object.keys(undisturbed.endings)) {
    const [was, is] = [undisturbed.endings[key], endings[key]].map((one) => JSON.stringify(one))
    if (was !== is) faults.push(`${key} ended otherwise: ${is}, undisturbed ${was}`)
  }
  // Not by an assertion, which would cut what differs.
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return died
}

function deathAt(named: string, nth = 1): Death {
  const [, role = '', point = ''] = /^(\w+) (.*)$/.exec(named) ?? []
  if (role !== 'server' && role !== 'runner' && role !== 'both')
    throw new Error(`no role: ${named}`)
  return { role, point, nth }
}

/**
 * A moment in four is a time, the others are points. A runner that dies alone cuts a step off, and so does its server
 * right after it: that is two deaths, and three are what a step survives.
 */
function deathsOf(seed: number): Death[] {
  const random = randomOf(seed)
  const below = (count: number) => Math.floor(random() * count)
  const deaths: Death[] = []
  for (let left = 3; left > 0;) {
    const isTime = below(4) === 0
    const points = [...(deaths.length === 0 ? first : later)]
    const [name, times] = points[below(points.length)] ?? ['', 1]
    const [nth, ms, isAlone] = [1 + below(times), below(1500), below(2) === 0 && left > 1]
    const role = isAlone ? name : name.replace(/^runner /, 'both ')
    deaths.push(isTime ? { afterMs: ms } : deathAt(role, nth))
    left -= !isTime && role.startsWith('runner ') ? 2 : 1
  }
  return deaths
}

function wordsOf(death: Death): string {
  return 'point' in death ? `${death.role} ${death.point} ${death.nth}` : `${death.afterMs} ms`
}

function deathIn(words: string): Death {
  const [, point = '', nth, ms] = /^(?:(.*) (\d+)|(\d+) ms)$/.exec(words) ?? []
  return ms === undefined ? deathAt(point, Number(nth)) : { afterMs: Number(ms) }
}

// mulberry32
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
