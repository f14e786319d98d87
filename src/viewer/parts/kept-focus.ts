import { useEffect } from 'react'

/**
 * When what has the focus is taken away or switched off, the focus goes to what is left around it, or to the new page
 * [U9]: never to nowhere, where a screen reader falls silent. Who is still there when it is on again is on it again.
 */
export function useKeptFocus(): void {
  useEffect(() => {
    let held: HTMLElement[] = []
    let frame = 0
    // Switched off, it lets go; it may be on again before that is seen here.
    let wasOff = false
    let left: { switchedOff: HTMLElement; for: HTMLElement } | null = null

    const focused = ({ target }: FocusEvent) => {
      held = around(target)
      wasOff = false
      if (target !== left?.for) left = null
    }
    // A key that acts without a focus is used from the page as a whole.
    const pressed = () => {
      if (document.activeElement === document.body) held = around(page())
    }
    const keep = () => {
      const [focus, ...rest] = held
      const { activeElement: at, body } = document
      if (left && at === left.for && canHold(left.switchedOff))
        return left.switchedOff.focus({ preventScroll: true })
      // What is switched off has the focus until this frame is drawn, and nothing that is seen here may change after it.
      const isOff = focus !== undefined && at === focus && !canHold(focus)
      if (!focus || (at !== body && !isOff)) return
      if (canHold(focus) && !wasOff) return
      const next = [focus, ...rest].find((one) => canHold(one) && !one.contains(page())) ?? page()
      if (!next) return
      if (next.tabIndex < 0) next.tabIndex = -1
      left = focus.isConnected ? { switchedOff: focus, for: next } : null
      next.focus({ preventScroll: true })
    }
    const observer = new MutationObserver((changes) => {
      wasOff ||= changes.some(({ target, type }) => type === 'attributes' && target === held[0])
      cancelAnimationFrame(frame)
      // The browser lets go of what is switched off only when it draws.
      frame = requestAnimationFrame(keep)
    })

    document.addEventListener('focusin', focused)
    document.addEventListener('keydown', pressed, { capture: true })
    observer.observe(document.body, {
      childList: true,
      subtree: true,
      attributeFilter: ['disabled', 'open'],
    })
    return () => {
      document.removeEventListener('focusin', focused)
      document.removeEventListener('keydown', pressed, { capture: true })
      observer.disconnect()
      cancelAnimationFrame(frame)
    }
  }, [])
}

const page = (): HTMLElement | null => document.getElementById('main')

function around(element: EventTarget | null): HTMLElement[] {
  return element instanceof HTMLElement ? [element, ...around(element.parentElement)] : []
}

const canHold = (element: HTMLElement): boolean =>
  element.checkVisibility() && !element.matches(':disabled')
