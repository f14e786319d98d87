import { ENDPOINT } from '#contract/api.ts'
import { requestOf } from '#server/materialize/request.ts'
import type { Companion } from './companion.ts'
import { pageOf } from './page.ts'
import { queryOf, route } from './route.ts'

export const tableRoutes = ({ engine, tables, provenance, materialize }: Companion) => ({
  listTables: route(ENDPOINT.listTables, async () => {
    tables.look()
    return { items: await tables.tables(), next_cursor: null }
  }),

  tableRecords: route(ENDPOINT.tableRecords, async (call) => {
    const { cursor, offset, limit, state, field, q } = queryOf(ENDPOINT.tableRecords, call)
    tables.look()
    return await tables.records(
      call.id('table'),
      { state: state ?? null, field: field ?? null, q: q || null },
      { ...pageOf({ cursor, limit }), offset: offset === undefined ? null : Number(offset) },
    )
  }),

  tableRecord: route(ENDPOINT.tableRecord, async (call) => {
    const { record_id } = queryOf(ENDPOINT.tableRecord, call)
    return await tables.record(call.id('table'), record_id)
  }),

  provenance: route(ENDPOINT.provenance, async (call) => {
    const { table, record_id, field, state, run_id, q, ...page } = queryOf(
      ENDPOINT.provenance,
      call,
    )
    tables.look()
    return await provenance.list(
      {
        table: table ?? null,
        record_id: record_id ?? null,
        field: field ?? null,
        state: state ?? null,
        run_id: run_id ?? null,
        q: q || null,
      },
      pageOf(page),
    )
  }),

  cellHistory: route(ENDPOINT.cellHistory, async (call) => {
    const { table, record_id, field, ...page } = queryOf(ENDPOINT.cellHistory, call)
    return await provenance.history({ table, record_id, field }, pageOf(page))
  }),

  lineage: route(ENDPOINT.lineage, async (call) => {
    const { direction, ...cell } = queryOf(ENDPOINT.lineage, call)
    return await provenance.lineage(cell, direction)
  }),

  materialize: route(ENDPOINT.materialize, async ({ body, person, context }) => {
    const { run_id } = await engine.materialize(requestOf(await body()), person())
    const isAsync = /(^|,)\s*respond-async\s*(;|,|$)/i.test(context.req.header('prefer') ?? '')
    if (!isAsync) return await materialize.answer(run_id)
    const headers = { location: `/api/runs/${run_id}`, 'preference-applied': 'respond-async' }
    return Response.json({ run_id }, { status: 202, headers })
  }),

  previewMaterialize: route(ENDPOINT.previewMaterialize, async ({ body }) => ({
    fields: await materialize.preview(requestOf(await body())),
  })),
})
