import { expect, it } from 'vitest'
import { progressBar, progressWords, shownProgress, type Progress } from '#cli/progress.ts'

const progress = (done: number, more: Partial<Progress> = {}): Progress => ({
  steps: { done: 2, total: 8 },
  fields: [{ name: 'packages.digest', done, total: 331, left_ms: 3200 }],
  wait: null,
  ...more,
})

function shown(terminal: { isTTY: boolean; columns: number }, states: readonly Progress[]) {
  let text = ''
  const output = { ...terminal, write: (more: string) => (text += more) }
  const { show, end } = shownProgress(output)
  for (const state of states) show(state)
  end()
  return text
}

it('[C30] a terminal has one line that is drawn over, and left empty', () => {
  const text = shown({ isTTY: true, columns: 40 }, [progress(0), progress(331)])
  const lines = text.split('\r\u001B[K')
  expect(lines).toEqual(
    [
      '',
      '░░░░░░░  0 of 331 cells  about 4 s left',
      '█████  331 of 331 cells  about 4 s left',
      '',
    ].map((line) => line.slice(0, 39)),
  )
})

it('[C30] a terminal that does not know its width has the bar all the same', () => {
  expect(shown({ isTTY: true, columns: 0 }, [progress(331)])).toContain('331 of 331 cells')
})

it.each([
  [20, '1 of 331 cells'],
  [32, '1 of 331 cells  about 4 s left'],
  [40, '░░░░░░░  1 of 331 cells  about 4 s left'],
  [60, '░░░░░░░░░░░░░  field 3 of 8  1 of 331 cells  about 4 s left'],
  [72, '░░░░░░░░  field 3 of 8  1 of 331 cells  about 4 s left  packages.digest'],
  [80, '░░░░░░░░░░░░░░░░  field 3 of 8  1 of 331 cells  about 4 s left  packages.digest'],
])('[C30] in %i columns the bar gives way to the numbers, and they to none', (columns, line) => {
  expect(progressBar(progress(1), columns)).toBe(line)
})

it('[C30] [MT17] a run that waits says for which table and which run', () => {
  const wait = { table: 'packages', held_by: 'run_1' }
  const waiting = progress(0, { fields: [], wait })
  expect(progressWords(waiting)).toBe('field 3 of 8  waits for table packages  which run_1 writes')
  expect(progressWords(waiting, 30)).toBe('waits for table packages')
  expect(progressBar(waiting, 80)).toMatch(/^field 3 of 8 /)
  const lines = shown({ isTTY: false, columns: 80 }, [waiting, waiting, progress(0)])
  expect(lines.split('\n')).toHaveLength(3)
})

it('[C30] no line is as wide as the terminal, which would wrap', () => {
  for (const columns of [0, 1, 20, 200])
    expect(progressBar(progress(1), columns).length).toBeLessThanOrEqual(Math.max(0, columns - 1))
})

it('[C30] a pipe has a line for each field and tenth of it, and none twice', () => {
  const states = Array.from({ length: 332 }, (_, done) => progress(done))
  const lines = shown({ isTTY: false, columns: 80 }, states).split('\n')
  expect(lines.pop()).toBe('')
  expect(lines).toHaveLength(11)
  expect(new Set(lines).size).toBe(11)
  expect(lines[0]).toBe('field 3 of 8  0 of 331 cells  about 4 s left  packages.digest')
  expect(lines.join('')).not.toContain('\u001B')
})

it('[C30] what is left is said only where the server has a basis for all of it', () => {
  const [known] = progress(1).fields
  const unknown = { name: 'packages.files', done: 0, total: 1, left_ms: null }
  const both = known ? [known, unknown] : []
  expect(progressWords(progress(1, { fields: both }))).toBe(
    'field 3 of 8  1 of 332 cells  packages.digest  packages.files',
  )
  expect(progressWords(progress(1, { fields: [] }))).toBe('field 3 of 8')
})

it('[C30] a name acts on no terminal', () => {
  const fields = [{ name: 'a\u001B[2J\nb', done: 0, total: 0, left_ms: null }]
  expect(progressWords(progress(0, { fields }))).toBe('field 3 of 8  a<U+001B>[2J<U+000A>b')
})
