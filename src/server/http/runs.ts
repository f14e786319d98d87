import { ENDPOINT } from '#contract/api.ts'
import { keysOf, RUN_STATUS, type RunStatus } from '#contract/status.ts'
import { resourceOf } from '#live/select.ts'
import { ProblemError } from '#server/problem.ts'
import type { Companion } from './companion.ts'
import { pageOf } from './page.ts'
import { queryOf, route } from './route.ts'

export const runRoutes = ({ storage, recorder, engine, sealer, bus, now }: Companion) => {
  /** The position is read before the rows: frames after it may or may not be in them, frames before it are. */
  async function resource(run_id: string) {
    const asOf = bus.position()
    const current = await recorder.read(run_id)
    if (current === null) throw new ProblemError('not_found', `there is no run ${run_id}`)
    return resourceOf(current.run, asOf, now().toISOString())
  }

  return {
    listRuns: route(ENDPOINT.listRuns, async (call) => {
      const { status, definition, q, ...page } = queryOf(ENDPOINT.listRuns, call)
      return await storage.runs.list(
        {
          status: status ? statusesOf(status) : null,
          definition: definition || null,
          q: q || null,
        },
        pageOf(page),
      )
    }),

    startRun: route(ENDPOINT.startRun, async ({ person, body }) => {
      const { definition, inputs = {} } = await body()
      return await engine.start(definition, inputs, person())
    }),

    run: route(ENDPOINT.run, async ({ id }) => await resource(id('run_id'))),

    abortRun: route(ENDPOINT.abortRun, async ({ id, person, body }) => {
      const { reason } = await body()
      const run_id = id('run_id')
      await engine.abort(run_id, person(), reason ?? `aborted by ${person().actor}`)
      return { run_id }
    }),

    rerunRun: route(ENDPOINT.rerunRun, async ({ id, person, body }) => {
      const { from } = await body()
      return await engine.rerun(id('run_id'), from, person())
    }),

    sealRun: route(ENDPOINT.sealRun, async ({ id, person }) => {
      const run_id = id('run_id')
      const { seal } = await resource(run_id)
      if (seal === 'open') throw new ProblemError('run_not_ended', `run ${run_id} goes on`)
      if (seal === 'sealed') throw new ProblemError('already_sealed', `run ${run_id} is sealed`)
      const { actor, authority } = person()
      const act = { act: 'seal_retried', about: run_id, detail: null } as const
      await storage.journal.add({ at: now().toISOString(), actor, ...act, authority })
      await sealer.seal(run_id)
      const after = await resource(run_id)
      if (after.seal_failed !== null && after.sealed === null)
        throw new ProblemError('seal_failed', after.seal_failed.reason)
      return after
    }),
  }
}

function statusesOf(list: string): RunStatus[] {
  return list.split(',').map((name) => {
    const status = keysOf(RUN_STATUS).find((known) => known === name)
    if (status === undefined)
      throw new ProblemError('bad_request', `query/status: ${JSON.stringify(name)} is no status`)
    return status
  })
}
