import { ApiError } from '#viewer/api.ts'
import { Failure } from '#viewer/parts/failure.tsx'
import { Notice, SkeletonRows } from '#viewer/parts/notice.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { verdictQuery } from '#viewer/queries.ts'
import { useQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'wouter'
import { Judged } from './judged.tsx'
import { KeyChanged } from './key-changed.tsx'
import { NotDetectable } from './not-detectable.tsx'

/** One envelope: what it proves, claim by claim, and then, only if nothing fails, what is in it. */
export function EnvelopePage({ evidence_id }: { evidence_id: string }) {
  const [search] = useSearchParams()
  const verdict = useQuery(verdictQuery(evidence_id, search.get('run')))
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
            disabled={verdict.isFetching}
            onClick={() => void verdict.refetch()}
          >
            {verdict.isFetching ? 'Verifying' : 'Verify again'}
          </button>
          <Link href="/evidence/trust" className="button">
            Keys you trust
          </Link>
        </div>
      }
    >
      <KeyChanged />
      {verdict.isPending ? (
        <div className="card overflow-hidden">
          <output className="block border-b border-line px-4 py-3 text-ink-2">
            Fetching the sealed bytes and verifying them in this browser.
          </output>
          <SkeletonRows rows={6} height="h-11" />
        </div>
      ) : verdict.isError ? (
        verdict.error instanceof ApiError && verdict.error.code === 'not_found' ? (
          <Notice
            title="No such record"
            action={
              <Link href="/evidence" className="button">
                Go to the records
              </Link>
            }
          >
            This server keeps no envelope <RunText text={evidence_id} max={140} />. The run may not
            be sealed yet.
          </Notice>
        ) : (
          <Failure error={verdict.error} again={verdict.refetch} />
        )
      ) : (
        <Judged evidence_id={evidence_id} verdict={verdict.data} />
      )}
      <NotDetectable />
    </Page>
  )
}
