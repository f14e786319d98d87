import { type ReactNode, useState } from 'react'
import { Choose } from './choose.tsx'
import { chosenFiles, droppedFiles, type Giving } from './dropped-files.ts'

/** A place for files and folders: dropped on it, or chosen by its buttons. They stay in this browser. */
export function FileDrop({
  title,
  button,
  isOver = false,
  hasFolders = false,
  children,
  beside,
  onGiven,
}: {
  title: string
  button: string
  /** Files are held over the page, all of which is this place. */
  isOver?: boolean
  hasFolders?: boolean
  /** What it is for. Without it, it is one line: once something was given, that is what the page is about. */
  children?: ReactNode
  /** What stands below the buttons. */
  beside?: ReactNode
  onGiven: (giving: Giving) => void
}) {
  const [over, setOver] = useState(false)
  const take = (files: File[]) => onGiven(chosenFiles(files))
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- for a mouse only; the buttons in it are for all
    <section
      aria-label={title}
      data-over={over || isOver}
      className="card flex flex-col items-start gap-3 border-dashed border-line-strong p-4 data-[over=true]:border-seal data-[over=true]:bg-seal-wash"
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        onGiven(droppedFiles(event.dataTransfer))
      }}
    >
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <h2 className="text-base font-semibold">{title}</h2>
        {children !== undefined && <div className="w-full max-w-prose text-ink-2">{children}</div>}
        <div className="flex flex-wrap gap-2">
          <Choose button={button} multiple onChosen={take} />
          {hasFolders && <Choose button="Choose a folder" folder onChosen={take} />}
        </div>
      </div>
      {beside}
    </section>
  )
}
