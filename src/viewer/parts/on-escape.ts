import type { KeyboardEvent } from 'react'

/**
 * Escape leaves what it was pressed in, and nothing around that. A text that it empties, a dialog and a list that it
 * shuts take it for themselves.
 */
export const onEscape =
  (leave: () => void) =>
  (event: KeyboardEvent<HTMLElement>): void => {
    if (event.key !== 'Escape' || event.defaultPrevented || isTaken(event.target)) return
    event.preventDefault()
    leave()
  }

const isTaken = (target: EventTarget): boolean =>
  target instanceof Element &&
  (target.closest('dialog, [popover]') !== null ||
    target.matches('select, textarea') ||
    (target instanceof HTMLInputElement && target.type === 'search' && target.value !== ''))
