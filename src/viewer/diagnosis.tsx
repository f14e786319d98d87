import type { Connection } from '#live/connection.ts'
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

/** What it means how the stream is, for who opens its panel. */
export function StreamSays({ state }: { state: Connection['state'] }) {
  return <p className="mt-1 text-ink-2">{SAYS[state]}</p>
}

const SAYS = {
  connecting: 'Asking the server for its stream.',
  live: 'Changes arrive as they happen. They are hints: what counts is on record, and evidence is what this browser verified.',
  silent:
    'The connection is open but nothing came for 20 s, not even a heartbeat: the server may hang, or a proxy may hold frames back. Clocks stand still and the server is asked every few seconds.',
  retrying:
    'The connection was lost and is tried again by itself. Until then the server is asked every few seconds.',
  'signed-out': 'This server shows its runs to signed-in people only. Open a sign-in link.',
  refused:
    'The server, or something before it, refuses the stream. Check that the address is the server’s own and that a proxy lets event streams through.',
  polling:
    'The stream can again and again not be had, while the server answers questions: it is asked every few seconds. The stream goes on being tried.',
  drained: 'The server said that it is stopping. It is tried again as soon as it asked for.',
  offline: 'This device has no network. What you see is what was known before.',
  hidden:
    'Nobody looked for a while, so that the stream was let go. It goes on from where it was left.',
} as const satisfies Record<Connection['state'], string>
