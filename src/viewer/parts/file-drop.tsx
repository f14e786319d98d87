import { type ReactNode, useState } from 'react'

/** A place for files: dropped on it, or chosen by its button. They stay in this browser. */
export function FileDrop({
  title,
  button,
  children,
  onFiles,
}: {
  title: string
  button: string
  children?: ReactNode
  onFiles: (files: File[]) => void
}) {
  const [over, setOver] = useState(false)
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- for a mouse only; the button in it is for all
    <section
      aria-label={title}
      data-over={over}
      className="card border-dashed border-line-strong p-4 data-[over=true]:border-seal data-[over=true]:bg-seal-wash"
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        onFiles([...event.dataTransfer.files])
      }}
    >
      <h2 className="text-base font-semibold">{title}</h2>
      {children !== undefined && <div className="max-w-prose text-ink-2">{children}</div>}
      <label className="button mt-3 has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-seal">
        {button}
        <input
          type="file"
          multiple
          className="sr-only"
          onChange={({ target }) => {
            onFiles([...(target.files ?? [])])
            // The same file, changed on disk, can be chosen again.
            target.value = ''
          }}
        />
      </label>
    </section>
  )
}
