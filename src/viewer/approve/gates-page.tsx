import { Answered } from '#viewer/parts/answered.tsx'
import { Notice, SkeletonRows } from '#viewer/parts/notice.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { useRowKeys } from '#viewer/parts/row-keys.ts'
import { ShowMore } from '#viewer/parts/show-more.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { When } from '#viewer/parts/time.tsx'
import { AsRecorded } from '#viewer/parts/told.tsx'
import { gatesQuery } from '#viewer/queries.ts'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'wouter'
import { Expiry, GateState } from './gate-answer.tsx'

/** The approver's inbox: oldest question first; what is resolved is one click away. */
export function GatesPage() {
  const [search] = useSearchParams()
  const state = search.get('state') === 'resolved' ? 'resolved' : 'open'
  const gates = useInfiniteQuery(gatesQuery(state))
  const items = gates.data?.pages.flatMap((page) => page.items) ?? []
  const list = useRowKeys<HTMLUListElement>()
  return (
    <Page
      title="Gates"
      actions={
        <nav aria-label="Which gates" className="flex items-center gap-1">
          <span className="mr-2">
            <AsRecorded of={gates} />
          </span>
          {(['open', 'resolved'] as const).map((name) => (
            <Link
              key={name}
              href={name === 'open' ? '/gates' : '/gates?state=resolved'}
              aria-current={state === name ? 'page' : undefined}
              className="button text-ink-2 aria-[current]:border-ink aria-[current]:text-ink"
            >
              {name === 'open' ? 'Open' : 'Resolved'}
            </Link>
          ))}
        </nav>
      }
    >
      <Answered
        of={gates}
        waiting={
          <div className="card overflow-hidden">
            <SkeletonRows rows={4} height="h-20" />
          </div>
        }
      >
        {() =>
          items.length === 0 ? (
            <Notice
              title={state === 'open' ? 'Nothing waits for a person' : 'No gate was resolved yet'}
            >
              A run stops here when its definition asks a question before it goes on. Questions
              appear by themselves.
            </Notice>
          ) : (
            <ul ref={list} className="card divide-y divide-line overflow-hidden">
              {items.map((gate) => (
                <li key={gate.gate_id}>
                  <Link
                    href={`/gates/${encodeURIComponent(gate.gate_id)}`}
                    data-row=""
                    className="grid gap-x-6 gap-y-1 px-4 py-3 hover:bg-hover focus-visible:-outline-offset-2 sm:grid-cols-[minmax(0,1fr)_auto]"
                  >
                    <span className="min-w-0">
                      <span className="line-clamp-2 text-base font-medium">
                        <RunText text={gate.question ?? gate.reason ?? gate.gate_id} max={300} />
                      </span>
                      <span className="block truncate text-ink-2">
                        <RunText text={gate.run.title ?? gate.run.definition ?? ''} max={120} />
                        {gate.run.actor !== null && (
                          <>
                            , started by <RunText text={gate.run.actor} max={80} />
                          </>
                        )}
                      </span>
                    </span>
                    <span className="flex flex-col items-start gap-0.5 sm:items-end">
                      <GateState gate={gate} />
                      <span className="text-ink-2">
                        {gate.state === 'open' ? (
                          gate.may_decide.yes ? (
                            <strong className="font-semibold text-ink">you may decide</strong>
                          ) : (
                            (gate.may_decide.why_not ?? 'not yours to decide')
                          )
                        ) : (
                          <RunText text={gate.resolved?.by ?? ''} max={80} />
                        )}{' '}
                        · <When at={gate.resolved?.at ?? gate.opened_at} ago />
                      </span>
                      {gate.state === 'open' && gate.expires_at !== null && (
                        <Expiry at={gate.expires_at} />
                      )}
                    </span>
                  </Link>
                </li>
              ))}
            </ul>
          )
        }
      </Answered>
      <ShowMore of={gates} what="more" />
    </Page>
  )
}
