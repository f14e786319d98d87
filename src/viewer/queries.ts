import { ENDPOINT, RunStartedAnswer } from '#contract/api.ts'
import { OpenApiDocument } from '#contract/openapi.ts'
import type { CellName, Materialize, RecordPage, TableRecord } from '#contract/provenance.ts'
import type { Run, RunResource } from '#contract/run.ts'
import type { CellState } from '#contract/status.ts'
import type { Trusted } from '#evidence/trust.ts'
import type { Stage } from '#evidence/verify.ts'
import {
  infiniteQueryOptions,
  keepPreviousData,
  mutationOptions,
  type QueryClient,
  queryOptions,
  skipToken,
} from '@tanstack/react-query'
import { ask, ApiError, send } from './api.ts'
import { graphOf, layOutApart, type LineageGraph } from './lineage.ts'
import { readKept, rememberHead, see, trustedOf, unanswered } from './trust-store.ts'
import {
  type CellAt,
  cellAt,
  cellsOf,
  compare,
  type Compared,
  entryAt,
  page,
  prepare,
  type PartAt,
  type Rows,
  takeCells,
  values,
  verify,
} from './verifier.ts'

/*
 * Every question to the server, once. A key begins with what it is about, so that the stream can say "runs changed"
 * without knowing who asked which page.
 */

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => ask(ENDPOINT.session, { signal }),
  staleTime: 60_000,
})

export const statusQuery = queryOptions({
  queryKey: ['status'],
  queryFn: ({ signal }) => ask(ENDPOINT.status, { signal }),
})

export const definitionsQuery = queryOptions({
  queryKey: ['definitions'],
  queryFn: ({ signal }) => ask(ENDPOINT.definitions, { signal }),
})

export type RunFilter = { status: string; definition: string; q: string }

export const runsQuery = (filter: RunFilter) =>
  infiniteQueryOptions({
    queryKey: ['runs', filter],
    queryFn: ({ signal, pageParam }) =>
      ask(ENDPOINT.listRuns, { signal, query: { ...filter, cursor: pageParam, limit: '100' } }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  })

export const gatesQuery = (state: 'open' | 'resolved') =>
  infiniteQueryOptions({
    queryKey: ['gates', state],
    queryFn: ({ signal, pageParam }) =>
      ask(ENDPOINT.listGates, { signal, query: { state, cursor: pageParam, limit: '50' } }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor,
  })

export const gateQuery = (gate_id: string) =>
  queryOptions({
    queryKey: ['gates', 'one', gate_id],
    queryFn: ({ signal }) => ask(ENDPOINT.gate, { params: { gate_id }, signal }),
  })

export const envelopesQuery = infiniteQueryOptions({
  queryKey: ['envelopes'],
  queryFn: ({ signal, pageParam }) =>
    ask(ENDPOINT.listEnvelopes, { signal, query: { cursor: pageParam, limit: '100' } }),
  initialPageParam: '',
  getNextPageParam: (page) => page.next_cursor,
})

export const offeredTrustQuery = queryOptions({
  queryKey: ['trust', 'offered'],
  queryFn: ({ signal }) => ask(ENDPOINT.trust, { signal }),
})

export const referenceQuery = queryOptions({
  queryKey: ['reference'],
  queryFn: ({ signal }) => ask({ ...ENDPOINT.openapi, answer: OpenApiDocument }, { signal }),
  staleTime: Infinity,
})

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

/** An artifact as text, for a look beside a question; null where it is not text or too long to show. */
export const artifactQuery = (sha256: string) =>
  queryOptions({
    queryKey: ['artifact', sha256],
    queryFn: async ({ signal }) => {
      const { bytes } = await send(ENDPOINT.artifact, { params: { sha256 }, signal })
      return textOf(new Uint8Array(bytes))
    },
    staleTime: Number.POSITIVE_INFINITY,
  })

/** The run of an answer, without what follows from it. */
export function runOf(resource: RunResource): Run {
  const { run_id, started, inputs, plan, rerun_of, gates, ended, sealed, seal_failed } = resource
  const steps = stepsOf(resource.steps)
  return { run_id, started, inputs, plan, rerun_of, steps, gates, ended, sealed, seal_failed }
}

export function stepsOf(steps: RunResource['steps']): Run['steps'] {
  return steps.map(({ step_id, kind, attempts }) => ({ step_id, kind, attempts }))
}

export type LogPart = {
  bytes: Uint8Array
  from: number
  total: number
  truncated: boolean
  ended: boolean
}
export type LogAddress = { run_id: string; step_id: string; attempt: number }

/** At most `limit` bytes of a log from `offset`. Past the end is an empty part, not an error. */
export async function fetchLog(
  { run_id, step_id, attempt }: LogAddress,
  offset: number,
  limit: number,
  signal?: AbortSignal,
): Promise<LogPart> {
  const { headers, ...answer } = await send(ENDPOINT.log, {
    params: { run_id, step_id },
    query: { attempt: String(attempt), offset: String(offset), limit: String(limit) },
    signal,
  })
  const number = (name: string, otherwise: number) => {
    const text = headers.get(name)
    return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : otherwise
  }
  const bytes = new Uint8Array(answer.bytes)
  const from = number('log-offset', Math.max(0, offset))
  return {
    bytes,
    from,
    total: number('log-bytes', from + bytes.length),
    truncated: headers.get('log-truncated') === 'true',
    ended: headers.get('log-ended') === 'true',
  }
}

/** Which pipe each part of a log came by, from `offset`. */
export async function fetchLogIndex(
  { run_id, step_id, attempt }: LogAddress,
  offset: number,
  limit: number,
  signal: AbortSignal,
) {
  return await ask(ENDPOINT.logIndex, {
    params: { run_id, step_id },
    query: { attempt: String(attempt), offset: String(offset), limit: String(limit) },
    signal,
  })
}

/** The stored bytes of an envelope, exactly. What they are worth is for the verifier to say. */
export async function fetchEnvelope(
  evidence_id: string,
  signal: AbortSignal,
): Promise<ArrayBuffer> {
  return (await send(ENDPOINT.envelope, { params: { evidence_id }, signal })).bytes
}

/** What this reader keeps of trust in this browser. No server is asked. */
export const keptQuery = queryOptions({
  queryKey: ['kept'],
  queryFn: readKept,
  networkMode: 'always',
  staleTime: Number.POSITIVE_INFINITY,
})

/** The same beside what the server offers now; `changed` are offered keys that wait for the reader's answer. */
export const trustQuery = queryOptions({
  queryKey: ['trust', 'kept'],
  queryFn: async ({ client }) => {
    const [kept, offered] = await Promise.all([
      readKept(),
      client.query({ ...offeredTrustQuery, staleTime: 60_000 }),
    ])
    const unseen = offered.server_keys.filter(({ key_id }) => !Object.hasOwn(kept.seen, key_id))
    if (unseen.length > 0) await see(unseen, new Date().toISOString())
    return { kept, offered, changed: unanswered(kept, offered.server_keys) }
  },
  staleTime: Number.POSITIVE_INFINITY,
})

/** How far the verification of a document has come; nothing once it is done. */
export const progressQuery = (document: string) =>
  queryOptions<Stage | null>({
    queryKey: ['progress', document],
    queryFn: skipToken,
    gcTime: 0,
  })

/** The envelope's bytes, fetched and verified in a worker with this reader's trust. Cancelled, it ends at once. */
export const verdictQuery = (evidence_id: string, run_id: string | null) =>
  queryOptions({
    queryKey: ['verdict', evidence_id, run_id],
    queryFn: async ({ client, signal }) => {
      const [bytes, { kept, offered }] = await Promise.all([
        fetchEnvelope(evidence_id, signal),
        client.query(trustQuery),
      ])
      const question = {
        bytes,
        trust: trustedOf(kept, offered.server_keys),
        asked: run_id === null ? { evidence_id } : { evidence_id, run_id },
        previous: kept.heads,
        replayed: true,
      }
      const verdict = await verify(
        evidence_id,
        question,
        tellingProgress(client, evidence_id, signal),
      )
      const { summary } = verdict
      if (verdict.verdict === 'proven' && summary) await rememberHead(summary.held)
      return verdict
    },
    staleTime: Number.POSITIVE_INFINITY,
  })

/** The reader's own files share one verifier, loaded with their page: what is dropped there needs no network. */
export const FILES = 'a file'
export const verifierQuery = queryOptions({
  queryKey: ['verifier'],
  queryFn: () => prepare(FILES),
  networkMode: 'always',
  staleTime: 'static',
  gcTime: 0,
})

/** A file of the reader's, verified without a word to any server. `trust`: in place of what is kept here. */
export const fileVerdictQuery = (
  file: { id: number; file: File },
  trust: readonly Trusted[] | null,
) =>
  queryOptions({
    queryKey: ['verdict', FILES, file.id, trust],
    queryFn: async ({ client, signal }) => {
      const [bytes, kept] = await Promise.all([file.file.arrayBuffer(), client.query(keptQuery)])
      const question = {
        bytes,
        trust: trust ?? trustedOf(kept, []),
        asked: {},
        previous: kept.heads,
        replayed: false,
      }
      return await verify(FILES, question, tellingProgress(client, FILES, signal))
    },
    networkMode: 'always',
    staleTime: Number.POSITIVE_INFINITY,
    // The next file takes this one's place in the verifier: an old verdict would have nothing to show.
    gcTime: 0,
  })

/**
 * For walking the whole series: the list, and each envelope fetched and verified, one at a time in one worker. null is
 * an envelope that the server lists and does not have.
 */
export const walkRim = (client: QueryClient) => ({
  list: (cursor: string, signal: AbortSignal) =>
    ask(ENDPOINT.listEnvelopes, { signal, query: { cursor, limit: '200' } }),
  judge: async (evidence_id: string, signal: AbortSignal) => {
    const [bytes, { kept, offered }] = await Promise.all([
      fetchEnvelope(evidence_id, signal).catch((error: unknown) => {
        if (error instanceof ApiError && error.code === 'not_found') return null
        throw error
      }),
      client.query(trustQuery),
    ])
    if (bytes === null) return null
    const trust = trustedOf(kept, offered.server_keys)
    const question = { bytes, trust, asked: { evidence_id }, previous: [], replayed: false }
    return await verify('the chain', question, { signal })
  },
})

function tellingProgress(client: QueryClient, document: string, signal: AbortSignal) {
  return {
    signal,
    stage: (stage: Stage) => client.setQueryData(progressQuery(document).queryKey, stage),
  }
}

/** Rows of a view of a verified document, a block of `PAGE_ROWS` at a time. */
export const PAGE_ROWS = 200
export const evidencePageQuery = (document: string, head: string, rows: Rows, block: number) =>
  queryOptions({
    queryKey: ['rows', document, head, rows, block],
    queryFn: async () => await page(document, rows, block * PAGE_ROWS, (block + 1) * PAGE_ROWS),
    networkMode: 'always',
    staleTime: Number.POSITIVE_INFINITY,
  })

/** Values of a verified document, for choosing one to change in a copy. */
export const valuesQuery = (document: string, head: string, search: string) =>
  queryOptions({
    queryKey: ['values', document, head, search],
    queryFn: async () => await values(document, search),
    networkMode: 'always',
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  })

/** Bytes of a log as they were stored, a MiB at a time: what the entry has a digest of each. */
const LOG_CHUNK_BYTES = 1024 * 1024

/** One entry of a verified document. */
export const entryQuery = (document: string, head: string, seq: number) =>
  queryOptions({
    queryKey: ['rows', document, head, 'entry', seq],
    queryFn: async () => await entryAt(document, seq),
    networkMode: 'always',
    staleTime: Number.POSITIVE_INFINITY,
  })

/** Cells of a step of a verified document, a block of `PAGE_ROWS` at a time. */
export const sealedCellsQuery = (
  document: string,
  head: string,
  seq: number,
  search: string,
  block: number,
) =>
  queryOptions({
    queryKey: ['cells', document, head, seq, search, block],
    queryFn: async () =>
      await cellsOf(document, seq, search, block * PAGE_ROWS, (block + 1) * PAGE_ROWS),
    networkMode: 'always',
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  })

/**
 * Cells of a step that stand in a part of their own: fetched, or a file of the reader's; kept where they were compared.
 */
export const fetchCells = (document: string, seq: number, sha256: string) =>
  mutationOptions({
    mutationFn: async (file: File | null) =>
      await takeCells(document, seq, await (file?.arrayBuffer() ?? artifactBytes(sha256))),
    networkMode: 'always',
  })

/**
 * A cell as the record that made it has it, verified in this browser; null where the record does not name it, or its
 * signature was not checked. The record's parts are fetched until the cell is found.
 */
export const sealedCellQuery = (name: CellName, evidence_id: string, run_id: string | null) =>
  queryOptions({
    queryKey: ['verdict', evidence_id, 'cell', name],
    queryFn: async ({ client, signal }): Promise<CellAt['found']> => {
      const query = verdictQuery(evidence_id, run_id)
      const verdict = await client.query(query)
      if (verdict.run === null) return null
      // Only so many documents are held at one time: one that had to go is verified again.
      const first = await cellAt(evidence_id, name).catch(async () => {
        await client.query({ ...query, staleTime: 0 })
        return await cellAt(evidence_id, name)
      })
      for (const { seq, sha256 } of first.found ? [] : first.apart) {
        const taken = await takeCells(evidence_id, seq, await artifactBytes(sha256, signal))
        if (!taken.same) continue
        const { found } = await cellAt(evidence_id, name)
        if (found) return found
      }
      return first.found
    },
    staleTime: Number.POSITIVE_INFINITY,
  })

export type PartAddress = LogAddress & {
  document: string
  seq: number
  part: PartAt
  sha256: string
}

/**
 * A part of a step that the entry has the digest of: fetched, or taken from a file of the reader's, compared in the
 * worker, and only then given back [U10].
 */
export const comparePart = ({ document, seq, part, sha256, ...log }: PartAddress) =>
  mutationOptions({
    mutationFn: async (file: File | null): Promise<Compared> => {
      const bytes = await (file ? partOfFile(file, part) : fetchPart(log, part, sha256))
      return await compare(document, seq, part, bytes)
    },
    networkMode: 'always',
  })

async function partOfFile(file: File, { kind, index }: PartAt): Promise<ArrayBuffer> {
  const from = index * LOG_CHUNK_BYTES
  return await (kind === 'log' ? file.slice(from, from + LOG_CHUNK_BYTES) : file).arrayBuffer()
}

async function fetchPart(
  log: LogAddress,
  { kind, index }: PartAt,
  sha256: string,
): Promise<ArrayBuffer> {
  return kind === 'log' ? await fetchLogChunk(log, index) : await artifactBytes(sha256)
}

async function artifactBytes(sha256: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await send(ENDPOINT.artifact, { params: { sha256 }, signal })).bytes
}

async function fetchLogChunk(address: LogAddress, index: number): Promise<ArrayBuffer> {
  const { bytes } = await fetchLog(address, index * LOG_CHUNK_BYTES, LOG_CHUNK_BYTES)
  return new Uint8Array(bytes).buffer
}

/* Changes. Each takes the client, for the session's secret and to ask again what it changed. */

export const startRun = (client: QueryClient) =>
  mutationOptions({
    mutationFn: async (body: { definition: string; inputs: Record<string, string> }) =>
      await ask(ENDPOINT.startRun, { body, secret: await secretOf(client) }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['runs'] }),
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

export const abortRun = (client: QueryClient, run_id: string) =>
  mutationOptions({
    mutationFn: async (reason: string) =>
      await ask(ENDPOINT.abortRun, {
        params: { run_id },
        body: reason === '' ? {} : { reason },
        secret: await secretOf(client),
      }),
  })

export const rerunRun = (client: QueryClient, run_id: string) =>
  mutationOptions({
    mutationFn: async (from: 'start' | 'failed') =>
      await ask(ENDPOINT.rerunRun, {
        params: { run_id },
        body: { from },
        secret: await secretOf(client),
      }),
  })

export const sealRun = (client: QueryClient, run_id: string) =>
  mutationOptions({
    mutationFn: async () =>
      await ask(ENDPOINT.sealRun, { params: { run_id }, secret: await secretOf(client) }),
  })

export const decideGate = (client: QueryClient, gate_id: string) =>
  mutationOptions({
    mutationFn: async (body: {
      decision: 'approved' | 'rejected'
      comment: string
      inputs: Record<string, string>
    }) =>
      await ask(ENDPOINT.decideGate, {
        params: { gate_id },
        body,
        secret: await secretOf(client),
      }),
    // Also after a refusal: the usual one is that somebody else was faster, and then the gate is another.
    onSettled: () => client.invalidateQueries({ queryKey: ['gates'] }),
  })

/** What this reader pins is their own: no server is asked. Every verdict is made again by it. */
export const changeTrust = (client: QueryClient) =>
  mutationOptions({
    mutationFn: (change: () => Promise<unknown>) => change(),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keptQuery.queryKey })
      await client.invalidateQueries({ queryKey: trustQuery.queryKey })
      await client.invalidateQueries({ queryKey: ['verdict'] })
    },
  })

export const signIn = (client: QueryClient) =>
  mutationOptions({
    mutationFn: async (token: string) => await ask(ENDPOINT.signIn, { body: { token } }),
    onSuccess: async (session) => {
      client.setQueryData(sessionQuery.queryKey, session)
      await client.invalidateQueries()
    },
  })

export const signOut = (client: QueryClient) =>
  mutationOptions({
    mutationFn: async () => {
      await send(ENDPOINT.signOut, { secret: await secretOf(client) })
    },
    onSuccess: () => client.invalidateQueries(),
  })

/** Once more for what a passing fault may have caused, never for a refusal. */
export function retryOnce(failures: number, error: Error): boolean {
  return failures < 1 && error instanceof ApiError && (error.status === 0 || error.status >= 500)
}

async function secretOf(client: QueryClient): Promise<string | null> {
  return (await client.query({ ...sessionQuery, staleTime: 'static' })).secret
}

const MAX_SHOWN_BYTES = 256 * 1024

function textOf(bytes: Uint8Array): string | null {
  if (bytes.length > MAX_SHOWN_BYTES) return null
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}
