import { type ReactNode, useEffect, useId, useLayoutEffect, useRef } from 'react'

/** The browser's own modal dialog: focus, Escape and the inert page behind it are its work. */
export function Dialog({
  open,
  onClose,
  title,
  children,
}: {
  open: boolean
  onClose: () => void
  title: string
  children: ReactNode
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    if (open && dialog.current?.open === false) dialog.current.showModal()
    if (!open) dialog.current?.close()
  }, [open])
  // One that is taken away while it is open gives the focus back too, while it still can.
  useLayoutEffect(() => {
    const box = dialog.current
    return () => box?.close()
  }, [])
  return (
    <dialog
      ref={dialog}
      onClose={onClose}
      aria-labelledby={titleId}
      className="card max-h-[90dvh] w-[min(34rem,calc(100vw-1.5rem))] overflow-auto p-0 shadow-xl"
    >
      {open && (
        <div className="flex flex-col gap-4 p-5">
          <h2 id={titleId} className="text-lg font-semibold">
            {title}
          </h2>
          {children}
        </div>
      )}
    </dialog>
  )
}
