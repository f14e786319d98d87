import { ENDPOINT } from '#contract/api.ts'
import { ProblemError } from '#server/problem.ts'
import { queryOf, route } from './route.ts'

/** A project that defines tables is refused when it is read, so that there is no cell and nothing to derive. */
export const tableRoutes = () => ({
  listTables: route(ENDPOINT.listTables, async () => ({ items: [], next_cursor: null })),

  tableRecords: route(ENDPOINT.tableRecords, async (call) => {
    queryOf(ENDPOINT.tableRecords, call)
    throw new ProblemError('unknown_target', `no table ${call.id('table')}`)
  }),

  provenance: route(ENDPOINT.provenance, async (call) => {
    queryOf(ENDPOINT.provenance, call)
    return { items: [], next_cursor: null }
  }),

  cellHistory: route(ENDPOINT.cellHistory, async (call) => {
    const { table, field } = queryOf(ENDPOINT.cellHistory, call)
    throw new ProblemError('unknown_target', `no table derives ${table}.${field}`)
  }),

  lineage: route(ENDPOINT.lineage, async (call) => {
    const { table, field } = queryOf(ENDPOINT.lineage, call)
    throw new ProblemError('unknown_target', `no table has ${table}.${field}`)
  }),

  materialize: route(ENDPOINT.materialize, async ({ body }) => noTarget(await body())),

  previewMaterialize: route(ENDPOINT.previewMaterialize, async ({ body }) =>
    noTarget(await body()),
  ),
})

function noTarget({ targets }: { targets?: readonly string[] | null | undefined }): never {
  const [target] = targets ?? []
  throw new ProblemError(
    'unknown_target',
    target === undefined ? 'the project defines no tables' : `no table defines ${target}`,
  )
}
