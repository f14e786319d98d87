import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatPosition, type RunFrame } from '#contract/frame.ts'
import type { Run } from '#contract/run.ts'
import {
  EMPTY_BOARD,
  isBehind,
  MAX_HINTED,
  MAX_HINTED_FACTS,
  receive,
  record,
  recordSteps,
} from '#live/board.ts'
import { newRun, reduce } from '#live/reduce.ts'
import { statusOf } from '#live/select.ts'
import { shuffled } from './signals.ts'

const at = (seq: number, epoch = 'e') => formatPosition({ epoch, seq })
const started: RunFrame = {
  type: 'run_started',
  run_id: 'r',
  timestamp: '2026-11-12T09:30:00.000Z',
}
const ended: Run = reduce(newRun('r'), {
  type: 'run_failed',
  run_id: 'r',
  timestamp: '2026-11-12T09:30:05.000Z',
  reason: 'x',
})
const sealed: Run = reduce(ended, {
  type: 'run_finalized',
  run_id: 'r',
  timestamp: '2026-11-12T09:30:06.000Z',
  evidence_id: 'ev',
  seal_seq: 1,
})

describe('the board', () => {
  it('[L6] hints the same run whatever the order and the repeats', () => {
    fc.assert(
      fc.property(shuffled('r'), ([frames, again]) => {
        const one = receive(
          EMPTY_BOARD,
          frames.map((frame, seq) => ({ id: at(seq), frame })),
        )
        const other = again.reduce(
          (board, frame) => receive(board, [{ id: '', frame }]),
          EMPTY_BOARD,
        )
        expect(other.runs.get('r')?.hint).toEqual(one.runs.get('r')?.hint)
      }),
    )
  })

  it('[L2] leaves the record of a finished run alone when a late hint comes', () => {
    const board = receive(record(EMPTY_BOARD, ended, at(9)), [{ id: at(3), frame: started }])
    const run = board.runs.get('r')
    expect(run?.record && statusOf(run.record)).toBe('failed')
  })

  it('[L7] loses nothing to an older snapshot that arrives late', () => {
    const board = record(record(EMPTY_BOARD, sealed, at(9)), newRun('r'), at(2))
    expect(board.runs.get('r')?.record).toEqual(sealed)
    expect(board.runs.get('r')?.asOf).toEqual({ epoch: 'e', seq: 9 })
  })

  it('[L8] is behind after a newer frame, and not after an older one', () => {
    const known = record(EMPTY_BOARD, ended, at(5))
    const newer = receive(known, [{ id: at(6), frame: started }])
    const older = receive(known, [{ id: at(4), frame: started }])
    expect(behind(newer)).toBe(true)
    expect(behind(older)).toBe(false)
    expect(behind(record(newer, ended, at(6)))).toBe(false)
  })

  it('[L8] is not behind for more output alone', () => {
    const output = { type: 'step_output' as const, run_id: 'r', step_id: 's', bytes: 9 }
    const board = receive(record(EMPTY_BOARD, ended, at(5)), [{ id: at(6), frame: output }])
    expect(behind(board)).toBe(false)
    expect(board.runs.get('r')?.hint.steps[0]?.attempts[0]?.output_bytes).toBe(9)
  })

  it('[L8] is behind after a gap and after another epoch, unless the run is over and sealed', () => {
    const gap = {
      id: at(8),
      frame: { kind: 'stream.gap' as const, ts: '', from: at(6), to: at(7) },
    }
    const reborn = { id: at(1, 'f'), frame: { ...started, run_id: 'other' } }
    expect(behind(receive(record(EMPTY_BOARD, newRun('r'), at(5)), [gap]))).toBe(true)
    expect(behind(receive(record(EMPTY_BOARD, newRun('r'), at(5)), [reborn]))).toBe(true)
    expect(behind(receive(record(EMPTY_BOARD, sealed, at(5)), [gap]))).toBe(false)
    expect(behind(receive(record(EMPTY_BOARD, sealed, at(5)), [reborn]))).toBe(false)
  })

  it('[L8] does not believe an id for ever that no answer can reach', () => {
    const lies = [at(Number.MAX_SAFE_INTEGER), at(1, 'lie')].map((id) =>
      receive(record(EMPTY_BOARD, newRun('r'), at(5)), [{ id, frame: started }]),
    )
    for (const lied of lies) {
      expect(behind(lied)).toBe(true)
      const asked = record(lied, newRun('r'), at(5), lied.counts.frames)
      expect(behind(asked)).toBe(false)
      // What comes next is heard again.
      expect(behind(receive(asked, [{ id: at(6, 'e2'), frame: started }]))).toBe(true)
    }
  })

  it('[L8] is still behind for a frame that came while the answer was under way', () => {
    const known = receive(record(EMPTY_BOARD, newRun('r'), at(5)), [{ id: at(6), frame: started }])
    const asked = known.counts.frames
    const failed: RunFrame = { type: 'run_failed', run_id: 'r', reason: 'x', status: 'failed' }
    const answered = record(
      receive(known, [{ id: at(7), frame: failed }]),
      newRun('r'),
      at(6),
      asked,
    )
    expect(behind(answered)).toBe(true)
  })

  it('[L7] has steps of an answer on record before the rest of it comes, and only of a known record', () => {
    const step = { step_id: 's', kind: 'test', attempts: [] }
    expect(recordSteps(EMPTY_BOARD, 'r', [step])).toBe(EMPTY_BOARD)
    const hinted = receive(EMPTY_BOARD, [{ id: at(1), frame: started }])
    expect(recordSteps(hinted, 'r', [step])).toBe(hinted)
    const known = record(hinted, newRun('r'), at(1))
    const board = recordSteps(known, 'r', [step])
    expect(board.runs.get('r')?.record?.steps).toEqual([step])
    expect(board.runs.get('r')?.asOf).toEqual({ epoch: 'e', seq: 1 })
    expect(recordSteps(board, 'r', [step])).toBe(board)
  })

  it('[L11] takes a hole in the ids for a gap, and makes it less by what comes late', () => {
    const after = (...seqs: number[]) =>
      receive(
        record(EMPTY_BOARD, newRun('r'), at(1)),
        seqs.map((seq) => ({ id: at(seq), frame: { ...started, run_id: 'other' } })),
      )
    expect(after(1, 2, 3).gaps).toEqual([])
    expect(after(1, 5).gaps).toEqual([{ from: at(2), to: at(4) }])
    expect(behind(after(1, 5))).toBe(true)
    expect(after(1, 5, 3).gaps).toEqual([
      { from: at(2), to: at(2) },
      { from: at(4), to: at(4) },
    ])
    expect(after(1, 5, 2, 4).gaps).toEqual([{ from: at(3), to: at(3) }])
    expect(after(1, 5, 4, 2, 3).gaps).toEqual([])
    const told = { kind: 'stream.gap' as const, ts: '', from: at(2), to: at(7) }
    const board = receive(after(1), [
      { id: at(7), frame: told },
      { id: at(8), frame: started },
    ])
    expect(board.gaps).toEqual([{ from: at(2), to: at(7) }])
  })

  it('counts what came twice and what came late', () => {
    const board = receive(
      EMPTY_BOARD,
      [2, 2, 1, 3].map((seq) => ({ id: at(seq), frame: started })),
    )
    expect(board.counts).toMatchObject({ frames: 4, repeated: 1, outOfOrder: 1 })
    expect(board.position).toEqual({ epoch: 'e', seq: 3 })
  })

  it('keeps a bounded number of runs that only the stream has named', () => {
    const flood = Array.from({ length: MAX_HINTED + 500 }, (_, n) => ({
      id: at(n),
      frame: { ...started, run_id: `r${n}` },
    }))
    const board = receive(record(EMPTY_BOARD, ended, at(0)), flood)
    expect(board.runs.size).toBe(MAX_HINTED)
    expect(board.runs.get('r')?.record).toEqual(ended)
  })

  it('keeps a bounded number of steps and gates that only the stream has named', () => {
    const stepOf = (run_id: string, n: number) => ({
      id: at(n),
      frame: { type: 'step_started' as const, run_id, step_id: `step${n}`, kind: 'test' },
    })
    const flood = (run_id: string) =>
      Array.from({ length: MAX_HINTED_FACTS / 2 + 1 }, (_, n) => stepOf(run_id, n))
    const hintedOf = (board: typeof EMPTY_BOARD, run_id: string) =>
      board.runs.get(run_id)?.hint.steps.length
    // Two runs that nobody knows: the older one goes.
    const board = receive(receive(EMPTY_BOARD, flood('a')), flood('b'))
    expect([...board.runs.keys()]).toEqual(['b'])
    // One that is on record stays, and is hinted no more.
    const known = receive(record(EMPTY_BOARD, newRun('r'), at(0)), flood('r'))
    const more = Array.from({ length: MAX_HINTED_FACTS }, (_, n) => stepOf('r', 1e6 + n))
    const full = receive(known, more)
    expect(receive(full, [stepOf('r', 1e7)]).runs.get('r')?.hint).toBe(full.runs.get('r')?.hint)
    expect(hintedOf(full, 'r')).toBeGreaterThan(MAX_HINTED_FACTS)
  })

  const behind = (board: typeof EMPTY_BOARD): boolean | undefined => {
    const run = board.runs.get('r')
    return run && isBehind(board, run)
  }
})
