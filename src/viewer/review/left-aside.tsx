import { counted } from '#evidence/counted.ts'
import type { Unread } from '#viewer/parts/dropped-files.ts'
import { Notice } from '#viewer/parts/notice.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'

/**
 * Over a verdict, which is of the others alone. That a program came along says nothing of any record, and a log or an
 * artifact that is as it was made is no reason for a warning.
 */
export function NotAllJudged({ left }: { left: readonly Unread[] }) {
  const parts = left.filter(({ is }) => is === 'part').length
  const [first, ...others] = left.filter(({ is }) => is !== 'program' && is !== 'part')
  if (first === undefined)
    return parts === 0 ? null : (
      <p className="text-ink-2">
        {counted(parts, 'log or artifact', 'logs and artifacts')} came along, and{' '}
        {parts === 1 ? 'is' : 'are'} not compared by what stands here.
      </p>
    )
  return (
    <Notice tone="waiting" title="Not all that you gave is judged">
      <RunText text={first.path} max={160} />
      {others.length === 0
        ? ' is not looked at, and what stands here says nothing of it.'
        : ` and ${others.length.toLocaleString('en')} more are not looked at, and what stands here says nothing of them.`}
    </Notice>
  )
}

/** What was given and is not looked at, by its name: calm, and never silent. Where it is much, it is opened to be read. */
export function LeftAside({
  left,
  onTakeAway,
}: {
  left: readonly Unread[]
  onTakeAway?: () => void
}) {
  if (left.length === 0) return null
  const named = left.slice(0, MOST_NAMED)
  return (
    <section aria-label="Not looked at" className="card p-4">
      <details open={left.length <= FEW}>
        <summary className="font-semibold">
          {counted(left.length, 'thing')} that you gave {left.length === 1 ? 'is' : 'are'} not
          looked at
        </summary>
        {[...new Set(named.map(({ why }) => why))].map((why) => (
          <div key={why} className="mt-2">
            <ul className="break-all">
              {named
                .filter((one) => one.why === why)
                .map(({ path }) => (
                  <li key={path}>
                    <RunText text={path} max={160} />
                  </li>
                ))}
            </ul>
            <p className="max-w-prose text-ink-2">
              <RunText text={why} max={300} />.
            </p>
          </div>
        ))}
        {left.length > MOST_NAMED && (
          <p className="mt-2 text-ink-2">
            And {(left.length - MOST_NAMED).toLocaleString('en')} more, which are not named here.
          </p>
        )}
      </details>
      {onTakeAway && (
        <button
          type="button"
          className="button mt-2"
          aria-label="Take away what is not looked at"
          onClick={onTakeAway}
        >
          Take away
        </button>
      )}
    </section>
  )
}

const FEW = 3
const MOST_NAMED = 200
