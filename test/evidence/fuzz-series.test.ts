import fc from 'fast-check'
import { expect, it } from 'vitest'
import { walkSeries } from '#evidence/series.ts'
import { type Placed } from '#evidence/standing.ts'
import { type Alone, walkTogether } from '#evidence/together.ts'
import { LONG_MS, SEED } from './seed.ts'

/*
 * What an honest server has sealed, over three keys that take over from each other, of which some cannot be had or are by
 * a key that is not at hand: nothing of that is missing. `npm run test:fuzz` tries a hundred thousand.
 */

const numRuns = Number(process.env['MUTANTS'] ?? 2000)

const headOf = (number: number, letter = '0'): string => `${number}`.padStart(64, letter)

function recordOf(seal_seq: number, server: string, previous: Placed | null): Placed {
  return {
    server,
    evidence_id: `ev-${seal_seq}`,
    run_id: `run-${seal_seq}`,
    head: headOf(seal_seq),
    seal_seq,
    previous: previous && { evidence_id: previous.evidence_id, head: previous.head },
    definition: 'release',
    outcome: 'succeeded',
    ran: { kind: 'pipeline', root: '.', definition: '', inputs: '', gates: '', steps: '', env: '' },
    repeats: null,
    bases: [],
  }
}

const KEYS = ['a', 'b', 'c'] as const
const nth = fc.nat(KEYS.length - 1)

/** One key seals some, and then another one does. */
const keys = fc
  .array(fc.record({ key: nth, count: fc.integer({ min: 1, max: 3 }) }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((turns) =>
    turns.flatMap(({ key, count }) => Array.from({ length: count }, () => KEYS[key] ?? '')),
  )

function sealedBy(servers: readonly string[]): Placed[] {
  const all: Placed[] = []
  for (const [index, server] of servers.entries())
    all.push(recordOf(index + 1, server, all.at(-1) ?? null))
  return all
}

const series = keys.map(sealedBy)

type Fate = 'here' | 'unread' | 'gone'

const walks = (fates: readonly { arbitrary: fc.Arbitrary<Fate>; weight: number }[]) =>
  series.chain((all) =>
    fc.record({
      all: fc.constant(all),
      fates: fc.array(fc.oneof(...fates), { minLength: all.length, maxLength: all.length }),
      /** The key that is not at hand. */
      unknown: fc.option(nth, { freq: 3 }),
      remembered: fc.oneof(fc.constant<Placed[]>([]), fc.subarray(all)),
    }),
  )

type Walk = typeof honest extends fc.Arbitrary<infer T> ? T : never
const fate = (of: Fate, weight: number) => ({ arbitrary: fc.constant(of), weight })
const honest = walks([fate('here', 3), fate('unread', 1)])

function walked({ all, fates, unknown, remembered }: Walk) {
  const by = unknown === null ? null : KEYS[unknown]
  const here = all.filter((_, index) => fates[index] === 'here')
  const placed = here.filter(({ server }) => server !== by)
  const unplaced = [
    ...here.filter(({ server }) => server === by).map((says) => ({ ...says, says })),
    ...all.filter((_, index) => fates[index] === 'unread').map((one) => ({ ...one, says: null })),
  ]
  const faults = walkSeries(placed, { unplaced, remembered }).flatMap((one) => one.faults)
  return { placed, unplaced, faults, remembered, gone: all.filter((_, n) => fates[n] === 'gone') }
}

it(
  '[W1] [W5] [W10] nothing is missing of what is here, whatever of it cannot be had',
  { timeout: LONG_MS },
  () => {
    fc.assert(
      fc.property(honest, (one) => {
        expect(walked(one).faults).toEqual([])
      }),
      { seed: SEED, numRuns },
    )
  },
)

/** Of each the key, what became of it (`.` here, `u` unread, `x` gone) and whether the reader remembers it. */
it.each([
  ['two that could not be had, and one between names the first', 'aaab', 'u.u.', '', []],
  ['the first and the last of a key that was taken back', 'abbba', '.u.u.', '', []],
  ['a former key, of which one is named by its head alone', 'ccabbb', '...u..', '', []],
  ['one that is gone, behind one that could not be had', 'aaab', 'u.x.', '', ['ev-3, 1 of 3 to 3']],
  [
    'one that is gone before another key, which names it',
    'cbba',
    '..x.',
    '',
    ['ev-3, 1 of 3 to 3'],
  ],
  ['of a key that is not at hand any more, and remembered', 'cbbb', '.uu.', 'r---', []],
  ['one that is remembered, of another key', 'bba', 'xu.', 'rrr', ['ev-1, 1 of 1 to 1']],
  [
    'what is remembered and not read is not the one that is gone',
    'aaaa',
    'xuu.',
    '-r--',
    ['null, 1 of 1 to 1'],
  ],
  ['of two holes one', 'aaaaaa', 'xu.uu.', '', ['null, 1 of 1 to 4']],
])('[W1] [W5] [W10] %s', (_, servers, fates, remembered, expected) => {
  const all = sealedBy(Array.from(servers))
  const { faults } = walked({
    all,
    fates: Array.from(fates, (one) => (one === '.' ? 'here' : one === 'u' ? 'unread' : 'gone')),
    unknown: 2,
    remembered: all.filter((__, index) => remembered[index] === 'r'),
  })
  expect(
    faults.map((one) =>
      one.fault === 'missing'
        ? `${one.evidence_id}, ${one.count} of ${one.from} to ${one.to}`
        : one,
    ),
  ).toEqual(expected)
})

it(
  '[W1] [W5] [W10] of what is gone each is told of once, and none that is here',
  { timeout: LONG_MS },
  () => {
    fc.assert(
      fc.property(walks([fate('here', 4), fate('unread', 1), fate('gone', 1)]), (one) => {
        const { placed, unplaced, faults, gone, remembered } = walked(one)
        const told = faults.map((fault) => {
          if (fault.fault !== 'missing') throw new Error(fault.message)
          return fault
        })
        const sum = told.reduce((count, fault) => count + fault.count, 0)
        const isGone = (number: number) => gone.some(({ seal_seq }) => seal_seq === number)
        for (const { evidence_id, from, to, count } of told) {
          const within = gone.filter(({ seal_seq }) => from <= seal_seq && seal_seq <= to).length
          expect(count).toBeLessThanOrEqual(within)
          if (evidence_id !== null) expect([isGone(from), from, count]).toEqual([true, to, 1])
        }
        expect(sum).toBeLessThanOrEqual(gone.length)
        const named = new Set(told.map(({ evidence_id }) => evidence_id))
        const naming = new Set(placed.map(({ previous }) => previous?.evidence_id))
        for (const { evidence_id } of remembered) naming.add(evidence_id)
        for (const { evidence_id } of gone)
          if (naming.has(evidence_id)) expect(named).toContain(evidence_id)
        // What cannot be had keeps the walk from being whole; where all can, each is told of that one after it is here.
        const newest = placed.reduce((most, { seal_seq }) => Math.max(most, seal_seq), 0)
        const inSight = gone.filter((each) => each.seal_seq < newest || remembered.includes(each))
        if (unplaced.length === 0) expect(sum).toBe(inSight.length)
      }),
      { seed: SEED, numRuns },
    )
  },
)

/** The same with more that stands in a place which has one: by any key, after the same, after nothing or after what is gone. */
const tangled = walks([fate('here', 4), fate('unread', 1), fate('gone', 1)]).chain((one) =>
  fc
    .array(fc.record({ of: fc.nat(), key: nth, after: fc.constantFrom('same', 'none', 'gone') }), {
      maxLength: 4,
    })
    .map((more) => {
      const others = more.flatMap(({ of, key, after }, index): Placed[] => {
        const own = one.all[of % one.all.length]
        const before = { evidence_id: `gone-${index}`, head: headOf(own?.seal_seq ?? 0, 'd') }
        const previous =
          after === 'none' ? null : after === 'gone' ? before : (own?.previous ?? null)
        const evidence_id = `other-${index}`
        const decisions = [{ nonce: 'n', sha256: `${index}` }]
        return own
          ? [
              {
                ...own,
                server: KEYS[key] ?? '',
                evidence_id,
                head: headOf(index, 'e'),
                previous,
                decisions,
              },
            ]
          : []
      })
      const { placed, unplaced, remembered } = walked(one)
      return { placed: [...placed, ...others], unplaced, remembered }
    }),
)

it(
  '[W1] [W5] [W10] what is found is the same in whatever order it is listed',
  { timeout: LONG_MS },
  () => {
    const shuffled = tangled.chain((one) => {
      const inAny = <T>(all: readonly T[]) =>
        fc.shuffledSubarray([...all], { minLength: all.length })
      return fc.record({
        one: fc.constant(one),
        other: fc.record({
          placed: inAny(one.placed),
          unplaced: inAny(one.unplaced),
          remembered: inAny(one.remembered),
        }),
      })
    })
    fc.assert(
      fc.property(shuffled, ({ one, other }) => {
        expect(walkSeries(other.placed, other)).toEqual(walkSeries(one.placed, one))
      }),
      { seed: SEED, numRuns },
    )
  },
)

it(
  '[W1] [W5] one number is in one sentence, be it missing or not known',
  { timeout: LONG_MS },
  () => {
    fc.assert(
      fc.property(tangled, ({ placed, ...others }) => {
        const found = walkSeries(placed, others)
        const missing = found.flatMap(({ faults }) =>
          faults.flatMap((one) =>
            one.fault !== 'missing'
              ? []
              : one.evidence_id === null && one.count < one.to - one.from + 1
                ? numbersIn(one.message)
                : Array.from({ length: one.to - one.from + 1 }, (_, index) => one.from + index),
          ),
        )
        const open = found.flatMap((one) => one.open.flatMap(numbersIn))
        const named = new Set(missing)
        expect(open.filter((number) => named.has(number))).toEqual([])
        expect(new Set(open).size).toBe(open.length)
        const ids = found.flatMap(({ faults }) =>
          faults.flatMap((one) =>
            one.fault === 'missing' ? `${one.from} ${one.evidence_id}` : [],
          ),
        )
        expect(new Set(ids).size).toBe(ids.length)
      }),
      { seed: SEED, numRuns },
    )
  },
)

/** Of a sentence that begins with them. */
function numbersIn(message: string): number[] {
  const [, said = ''] =
    /^(?:Whether|Of) numbers? ([\d, toand]+?)(?: of the key| is| are| at)/.exec(message) ?? []
  return said.split(/, | and /).flatMap((span) => {
    const [from = NaN, to = from] = span.split(' to ').map(Number)
    return Array.from({ length: to - from + 1 || 0 }, (_, index) => from + index)
  })
}

/** What each key is to the reader; under some ids there are files that nobody known has sealed, beside the true one or alone. */
const together = (isWhole: boolean) =>
  series.chain((all) => {
    const forged = fc
      .subarray(all)
      .map((some) => some.map((one) => ({ ...one, server: 'x', head: headOf(one.seal_seq, 'f') })))
    return fc
      .record({
        standings: fc.array(fc.constantFrom('pinned', 'offered', null), {
          minLength: 3,
          maxLength: 3,
        }),
        files: fc
          .tuple(isWhole ? fc.constant(all) : fc.subarray(all), forged, forged)
          .map((files) => files.flat())
          .chain((files) => fc.shuffledSubarray(files, { minLength: files.length })),
      })
      .map(({ standings, files }) =>
        files.map((place): Alone => {
          const source = standings[KEYS.findIndex((key) => key === place.server)] ?? null
          return { place, sealed_by: source && { key_id: place.server, source } }
        }),
      )
  })

const faultsTogether = async (all: readonly Alone[]) =>
  (await walkTogether(all, () => Promise.resolve([]))).flatMap(({ faults }) => faults)

it(
  '[W6] [W11] no file that nobody known has sealed convicts those that are whole, in whatever order',
  { timeout: LONG_MS },
  async () => {
    await fc.assert(
      fc.asyncProperty(together(true), async (all) => {
        expect(await faultsTogether(all)).toEqual([])
      }),
      { seed: SEED, numRuns },
    )
  },
)

it('[W11] what is found is the same in whatever order', { timeout: LONG_MS }, async () => {
  const shuffled = together(false).chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
  )
  const found = async (all: readonly Alone[]) =>
    new Set((await faultsTogether(all)).map(({ fault, by }) => `${fault} ${by}`))
  await fc.assert(
    fc.asyncProperty(shuffled, async ([all, other]) => {
      expect(await found(all)).toEqual(await found(other))
    }),
    { seed: SEED, numRuns },
  )
})
