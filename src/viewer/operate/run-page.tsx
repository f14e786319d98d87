import type { Run } from '#contract/run.ts'
import {
  RUN_STATUS,
  type RunStatus,
  SEAL_STATE,
  STEP_STATUS,
  type StepStatus,
} from '#contract/status.ts'
import { isBehind } from '#live/board.ts'
import { openGates, sealStateOf, statusOf, stepOf, stepStatusOf } from '#live/select.ts'
import { type Told, told } from '#live/told.ts'
import { ApiError, wordsOf } from '#viewer/api.ts'
import { useCalm } from '#viewer/parts/calm.ts'
import { StoppedClock } from '#viewer/parts/clock.tsx'
import { Failure } from '#viewer/parts/failure.tsx'
import { Notice, SkeletonRows } from '#viewer/parts/notice.tsx'
import { NoSuch } from '#viewer/parts/no-such.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { Evidence, State } from '#viewer/parts/state.tsx'
import { Lasting, When } from '#viewer/parts/time.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { ToldValue, ToldWord } from '#viewer/parts/told.tsx'
import { replayedQuery, verdictQuery } from '#viewer/record-queries.ts'
import { useLive } from '#viewer/store.ts'
import { type Verdict, verifiedHead } from '#viewer/verifier.ts'
import { useRun } from '#viewer/stream/use-event-stream.ts'
import { part } from '#viewer/parts/part.ts'
import { skipToken, useQuery } from '@tanstack/react-query'
import { type ReactNode, Suspense, useMemo } from 'react'
import { Link, useSearchParams } from 'wouter'
import { DerivedSoFar } from './derived-so-far.tsx'
import { type Node, orderOf, planOrder } from './plan-order.ts'
import { presentOf } from './present.ts'
import { RunActions } from './run-actions.tsx'
import { StepList } from './step-list.tsx'
import { Timelines } from './timelines.tsx'

const LogPane = part(() => import('./log-pane.tsx').then((m) => m.LogPane))

export function RunPage({
  run_id,
  renderGate,
}: {
  run_id: string
  /** How an open gate is answered; given from above, since the approver's part is another's. */
  renderGate: (gate_id: string) => ReactNode
}) {
  const { run, failed, again } = useRun(run_id)
  const board = useLive((state) => state.board)
  const [search, setSearch] = useSearchParams()
  const evidence_id = run?.record?.sealed?.evidence_id ?? null
  const verdict = useQuery(
    evidence_id === null
      ? { ...verdictQuery('', null), queryFn: skipToken }
      : verdictQuery(evidence_id, run_id),
  )
  const head = verdict.data ? verifiedHead(verdict.data) : null
  const replayed = useQuery(
    evidence_id === null || head === null
      ? { ...replayedQuery('', '', ''), queryFn: skipToken }
      : replayedQuery(evidence_id, run_id, head),
  )
  const verified = replayed.data ?? null
  const present = useMemo(() => run && presentOf(board, run, verified), [board, run, verified])
  const nodes = useMemo(() => (present ? planOrder(present) : []), [present])
  const telling = useCalm(present ? mostTelling(present, nodes) : null, FOLLOWS_EVERY_MS)

  if (failed !== null && !run?.record)
    return (
      <Page title="Run">
        {failed instanceof ApiError && failed.code === 'not_found' ? (
          <NoSuch what="run" href="/runs" all="runs">
            This server has no run <RunText text={run_id} max={140} />.
          </NoSuch>
        ) : (
          <Failure error={failed} again={again} />
        )}
      </Page>
    )
  if (!run || !present)
    return (
      <Page
        title="Run"
        heading={
          <span className="skeleton inline-block h-6 w-64">
            <span className="sr-only">Loading the run</span>
          </span>
        }
        wide
      >
        <div className="card overflow-hidden">
          <SkeletonRows rows={6} height="h-10" />
        </div>
      </Page>
    )

  const status = statusOf(present)
  const chosen = search.get('step') ?? telling
  const step = chosen === null ? undefined : stepOf(present, chosen)
  const attempt =
    step?.attempts.find((one) => String(one.attempt) === search.get('attempt')) ??
    step?.attempts.at(-1)
  const choose = (next: { step: string; attempt?: number }) =>
    setSearch(
      { step: next.step, ...(next.attempt ? { attempt: String(next.attempt) } : {}) },
      { replace: true },
    )
  // A timeline that has not said all is silent about the status, it does not contradict it. How a run ended can be,
  // also by a record that is newer than the hint and has no end.
  const isNewer = run.record !== null && run.hint.ended !== null && !isBehind(board, run)
  const isOver = present.ended === null && sealStateOf(present) === 'sealed'
  const toldStatus: Told<RunStatus> = told<RunStatus>({
    hint: run.hint.ended?.outcome,
    recorded: run.record?.ended?.outcome ?? (isNewer ? status : null),
    verified: verified?.ended?.outcome,
  }) ?? {
    by: !isOver && run.record && statusOf(run.record) === status ? 'recorded' : 'hint',
    value: status,
  }
  const toldStart = verified?.started ? 'verified' : run.record?.started ? 'recorded' : 'hint'
  const failure = failed === null ? null : wordsOf(failed)
  const refusal = failure?.retry === false ? failure : null
  const title = present.started?.title ?? present.started?.definition ?? run_id
  return (
    <StoppedClock stopped={refusal !== null && present.ended === null}>
      <Page
        title={plain(title)}
        wide
        heading={<RunText text={title} max={160} />}
        actions={<RunActions run={present} />}
      >
        {refusal !== null && (
          <Notice
            tone="waiting"
            title={`The server does not answer for this run any more: ${refusal.title.toLowerCase()}`}
          >
            <RunText text={refusal.detail} max={200} />. What stands here is what was known before.
            If the server is another one than before, or went back to older data, this run is none
            of its own.
          </Notice>
        )}
        <section aria-label="Where the run stands" className="flex flex-col gap-2">
          <div className="flex flex-wrap items-center gap-x-6 gap-y-2 text-base">
            <span className="flex items-center gap-2" data-testid="status">
              <ToldValue
                told={toldStatus}
                renderValue={(value) => (
                  <State of={isOver && value === status ? ENDED : RUN_STATUS[value]} />
                )}
              />
            </span>
            <EvidenceState
              run_id={run_id}
              seal={sealStateOf(present)}
              evidence_id={evidence_id}
              verdict={verdict}
              isVerified={verified !== null}
            />
            {failure?.retry === true && (
              <span className="text-xs text-bad">not up to date: {failure.title}</span>
            )}
          </div>
          <p className="flex flex-wrap gap-x-4 gap-y-1 text-ink-2">
            <code className="font-mono">{run_id}</code>
            {present.started && present.started.actor !== null && (
              <span>
                by <RunText text={present.started.actor} max={80} />
              </span>
            )}
            <span>
              started <When at={present.started?.at ?? null} />
            </span>
            <span>
              {present.ended ? 'took' : 'for'}{' '}
              <Lasting from={present.started?.at ?? null} to={present.ended?.at ?? null} />
            </span>
            {present.rerun_of !== null && (
              <Link href={`/runs/${encodeURIComponent(present.rerun_of)}`} className="link">
                repeats an earlier run
              </Link>
            )}
            {tablesOf(present).map((table) => (
              <Link key={table} href={`/tables/${encodeURIComponent(table)}`} className="link">
                the table <RunText text={table} max={64} />
              </Link>
            ))}
            {Object.entries(present.inputs ?? {}).map(([name, value]) => (
              <span key={name}>
                {name} = <RunText text={value} max={80} />
              </span>
            ))}
            {present.started && <ToldWord by={toldStart} />}
          </p>
          {present.ended && present.ended.reason !== null && present.ended.reason !== '' && (
            <p className="text-ink-2">
              Reason: <RunText text={present.ended.reason} max={400} />
            </p>
          )}
          {present.ended === null && <DerivedSoFar run_id={run_id} />}
        </section>

        {openGates(present).map(({ gate_id }) => (
          <Suspense key={gate_id} fallback={<div className="card h-40" />}>
            {renderGate(gate_id)}
          </Suspense>
        ))}
        {sealStateOf(present) === 'seal_failed' && (
          <Notice tone="bad" title="The run has ended but could not be sealed">
            <p>
              <RunText text={present.seal_failed?.reason ?? ''} max={400} />
            </p>
            Its steps are on record and nothing is lost; there is no evidence until sealing
            succeeds. “Seal again” tries the same bytes once more.
          </Notice>
        )}

        <div className="grid items-start gap-4 xl:grid-cols-[minmax(22rem,5fr)_8fr] 3xl:grid-cols-[minmax(22rem,4fr)_6fr_minmax(30rem,5fr)]">
          <StepList
            run={present}
            nodes={nodes}
            chosen={chosen}
            choose={choose}
            record={run.record}
            isVerified={verified !== null}
          />
          <section aria-label="Log" className="card min-w-0 overflow-hidden">
            {step && attempt && chosen !== null ? (
              <Suspense fallback={<SkeletonRows rows={10} height="h-6" />}>
                <LogPane
                  key={`${chosen} ${attempt.attempt}`}
                  address={{ run_id, step_id: chosen, attempt: attempt.attempt }}
                  attempts={step.attempts}
                  state={STEP_STATUS[stepStatusOf(present, step)]}
                  choose={(next) => choose({ step: chosen, attempt: next })}
                />
              </Suspense>
            ) : (
              <div className="p-4 text-ink-2">
                {nodes.length === 0
                  ? 'Nothing has started yet. The log of each step appears here as it is written.'
                  : 'This step has not started, so it has no log.'}
              </div>
            )}
          </section>
          <div className="min-w-0 xl:col-span-2 3xl:col-span-1">
            <Timelines run={run} verified={verified} order={orderOf(present.plan)} />
          </div>
        </div>
      </Page>
    </StoppedClock>
  )
}

/** Steps may be shorter than a look at their log. */
const FOLLOWS_EVERY_MS = 700

/** The tables that a run derives: its steps are called `TABLE.FIELD`, and a pipeline's name them. */
function tablesOf({ started, plan }: Run): string[] {
  const deriving = plan?.steps.filter(({ kind }) => kind === 'materialize') ?? []
  const targets =
    started?.kind === 'materialize'
      ? deriving.map(({ step_id }) => step_id)
      : deriving.flatMap(({ argv }) => argv.slice(2))
  return [...new Set(targets.flatMap((target) => target.split('.', 1)))]
}

/** The step whose log one would open: what runs, else what ran last. */
function mostTelling(run: Run, nodes: readonly Node[]): string | null {
  const having = (isSo: (status: StepStatus) => boolean) =>
    nodes.findLast((node) => node.kind === 'step' && isSo(stepStatusOf(run, node.step)))?.id
  return (
    having((status) => status === 'running') ??
    having((status) => status !== 'pending' && status !== 'skipped') ??
    null
  )
}

/** That it is sealed is told, and not how it ended: a success has no frame of its own. */
const ENDED = { label: 'Ended', tone: 'idle' } as const

/** Another thing than the outcome: is there evidence, and did this browser verify it? */
function EvidenceState({
  run_id,
  seal,
  evidence_id,
  verdict,
  isVerified,
}: {
  run_id: string
  seal: keyof typeof SEAL_STATE
  evidence_id: string | null
  verdict: {
    data: Pick<Verdict, 'verdict'> | undefined
    isError: boolean
    error: unknown
    isFetching: boolean
  }
  isVerified: boolean
}) {
  if (evidence_id === null) return <Evidence of={SEAL_STATE[seal]} />
  const word = verdict.data?.verdict
  const refused = word === 'does not verify' || word === 'not an envelope'
  return (
    <Link
      href={`/evidence/${encodeURIComponent(evidence_id)}?run=${encodeURIComponent(run_id)}`}
      className="flex items-center gap-2"
      data-testid="evidence"
    >
      <Evidence
        of={
          refused
            ? { label: 'Evidence does not verify', tone: 'bad' }
            : word === undefined
              ? {
                  label: verdict.isError
                    ? verdict.error instanceof ApiError
                      ? 'Sealed · could not be fetched'
                      : 'Sealed · could not be verified here'
                    : 'Sealed · verifying',
                  tone: verdict.isFetching ? 'active' : 'neutral',
                }
              : { label: 'Sealed', tone: word === 'proven' ? 'good' : 'neutral' }
        }
      />
      {isVerified && <ToldWord by="verified" />}
      <span className="link text-sm text-ink-2">
        {word === 'proven' ? 'by a key you pinned' : refused ? 'see why' : 'open the evidence'}
      </span>
    </Link>
  )
}
