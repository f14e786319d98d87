import fc from 'fast-check'
import { render, screen, within } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Run } from '#contract/run.ts'
import { TOLD_BY } from '#contract/status.ts'
import { EMPTY_BOARD, receive, record } from '#live/board.ts'
import { newRun, reduce } from '#live/reduce.ts'
import { statusOf } from '#live/select.ts'
import { told } from '#live/told.ts'
import { planOrder } from '#viewer/operate/plan-order.ts'
import { presentOf } from '#viewer/operate/present.ts'
import { FactTable } from '#viewer/operate/fact-table.tsx'
import { Timelines } from '#viewer/operate/timelines.tsx'
import { factList, factRows } from '#viewer/operate/two-timelines.ts'
import { anyFrame } from '#test/live/signals.ts'
import { ToldValue } from '#viewer/parts/told.tsx'
import { EMPTY_LIVE, live } from '#viewer/store.ts'

afterEach(() => vi.restoreAllMocks())

const RUN = 'run_1'
const started = { type: 'run_started', run_id: RUN } as const
const step = { type: 'step_started', run_id: RUN, step_id: 'build', kind: 'test' } as const
const exit = (exit_code: number) => ({ ...step, type: 'step_finished', exit_code }) as const
const failed = { type: 'run_failed', run_id: RUN, reason: 'no', status: 'failed' } as const
const runOf = (...signals: Parameters<typeof reduce>[1][]): Run =>
  signals.reduce(reduce, newRun(RUN))
const ended = (run: Run, outcome: 'succeeded' | 'failed'): Run => ({
  ...run,
  ended: { outcome, reason: null, at: null },
})

describe('a fact', () => {
  it.each([
    [{ hint: 'exit 0', recorded: null, verified: null }, 'hint'],
    [{ hint: 'exit 0', recorded: 'exit 0', verified: null }, 'recorded'],
    [{ hint: null, recorded: 'exit 0', verified: 'exit 0' }, 'verified'],
  ] as const)('[U4] says where it is from: %o is %s', (said, by) => {
    const { container } = render(
      <ToldValue told={told<string>(said)} renderValue={(value) => value} />,
    )
    expect(container.querySelector('[data-told]')).toHaveProperty('dataset.told', by)
    expect(screen.getByText(TOLD_BY[by].label).title).toBe(TOLD_BY[by].means)
  })

  it('[U4] keeps both values where the stream contradicts the record', () => {
    const { container } = render(
      <ToldValue
        told={told<string>({ hint: 'exit 0', recorded: 'exit 1', verified: null })}
        renderValue={(value) => value}
      />,
    )
    expect(container.textContent).toBe('exit 1the stream said exit 0contradicted')
    expect(container.querySelector('s')?.textContent).toBe('exit 0')
  })
})

describe('two timelines', () => {
  it('[U13] stand side by side, contradictions first, and silence is none', () => {
    const hint = runOf(started, step, exit(0))
    const onRecord = ended(runOf(started, step, exit(3)), 'failed')
    expect(
      factRows(hint, onRecord, null, ['build']).map(({ about, what, hint, record, told }) => [
        `${about} ${what}`,
        hint?.value ?? null,
        record?.value ?? null,
        told.by,
      ]),
    ).toEqual([
      ['build finished', 'exit 0', 'exit 3', 'contradicted'],
      ['run started', 'started', 'started', 'recorded'],
      ['build started', 'attempt 1', 'attempt 1', 'recorded'],
      ['run ended', null, 'Failed', 'recorded'],
    ])
  })

  it('[U4] [U13] name who contradicts a verified record, and what each of them said', () => {
    const onRecord = ended(runOf(started, step, exit(0)), 'failed')
    const sealed = ended(runOf(started, step, exit(4)), 'failed')
    const show = (hint: Run) => {
      const { container, unmount } = render(
        <FactTable
          facts={factList(hint, onRecord, sealed, ['build'])}
          isEnded
          isFilled={() => true}
        />,
      )
      const text = container.textContent
      const struck = [...container.querySelectorAll('s')].map((s) => s.textContent)
      unmount()
      return { text, struck }
    }
    const silent = show(runOf(started))
    expect(silent.text).toContain(
      'The server’s answer contradicted the verified record in 1 fact, listed first.build finished: the server’s answer said exit 0; the verified record says exit 4; the stream said nothing.',
    )
    expect(silent.struck).toEqual(['exit 0'])
    const both = show(runOf(started, step, exit(7)))
    expect(both.text).toContain('The stream or the server’s answer contradicted')
    expect(both.text).toContain('the stream said exit 7.')
    expect(both.struck).toEqual(['exit 7', 'exit 0'])
    const heard = show(runOf(started, step, exit(4)))
    expect(heard.text).toContain('the stream said exit 4.')
    expect(heard.struck).toEqual(['exit 0'])
  })

  it('[U13] lists every fact once, contradictions first, the same whatever was listed before', () => {
    const said = fc.array(anyFrame(RUN), { maxLength: 25 })
    const order = ['b', 'a']
    fc.assert(
      fc.property(said, said, fc.option(said), (hints, records, envelope) => {
        const [hint, onRecord] = [runOf(...hints), runOf(...records)]
        const verified = envelope && runOf(...envelope)
        const { count, contradicted, hinted, at } = factList(hint, onRecord, verified, order)
        const rows = Array.from({ length: count }, (_, index) => at(index))
        expect(at(count)).toBeUndefined()
        expect(new Set(rows.map((row) => row?.key)).size).toBe(count)
        expect(rows.map((row) => row?.told.by === 'contradicted')).toEqual(
          rows.map((_, index) => index < contradicted),
        )
        expect(rows.filter((row) => row?.hint !== null)).toHaveLength(hinted)
        // The hint grew, and is what it was: nothing of between is kept.
        factList(runOf(...hints, ...records), onRecord, verified, order)
        expect(factRows(hint, onRecord, verified, order)).toEqual(rows)
      }),
    )
  })

  it('[U4] are drawn with the word of each fact', () => {
    // jsdom has no layout; the list draws what is in sight.
    vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(600)
    vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(800)
    const hint = runOf(started, step)
    render(
      <Timelines
        run={{ hint, record: runOf(started), asOf: null, heard: null, heardNth: 0, askedNth: 0 }}
        verified={null}
        order={['build']}
      />,
    )
    const facts = screen.getByRole('region', { name: 'Facts of the run' })
    expect(within(facts).getAllByText('not on record')).toHaveLength(1)
    expect(facts.querySelectorAll('[data-told=hint]').length).toBeGreaterThan(0)
    expect(facts.querySelectorAll('[data-told=verified]')).toHaveLength(0)
  })
})

describe('gaps', () => {
  it('[L11] are drawn where the stream hinted nothing, and are filled by a newer record only', () => {
    const at = (seq: number) => `e-${seq}`
    const board = receive(record(EMPTY_BOARD, runOf(started), at(1)), [
      { id: at(1), frame: started },
      { id: at(5), frame: step },
    ])
    const drawn = (state: typeof board) => {
      live.setState({ board: state })
      const run = state.runs.get(RUN)
      if (!run) throw new Error('the run is not on the board')
      const { container, unmount } = render(
        <Timelines run={run} verified={null} order={['build']} />,
      )
      const gaps = [...container.querySelectorAll<HTMLElement>('[data-gap]')]
      const said = gaps.map(({ dataset, textContent }) => [dataset['gap'], textContent])
      unmount()
      return said
    }
    expect(drawn(board)).toEqual([
      ['open', expect.stringContaining('frames 2 to 4 did not arrive')],
    ])
    const anew = receive(board, [
      { id: 'f-0', frame: { kind: 'stream.gap', ts: '', from: null, to: 'f-0' } },
      { id: 'f-0', frame: { kind: 'stream.gap', ts: '', from: 'x', to: '' } },
    ])
    expect(drawn(anew).map(([, text]) => text)).toEqual([
      expect.stringContaining('frames 2 to 4 did not arrive'),
      expect.stringContaining('frames before the server started anew did not arrive'),
      expect.stringContaining('some frames did not arrive'),
    ])
    const filled = record(board, runOf(started, step), at(5))
    expect(drawn(filled)).toEqual([['filled', expect.stringContaining('the record is newer')]])
    const whole = receive(
      board,
      [2, 3, 4].map((seq) => ({ id: at(seq), frame: started })),
    )
    expect(drawn(whole)).toEqual([])
    live.setState(EMPTY_LIVE)
  })
})

describe('the present state', () => {
  const board = (hints: readonly (typeof started | typeof step | typeof failed)[], from: number) =>
    receive(
      EMPTY_BOARD,
      hints.map((frame, index) => ({ id: `e-${from + index}`, frame })),
    )
  const present = (state: ReturnType<typeof board>, verified: Run | null = null) => {
    const run = state.runs.get(RUN)
    if (!run) throw new Error('the run is not on the board')
    return presentOf(state, run, verified)
  }

  it('[U2] follows a hint that is newer than the record', () => {
    const state = record(board([started, failed], 5), runOf(started), 'e-5')
    expect(statusOf(present(state))).toBe('failed')
  })

  it('[U2] does not follow a hint that the record is newer than', () => {
    const state = record(board([started, failed], 1), runOf(started), 'e-9')
    expect(statusOf(present(state))).toBe('running')
  })

  it('[U2] does not go back from an end on record', () => {
    const state = record(board([started, step], 7), ended(runOf(started), 'succeeded'), 'e-6')
    expect(statusOf(present(state))).toBe('succeeded')
  })

  it('[U2] is as verified, whatever server and stream said', () => {
    const state = record(board([started, failed], 1), ended(runOf(started), 'failed'), 'e-9')
    expect(statusOf(present(state, ended(runOf(started), 'succeeded')))).toBe('succeeded')
  })
})

describe('the order of the steps', () => {
  const planStep = (step_id: string, needs: string[]) => ({
    step_id,
    kind: 'command',
    needs,
    argv: ['true'],
    cwd: '.',
    env: {},
    retries: 0,
    timeout_ms: null,
    artifacts: [],
  })

  it('is after all that a step needs, else as written', () => {
    const plan = {
      steps: [planStep('c', ['b']), planStep('a', []), planStep('b', ['a'])],
      gates: [],
    }
    expect(planOrder({ ...newRun(RUN), plan }).map(({ id }) => id)).toEqual(['a', 'b', 'c'])
  })

  it('stands 10,000 steps in a row, last first, and a cycle', () => {
    const steps = Array.from({ length: 10_000 }, (_, n) =>
      planStep(`s${n}`, n === 9_999 ? [] : [`s${n + 1}`]),
    )
    const order = planOrder({ ...newRun(RUN), plan: { steps, gates: [] } })
    expect([order[0]?.id, order.at(-1)?.id]).toEqual(['s9999', 's0'])
    const cycle = { steps: [planStep('a', ['b']), planStep('b', ['a'])], gates: [] }
    expect(planOrder({ ...newRun(RUN), plan: cycle })).toHaveLength(2)
  })
})
