import type { Series } from '#evidence/series.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { MOST_NAMED } from './unread-records.tsx'

/** What is wrong with one key's series, each fault with its sentence. */
export function Faults({ series: { server, faults }, many }: { series: Series; many: boolean }) {
  if (faults.length === 0) return null
  return (
    <div>
      {many && (
        <p className="text-ink-2">
          Sealed by the key <Fingerprint hex={server} short />
        </p>
      )}
      <ul className="flex list-disc flex-col gap-1 pl-5">
        {faults.map((fault, index) => (
          <li key={index}>
            <strong>{FAULT[fault.fault]}.</strong> <RunText text={fault.message} max={600} />
          </li>
        ))}
      </ul>
    </div>
  )
}

/** What is no fault, and open all the same. */
export function CannotBeTold({ said }: { said: readonly string[] }) {
  if (said.length === 0) return null
  return (
    <div className="flex flex-col gap-1">
      <h3 className="font-medium">What cannot be told</h3>
      <ul className="flex list-disc flex-col gap-1 pl-5">
        {said.slice(0, MOST_NAMED).map((one, index) => (
          <li key={index}>
            <RunText text={one} max={600} />
          </li>
        ))}
        {said.length > MOST_NAMED && (
          <li>and {(said.length - MOST_NAMED).toLocaleString('en')} more</li>
        )}
      </ul>
    </div>
  )
}

const FAULT = {
  missing: 'Missing',
  forked: 'Forked',
  resealed: 'Sealed anew',
  replaced: 'Replaced',
  misplaced: 'Out of place',
  repeated: 'Answered twice',
  lineage: 'Repeated otherwise',
} as const satisfies Record<Series['faults'][number]['fault'], string>
