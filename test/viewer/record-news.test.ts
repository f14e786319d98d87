// @vitest-environment node
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { RunFrame } from '#contract/frame.ts'
import type { Run } from '#contract/run.ts'
import { join, newRun, reduceAll } from '#live/reduce.ts'
import { resourceOf } from '#live/select.ts'
import { anyFrame } from '#test/live/signals.ts'
import { runOf } from '#viewer/queries.ts'
import { newsOf } from '#viewer/stream/record-news.ts'

const after = (frames: readonly RunFrame[]): Run => reduceAll(newRun('r'), frames)
const answer = (run: Run) => resourceOf(run, 'e-1', 'now')

it('[L7] the news of a record, joined to what was known of it, are the record', () => {
  const frames = fc.array(anyFrame('r'), { maxLength: 30 })
  fc.assert(
    fc.property(frames, frames, (first, then) => {
      const [before, now] = [after(first), after([...first, ...then])]
      const { news } = newsOf(answer(now), newsOf(answer(before), null).known)
      expect(join(before, runOf(news))).toEqual(now)
    }),
  )
})

it('leaves out what was said in the same words', () => {
  const run = after([{ type: 'step_started', run_id: 'r', step_id: 'a', kind: 'test' }])
  const { known, news } = newsOf(answer(run), null)
  expect(news.steps).toHaveLength(1)
  expect(newsOf(answer(run), known).news.steps).toEqual([])
})
