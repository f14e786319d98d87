import { ENDPOINT } from '#contract/api.ts'
import { ProblemError } from '#server/problem.ts'
import { queryOf, route } from './route.ts'

/** A project that defines tables is refused when it is read, so that there is no cell and nothing to derive. */
export const tableRoutes = () => ({
  provenance: route(ENDPOINT.provenance, async (call) => {
    queryOf(ENDPOINT.provenance, call)
    return { items: [], next_cursor: null }
  }),

  materialize: route(ENDPOINT.materialize, async ({ body }) => {
    const [target] = (await body()).targets ?? []
    throw new ProblemError(
      'unknown_target',
      target === undefined ? 'the project defines no tables' : `no table defines ${target}`,
    )
  }),
})
