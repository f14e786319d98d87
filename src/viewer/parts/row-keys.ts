import { type RefObject, useRef } from 'react'
import { useHotkeys } from './hotkeys.ts'

/** j and k walk over the `data-row` elements of a list; Enter is the focused link's own. */
export function useRowKeys<T extends HTMLElement>(): RefObject<T | null> {
  const list = useRef<T>(null)
  const walk = (by: 1 | -1) => {
    const rows = [...(list.current?.querySelectorAll<HTMLElement>('[data-row]') ?? [])]
    const at = rows.findIndex((row) => row === document.activeElement)
    const next = rows[at === -1 ? (by === 1 ? 0 : rows.length - 1) : at + by]
    next?.focus()
    next?.scrollIntoView({ block: 'nearest' })
  }
  useHotkeys({ j: () => walk(1), k: () => walk(-1) })
  return list
}
