import { useQuery } from '@tanstack/react-query'
import { Suspense, useState } from 'react'
import { Link, Redirect, Route, Switch, useLocation } from 'wouter'
import { ChaosBanner } from './chaos-banner.tsx'
import { Clock } from './parts/clock.tsx'
import { PageBoundary } from './parts/failure.tsx'
import { useHotkeys } from './parts/hotkeys.ts'
import { useKeptFocus } from './parts/kept-focus.ts'
import { Notice, SkeletonRows } from './parts/notice.tsx'
import { Page } from './parts/page.tsx'
import { Header } from './header.tsx'
import { RunsPage } from './operate/runs-page.tsx'
import { keptQuery, trustQuery } from './queries.ts'
import { NothingKept, NotKept } from './review/nothing-kept.tsx'
import { useLive } from './store.ts'
import { unanswered, wasRead } from './trust-store.ts'
import { useEventStream } from './stream/use-event-stream.ts'
import { part } from './parts/part.ts'
import { PartAwaited } from './parts/part-awaited.tsx'

const RunPage = part(() => import('./operate/run-page.tsx').then((m) => m.RunPage))
const GatesPage = part(() => import('./approve/gates-page.tsx').then((m) => m.GatesPage))
const GatePage = part(() => import('./approve/gate-page.tsx').then((m) => m.GatePage))
const GateAnswer = part(() => import('./approve/gate-answer.tsx').then((m) => m.GateAnswer))
const EnvelopesPage = part(() => import('./review/envelopes-page.tsx').then((m) => m.EnvelopesPage))
const EnvelopePage = part(() => import('./review/envelope-page.tsx').then((m) => m.EnvelopePage))
const TrustPage = part(() => import('./review/trust-page.tsx').then((m) => m.TrustPage))
const TablesPage = part(() => import('./tables/tables-page.tsx').then((m) => m.TablesPage))
const TablePage = part(() => import('./tables/table-page.tsx').then((m) => m.TablePage))
const ReferencePage = part(() => import('./reference-page.tsx').then((m) => m.ReferencePage))
const VerifyPage = part(() => import('./review/verify-page.tsx').then((m) => m.VerifyPage))
const ChainPage = part(() => import('./review/chain-page.tsx').then((m) => m.ChainPage))
const KeyChanged = part(() => import('./review/key-changed.tsx').then((m) => m.KeyChanged))
const KeysDropped = part(() => import('./review/keys-dropped.tsx').then((m) => m.KeysDropped))
const StreamAgainstRecord = part(() =>
  import('./operate/stream-against-record.tsx').then((m) => m.StreamAgainstRecord),
)
const StreamAgainstEnvelope = part(() =>
  import('./operate/stream-against-record.tsx').then((m) => m.StreamAgainstEnvelope),
)
const KeyboardHelp = part(() => import('./parts/keyboard-help.tsx').then((m) => m.KeyboardHelp))
const SignInPage = part(() => import('./sign-in-page.tsx').then((m) => m.SignInPage))

export function App() {
  const connection = useEventStream()
  const offsetMs = useLive((state) => state.offsetMs)
  const heardAt = useLive((state) => state.heardAt)
  const [path, navigate] = useLocation()
  const [help, setHelp] = useState(false)
  useKeptFocus()
  useHotkeys({
    '?': () => setHelp(true),
    1: () => navigate('/runs'),
    2: () => navigate('/gates'),
    3: () => navigate('/evidence'),
    4: () => navigate('/tables'),
  })
  return (
    <Clock state={{ offsetMs, stoppedAt: connection.state === 'live' ? null : heardAt }}>
      <a
        href="#main"
        className="button absolute -top-20 left-2 z-50 focus:top-2"
        onClick={() => document.getElementById('main')?.focus()}
      >
        Skip to the page
      </a>
      <Header onHelp={() => setHelp(true)} />
      <ChaosBanner />
      {/* A page that failed hides no warning. */}
      <PageBoundary page={path}>
        {/* Where a file is verified nothing is asked of any server; what is known by then is said there too. */}
        <KeyWatch isAsking={!path.startsWith('/verify')} />
      </PageBoundary>
      <PageBoundary page={path}>
        <Suspense
          fallback={
            <Page title="Loading" heading={<span className="text-ink-3">Loading</span>}>
              <PartAwaited>
                <SkeletonRows rows={6} height="h-12" />
              </PartAwaited>
            </Page>
          }
        >
          <Switch>
            <Route path="/">
              <Redirect to="/runs" replace />
            </Route>
            <Route path="/runs" component={RunsPage} />
            <Route path="/runs/:run_id">
              {({ run_id }) => (
                <RunPage
                  key={run_id}
                  run_id={run_id}
                  renderGate={(gate_id) => <GateAnswer gate_id={gate_id} run_id={run_id} />}
                />
              )}
            </Route>
            <Route path="/gates" component={GatesPage} />
            <Route path="/gates/:gate_id">
              {({ gate_id }) => <GatePage key={gate_id} gate_id={gate_id} />}
            </Route>
            <Route path="/evidence" component={EnvelopesPage} />
            <Route path="/evidence/trust" component={TrustPage} />
            <Route path="/evidence/chain" component={ChainPage} />
            <Route path="/evidence/:evidence_id">
              {({ evidence_id }) => (
                <EnvelopePage
                  key={evidence_id}
                  evidence_id={evidence_id}
                  renderStream={({ run_id, head }, isVerified) => (
                    <Suspense fallback={<div className="card h-40" />}>
                      {isVerified ? (
                        <StreamAgainstEnvelope document={evidence_id} head={head} run_id={run_id} />
                      ) : (
                        <StreamAgainstRecord run_id={run_id} />
                      )}
                    </Suspense>
                  )}
                />
              )}
            </Route>

            <Route path="/tables" component={TablesPage} />
            <Route path="/tables/:table">
              {({ table }) => <TablePage key={table} table={table} />}
            </Route>
            <Route path="/reference" component={ReferencePage} />
            <Route path="/verify" component={VerifyPage} />
            <Route path="/sign-in" component={SignInPage} />
            <Route>
              <Page title="No such page">
                <Notice
                  title="There is nothing at this address"
                  action={
                    <Link href="/runs" className="button">
                      Go to the runs
                    </Link>
                  }
                >
                  A link may be cut short, or be from another version of Runseal.
                </Notice>
              </Page>
            </Route>
          </Switch>
        </Suspense>
        {help && (
          <Suspense>
            <KeyboardHelp open onClose={() => setHelp(false)} />
          </Suspense>
        )}
      </PageBoundary>
    </Clock>
  )
}

/** What warns is fetched when there is something to warn of. */
function KeyWatch({ isAsking }: { isAsking: boolean }) {
  useQuery({ ...trustQuery, enabled: isAsking })
  const { data: kept } = useQuery(keptQuery)
  if (!kept) return null
  return (
    <>
      {/* Here with the page: where a file is verified nothing is fetched for it. */}
      {kept.fault && <NothingKept fault={kept.fault} isInHand={wasRead(kept)} />}
      <NotKept />
      <Suspense>
        {unanswered(kept).length > 0 && <KeyChanged kept={kept} />}
        {kept.dropped.length > 0 && <KeysDropped dropped={kept.dropped} />}
      </Suspense>
    </>
  )
}
