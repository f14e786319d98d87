import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'

/** A person without a mouse: after every key the focus is somewhere, in sight, drawn, and under nothing. */
export type Keyboard = {
  press: (...keys: string[]) => Promise<void>
  type: (text: string) => Promise<void>
  /** Tab, as often as it takes. */
  reach: (wanted: Locator, by?: 'Tab' | 'Shift+Tab') => Promise<void>
  /** Reaches it and presses Enter. */
  enter: (wanted: Locator) => Promise<void>
  /** The focus is on it, after whatever had to come. */
  isAt: (wanted: Locator) => Promise<void>
}

export function keyboardOf(page: Page): Keyboard {
  const press = async (...keys: string[]) => {
    for (const key of keys) {
      await page.keyboard.press(key)
      await expect.poll(() => page.evaluate(focusFault), { message: `after ${key}` }).toBe(null)
    }
  }
  const isAt = async (wanted: Locator) =>
    await wanted.evaluate((element) => element === document.activeElement)
  const reach: Keyboard['reach'] = async (wanted, by = 'Tab') => {
    await wanted.waitFor({ state: 'attached' })
    for (let tabs = 0; tabs < MOST_TABS; tabs += 1) {
      if (await isAt(wanted)) return
      await press(by)
    }
    throw new Error(`${MOST_TABS} times ${by} do not reach ${wanted.toString()}`)
  }
  return {
    press,
    reach,
    type: (text) => page.keyboard.type(text),
    async enter(wanted) {
      await reach(wanted)
      await press('Enter')
    },
    isAt: (wanted) => expect.poll(() => isAt(wanted)).toBe(true),
  }
}

const MOST_TABS = 60

/** What is wrong with the focus, or null. Runs in the page. */
function focusFault(): string | null {
  const focused = document.activeElement
  if (!focused || focused === document.body) return 'the focus is lost'
  // The page as a whole, just entered: there is nothing in it to point at yet.
  if (focused.id === 'main') return null
  // A box that is hidden for its label's sake is drawn by the label.
  const isHidden = focused.getBoundingClientRect().width <= 1
  const shown = (isHidden ? focused.closest('label') : null) ?? focused
  const what = shown.outerHTML.slice(0, 120)
  const { left, top, right, bottom } = shown.getBoundingClientRect()
  const [x, y] = [
    (Math.max(left, 0) + Math.min(right, innerWidth)) / 2,
    (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2,
  ]
  if (right <= 0 || bottom <= 0 || left >= innerWidth || top >= innerHeight)
    return `the focus is out of sight: ${what}`
  const onTop = document.elementFromPoint(x, y)
  if (!onTop || !(shown.contains(onTop) || onTop.contains(shown)))
    return `the focus is under something: ${what}`
  const { outlineStyle, outlineWidth } = getComputedStyle(shown)
  return outlineStyle === 'none' || outlineWidth === '0px'
    ? `the focus is not drawn: ${what}`
    : null
}
