import { type Facts, type Finding, findingsOf, reportOf, TROUBLE } from '#live/findings.ts'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { ApiError } from './api.ts'
import { useDeviceNow } from './parts/clock.tsx'
import { Copy } from './parts/copy.tsx'
import { RunText } from './parts/run-text.tsx'
import { State } from './parts/state.tsx'
import { gatesQuery, runsQuery, statusQuery } from './queries.ts'
import { useLive } from './store.ts'
import { useRun } from './stream/use-event-stream.ts'

const ENDED = { status: 'succeeded,failed,aborted', definition: '', q: '' }

/** What is wrong with what one sees, or does not see: found from facts, with what to do. */
export function Diagnosis() {
  const status = useQuery(statusQuery)
  const facts = useFacts()
  const version = status.data?.server.version ?? 'of an unknown version'
  const report = () =>
    reportOf(facts, {
      at: new Date().toISOString(),
      page: location.origin + location.pathname,
      version,
    })
  return (
    <>
      {facts.unsealed.map(({ run_id }) => (
        <Watched key={run_id} run_id={run_id} />
      ))}
      <ul className="flex flex-col gap-3">
        {findingsOf(facts).map((finding) => (
          <Found key={finding.trouble} finding={finding} />
        ))}
      </ul>
      <div className="flex items-center justify-between gap-3 border-t border-line pt-3 text-ink-2">
        <span>The report has ids and counts, and no name, key or text of a run.</span>
        <Copy text={report()} label="Copy a report" />
      </div>
    </>
  )
}

function Found({ finding: { trouble, is, cause, todo, from } }: { finding: Finding }) {
  return (
    <li className="flex flex-col gap-1">
      <h3 className="flex items-center justify-between gap-3 font-semibold">
        {TROUBLE[trouble].asks}
        <State of={IS[is]} />
      </h3>
      <p className="text-ink-2">{cause}</p>
      {todo !== null && <p>{todo}</p>}
      {from.length > 0 && (
        <details className="text-ink-3">
          <summary>Found from</summary>
          <ul className="mt-1 flex flex-col gap-0.5 font-mono text-xs">
            {from.map((fact) => (
              <li key={fact}>
                <RunText text={fact} max={300} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </li>
  )
}

const IS = {
  well: { label: 'No', tone: 'good' },
  known: { label: 'Yes, and no fault', tone: 'muted' },
  wrong: { label: 'Yes', tone: 'bad' },
} as const satisfies Record<Finding['is'], { label: string; tone: string }>

/** Keeps the record of a run that is not sealed, for why. */
function Watched({ run_id }: { run_id: string }) {
  useRun(run_id)
  return null
}

function useFacts(): Facts {
  const { board, connection, trial, heardAt, offsetMs } = useLive((state) => state)
  const now = useDeviceNow()
  const status = useQuery(statusQuery)
  const ended = useInfiniteQuery(runsQuery(ENDED))
  const open = useInfiniteQuery(gatesQuery('open'))
  const waitedMs = (since: string | null): number => {
    const ms = now + offsetMs - Date.parse(since ?? '')
    return Number.isNaN(ms) ? 0 : ms
  }
  const unsealed = ended.data?.pages.flatMap(({ items }) =>
    items.filter(({ seal }) => seal !== 'sealed'),
  )
  const gates = open.data?.pages.flatMap(({ items }) => items)
  return {
    now,
    connection,
    trial,
    heardAt,
    counts: board.counts,
    gaps: board.gaps,
    api: status.isError
      ? { ok: false, status: status.error instanceof ApiError ? status.error.status : 0 }
      : status.data
        ? { ok: true }
        : null,
    // The list is newest first, and one asks for the oldest.
    unsealed: (unsealed ?? [])
      .map(({ run_id, seal, finished_at }) => ({
        run_id,
        waitedMs: waitedMs(finished_at),
        why:
          seal === 'seal_failed'
            ? (board.runs.get(run_id)?.record?.seal_failed?.reason ??
              'the reason is being asked for')
            : null,
      }))
      .toReversed(),
    gates: (gates ?? []).map(({ gate_id, run, opened_at, policy }) => ({
      gate_id,
      run_id: run.run_id,
      waitedMs: waitedMs(opened_at),
      who: policy === null ? [] : [...policy.roles, ...policy.users],
      quorum: policy?.quorum ?? 1,
    })),
  }
}
