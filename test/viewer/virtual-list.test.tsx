import { act, fireEvent, render, screen } from '@testing-library/react'
import fc from 'fast-check'
import { useEffect } from 'react'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { useBlocksInSight } from '#viewer/parts/blocks-in-sight.ts'
import {
  AT_START,
  elementPx,
  type Extent,
  MAX_ELEMENT_PX,
  type Place,
  placeOf,
  scrolledTo,
} from '#viewer/parts/scroll-scale.ts'
import { VirtualList } from '#viewer/parts/virtual-list.tsx'

const extents = fc.record({
  totalPx: fc.integer({ min: 1, max: 2_000_000_000 }),
  viewPx: fc.integer({ min: 100, max: 2000 }),
})

/** What the browser makes of a wish to scroll. */
const within = (top: number, extent: Extent) =>
  Math.min(Math.max(0, elementPx(extent.totalPx) - extent.viewPx), Math.max(0, top))

/** Rolls by so many pixels an event; now and then the list comes to rest, as it does between two gestures. */
function roll(from: Place, by: number, events: number, extent: Extent): Place {
  let place = from
  for (let event = 1; event <= events; event += 1) {
    place = scrolledTo(place, within(place.scrollTop + by, extent), extent)
    if (event % 7 === 0) place = placeOf(place.offset, extent)
  }
  return place
}

describe('a list that is taller than any element', () => {
  it('[U20] has a place in its element for every offset, in order, ends at ends', () => {
    fc.assert(
      fc.property(extents, fc.double({ min: 0, max: 1, noNaN: true }), (extent, part) => {
        const last = Math.max(0, extent.totalPx - extent.viewPx)
        const [start, there, end] = [0, part * last, last].map((offset) => placeOf(offset, extent))
        expect(start?.scrollTop).toBe(0)
        expect(end?.scrollTop).toBe(within(Number.POSITIVE_INFINITY, extent))
        expect(there?.offset).toBe(part * last)
        expect(within(there?.scrollTop ?? -1, extent)).toBe(there?.scrollTop)
      }),
    )
  })

  it('[U20] moves by what is rolled, wherever it is and however long, and never skips a row', () => {
    const extent = { totalPx: 1_000_000 * 44, viewPx: 600 }
    for (const start of [0, 50_000, 150_000, 3_000_000, 43_900_000])
      for (const by of [-5000, -100, 100, 5000]) {
        const from = placeOf(start, extent)
        const to = roll(from, by, 100, extent)
        const wanted = Math.min(extent.totalPx - 600, Math.max(0, start + by * 100))
        expect(to.offset).toBe(wanted)
      }
  })

  it('[U20] is at its end when it was rolled or thrown to the end', () => {
    fc.assert(
      fc.property(extents, fc.nat(300_000), (extent, away) => {
        const last = Math.max(0, extent.totalPx - extent.viewPx)
        expect(roll(placeOf(away, extent), -9000, 80, extent).offset).toBe(0)
        expect(roll(placeOf(last - away, extent), 9000, 80, extent).offset).toBe(last)
        const thrown = scrolledTo(AT_START, within(Number.POSITIVE_INFINITY, extent), extent)
        expect(thrown.offset).toBe(last)
        expect(scrolledTo(thrown, 0, extent).offset).toBe(0)
      }),
    )
  })

  it('[U20] goes by the scroll bar where the scroll bar is, and stays there at rest', () => {
    const extent = { totalPx: 100_000_000, viewPx: 600 }
    const dragged = scrolledTo(AT_START, MAX_ELEMENT_PX / 2, extent)
    expect(dragged.offset).toBeGreaterThan(49_000_000)
    const slowly = scrolledTo(dragged, MAX_ELEMENT_PX / 2 + 1, extent)
    expect(slowly.offset - dragged.offset).toBeGreaterThan(5)
    expect(placeOf(slowly.offset, extent).scrollTop).toBe(slowly.scrollTop)
  })
})

describe('a list whose rows come by the block', () => {
  it('[U9] [U20] keeps the focus where arrows go on to rows that are still to come', () => {
    vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(600)
    const list = (loaded: number) => (
      <>
        <VirtualList
          label="Rows"
          count={1000}
          rowPx={44}
          walks
          renderRow={(index) =>
            index < loaded ? <button type="button">row {index}</button> : <i data-pending="" />
          }
        />
        <button type="button">elsewhere</button>
      </>
    )
    const { rerender } = render(list(10))
    const press = (key: string) => {
      const { activeElement } = document
      if (activeElement) fireEvent.keyDown(activeElement, { key })
    }
    screen.getByRole('button', { name: 'row 9' }).focus()
    press('ArrowDown')
    expect(document.activeElement).toBe(screen.getByRole('region', { name: 'Rows' }))
    // Further on meanwhile, and back by one.
    press('ArrowDown')
    press('ArrowDown')
    press('ArrowUp')
    rerender(list(100))
    expect(document.activeElement?.textContent).toBe('row 11')
    press('End')
    expect(document.activeElement).toBe(screen.getByRole('region', { name: 'Rows' }))
    // Who went elsewhere is not called back.
    screen.getByRole('button', { name: 'elsewhere' }).focus()
    rerender(list(1000))
    expect(document.activeElement?.textContent).toBe('elsewhere')
    expect(screen.getByRole('button', { name: 'row 999' })).not.toBe(null)
  })

  it('[U9] [U20] goes by pages, and on from what is in sight where the list itself has the focus', () => {
    vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(440)
    render(
      <VirtualList
        label="Rows"
        count={1000}
        rowPx={44}
        walks
        renderRow={(index) => <button type="button">row {index}</button>}
      />,
    )
    const pressed = (key: string) => {
      if (document.activeElement) fireEvent.keyDown(document.activeElement, { key })
      return document.activeElement?.textContent
    }
    const box = screen.getByRole('region', { name: 'Rows' })
    act(() => {
      box.scrollTop = 44 * 100
      fireEvent.scroll(box)
    })
    box.focus()
    expect(pressed('ArrowDown')).toBe('row 100')
    expect(pressed('PageDown')).toBe('row 109')
    expect(pressed('PageUp')).toBe('row 100')
    expect(pressed('End')).toBe('row 999')
    expect(pressed('PageDown')).toBe('row 999')
    box.focus()
    expect(pressed('Home')).toBe('row 0')
  })

  it('[U9] [U20] has also the block of the row that has the focus, however far it is scrolled away', () => {
    vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(440)
    const asked = vi.fn<(blocks: readonly number[]) => void>()
    function List() {
      const { blocks, onRange } = useBlocksInSight(100)
      useEffect(() => asked(blocks), [blocks])
      return (
        <VirtualList
          label="Rows"
          count={1000}
          rowPx={44}
          onRange={onRange}
          renderRow={(index) =>
            blocks.includes(Math.floor(index / 100)) && <button type="button">row {index}</button>
          }
        />
      )
    }
    render(<List />)
    const third = screen.getByRole('button', { name: 'row 3' })
    third.focus()
    const box = screen.getByRole('region', { name: 'Rows' })
    act(() => {
      box.scrollTop = 44 * 950
      fireEvent.scroll(box)
    })
    expect(screen.getByRole('button', { name: 'row 955' })).toBeDefined()
    expect(document.activeElement).toBe(third)
    expect(asked).toHaveBeenLastCalledWith([9, 0])
  })
})

describe('a list of a million rows', () => {
  beforeEach(() => {
    vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(600)
  })

  const draw = (props: Partial<Parameters<typeof VirtualList>[0]> = {}) =>
    render(
      <VirtualList
        label="Rows"
        count={1_000_000}
        rowPx={44}
        renderRow={(index) => <span>row {index}</span>}
        {...props}
      />,
    )

  it('[U20] draws those in sight, the first and the last', () => {
    const { container } = draw()
    expect(screen.getByText('row 0')).toBeDefined()
    const box = screen.getByRole('region', { name: 'Rows' })
    box.scrollTop = MAX_ELEMENT_PX - 600
    fireEvent.scroll(box)
    expect(screen.getByText('row 999999')).toBeDefined()
    expect(screen.queryByText('row 0')).toBe(null)
    expect(container.querySelectorAll('span').length).toBeLessThan(60)
  })

  it('[U20] shows the row that it is told to, and keeps it when it is scrolled out of sight', () => {
    draw({ active: 654_321, kept: 654_321 })
    expect(screen.getByText('row 654321')).toBeDefined()
    const box = screen.getByRole('region', { name: 'Rows' })
    act(() => {
      box.scrollTop = 0
      fireEvent.scroll(box)
    })
    expect(screen.getByText('row 0')).toBeDefined()
    expect(screen.getByText('row 654321')).toBeDefined()
  })

  it('[U20] keeps the row that has the focus, and moves it from row to row by arrows', () => {
    draw({ walks: true, renderRow: (index) => <button type="button">row {index}</button> })
    const box = screen.getByRole('region', { name: 'Rows' })
    const first = screen.getByText('row 0')
    first.focus()
    act(() => {
      box.scrollTop = MAX_ELEMENT_PX - 600
      fireEvent.scroll(box)
    })
    expect(document.activeElement).toBe(first)
    fireEvent.keyDown(first, { key: 'ArrowDown' })
    expect(document.activeElement?.textContent).toBe('row 1')
    fireEvent.keyDown(screen.getByText('row 1'), { key: 'End' })
    expect(document.activeElement?.textContent).toBe('row 999999')
    fireEvent.keyDown(screen.getByText('row 999999'), { key: 'ArrowUp' })
    expect(document.activeElement?.textContent).toBe('row 999998')
  })
})
