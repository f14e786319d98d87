import { ENDPOINT } from '#contract/api.ts'
import type { Attempt } from '#contract/run.ts'
import { stepOf } from '#live/select.ts'
import { ProblemError } from '#server/problem.ts'
import { logFile, readLog, readLogIndex } from '#server/runs/log.ts'
import type { Companion } from './companion.ts'
import { queryOf, route, type Call } from './route.ts'

export const logRoutes = ({ recorder, logs }: Companion) => {
  /** The file of the attempt that is asked for, by default the last one, and what is on record of it. */
  async function find(call: Call<unknown>): Promise<{ file: string; attempt: Attempt }> {
    const run_id = call.id('run_id')
    const step_id = call.id('step_id')
    const { attempt: wanted } = queryOf(ENDPOINT.log, call)
    const run = (await recorder.read(run_id))?.run
    const attempts = (run && stepOf(run, step_id)?.attempts) ?? []
    const attempt = wanted
      ? attempts.find((one) => one.attempt === Number(wanted))
      : attempts.at(-1)
    if (attempt === undefined)
      throw new ProblemError('not_found', `run ${run_id} has no such attempt of step ${step_id}`)
    return { file: logFile(logs, run_id, step_id, attempt.attempt), attempt }
  }

  return {
    log: route(ENDPOINT.log, async (call) => {
      const { offset, limit } = rangeOf(call)
      // The record before the bytes: when it says that the attempt ended, these bytes are all there will be.
      const { file, attempt } = await find(call)
      const { bytes, offset: from, total } = await readLog(file, offset, limit)
      if (total === 0 && attempt.finished !== null && attempt.output_bytes > 0)
        throw new ProblemError(
          'not_found',
          `the record says that this log has ${attempt.output_bytes} bytes, and there are none here any more`,
        )
      if (from > total)
        throw new ProblemError('range_not_satisfiable', `the log has ${total} bytes so far`)
      return new Response(new Uint8Array(bytes), {
        headers: {
          'content-type': ENDPOINT.log.answer,
          'content-disposition': 'attachment',
          'log-bytes': String(total),
          'log-offset': String(from),
          'log-truncated': String(attempt.finished?.log_truncated ?? false),
          'log-ended': String(attempt.finished !== null),
        },
      })
    }),

    logIndex: route(ENDPOINT.logIndex, async (call) => {
      const { offset, limit } = rangeOf(call)
      const { file } = await find(call)
      return await readLogIndex(file, offset, limit)
    }),
  }
}

const DEFAULT_BYTES = 256 * 1024
const MAX_BYTES = 1024 * 1024

function rangeOf(call: Call<unknown>): { offset: number; limit: number } {
  const { offset, limit } = queryOf(ENDPOINT.log, call)
  return {
    offset: Number(offset ?? 0),
    limit: Math.min(Number(limit ?? DEFAULT_BYTES), MAX_BYTES),
  }
}
