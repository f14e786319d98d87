import { duration } from '#contract/duration.ts'
import type { Run } from '#contract/run.ts'
import { GATE_OUTCOME, STEP_STATUS } from '#contract/status.ts'
import { stepOf, stepStatusOf } from '#live/select.ts'
import { useMemo } from 'react'
import { useNow, useStandsStill } from '#viewer/parts/clock.tsx'
import { useHotkeys } from '#viewer/parts/hotkeys.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { State } from '#viewer/parts/state.tsx'
import { Lasting } from '#viewer/parts/time.tsx'
import { ToldWord } from '#viewer/parts/told.tsx'
import { VirtualList } from '#viewer/parts/virtual-list.tsx'
import { endOf } from './two-timelines.ts'
import type { Node } from './plan-order.ts'

const ROW_PX = 40
const MOST_ROWS_IN_SIGHT = 13

/**
 * Steps and gates in the order in which they can run, each with its attempts as bars on the run's own time. What the
 * chosen one needs, and what needs it, is marked.
 */
export function StepList({
  run,
  record,
  nodes,
  chosen,
  choose,
  isVerified,
}: {
  run: Run
  /** What of it is on record; the rest is hinted. */
  record: Run | null
  /** What is drawn is from a record that this browser verified. */
  isVerified: boolean
  nodes: readonly Node[]
  chosen: string | null
  choose: (next: { step: string }) => void
}) {
  const at = nodes.findIndex(({ id }) => id === chosen)
  const walk = (by: 1 | -1) => {
    const next = nodes[Math.max(0, Math.min(nodes.length - 1, at + by))]
    if (next) choose({ step: next.id })
  }
  useHotkeys({ j: () => walk(1), k: () => walk(-1) })
  const needs = nodes[at]?.needs ?? []
  const axisEnd = useMemo(() => endOfAxis(run), [run])
  return (
    <section aria-label="Steps" className="card min-w-0 overflow-hidden">
      <h2 className="flex h-9 items-center justify-between border-b border-line px-3 font-semibold">
        Steps
        <span className="text-xs font-normal text-ink-3">
          {nodes.length > 0 && (
            <>
              {nodes.length.toLocaleString('en')} in order of their needs{' '}
              <ToldWord by={isVerified ? 'verified' : record ? 'recorded' : 'hint'} />
            </>
          )}
        </span>
      </h2>
      {nodes.length === 0 ? (
        <p className="p-4 text-ink-2">The plan is not known yet.</p>
      ) : (
        <VirtualList
          label="Steps and gates"
          count={nodes.length}
          rowPx={ROW_PX}
          className={nodes.length > MOST_ROWS_IN_SIGHT ? 'h-131' : ''}
          active={at === -1 ? undefined : at}
          // What is hinted first stands lower once the plan is known.
          rowKey={(index) => {
            const node = nodes[index]
            return node?.kind === 'step' ? node.id : `gate ${index}`
          }}
          renderRow={(index) => {
            const node = nodes[index]
            if (!node) return null
            return (
              <button
                type="button"
                aria-pressed={node.id === chosen}
                onClick={() => choose({ step: node.id })}
                className="grid h-full w-full grid-cols-[auto_minmax(0,1fr)_auto] sm:grid-cols-[auto_minmax(0,1fr)_minmax(0,1fr)_4.5rem] items-center gap-x-2.5 border-b border-line px-3 text-left hover:bg-hover focus-visible:-outline-offset-2 aria-pressed:bg-hover"
              >
                {node.kind === 'step' ? (
                  <State of={STEP_STATUS[stepStatusOf(run, node.step)]} wordless />
                ) : (
                  <State of={gateState(run, node)} wordless />
                )}
                <span className="flex min-w-0 items-baseline gap-1.5">
                  <span className="max-w-full shrink-0 truncate font-medium">
                    <RunText text={node.id} max={80} />
                  </span>
                  {!isVerified && record && isHinted(run, record, node) ? (
                    <ToldWord by="hint" />
                  ) : (
                    <span className="truncate text-xs text-ink-3">
                      {node.kind === 'gate' ? 'gate' : node.what}
                      {needs.includes(node.id) && ' · needed'}
                      {chosen !== null && node.needs.includes(chosen) && ' · needs it'}
                    </span>
                  )}
                </span>
                {node.kind === 'step' ? (
                  <Bars run={run} node={node} end={axisEnd} />
                ) : (
                  <span className="truncate text-xs text-ink-2">{gateState(run, node).label}</span>
                )}
                <span
                  className={`text-right text-xs text-ink-2 ${node.kind === 'gate' ? 'max-sm:hidden' : ''}`}
                >
                  {node.kind === 'step' && <Took run={run} node={node} />}
                </span>
              </button>
            )
          }}
        />
      )}
    </section>
  )
}

/** Does the record not say yet what is drawn of it? */
function isHinted(run: Run, record: Run, node: Node): boolean {
  if (node.kind === 'step')
    return stepStatusOf(run, node.step) !== stepStatusOf(record, stepOf(record, node.id))
  const { gate } = node
  if (gate === undefined) return false
  const recorded = record.gates.find(({ gate_id }) => gate_id === gate.gate_id)
  return recorded?.resolved?.outcome !== gate.resolved?.outcome
}

function gateState(run: Run, node: Node & { kind: 'gate' }) {
  if (node.gate?.resolved) return GATE_OUTCOME[node.gate.resolved.outcome]
  if (node.gate && !run.ended) return { label: 'Waits for a person', tone: 'waiting' } as const
  return run.ended
    ? ({ label: 'Not asked', tone: 'muted' } as const)
    : ({ label: 'Not asked yet', tone: 'idle' } as const)
}

function Took({ run, node }: { run: Run; node: Node & { kind: 'step' } }) {
  const last = node.step?.attempts.at(-1)
  if (!last) return null
  const { finished } = last
  const failed = finished && finished.exit_code !== 0
  // As it is on record, by the clock where it ran: not from one instant of the server's to another.
  const took = finished?.duration_ms ?? null
  return (
    <>
      {failed ? (
        <span className="text-bad">{endOf(finished)}</span>
      ) : took !== null ? (
        duration(took)
      ) : (
        <Lasting from={last.started_at} to={finished?.finished_at ?? run.ended?.at ?? null} />
      )}
      {last.attempt > 1 && <span className="block text-ink-3">attempt {last.attempt}</span>}
    </>
  )
}

/** Attempts on the run's time, from its start to `end`, or to now. */
function Bars({
  run,
  node,
  end: known,
}: {
  run: Run
  node: Node & { kind: 'step' }
  end: number | null
}) {
  const now = useNow()
  const still = useStandsStill()
  const from = Date.parse(run.started?.at ?? '')
  const to = known ?? now
  const place = (at: string | null, otherwise: number) =>
    Math.min(
      1,
      Math.max(0, ((at === null ? otherwise : Date.parse(at)) - from) / Math.max(1, to - from)),
    )
  if (Number.isNaN(from)) return <span className="max-sm:hidden" />
  return (
    <span aria-hidden="true" className="relative h-2 rounded-full bg-line/60 max-sm:hidden">
      {node.step?.attempts.map(({ attempt, started_at, finished }) => {
        const start = place(started_at, from)
        const end = place(finished?.finished_at ?? null, to)
        return (
          <span
            key={attempt}
            className={`absolute inset-y-0 min-w-1 rounded-full ${barColour(finished)} ${finished === null && !still ? 'animate-flash' : ''}`}
            style={{ left: `${start * 100}%`, width: `${(end - start) * 100}%` }}
          />
        )
      })}
    </span>
  )
}

// While nothing runs, a wait for a person does not press what was done into a sliver.
function endOfAxis(run: Run): number | null {
  if (run.ended && run.ended.at !== null) return Date.parse(run.ended.at)
  const isRunning = run.steps.some(({ attempts }) =>
    attempts.some(({ finished }) => finished === null),
  )
  if (isRunning || run.steps.length === 0) return null
  return run.steps
    .flatMap(({ attempts }) => attempts)
    .reduce((last, { finished }) => {
      const at = Date.parse(finished?.finished_at ?? '')
      return at > last ? at : last
    }, 0)
}

function barColour(finished: { outcome: string | null; exit_code: number | null } | null): string {
  if (finished === null) return 'bg-active'
  return finished.outcome === 'succeeded' || finished.exit_code === 0 ? 'bg-good' : 'bg-bad'
}
