import type { TableWait } from '#contract/provenance.ts'
import type { RunSummary } from '#contract/run.ts'
import { keysOf, RUN_STATUS, SEAL_STATE } from '#contract/status.ts'
import { useWhyNot } from '#viewer/may.ts'
import { Answered } from '#viewer/parts/answered.tsx'
import { ChangeButton } from '#viewer/parts/change-button.tsx'
import { useHotkeys } from '#viewer/parts/hotkeys.ts'
import { Notice, SkeletonRows } from '#viewer/parts/notice.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { useRowKeys } from '#viewer/parts/row-keys.ts'
import { ShowMore } from '#viewer/parts/show-more.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { Evidence, State } from '#viewer/parts/state.tsx'
import { Lasting, When } from '#viewer/parts/time.tsx'
import { AsRecorded } from '#viewer/parts/told.tsx'
import { runsQuery, statusQuery } from '#viewer/queries.ts'
import { part } from '#viewer/parts/part.ts'
import { useTablesStatus } from '#viewer/tables-status.ts'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Suspense, useRef, useState } from 'react'
import { Link, useSearchParams } from 'wouter'

const StartDialog = part(() => import('./start-dialog.tsx').then((m) => m.StartDialog))

export function RunsPage() {
  const [search, setSearch] = useSearchParams()
  const filter = {
    status: search.get('status') ?? '',
    definition: search.get('definition') ?? '',
    q: search.get('q') ?? '',
  }
  const runs = useInfiniteQuery(runsQuery(filter))
  const waiting = useTablesStatus().status.data?.waiting ?? []
  const [starting, setStarting] = useState(false)
  const whyNot = useWhyNot('operate')
  const list = useRowKeys<HTMLUListElement>()
  const searchBox = useRef<HTMLInputElement>(null)
  useHotkeys({
    '/': () => searchBox.current?.focus(),
    n: whyNot === null ? () => setStarting(true) : undefined,
  })
  const set = (name: keyof typeof filter, value: string) =>
    setSearch(
      (now) => {
        const next = new URLSearchParams(now)
        if (value === '') next.delete(name)
        else next.set(name, value)
        return next
      },
      { replace: true },
    )
  const items = runs.data?.pages.flatMap((page) => page.items) ?? []
  const filtered = Object.values(filter).some((value) => value !== '')
  return (
    <Page
      title="Runs"
      wide
      actions={
        <ChangeButton look="main" whyNot={whyNot} onPress={() => setStarting(true)}>
          Start a run
        </ChangeButton>
      }
    >
      <div className="flex flex-wrap items-center gap-2">
        <StatusFilter chosen={filter.status} choose={(status) => set('status', status)} />
        {filter.definition !== '' && (
          <button type="button" className="button" onClick={() => set('definition', '')}>
            Only <RunText text={filter.definition} max={60} />
            <span aria-hidden="true">×</span>
            <span className="sr-only">: show all definitions</span>
          </button>
        )}
        <span className="ml-auto">
          <AsRecorded of={runs} />
        </span>
        <input
          ref={searchBox}
          type="search"
          className="field sm:w-64"
          placeholder="Search name, id or person   /"
          aria-label="Search runs"
          value={filter.q}
          onChange={(event) => set('q', event.target.value)}
        />
      </div>
      <Answered
        of={runs}
        waiting={
          <div className="card overflow-hidden">
            <SkeletonRows rows={8} height="h-14" />
          </div>
        }
      >
        {() =>
          items.length === 0 ? (
            filtered ? (
              <Notice
                title="No run fits"
                action={
                  <Link href="/runs" className="button">
                    Show all runs
                  </Link>
                }
              >
                The filters above leave nothing over.
              </Notice>
            ) : (
              <Notice
                title="No run yet"
                action={
                  <ChangeButton look="main" whyNot={whyNot} onPress={() => setStarting(true)}>
                    Start a run
                  </ChangeButton>
                }
              >
                Start one of the project’s definitions here, or from a terminal with{' '}
                <code className="font-mono">runseal run NAME</code>.
              </Notice>
            )
          ) : (
            <div className="card overflow-hidden" aria-busy={runs.isPlaceholderData}>
              <div
                className={`${COLUMNS} h-8 items-center border-b border-line text-xs text-ink-3 max-lg:hidden`}
                aria-hidden="true"
              >
                <span>Status</span>
                <span>Run</span>
                <span>Steps</span>
                <span>Evidence</span>
                <span>Started by</span>
                <span>Started</span>
                <span className="text-right">Took</span>
              </div>
              <ul ref={list}>
                {items.map((run) => (
                  <RunRow
                    key={run.run_id}
                    run={run}
                    wait={waiting.find(({ run_id }) => run_id === run.run_id)}
                  />
                ))}
              </ul>
            </div>
          )
        }
      </Answered>
      <ShowMore of={runs} what="older runs" />
      {starting && (
        <Suspense>
          <StartDialog open onClose={() => setStarting(false)} />
        </Suspense>
      )}
    </Page>
  )
}

const COLUMNS = 'grid gap-x-4 px-4 lg:grid-cols-[8.5rem_minmax(12rem,1fr)_8rem_9rem_9rem_7rem_6rem]'

function RunRow({ run, wait }: { run: RunSummary; wait: TableWait | undefined }) {
  return (
    <li className="border-b border-line [contain-intrinsic-size:auto_3.5rem] [content-visibility:auto] last:border-b-0">
      <Link
        href={`/runs/${encodeURIComponent(run.run_id)}`}
        data-row=""
        className={`${COLUMNS} grid-cols-[minmax(0,1fr)_auto] items-center gap-y-1 py-2 hover:bg-hover focus-visible:-outline-offset-2 lg:min-h-14`}
      >
        <span className="max-lg:col-start-2 max-lg:row-start-1 max-lg:justify-self-end">
          <State of={RUN_STATUS[run.status]} />
        </span>
        <span className="min-w-0 max-lg:col-start-1 max-lg:row-start-1">
          <span className="block truncate text-base font-medium">
            <RunText text={run.title ?? run.definition ?? run.run_id} max={120} />
          </span>
          <span className="block truncate text-xs text-ink-3">
            {run.definition !== null && (
              <>
                <RunText text={run.definition} max={60} /> ·{' '}
              </>
            )}
            <code className="font-mono">{run.run_id}</code>
          </span>
          {wait && (
            <span className="block truncate text-xs text-waiting">
              waits for the table <RunText text={wait.table} max={64} /> until{' '}
              <code className="font-mono">{wait.held_by}</code> is done
            </span>
          )}
        </span>
        <span className="max-lg:hidden">
          <Progress run={run} />
        </span>
        <span className="max-lg:col-start-1 max-lg:row-start-2">
          {run.seal === 'open' ? (
            <span className="text-ink-3 max-lg:hidden">—</span>
          ) : (
            <Evidence of={SEAL_STATE[run.seal]} />
          )}
        </span>
        <span className="truncate text-ink-2 max-lg:hidden">
          {run.actor === null ? '—' : <RunText text={run.actor.replace(/^user:/, '')} max={60} />}
        </span>
        <span className="text-ink-2 max-lg:col-start-2 max-lg:row-start-2 max-lg:justify-self-end">
          <When at={run.started_at} ago />
        </span>
        <span className="text-right text-ink-2 max-lg:hidden">
          <Lasting from={run.started_at} to={run.finished_at} />
        </span>
      </Link>
    </li>
  )
}

function Progress({ run }: { run: RunSummary }) {
  const { steps_done: done, steps_total: total } = run
  if (total === null) return <span className="text-ink-3">—</span>
  return (
    <span className="flex items-center gap-2 text-ink-2">
      <span aria-hidden="true" className="h-1 w-14 overflow-hidden rounded-full bg-line">
        <span
          className="block h-full bg-ink-3"
          style={{ width: `${total === 0 ? 0 : (100 * done) / total}%` }}
        />
      </span>
      {done}/{total}
    </span>
  )
}

/** Several may be chosen; how many runs each has stands beside it. */
function StatusFilter({ chosen, choose }: { chosen: string; choose: (status: string) => void }) {
  const status = useQuery(statusQuery)
  const now = new Set<string>(chosen.split(','))
  return (
    <fieldset className="flex flex-wrap gap-1">
      <legend className="sr-only">Only runs that are</legend>
      {keysOf(RUN_STATUS).map((name) => (
        <label
          key={name}
          className="button min-h-8 cursor-pointer gap-1.5 px-2.5 text-ink-2 has-checked:border-ink has-checked:text-ink has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-seal"
        >
          <input
            type="checkbox"
            className="sr-only"
            checked={now.has(name)}
            onChange={() =>
              choose(
                keysOf(RUN_STATUS)
                  .filter((one) => now.has(one) !== (one === name))
                  .join(','),
              )
            }
          />
          {RUN_STATUS[name].label}
          {status.data && (
            <span className="text-xs font-normal text-ink-3">{status.data.runs[name]}</span>
          )}
        </label>
      ))}
    </fieldset>
  )
}
