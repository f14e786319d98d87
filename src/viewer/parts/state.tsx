import { type Outcome, RUN_STATUS, type Tone } from '#contract/status.ts'
import { Glyph } from './glyph.tsx'

type Row = { label: string; tone: Tone }

/**
 * How work stands or ended: a row of RUN_STATUS, STEP_STATUS, OUTCOME, GATE_OUTCOME or CELL_STATE. Says nothing of
 * evidence. `count`: of so many; none is faint.
 */
export function State({
  of,
  wordless = false,
  count,
}: {
  of: Row
  wordless?: boolean
  count?: number
}) {
  const colour = count === 0 ? 'text-ink-3' : OUTCOME_COLOUR[of.tone]
  return <Drawn of={of} family="outcome" colour={colour} wordless={wordless} count={count} />
}

/** How the run of a record ended, which is another thing than how its evidence stands. */
export function RunEnded({ outcome }: { outcome: Outcome }) {
  const status = RUN_STATUS[outcome]
  return <State of={{ ...status, label: `Run ${status.label.toLowerCase()}` }} />
}

/** How evidence stands: a row of SEAL_STATE or CLAIM_STATE. Never in a colour of an outcome. */
export function Evidence({ of, wordless = false }: { of: Row; wordless?: boolean }) {
  return <Drawn of={of} family="evidence" colour={EVIDENCE_COLOUR[of.tone]} wordless={wordless} />
}

function Drawn({
  of,
  family,
  colour,
  wordless,
  count,
}: {
  of: Row
  family: 'outcome' | 'evidence'
  colour: string
  wordless: boolean
  count?: number | undefined
}) {
  return (
    <span
      className={`inline-flex items-center gap-1.5 align-top font-medium whitespace-nowrap ${colour}`}
    >
      <Glyph tone={of.tone} family={family} />
      {count !== undefined && <span>{count.toLocaleString('en')}</span>}
      <span className={wordless ? 'sr-only' : undefined}>{of.label}</span>
    </span>
  )
}

const OUTCOME_COLOUR = {
  idle: 'text-ink-3',
  active: 'text-active',
  waiting: 'text-waiting',
  good: 'text-good',
  bad: 'text-bad',
  muted: 'text-ink-2',
  neutral: 'text-ink-2',
} as const satisfies Record<Tone, string>

const EVIDENCE_COLOUR = {
  idle: 'text-unproven',
  active: 'text-seal',
  waiting: 'text-unproven',
  good: 'text-seal',
  bad: 'text-broken',
  muted: 'text-unproven',
  neutral: 'text-seal',
} as const satisfies Record<Tone, string>
