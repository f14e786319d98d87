import { counted } from '#evidence/counted.ts'
import type { FileAt } from '#viewer/parts/dropped-files.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { toldApart } from '#viewer/review/told-apart.ts'

/** Files that were given, each to be taken away again: of many at first how many they are. */
export function FileList({
  files,
  onChange,
}: {
  files: readonly FileAt[]
  onChange: (files: readonly FileAt[]) => void
}) {
  if (files.length === 0) return null
  const apart = toldApart(files.map(({ path }) => ({ name: path })))
  return (
    <details className="w-full" open={files.length <= FEW}>
      <summary className="text-ink-2">{counted(files.length, 'file')}</summary>
      <ul>
        {files.slice(0, MOST_NAMED).map((one, index) => (
          <li key={index} className="flex items-center gap-2">
            <span className="flex min-w-0 flex-1 gap-2 text-ink-2" title={plain(one.path, 300)}>
              <span className="truncate">
                <RunText text={one.path} max={160} />
              </span>
              {apart[index] && <span className="shrink-0">{apart[index]}</span>}
            </span>
            <button
              type="button"
              className="button shrink-0"
              data-look="quiet"
              aria-label={`Take away ${plain(one.path, 80)}${apart[index] ? `, ${apart[index]}` : ''}`}
              onClick={() => onChange(files.filter((other) => other !== one))}
            >
              Take away
            </button>
          </li>
        ))}
      </ul>
      {files.length > MOST_NAMED && (
        <p className="text-ink-2">And {(files.length - MOST_NAMED).toLocaleString('en')} more.</p>
      )}
      {files.length > 1 && (
        <button type="button" className="button mt-2" onClick={() => onChange([])}>
          Take all {files.length.toLocaleString('en')} away
        </button>
      )}
    </details>
  )
}

const FEW = 3
const MOST_NAMED = 100
