import { CONNECTION, type Connection } from '#live/connection.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Suspense, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { useDeviceNow } from './parts/clock.tsx'
import { Dialog } from './parts/dialog.tsx'
import { SEAL_PATH } from './parts/glyph.tsx'
import { SkeletonRows } from './parts/notice.tsx'
import { RunText } from './parts/run-text.tsx'
import { asOf } from './parts/time.tsx'
import { sessionQuery, signOut, statusQuery } from './queries.ts'
import { rememberPlace } from './return-to.ts'
import { useLive } from './store.ts'
import { reconnect, renewStream } from './stream/use-event-stream.ts'
import { part, useFetchedAhead } from './parts/part.ts'

const diagnosis = () => import('./diagnosis.tsx')
const StreamSays = part(() => diagnosis().then((m) => m.StreamSays))
const Diagnosis = part(() => diagnosis().then((m) => m.Diagnosis))

export function Header({ onHelp }: { onHelp: () => void }) {
  const [path] = useLocation()
  const place = path.startsWith('/verify') ? '/evidence' : path
  const status = useQuery(statusQuery)
  const open = status.data?.gates.open ?? 0
  return (
    <header className="sticky top-0 z-30 border-b border-line bg-paper">
      <div className="mx-auto flex h-12 max-w-[120rem] items-center gap-1 px-2 xs:px-3 sm:gap-4 sm:px-6">
        <Link
          href="/runs"
          className="flex items-center gap-2 text-base font-semibold tracking-tight"
        >
          <svg viewBox="0 0 16 16" className="size-6 text-seal" aria-hidden="true">
            <path d={SEAL_PATH} fill="currentColor" />
            <path
              d="M4.9 6.5h6.2"
              className="stroke-paper"
              strokeWidth="1.3"
              strokeLinecap="round"
              strokeDasharray="0.1 2"
            />
            <path
              d="M4.9 9.6h6.2"
              className="stroke-paper"
              strokeWidth="1.3"
              strokeLinecap="round"
            />
          </svg>
          <span className="max-sm:sr-only">Runseal</span>
        </Link>
        <nav
          aria-label="Places"
          className="flex h-full min-w-0 items-stretch overflow-x-auto [scrollbar-width:none]"
        >
          {PLACES.map(({ href, label }) => (
            <Link
              key={href}
              href={href}
              aria-current={place.startsWith(href) ? 'page' : undefined}
              className="flex items-center gap-1.5 border-b-2 border-transparent px-1 font-medium xs:px-2 text-ink-2 hover:text-ink aria-[current]:border-ink aria-[current]:text-ink sm:px-3"
            >
              {label}
              {href === '/gates' && open > 0 && (
                <span className="rounded-full bg-waiting-wash px-1.5 text-xs font-semibold text-waiting">
                  {open}
                  <span className="sr-only"> open</span>
                </span>
              )}
            </Link>
          ))}
        </nav>
        <div className="ml-auto flex items-center gap-1 sm:gap-2">
          <StreamIndicator />
          <button
            type="button"
            className="button min-h-8 px-2 max-md:hidden"
            data-look="quiet"
            onClick={onHelp}
            aria-label="Keys"
            title="Keys (?)"
          >
            ?
          </button>
          <Person />
        </div>
      </div>
    </header>
  )
}

const PLACES = [
  { href: '/runs', label: 'Runs' },
  { href: '/gates', label: 'Gates' },
  { href: '/evidence', label: 'Evidence' },
  { href: '/tables', label: 'Tables' },
] as const

/** Flashes while anything runs; says in words how the stream is. Opens what one needs to know when it is not well. */
function StreamIndicator() {
  const connection = useLive((state) => state.connection)
  const materializing = useLive((state) => state.board.materializing)
  const status = useQuery(statusQuery)
  const running = (status.data?.runs.running ?? 0) > 0 || materializing
  const isLive = connection.state === 'live'
  useFetchedAhead(isLive, diagnosis)
  return (
    <>
      <output>
        <button
          type="button"
          popoverTarget="stream"
          className="button min-h-8 gap-2 px-2"
          data-look="quiet"
        >
          <span
            aria-hidden="true"
            className={`size-2.5 ${DOT[connection.state]} ${running && isLive ? 'animate-flash' : ''}`}
          />
          <span
            className={
              isLive
                ? 'max-xs:sr-only'
                : 'max-xs:absolute max-xs:inset-x-0 max-xs:top-full max-xs:bg-waiting-wash max-xs:text-xs'
            }
          >
            <Words connection={connection} />
            {running && isLive && <span className="sr-only">, something runs</span>}
          </span>
        </button>
      </output>
      <StreamPanel connection={connection} />
    </>
  )
}

const DOT = {
  connecting: 'rounded-full border-2 border-ink-3',
  live: 'rounded-full bg-active',
  silent: 'rotate-45 bg-waiting',
  retrying: 'rotate-45 border-2 border-waiting',
  'signed-out': 'border-2 border-ink-3',
  refused: 'bg-bad',
  polling: 'rotate-45 border-2 border-waiting',
  drained: 'rounded-full border-2 border-waiting',
  offline: 'border-2 border-bad',
  hidden: 'rounded-full border-2 border-ink-3',
} as const satisfies Record<Connection['state'], string>

function Words({ connection }: { connection: Connection }) {
  const heardAt = useLive((state) => state.heardAt)
  const now = useDeviceNow()
  const { label } = CONNECTION[connection.state]
  // A page that has only just begun to ask has nothing old to show.
  const isNew = connection.state === 'connecting' && now - (heardAt ?? now) < OLD_MS
  if (connection.state === 'live' || heardAt === null || isNew) return <>{label}</>
  return (
    <>
      {label} · {asOf(now - heardAt)}
    </>
  )
}

const OLD_MS = 5000

function StreamPanel({ connection }: { connection: Connection }) {
  const [asked, setAsked] = useState(false)
  const [open, setOpen] = useState(false)
  const { counts, gaps } = useLive((state) => state.board)
  return (
    <>
      <div
        id="stream"
        popover="auto"
        onToggle={({ newState }) => setOpen(newState === 'open')}
        className="card fixed inset-auto top-12 right-3 w-[min(24rem,calc(100vw-1.5rem))] p-4 text-ink shadow-xl"
      >
        <h2 className="text-base font-semibold">
          The stream: {CONNECTION[connection.state].label.toLowerCase()}
        </h2>
        {open && (
          <Suspense>
            <StreamSays state={connection.state} />
          </Suspense>
        )}
        {'why' in connection && (
          <p className="mt-1 text-ink-2">
            Last: <RunText text={connection.why} max={200} />
          </p>
        )}
        <dl className="mt-3 grid grid-cols-[1fr_auto] gap-x-4 gap-y-1 border-t border-line pt-3">
          <dt>Frames received</dt>
          <dd>{counts.frames.toLocaleString('en')}</dd>
          <dt>Repeated or out of order (harmless)</dt>
          <dd>{(counts.repeated + counts.outOfOrder).toLocaleString('en')}</dd>
          <dt>Gaps (the record fills them)</dt>
          <dd>{gaps.length.toLocaleString('en')}</dd>
          <dt>Not understood</dt>
          <dd>{(counts.malformed + counts.unknown).toLocaleString('en')}</dd>
        </dl>
        <div className="mt-3 flex gap-2">
          <button
            type="button"
            className="button"
            onClick={() => setAsked(true)}
            popoverTarget="stream"
            popoverTargetAction="hide"
          >
            Find out what is wrong
          </button>
          {connection.state !== 'live' && (
            <button type="button" className="button" onClick={reconnect}>
              Connect now
            </button>
          )}
        </div>
      </div>
      <Dialog open={asked} onClose={() => setAsked(false)} title="What is wrong?">
        <Suspense fallback={<SkeletonRows rows={4} height="h-12" />}>
          <Diagnosis />
        </Suspense>
      </Dialog>
    </>
  )
}

function Person() {
  const client = useQueryClient()
  const session = useQuery(sessionQuery)
  const leave = useMutation(signOut(client))
  if (!session.data) return null
  if (session.data.actor === null)
    return (
      <Link
        href="/sign-in"
        className="button px-2 sm:px-3"
        onClick={() => {
          if (!location.pathname.startsWith('/sign-in')) rememberPlace()
        }}
      >
        Sign in
      </Link>
    )
  const name = session.data.actor.replace(/^user:/, '')
  return (
    <>
      <button type="button" popoverTarget="person" className="button px-2" data-look="quiet">
        <span
          aria-hidden="true"
          className="grid size-6 place-items-center rounded-full bg-ink text-xs font-semibold text-paper"
        >
          {name.slice(0, 1).toUpperCase()}
        </span>
        <span className="sr-only">Signed in as </span>
        <span className="max-lg:sr-only">
          <RunText text={name} max={60} />
        </span>
      </button>
      <div
        id="person"
        popover="auto"
        className="card fixed inset-auto top-12 right-3 w-64 p-4 text-ink shadow-xl"
      >
        <p className="text-base font-semibold">
          <RunText text={name} />
        </p>
        <p className="text-ink-2">{session.data.role}</p>
        <button
          type="button"
          className="button mt-3 w-full"
          disabled={leave.isPending}
          onClick={() => leave.mutate(undefined, { onSuccess: renewStream })}
        >
          Sign out
        </button>
      </div>
    </>
  )
}
