import { SkeletonRows } from '#viewer/parts/notice.tsx'
import { progressQuery } from '#viewer/record-queries.ts'
import { useQuery } from '@tanstack/react-query'
import { STAGES } from './stages.ts'

/** How far a verification is. It runs in a worker: the page answers meanwhile, and the button ends it at once. */
export function Verifying({ document, onCancel }: { document: string; onCancel: () => void }) {
  const { data: stage } = useQuery(progressQuery(document))
  const at = STAGES.findIndex((one) => one.stage === stage)
  return (
    <div className="card overflow-hidden">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line px-4 py-3">
        <output className="text-ink-2">
          {at === -1 ? 'Reading the sealed bytes.' : `${STAGES[at]?.says} in this browser.`}
        </output>
        <progress
          className="h-1.5 w-40 text-seal"
          max={STAGES.length + 1}
          value={at + 1}
          aria-label="Verification"
        />
        <button type="button" className="button ml-auto" onClick={onCancel}>
          Stop
        </button>
      </div>
      <SkeletonRows rows={6} height="h-11" />
    </div>
  )
}
