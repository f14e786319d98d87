import fc from 'fast-check'
import type { RunFrame } from '#contract/frame.ts'

/** Frames about one run, of every kind, from few ids and few times, so that they meet, repeat and contradict. */
export const anyFrame = (run_id: string): fc.Arbitrary<RunFrame> => {
  const timestamp = fc.constantFrom('2026-11-12T09:30:00.000Z', '2026-11-12T09:30:05.000Z', '...')
  const step = {
    step_id: fc.constantFrom('a', 'b', '__proto__'),
    attempt: fc.integer({ min: 1, max: 3 }),
  }
  const id = fc.constant(run_id)
  const optional = { requiredKeys: ['type', 'run_id'] as const }
  return fc.oneof(
    fc.record(
      {
        type: fc.constant('run_started' as const),
        run_id: id,
        timestamp,
        actor: fc.constantFrom('user:ann', 'user:bob'),
      },
      { requiredKeys: [...optional.requiredKeys] },
    ),
    fc.record(
      {
        type: fc.constant('step_started' as const),
        run_id: id,
        timestamp,
        ...step,
        kind: fc.constantFrom('test', 'build'),
      },
      { requiredKeys: ['type', 'run_id', 'step_id', 'kind'] },
    ),
    fc.record(
      {
        type: fc.constant('step_finished' as const),
        run_id: id,
        timestamp,
        ...step,
        kind: fc.constant('test'),
        exit_code: fc.option(fc.integer({ min: 0, max: 2 })),
        outcome: fc.constantFrom('succeeded' as const, 'failed' as const),
      },
      { requiredKeys: ['type', 'run_id', 'step_id', 'kind', 'exit_code'] },
    ),
    fc.record({
      type: fc.constant('step_output' as const),
      run_id: id,
      ...step,
      bytes: fc.nat(500),
    }),
    fc.record(
      {
        type: fc.constant('needs_input' as const),
        run_id: id,
        timestamp,
        gate_id: fc.constantFrom('g1', 'g2'),
        reason: fc.constantFrom('Release?', 'Ship?'),
      },
      { requiredKeys: ['type', 'run_id', 'gate_id', 'reason'] },
    ),
    fc.record({
      type: fc.constant('gate_resolved' as const),
      run_id: id,
      timestamp,
      gate_id: fc.constantFrom('g1', 'g2'),
      outcome: fc.constantFrom('approved' as const, 'rejected' as const),
    }),
    fc.record({
      type: fc.constant('run_failed' as const),
      run_id: id,
      timestamp,
      reason: fc.constantFrom('x', 'y'),
      status: fc.constant('failed' as const),
    }),
    fc.record({
      type: fc.constant('run_aborted' as const),
      run_id: id,
      timestamp,
      reason: fc.constant('x'),
      status: fc.constant('aborted' as const),
    }),
    fc.record(
      {
        type: fc.constant('run_finalized' as const),
        run_id: id,
        evidence_id: fc.constantFrom('e1', 'e2'),
        outcome: fc.constantFrom('succeeded' as const, 'failed' as const),
      },
      { requiredKeys: ['type', 'run_id', 'evidence_id'] },
    ),
    fc.record({
      type: fc.constant('seal_failed' as const),
      run_id: id,
      timestamp,
      reason: fc.constant('disk full'),
    }),
  )
}

/** Frames with a second list: the same in another order, some of them again. */
export const shuffled = (run_id: string) =>
  fc.array(anyFrame(run_id), { maxLength: 30 }).chain((frames) =>
    fc.tuple(
      fc.constant(frames),
      fc
        .tuple(
          fc.shuffledSubarray(frames, { minLength: frames.length, maxLength: frames.length }),
          fc.shuffledSubarray(frames),
        )
        .map(([all, again]) => [...again, ...all, ...again]),
    ),
  )
