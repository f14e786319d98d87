import { counted } from '#evidence/counted.ts'
import type { Unread } from '#viewer/parts/dropped-files.ts'
import { RunText } from '#viewer/parts/run-text.tsx'

/** What was given and is not looked at, by its name: calm, and never silent. */
export function LeftAside({ left }: { left: readonly Unread[] }) {
  if (left.length === 0) return null
  const named = left.slice(0, MOST_NAMED)
  return (
    <section aria-label="Not looked at" className="card flex flex-col gap-2 p-4">
      <h2 className="text-base font-semibold">
        {counted(left.length, 'thing')} that you gave {left.length === 1 ? 'is' : 'are'} not looked
        at
      </h2>
      {[...new Set(named.map(({ why }) => why))].map((why) => (
        <div key={why}>
          <ul className="max-h-32 overflow-auto break-all">
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
        <p className="text-ink-2">
          And {(left.length - MOST_NAMED).toLocaleString('en')} more, which are not named here.
        </p>
      )}
    </section>
  )
}

const MOST_NAMED = 200
