import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RunFrame } from '#contract/frame.ts'
import type { Run } from '#contract/run.ts'
import { join, newRun, reduce } from '#live/reduce.ts'
import { statusOf, stepOf, stepStatusOf } from '#live/select.ts'
import { anyFrame, shuffled } from './signals.ts'

const after = (frames: readonly RunFrame[]): Run => frames.reduce<Run>(reduce, newRun('r'))
const runs = fc.array(anyFrame('r'), { maxLength: 20 }).map(after)

describe('reduce', () => {
  it('[L1] gives the same run for any order of the same frames with any repeats', () => {
    fc.assert(
      fc.property(shuffled('r'), ([frames, again]) => {
        expect(after(again)).toEqual(after(frames))
      }),
      { numRuns: 1000 },
    )
  })

  it('[L1] joins two timelines to what all their frames say', () => {
    fc.assert(
      fc.property(fc.array(anyFrame('r')), fc.array(anyFrame('r')), (a, b) => {
        expect(join(after(a), after(b))).toEqual(after([...a, ...b]))
        expect(join(after(b), after(a))).toEqual(after([...a, ...b]))
      }),
    )
  })

  it('[L1] joins associatively', () => {
    fc.assert(
      fc.property(runs, runs, runs, (a, b, c) => {
        expect(join(join(a, b), c)).toEqual(join(a, join(b, c)))
      }),
    )
  })

  it('[L2] never rewinds: once ended a run stays ended, once finished an attempt stays finished', () => {
    fc.assert(
      fc.property(fc.array(anyFrame('r')), anyFrame('r'), (frames, late) => {
        const before = after(frames)
        const now = reduce(before, late)
        if (before.ended) expect(now.ended).not.toBeNull()
        for (const step of before.steps)
          for (const attempt of step.attempts)
            if (attempt.finished)
              expect(
                stepOf(now, step.step_id)?.attempts.find((one) => one.attempt === attempt.attempt)
                  ?.finished,
              ).not.toBeNull()
      }),
    )
  })

  it('[L3] returns the run itself when a frame says nothing new, or is about another run', () => {
    fc.assert(
      fc.property(fc.array(anyFrame('r'), { minLength: 1 }), fc.nat(), (frames, pick) => {
        const run = after(frames)
        const again = frames[pick % frames.length]
        if (again) expect(reduce(run, again)).toBe(run)
        if (again) expect(reduce(run, { ...again, run_id: 'another' })).toBe(run)
      }),
    )
  })

  it('[L4] counts a repeated step_started of one attempt once, and keeps every attempt', () => {
    const started: RunFrame = { type: 'step_started', run_id: 'r', step_id: 's', kind: 'test' }
    const run = after([
      started,
      started,
      { ...started, attempt: 2 },
      { type: 'step_finished', run_id: 'r', step_id: 's', kind: 'test', exit_code: 1 },
      started,
    ])
    expect(stepOf(run, 's')?.attempts.map((one) => one.attempt)).toEqual([1, 2])
    expect(stepStatusOf(run, stepOf(run, 's'))).toBe('running')
    expect(statusOf(run)).toBe('running')
  })

  it('takes finalized for no success: only a said outcome ends a run', () => {
    expect(after([{ type: 'run_finalized', run_id: 'r', evidence_id: 'e' }]).ended).toBeNull()
  })
})
