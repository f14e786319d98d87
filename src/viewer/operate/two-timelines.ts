import type { Attempt, Gate, Run } from '#contract/run.ts'
import { GATE_OUTCOME, OUTCOME, STEP_OUTCOME } from '#contract/status.ts'
import { type Told, told } from '#live/told.ts'

/** One fact of a run as the stream hinted it and as it is on record. null: that timeline has not said it. */
export type FactRow = {
  key: string
  about: string
  what: 'started' | 'finished' | 'asks' | 'resolved' | 'ended' | 'sealed'
  hint: Said | null
  record: Said | null
  told: Told<string>
}

/** `value` is what must agree; `at` need not: times of frames are no evidence. */
export type Said = { value: string; at: string | null }

/** Every fact of a run that any timeline has said: contradictions first, then in the order of the steps. */
export function factRows(
  hint: Run,
  record: Run | null,
  verified: Run | null,
  order: readonly string[],
): FactRow[] {
  const timelines = [facts(hint), facts(record), facts(verified)] as const
  const [hinted, recorded, proven] = timelines
  const place = new Map(order.map((id, index) => [id, index]))
  const keys = new Map(timelines.flatMap((said) => [...said].map(([key, fact]) => [key, fact])))
  return [...keys]
    .flatMap(([key, { about, what, rank }]) => {
      const said = told({
        hint: hinted.get(key)?.value,
        recorded: recorded.get(key)?.value,
        verified: proven.get(key)?.value,
      })
      if (said === null) return []
      return [
        {
          rank: [said.by === 'contradicted' ? -1 : rank, place.get(about) ?? order.length] as const,
          row: {
            key,
            about,
            what,
            hint: hinted.get(key) ?? null,
            record: proven.get(key) ?? recorded.get(key) ?? null,
            told: said,
          },
        },
      ]
    })
    .toSorted((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1])
    .map(({ row }) => row)
}

type Fact = Said & { about: string; what: FactRow['what']; rank: 0 | 1 | 2 | 3 }

function facts(run: Run | null): Map<string, Fact> {
  const found = new Map<string, Fact>()
  if (run === null) return found
  const say = (about: string, what: FactRow['what'], rank: Fact['rank'], said: Said, nth = '') =>
    found.set(`${about} ${what}${nth}`, { about, what, rank, ...said })
  if (run.started) say('run', 'started', 0, { value: 'started', at: run.started.at })
  for (const { step_id, attempts } of run.steps)
    for (const attempt of attempts) {
      const nth = ` ${attempt.attempt}`
      // An envelope has no entry for a start: who has the end has the start too.
      say(step_id, 'started', 1, { value: `attempt${nth}`, at: attempt.started_at }, nth)
      if (attempt.finished)
        say(
          step_id,
          'finished',
          1,
          { value: endOf(attempt.finished), at: attempt.finished.finished_at },
          nth,
        )
    }
  for (const gate of run.gates) {
    const about = gate.step_id ?? gate.gate_id
    say(about, 'asks', 1, { value: 'asked', at: gate.opened_at })
    if (gate.resolved) say(about, 'resolved', 1, resolutionOf(gate.resolved))
  }
  if (run.ended)
    say('run', 'ended', 2, { value: OUTCOME[run.ended.outcome].label, at: run.ended.at })
  if (run.sealed) say('run', 'sealed', 3, { value: run.sealed.evidence_id, at: null })
  return found
}

/** What both timelines always say of an end: the exit code, or the signal. The outcome only where there is neither. */
export function endOf({ exit_code, signal, outcome }: NonNullable<Attempt['finished']>): string {
  if (exit_code !== null) return `exit ${exit_code}`
  return signal ?? (outcome === null ? 'ended' : STEP_OUTCOME[outcome].label.toLowerCase())
}

const resolutionOf = ({ outcome, at }: NonNullable<Gate['resolved']>): Said => ({
  value: GATE_OUTCOME[outcome].label,
  at,
})
