import type { ReactNode } from 'react'
import { ErrorWords } from './failure.tsx'

/** What a dialog starts: what is asked for it, why it could not be started, and the two ways on. */
export function StartForm({
  act,
  onStart,
  onCancel,
  start: { isPending, error },
  isNothing = false,
  children,
}: {
  /** What its button says. */
  act: string
  onStart: () => void
  onCancel: () => void
  start: { isPending: boolean; error: Error | null }
  /** As far as is known there is nothing to start. */
  isNothing?: boolean
  children: ReactNode
}) {
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        onStart()
      }}
    >
      {children}
      {error !== null && <ErrorWords error={error} />}
      <div className="flex justify-end gap-2">
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="button" data-look="main" disabled={isPending || isNothing}>
          {isPending ? 'Starting' : act}
        </button>
      </div>
    </form>
  )
}
