import { type ReactNode, useId } from 'react'

/**
 * A button that changes something. Where it may not be pressed it stays in reach of keyboard and finger, and says why.
 */
export function ChangeButton({
  whyNot,
  pending = false,
  look,
  onPress,
  children,
}: {
  whyNot: string | null
  pending?: boolean
  look?: 'main' | 'danger' | 'quiet'
  onPress: () => void
  children: ReactNode
}) {
  const id = useId()
  const off = whyNot !== null || pending
  return (
    <span className="group relative inline-flex">
      <button
        type="button"
        className="button"
        data-look={look}
        aria-disabled={off}
        aria-describedby={whyNot === null ? undefined : id}
        onClick={() => {
          if (!off) onPress()
        }}
      >
        {children}
        {pending && <span className="sr-only">, under way</span>}
      </button>
      {whyNot !== null && (
        <span
          id={id}
          role="tooltip"
          className="card invisible absolute top-full right-0 z-20 mt-1 w-max max-w-64 px-2 py-1 text-xs text-ink-2 opacity-0 shadow-lg group-focus-within:visible group-focus-within:opacity-100 group-hover:visible group-hover:opacity-100"
        >
          {whyNot}
        </span>
      )}
    </span>
  )
}
