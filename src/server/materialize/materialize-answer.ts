import type { MaterializeAnswer } from '#contract/provenance.ts'
import { ProblemError } from '#server/problem.ts'
import type { Recorder } from '#server/runs/record.ts'
import type { Storage } from '#server/storage/storage.ts'
import { versionsOf } from './derive-field.ts'
import { problemCodeOf } from './materializer.ts'
import { derivedOf, type Tables } from './table-definition.ts'
import { actBodyIn, toldOf } from './told-version.ts'

/** What came of a run that derived, when it has ended and is sealed or could not be. */
export type MaterializeAnswers = (run_id: string) => Promise<MaterializeAnswer>

/** A run that derived nothing at all answers the problem that kept it from that. */
export function createMaterializeAnswers(
  recorder: Recorder,
  { runs, cells }: Pick<Storage, 'runs' | 'cells'>,
  tables: () => Tables,
): MaterializeAnswers {
  const waiting = new Map<string, () => void>()
  recorder.subscribe((_, { run }) => {
    if (run.sealed === null && run.seal_failed === null) return
    waiting.get(run.run_id)?.()
    waiting.delete(run.run_id)
  })

  async function failuresOf(run_id: string): Promise<MaterializeAnswer['failures']> {
    const failures: MaterializeAnswer['failures'] = []
    for (const act of await cells.acts(run_id, null)) {
      const { table, field } = await cells.fieldName(act.field_id)
      const made = actBodyIn(act.body)
      // A field that is no more was, when it was derived, as its act says.
      const defined = derivedOf(tables()).find((one) => one.table === table && one.field === field)
      for await (const versions of versionsOf(cells, act.act_id))
        for (const version of versions) {
          const { record_id } = version
          if (version.error === null) continue
          const { error } = defined ? toldOf(tables(), defined, version, made) : version
          if (failures.length >= MAX_FAILURES) return failures
          failures.push({ table, record_id, field, error: error ?? '' })
        }
    }
    return failures
  }

  return async (run_id) => {
    const done = new Promise<void>((resolve) => {
      waiting.set(run_id, resolve)
    })
    const { run } = (await recorder.read(run_id)) ?? { run: null }
    if (run?.sealed === null && run.seal_failed === null) await done
    waiting.delete(run_id)
    const after = (await recorder.read(run_id))?.run
    const last = (await runs.facts(run_id))
      .map(({ fact }) => fact)
      .findLast(({ type }) => isEnd(type))
    if (last?.type === 'run_failed')
      throw new ProblemError(problemCodeOf(last.error_type ?? ''), `${last.reason} (run ${run_id})`)
    if (last?.type !== 'run_succeeded')
      throw new ProblemError('not_materialized', `run ${run_id} was aborted`)
    const { materialized = 0, skipped = 0, failures = 0, total_cost = '0' } = last.totals ?? {}
    const listed = failures === 0 ? [] : await failuresOf(run_id)
    return {
      materialized,
      skipped,
      failures: listed,
      ...(listed.length < failures && { failures_total: failures }),
      total_cost: Number(total_cost),
      run_id,
      evidence_id: after?.sealed?.evidence_id ?? null,
    }
  }
}

const MAX_FAILURES = 10_000

function isEnd(type: string): boolean {
  return type === 'run_succeeded' || type === 'run_failed' || type === 'run_aborted'
}
