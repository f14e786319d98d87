import { act, fireEvent, render, screen } from '@testing-library/react'
import { expect, it } from 'vitest'
import { useKeptFocus } from '#viewer/parts/kept-focus.ts'
import { type AskingAgain, UnreadRecords } from '#viewer/review/unread-records.tsx'
import type { Walked } from '#viewer/review/walk-chain.ts'

const unread = (seal_seq: number): Walked => ({
  listed: { evidence_id: `ev-${seal_seq}`, seal_seq, head: 'ab'.repeat(32) },
  fault: null,
  unkept: null,
  verdict: 'not read',
  placed: null,
  sha256: null,
  sealed_by: null,
  unplaced: null,
  open: 'It could not be had: it answered 500',
  isByRefused: false,
  isUnread: true,
  endedKey: null,
  unexpected: null,
  ended: [],
})
const many = (count: number) => Array.from({ length: count }, (_, nth) => unread(nth + 1))

it('[U9] [U12] each record that could not be had is asked for by itself, and the focus stays', async () => {
  const asked: (string | null)[] = []
  function Page(props: { walked: readonly Walked[]; asking: AskingAgain['asking'] }) {
    useKeptFocus()
    return <UnreadRecords {...props} askAgain={(only) => asked.push(only)} />
  }
  const { rerender } = render(<Page walked={many(2)} asking={null} />)
  const second = screen.getByRole('button', { name: 'Ask again for ev-2' })
  second.focus()
  fireEvent.click(second)
  expect(asked).toEqual(['ev-2'])
  rerender(<Page walked={many(2)} asking={{ only: 'ev-2' }} />)
  expect(document.activeElement).toBe(second)
  expect(screen.getByRole('button', { name: 'Asking again for ev-2' })).toBe(second)
  // One question at a time; a press meanwhile asks nothing, and loses no focus.
  fireEvent.click(second)
  fireEvent.click(screen.getByRole('button', { name: 'Ask again for all of them' }))
  expect(asked).toEqual(['ev-2'])
  rerender(<Page walked={many(2)} asking={null} />)
  expect(document.activeElement).toBe(second)
  fireEvent.click(screen.getByRole('button', { name: 'Ask again for all of them' }))
  expect(asked).toEqual(['ev-2', null])
})

it('[U9] what is switched off while it works gives the focus to what is around it, and has it again after that', async () => {
  const drawn = () =>
    act(() => new Promise<void>((resolve) => requestAnimationFrame(() => resolve())))
  function Page({ isBusy }: { isBusy: boolean }) {
    useKeptFocus()
    return (
      <main id="main">
        <form aria-label="A form">
          <button type="button" disabled={isBusy}>
            Work
          </button>
          <button type="button">Elsewhere</button>
        </form>
      </main>
    )
  }
  const { rerender } = render(<Page isBusy={false} />)
  const [work, elsewhere, form] = [
    screen.getByRole('button', { name: 'Work' }),
    screen.getByRole('button', { name: 'Elsewhere' }),
    screen.getByRole('form'),
  ]
  // Nothing changes on the page while it works: the frame in which it is switched off is the only one.
  const working = async (isBusy: boolean) => {
    rerender(<Page isBusy={isBusy} />)
    await drawn()
  }
  work.focus()
  await working(true)
  expect(document.activeElement).toBe(form)
  await working(false)
  expect(document.activeElement).toBe(work)
  // Who went elsewhere meanwhile is not called back.
  await working(true)
  elsewhere.focus()
  await working(false)
  expect(document.activeElement).toBe(elsewhere)
})

it('[U12] however many could not be had, each can be reached, and so many a time are drawn', async () => {
  const asked: (string | null)[] = []
  render(<UnreadRecords walked={many(230)} asking={null} askAgain={(only) => asked.push(only)} />)
  expect(screen.getAllByRole('listitem')).toHaveLength(100)
  await act(async () => {
    fireEvent.click(screen.getByRole('button', { name: 'Show 100 more' }))
    await new Promise(requestAnimationFrame)
  })
  expect(document.activeElement?.getAttribute('aria-label')).toBe('Ask again for ev-101')
  fireEvent.click(screen.getByRole('button', { name: 'Show 30 more' }))
  fireEvent.click(screen.getByRole('button', { name: 'Ask again for ev-230' }))
  expect(asked).toEqual(['ev-230'])
})
