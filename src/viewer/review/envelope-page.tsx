import { ApiError } from '#viewer/api.ts'
import { Answered } from '#viewer/parts/answered.tsx'
import { Failure } from '#viewer/parts/failure.tsx'
import { Notice } from '#viewer/parts/notice.tsx'
import { NoSuch } from '#viewer/parts/no-such.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { AsOf } from '#viewer/parts/told.tsx'
import { memoryQuery } from '#viewer/queries.ts'
import { verdictQuery } from '#viewer/record-queries.ts'
import { seenHere } from '#viewer/trust-store.ts'
import type { Summary } from '#viewer/verifier.ts'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Link, useSearchParams } from 'wouter'
import { ChangedHistory } from './changed-history.tsx'
import { JudgedRecord, JudgedVerdict } from './judged.tsx'
import { NotDetectable } from './not-detectable.tsx'
import { recordUnlike } from './unlike-seen.ts'
import { useKeysFault } from './use-keys-fault.ts'
import { Verifying } from './verifying.tsx'

/** One envelope: what it proves, claim by claim, and then, only if nothing fails, what is in it. */
export function EnvelopePage({
  evidence_id,
  renderStream,
}: {
  evidence_id: string
  renderStream: (summary: Summary, isVerified: boolean) => ReactNode
}) {
  const [search] = useSearchParams()
  const client = useQueryClient()
  const query = verdictQuery(evidence_id, search.get('run'))
  const verdict = useQuery(query)
  const keysFault = useKeysFault()
  const { data: memory } = useQuery(memoryQuery)
  const isGone = isNotFound(verdict.error)
  // What was judged by what was seen before says nothing of what is by now.
  const isNow = isGone || (verdict.data !== undefined && !verdict.isStale)
  const answered = isGone ? null : (verdict.data ?? null)
  const unlike =
    memory !== undefined && isNow ? recordUnlike(evidence_id, answered, seenHere(memory)) : null
  return (
    <Page
      title="Evidence"
      heading={
        <span className="flex min-w-0 flex-wrap items-baseline gap-x-3">
          Evidence
          <code className="truncate font-mono text-sm font-normal text-ink-2">{evidence_id}</code>
        </span>
      }
      actions={
        <div className="flex flex-wrap gap-2">
          <button
            type="button"
            className="button"
            aria-disabled={verdict.isFetching}
            onClick={() => {
              if (!verdict.isFetching) void verdict.refetch()
            }}
          >
            {verdict.isFetching ? 'Verifying' : 'Verify again'}
          </button>
          <Link href="/evidence/trust" className="button">
            Keys you trust
          </Link>
        </div>
      }
    >
      <ChangedHistory now={unlike} />
      <Answered
        of={verdict}
        renderFailure={(failed) =>
          isNotFound(failed) ? (
            <NoSuch what="record" href="/evidence" all="records">
              This server keeps no envelope <RunText text={evidence_id} max={140} />.
              {unlike === null && ' The run may not be sealed yet.'}
            </NoSuch>
          ) : (
            <Failure error={failed} again={verdict.refetch} />
          )
        }
        waiting={
          <div className="rounded-md">
            {verdict.fetchStatus === 'idle' ? (
              <Notice title="The verification was stopped">
                Nothing is known of this record. “Verify again” begins anew.
              </Notice>
            ) : (
              <Verifying
                document={evidence_id}
                onCancel={() => void client.cancelQueries({ queryKey: query.queryKey })}
              />
            )}
          </div>
        }
      >
        {(found) => (
          <>
            <p className="text-xs empty:hidden">
              <AsOf of={verdict} />
            </p>
            <JudgedVerdict
              origin={{ from: 'server', evidence_id }}
              verdict={found}
              keysFault={keysFault ?? found.keys_fault ?? null}
            />
            <JudgedRecord
              document={evidence_id}
              origin={{ from: 'server', evidence_id }}
              verdict={found}
              renderStream={renderStream}
            />
          </>
        )}
      </Answered>
      <NotDetectable />
    </Page>
  )
}

const isNotFound = (error: Error | null): boolean =>
  error instanceof ApiError && error.code === 'not_found'
