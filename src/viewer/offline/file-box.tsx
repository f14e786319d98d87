import type { ReactNode } from 'react'
import { RunText } from '#viewer/parts/run-text.tsx'

/** Takes files that are chosen or dropped, and names the ones it has. */
export function FileBox({
  title,
  chosen,
  onFiles,
  multiple = false,
  children,
}: {
  title: string
  chosen: readonly File[]
  onFiles: (files: readonly File[]) => void
  multiple?: boolean
  children: ReactNode
}) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- for a mouse only; the button in it is for all
    <section
      aria-label={title}
      className="card flex flex-col items-start gap-2 border-dashed border-line-strong p-4"
      onDrop={(event) => onFiles([...event.dataTransfer.files])}
    >
      <h2 className="text-base font-semibold">{title}</h2>
      <p className="text-ink-2">{children}</p>
      <label className="button mt-auto has-focus-visible:outline-2 has-focus-visible:outline-seal">
        Choose {title.toLowerCase()}
        <input
          type="file"
          multiple={multiple}
          className="sr-only"
          onChange={({ target }) => onFiles([...(target.files ?? [])])}
        />
      </label>
      <output className="min-h-5 text-ink-2">
        {chosen.length > 3
          ? `${chosen.length} files`
          : chosen.map(({ name }) => (
              <span key={name} className="block">
                <RunText text={name} max={120} />
              </span>
            ))}
      </output>
    </section>
  )
}
