import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { StepEntry } from '#contract/envelope.ts'
import { workshop } from './workshop.ts'

/*
 * Random definitions of random processes, each run for real, against what a few lines say that has to be on record.
 * RUNSEAL_CASES and RUNSEAL_SEED set how many and which.
 */
const RUNS = Number(process.env['RUNSEAL_CASES'] ?? 20)
const SEED = Number(process.env['RUNSEAL_SEED'] ?? Date.now() % 2 ** 31)
console.log(`RUNSEAL_SEED=${SEED} RUNSEAL_CASES=${RUNS}`)

type Ends = { exit: number } | { signal: 'SIGKILL' | 'SIGTERM' | 'SIGSEGV' | 'SIGUSR1' }
type Try = { ends: Ends; lines: number; artifact: boolean; leaves: boolean }
type Behaviour =
  | { kind: 'ends'; tries: readonly Try[]; keeps: boolean }
  | { kind: 'hangs'; deaf: boolean }
  | { kind: 'absent' }
type Step = { needs: readonly number[]; retries: number; does: Behaviour }

const attempt: fc.Arbitrary<Try> = fc.record({
  ends: fc.oneof(
    { weight: 6, arbitrary: fc.constant({ exit: 0 }) },
    { weight: 2, arbitrary: fc.record({ exit: fc.constantFrom(1, 2, 126, 127, 137, 162, 255) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        signal: fc.constantFrom('SIGKILL', 'SIGTERM', 'SIGSEGV', 'SIGUSR1'),
      }),
    },
  ),
  lines: fc.constantFrom(0, 1, 3, 2000),
  artifact: fc.boolean(),
  leaves: fc.boolean(),
})
const step: fc.Arbitrary<Step> = fc.record({
  needs: fc.array(fc.nat({ max: 5 }), { maxLength: 3 }),
  retries: fc.nat({ max: 2 }),
  does: fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        kind: fc.constant('ends'),
        tries: fc.array(attempt, { minLength: 3, maxLength: 3 }),
        keeps: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('hangs'), deaf: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'absent' }) },
  ),
})
const definition = fc.array(step, { minLength: 1, maxLength: 6 })

/** What is on record of one attempt, as far as it does not depend on the hour. */
type Fact = Pick<StepEntry, 'step_id' | 'attempt' | 'outcome' | 'reason'> & {
  ended: {
    exit_code: number | null
    signal: string | null
    lines: number
    artifacts: string[]
  } | null
}

function expected(run: string, at: number, { does }: Step, tried: number): Fact {
  const own = { step_id: `s${at}`, attempt: tried }
  switch (does.kind) {
    case 'absent':
      return {
        ...own,
        outcome: 'failed',
        reason: 'no such program: /nowhere/at-all',
        ended: { exit_code: null, signal: null, lines: 1, artifacts: [] },
      }
    case 'hangs':
      // By which signal depends on whether it had begun to ignore the first.
      return { ...own, outcome: 'timed_out', reason: 'timed out after 200 ms', ended: null }
    case 'ends': {
      const { ends, lines, artifact } = does.tries[tried - 1] ?? {
        ends: { exit: 0 },
        lines: 0,
        artifact: true,
      }
      const file = `${run}-${at}`
      const missing = does.keeps && !artifact
      const ended =
        'exit' in ends
          ? { exit_code: ends.exit, signal: null }
          : { exit_code: null, signal: ends.signal }
      if (!('exit' in ends) || ends.exit !== 0)
        return {
          ...own,
          outcome: 'failed',
          reason: null,
          ended: { ...ended, lines, artifacts: [] },
        }
      if (missing)
        return {
          ...own,
          outcome: 'failed',
          reason: `artifact missing: ${file}`,
          ended: { ...ended, lines: lines + 1, artifacts: [] },
        }
      return {
        ...own,
        outcome: 'succeeded',
        reason: null,
        ended: { ...ended, lines, artifacts: does.keeps ? [file] : [] },
      }
    }
  }
}

/** One step after the other: the first that may start does, and the first that fails for good is the end. */
function model(
  run: string,
  steps: readonly Step[],
): { outcome: 'succeeded' | 'failed'; facts: Fact[] } {
  const facts: Fact[] = []
  const done = new Set<number>()
  while (done.size < steps.length) {
    const at = steps.findIndex(
      ({ needs }, index) =>
        !done.has(index) && needsOf(needs, index).every((need) => done.has(need)),
    )
    const next = steps[at]
    if (next === undefined) throw new Error('needs lead backwards only')
    for (let tried = 1; !done.has(at); tried++) {
      const fact = expected(run, at, next, tried)
      facts.push(fact)
      if (fact.outcome === 'succeeded') done.add(at)
      else if (tried > next.retries) return { outcome: 'failed', facts }
    }
  }
  return { outcome: 'succeeded', facts }
}

const needsOf = (needs: readonly number[], at: number) => [
  ...new Set(needs.filter((need) => need < at)),
]

function written(run: string, steps: readonly Step[]): string {
  const lines = steps.map(({ needs, retries, does }, at) => {
    const file = `${run}-${at}`
    const own = {
      id: `s${at}`,
      needs: needsOf(needs, at).map((need) => `s${need}`),
      retries,
      ...(does.kind === 'hangs' && { timeout: '200ms' }),
      ...(does.kind === 'ends' && does.keeps && { artifacts: [file] }),
      ...(does.kind === 'absent' ? { argv: ['/nowhere/at-all'] } : { run: scriptOf(file, does) }),
    }
    return `      - ${JSON.stringify(own)}`
  })
  return `  ${run}:\n    steps:\n${lines.join('\n')}\n`
}

function scriptOf(file: string, does: Exclude<Behaviour, { kind: 'absent' }>): string {
  if (does.kind === 'hangs') return `${does.deaf ? 'trap "" TERM; ' : ''}while :; do sleep 1; done`
  const tries = does.tries.map(({ ends, lines, artifact, leaves }, index) =>
    [
      `${index + 1})`,
      leaves ? 'sleep 600 &' : '',
      `i=0; while [ $i -lt ${lines} ]; do echo $i; i=$((i+1)); done`,
      artifact ? `echo kept > ${file}` : `rm -f ${file}`,
      'exit' in ends ? `exit ${ends.exit}` : `kill -${ends.signal.slice(3)} $$; sleep 600`,
      ';;',
    ].join('\n'),
  )
  return `echo >> ${file}.tries\ncase $(wc -l < ${file}.tries) in\n${tries.join('\n')}\nesac`
}

function factOf({
  step_id,
  attempt,
  outcome,
  reason,
  exit_code,
  signal,
  log,
  artifacts,
}: StepEntry): Fact {
  const ended = {
    exit_code,
    signal,
    lines: log.lines,
    artifacts: artifacts.map(({ path }) => path),
  }
  return { step_id, attempt, outcome, reason, ended: outcome === 'timed_out' ? null : ended }
}

const cases = fc
  .sample(definition, { numRuns: RUNS, seed: SEED })
  .map((steps, index) => ({ name: `r${index}`, steps }))
const PROJECT = cases.map(({ name, steps }) => written(name, steps)).join('')
const LIMIT_MS = 60_000 + RUNS * 20_000

it(
  `[R1] [R2] [R3] [R5] [R8] [R13] one at a time: what is on record is what the model says (${SEED})`,
  { timeout: LIMIT_MS },
  async () => {
    const { run: execute } = await workshop(PROJECT, { concurrency: 1 })
    for (const { name, steps } of cases) {
      const { run, envelope } = await execute(name)
      const { outcome, facts } = model(name, steps)
      expect({
        name,
        outcome: run.ended?.outcome,
        facts: envelope.execution.steps.map(factOf),
      }).toEqual({ name, outcome, facts })
    }
  },
)

it(
  `[R1] [R2] [R3] [R4] [R5] [R8] [R13] side by side: the same outcome, and every attempt as the model says (${SEED})`,
  { timeout: LIMIT_MS },
  async () => {
    const { start, sealed } = await workshop(PROJECT, { concurrency: 4 })
    const started = await Promise.all(
      cases.map(async ({ name, steps }) => ({ name, steps, run_id: await start(name) })),
    )
    for (const { name, steps, run_id } of started) {
      const { run, envelope } = await sealed(run_id)
      expect({ name, outcome: run.ended?.outcome }).toEqual({
        name,
        outcome: model(name, steps).outcome,
      })
      for (const entry of envelope.execution.steps) {
        const at = Number(entry.step_id.slice(1))
        const own = steps[at]
        if (own === undefined) throw new Error(`${entry.step_id} is no step of ${name}`)
        expect({ name, fact: factOf(entry) }).toEqual({
          name,
          fact: expected(name, at, own, entry.attempt),
        })
      }
    }
  },
)
