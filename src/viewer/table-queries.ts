import { ENDPOINT, RunStartedAnswer } from '#contract/api.ts'
import type { CellName, Materialize, RecordPage, TableRecord } from '#contract/provenance.ts'
import type { CellState } from '#contract/status.ts'
import {
  infiniteQueryOptions,
  mutationOptions,
  type QueryClient,
  queryOptions,
} from '@tanstack/react-query'
import { ApiError, ask } from './api.ts'
import { graphOf, layOutApart, type LineageGraph } from './lineage.ts'
import { secretOf } from './queries.ts'
import { artifactBytes, ofHeld, verdictQuery } from './record-queries.ts'
import { type CellAt, cellAt, takeCells, verifiedHead } from './verifier.ts'

/* The questions of queries.ts that only tables ask, apart from it so that they load with them. */

export const tablesQuery = queryOptions({
  queryKey: ['tables'],
  queryFn: ({ signal }) => ask(ENDPOINT.listTables, { signal }),
})

/** Which records of a table; '' is any. */
export type RecordFilter = { state: string; field: string; q: string }

/** Records of a table, a block at a time, wherever in it: for a list that is scrolled to any place. */
export const BLOCK_RECORDS = 100
export const recordsQuery = (table: string, filter: RecordFilter, block: number) =>
  queryOptions({
    queryKey: ['tables', table, 'records', filter, block],
    queryFn: ({ signal }) =>
      ask(ENDPOINT.tableRecords, {
        params: { table },
        signal,
        query: {
          ...filter,
          offset: String(block * BLOCK_RECORDS),
          limit: String(BLOCK_RECORDS),
        },
      }),
    gcTime: 30_000,
  })

/**
 * The same one after the other, where the server cannot say how many a filter leaves. It looks at so many records a
 * time: it is asked until there is something to show, or nothing left.
 */
export const foundRecordsQuery = (table: string, filter: RecordFilter) =>
  infiniteQueryOptions({
    queryKey: ['tables', table, 'found', filter],
    queryFn: async ({ signal, pageParam }) => {
      const items: TableRecord[] = []
      let cursor: string | null = pageParam
      while (cursor !== null && items.length < BLOCK_RECORDS) {
        const page: RecordPage = await tableRim(table).records(filter, cursor, signal)
        items.push(...page.items)
        cursor = page.next_cursor
      }
      return { items, next_cursor: cursor }
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor,
  })

/** For walking a whole table, as an export does. */
export const tableRim = (table: string) => ({
  records: (filter: RecordFilter, cursor: string, signal: AbortSignal) =>
    ask(ENDPOINT.tableRecords, {
      params: { table },
      signal,
      query: { ...filter, cursor, limit: '200' },
    }),
  provenance: (cursor: string, signal: AbortSignal) =>
    ask(ENDPOINT.provenance, { signal, query: { table, cursor, limit: '200' } }),
  record: async (record_id: string, signal: AbortSignal) => {
    try {
      return await ask(ENDPOINT.tableRecord, { params: { table }, query: { record_id }, signal })
    } catch (error) {
      if (error instanceof ApiError && error.code === 'unknown_record') return null
      throw error
    }
  },
  cell: async (name: CellName, signal: AbortSignal) =>
    (await ask(ENDPOINT.provenance, { signal, query: { ...name, limit: '1' } })).items[0] ?? null,
})

/** One cell with what made it; null where there is none of that name. */
export const cellQuery = (name: CellName) =>
  queryOptions({
    queryKey: ['tables', name.table, 'cell', name],
    queryFn: ({ signal }) => tableRim(name.table).cell(name, signal),
  })

export const cellHistoryQuery = (name: CellName) =>
  infiniteQueryOptions({
    queryKey: ['tables', name.table, 'history', name],
    queryFn: ({ signal, pageParam }) =>
      ask(ENDPOINT.cellHistory, { signal, query: { ...name, cursor: pageParam, limit: '20' } }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor,
  })

/** What a cell is made from and what is made from it, as one graph. */
export const lineageQuery = (self: CellName & { state: CellState }) =>
  queryOptions({
    queryKey: ['tables', self.table, 'lineage', self],
    queryFn: async ({ signal }) => {
      const { table, record_id, field } = self
      const closure = (direction: 'up' | 'down') =>
        ask(ENDPOINT.lineage, { signal, query: { table, record_id, field, direction } })
      const [up, down] = await Promise.all([closure('up'), closure('down')])
      return graphOf(self, up, down)
    },
  })

export const layoutQuery = (graph: LineageGraph) =>
  queryOptions({
    queryKey: ['layout', graph.nodes.map(({ key }) => key), graph.edges],
    queryFn: ({ signal }) => layOutApart(graph, signal),
    networkMode: 'always',
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  })

/** What a materialize would do now: a question, although it is posted. */
export const previewQuery = (body: Materialize) =>
  queryOptions({
    queryKey: ['tables', 'preview', body],
    queryFn: async ({ client, signal }) =>
      await ask(ENDPOINT.previewMaterialize, { body, secret: await secretOf(client), signal }),
    gcTime: 0,
  })

/**
 * A cell as the record that made it has it, verified in this browser; null where the record does not name it, or its
 * signature was not checked. The record's parts are fetched until the cell is found.
 */
export const sealedCellQuery = (name: CellName, evidence_id: string, run_id: string | null) =>
  queryOptions({
    queryKey: ['verdict', evidence_id, 'cell', name],
    queryFn: async ({ client, signal }): Promise<CellAt['found']> =>
      await ofHeld(client, { evidence_id, run_id, signal }, async () => {
        if (verifiedHead(await client.query(verdictQuery(evidence_id, run_id))) === null)
          return null
        const first = await cellAt(evidence_id, name)
        for (const { seq, sha256 } of first.found ? [] : first.apart) {
          const taken = await takeCells(evidence_id, seq, await artifactBytes(sha256, signal))
          if (!taken.same) continue
          const { found } = await cellAt(evidence_id, name)
          if (found) return found
        }
        return first.found
      }),
    staleTime: Number.POSITIVE_INFINITY,
  })

/** Answers as soon as the run has begun. */
export const materialize = (client: QueryClient) =>
  mutationOptions({
    mutationFn: async (body: Materialize) =>
      await ask(
        { ...ENDPOINT.materialize, status: 202, answer: RunStartedAnswer },
        { body, prefer: 'respond-async', secret: await secretOf(client) },
      ),
    onSuccess: async () => {
      for (const about of ['runs', 'status', 'tables'])
        await client.invalidateQueries({ queryKey: [about] })
    },
  })
