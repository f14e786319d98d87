import { ENDPOINT } from '#contract/api.ts'
import type { Run } from '#contract/run.ts'
import type { TakenOver } from '#evidence/lineage.ts'
import type { Trusted } from '#evidence/trust.ts'
import type { HeldEnvelope } from '#evidence/place.ts'
import type { Series } from '#evidence/series.ts'
import { type Alone, besideEach, concerning, walkTogether } from '#evidence/together.ts'
import type { Stage } from '#evidence/verify.ts'
import {
  CancelledError,
  keepPreviousData,
  mutationOptions,
  type QueryClient,
  queryOptions,
  skipToken,
} from '@tanstack/react-query'
import { againAfterMs, ask, ApiError, send, wordsOf } from './api.ts'
import { judgedByKeys } from './keys-at-hand.ts'
import { fetchEnvelope, fetchLog, keptQuery, type LogAddress, memoryQuery } from './queries.ts'
import {
  knownKeys,
  readKept,
  readMemory,
  refusedIds,
  rememberHead,
  remembers,
  seenHere,
  trustedOf,
  unreadOf,
  withoutRefused,
} from './trust-store.ts'
import {
  cellsOf,
  compare,
  type Compared,
  entryAt,
  facts,
  page,
  prepare,
  type PartAt,
  replayed,
  requirementIn,
  type Rows,
  takeCells,
  values,
  type Verdict,
  verify,
} from './verifier.ts'

/* The questions of queries.ts about a document that is verified here, apart from it so that they load with it. */

/** What a worker of this page says of what it holds needs no network, and grows no older. */
const JUDGED_HERE = { networkMode: 'always', staleTime: Number.POSITIVE_INFINITY } as const

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
      // Not moved into the worker: it may be judged twice.
      const bytes = new Blob([await fetchEnvelope(evidence_id, signal)])
      const previous = seenHere(await readMemory())
      const asked = run_id === null ? { evidence_id } : { evidence_id, run_id }
      const verdict = await judgedByKeys(client)((keys) =>
        verify(
          evidence_id,
          { bytes, ...keys, asked, previous },
          tellingProgress(client, evidence_id, signal),
        ),
      )
      await rememberVerified(client, verdict)
      return verdict
    },
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: ({ state }) => againAfterMs(state.error) ?? false,
  })

async function rememberVerified(
  client: QueryClient,
  { summary, held, sealed_by }: Verdict,
): Promise<void> {
  // As it is by now: a key that is met for the first time is seen while its first record is fetched.
  if (summary === null || held === null || !remembers(await readKept(), sealed_by)) return
  client.setQueryData(keptQuery.queryKey, await rememberHead(held))
  await client.invalidateQueries({ queryKey: memoryQuery.queryKey })
}

/** The run as its verified envelope tells it, whole, for who draws a run by it. `head`: of the record as verified. */
export const replayedQuery = (evidence_id: string, run_id: string, head: string) =>
  queryOptions({
    queryKey: ['replayed', evidence_id, run_id, head],
    queryFn: async ({ client, signal }) =>
      await ofHeld(client, { evidence_id, run_id, signal }, () => replayed(evidence_id)),
    ...JUDGED_HERE,
  })

/**
 * Asks the verifier of a document. Only so many are held at one time: one that had to go is verified again. So it is where
 * the verification began anew, by other trust say, which ends all that was asked of it; as often as that happens.
 */
export async function ofHeld<T>(
  client: QueryClient,
  of: { evidence_id: string; run_id: string | null; signal: AbortSignal },
  question: () => Promise<T>,
): Promise<T> {
  for (let isAgain = false; ; isAgain = true)
    try {
      if (isAgain) await client.query({ ...verdictQuery(of.evidence_id, of.run_id), staleTime: 0 })
      return await question()
    } catch (error) {
      of.signal.throwIfAborted()
      // What the server does not hand over is had no sooner where the record is verified again.
      if (error instanceof ApiError || (isAgain && !isCutOff(error))) throw error
    }
}

/** Not for a fault, but since somebody ended it. */
const isCutOff = (error: unknown): boolean =>
  error instanceof CancelledError || (error instanceof Error && error.name === 'AbortError')

/** The one of the reader's own files that is open has a verifier, and all of them another, loaded with their page: what is dropped there needs no network. */
export const FILES = 'a file'
const MANY_FILES = 'several files'
export const verifierQuery = queryOptions({
  queryKey: ['verifier'],
  queryFn: async () => (await prepare(FILES)) && (await prepare(MANY_FILES)),
  networkMode: 'always',
  staleTime: 'static',
  gcTime: 0,
})

/**
 * What files of the reader's are judged by, beside what this browser keeps. `refused`: why trust files that they brought
 * cannot be used. `former`: of files that were given before these.
 */
export type JudgedBy = {
  readonly trust: readonly Trusted[]
  readonly refused: readonly string[]
  readonly former: readonly HeldEnvelope[]
}

const keyOf = ({ trust, refused, former }: JudgedBy) => [trust, refused, headsOf(former)]

/** A file of the reader's, verified without a word to any server. `beside`: of those that were given together with it. */
export const fileVerdictQuery = (
  file: ChosenFile,
  by: JudgedBy,
  beside: readonly HeldEnvelope[],
  onJudged: OnJudged,
) =>
  queryOptions({
    queryKey: ['verdict', FILES, file.id, ...keyOf(by), headsOf(beside)],
    queryFn: async ({ client, signal }) => {
      const asked = await askedOfFiles(client, by)
      const verdict = await verify(
        FILES,
        asked(file, beside),
        tellingProgress(client, FILES, signal),
      )
      onJudged([{ id: file.id, verdict }])
      await rememberVerified(client, verdict)
      return verdict
    },
    ...JUDGED_HERE,
    // The next file takes this one's place in the verifier: an old verdict would have nothing to show.
    gcTime: 0,
  })

const headsOf = (held: readonly HeldEnvelope[]) => held.map(({ head }) => head)

export type ChosenFile = { readonly id: number; readonly file: File }
export type JudgedFile = { readonly id: number; readonly verdict: Verdict | null }
type OnJudged = (files: readonly JudgedFile[]) => void

/** What became of one of several files, and which of the others it was held against. */
export type FileFound = JudgedFile & {
  /** Why there is none. */
  why: string
  beside: readonly HeldEnvelope[]
}
type FilesFound = { found: readonly FileFound[]; series: readonly Series[] }

/**
 * Several files of the reader's, in a worker that keeps none of them: each by itself, and then each held against the
 * others and what was seen here. Nothing is remembered of one before that, so that the first of a fork is not the true one.
 */
export const fileVerdictsQuery = (files: readonly ChosenFile[], by: JudgedBy, onJudged: OnJudged) =>
  queryOptions({
    queryKey: ['verdict', MANY_FILES, files.map(({ id }) => id), ...keyOf(by)],
    queryFn: async ({ client, signal }): Promise<FilesFound> => {
      const tell = (done: Done) => client.setQueryData(doneQuery.queryKey, done)
      let why = ''
      const judge = async (question: Parameters<typeof verify>[1]) =>
        await verify(MANY_FILES, question, { signal }).catch((error: unknown) => {
          signal.throwIfAborted()
          why = wordsOf(error).detail
          return null
        })
      const asked = await askedOfFiles(client, by)
      const byItself = async (file: ChosenFile, taken: readonly (readonly TakenOver[])[]) =>
        await judge({ ...asked(file, []), previous: [], taken })
      const first: (Verdict | null)[] = []
      for (const file of files) {
        tell({ count: first.length, isAgain: false })
        first.push(await byItself(file, []))
      }
      const alone = first.map((verdict): Alone =>
        verdict?.walk ? { place: verdict.walk.place, sealed_by: verdict.sealed_by } : null,
      )
      const series = await walkTogether(alone, async (nth, taken) => {
        const file = files[nth]
        return file === undefined ? null : ((await byItself(file, taken))?.walk?.differing ?? null)
      })
      const heldBeside = besideEach(alone)
      const found: FileFound[] = []
      for (const file of files) {
        tell({ count: found.length, isAgain: true })
        const [nth, beside] = [found.length, heldBeside(found.length)]
        const question = asked(file, beside)
        const [before = null, one = null] = [first[nth], alone[nth]]
        // Where nothing that is held has to do with it, it is judged.
        const isJudged =
          before !== null && (one === null || concerning(one, question.previous).length === 0)
        const verdict = isJudged ? before : await judge(question)
        found.push({ id: file.id, verdict, why: verdict === null ? why : '', beside })
      }
      onJudged(found)
      for (const { verdict } of found) if (verdict) await rememberVerified(client, verdict)
      return { found, series }
    },
    ...JUDGED_HERE,
    gcTime: 0,
  })

/** How many of several files are verified, by themselves or against the others. */
type Done = { count: number; isAgain: boolean }
export const doneQuery = queryOptions<Done>({
  queryKey: ['progress', 'files'],
  queryFn: skipToken,
  gcTime: 0,
})

// Without a word to any server: of this one's keys those that it offered here before. Read once for all that are judged
// together: what is read of each by itself may be another by then, and copies of one file would differ.
async function askedOfFiles(client: QueryClient, { trust, refused, former }: JudgedBy) {
  const kept = await client.query(keptQuery)
  // What the reader pinned and requires is asked of every file: who hands one over may have made a trust file beside it.
  const by = [
    ...trust.map((one) => ({ ...one, file: withoutRefused(kept, one.file) })),
    ...trustedOf(kept, knownKeys(kept)),
  ]
  // Whom the reader does not trust any more accuses nobody.
  const known = new Set(
    by.flatMap(({ file, source }) =>
      source === 'offered' ? [] : file.server_keys.map(({ key_id }) => key_id),
    ),
  )
  const held = [
    ...seenHere(await client.query(memoryQuery)),
    ...former.filter(({ server }) => known.has(server)),
  ]
  return ({ file }: ChosenFile, beside: readonly HeldEnvelope[]) => ({
    bytes: file,
    trust: by,
    refused,
    refusedKeys: refusedIds(kept),
    ...unreadOf(kept),
    asked: {},
    previous: [...held, ...beside],
  })
}

/**
 * For walking the whole series: the list, and each envelope fetched and verified, one at a time in one worker. null is
 * an envelope that the server lists and does not have.
 */
export const walkRim = (client: QueryClient) => {
  const judged = judgedByKeys(client)
  return {
    now: () => new Date().toISOString(),
    list: (cursor: string, signal: AbortSignal) =>
      ask(ENDPOINT.listEnvelopes, { signal, query: { cursor, limit: '200' } }),
    judge: async (
      evidence_id: string,
      taken: readonly (readonly TakenOver[])[],
      signal: AbortSignal,
    ) => {
      const fetched = await fetchEnvelope(evidence_id, signal).catch((error: unknown) => {
        if (error instanceof ApiError && error.code === 'not_found') return null
        throw error
      })
      if (fetched === null) return null
      const bytes = new Blob([fetched])
      return await judged((keys) =>
        verify(
          'the chain',
          { bytes, ...keys, asked: { evidence_id }, previous: [], taken },
          { signal },
        ),
      )
    },
  }
}

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
    ...JUDGED_HERE,
  })

/** What the stream said beside a verified document, contradictions first, a block of `PAGE_ROWS` at a time. */
export const factsQuery = (document: string, head: string, hint: Run, block: number) =>
  queryOptions({
    queryKey: ['rows', document, head, 'facts', nthOf(hint), block],
    queryFn: async () => await facts(document, hint, block * PAGE_ROWS, (block + 1) * PAGE_ROWS),
    ...JUDGED_HERE,
    // While the stream speaks there is ever another hint, and nobody comes back to an older one.
    gcTime: 0,
    placeholderData: keepPreviousData,
  })

// A key is written out whenever it is looked at, and a hint may be long.
const nths = new WeakMap<Run, number>()
let hints = 0
function nthOf(hint: Run): number {
  const nth = nths.get(hint) ?? ++hints
  nths.set(hint, nth)
  return nth
}

/** Values of a verified document, for choosing one to change in a copy. */
export const valuesQuery = (document: string, head: string, search: string) =>
  queryOptions({
    queryKey: ['values', document, head, search],
    queryFn: async () => await values(document, search),
    ...JUDGED_HERE,
    placeholderData: keepPreviousData,
  })

/** Bytes of a log as they were stored, a MiB at a time: what the entry has a digest of each. */
const LOG_CHUNK_BYTES = 1024 * 1024

/** What a verified document would have required of the next: its whole plan is digested for it. */
export const requirementQuery = (document: string, head: string) =>
  queryOptions({
    queryKey: ['requirement', document, head],
    queryFn: async () => await requirementIn(document, head),
    ...JUDGED_HERE,
  })

/** One entry of a verified document. */
export const entryQuery = (document: string, head: string, seq: number) =>
  queryOptions({
    queryKey: ['rows', document, head, 'entry', seq],
    queryFn: async () => await entryAt(document, seq),
    ...JUDGED_HERE,
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
    ...JUDGED_HERE,
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

/** A log of many parts, from part `from` on, one after the other: each compared before the next is asked for [U10]. */
export const compareLog = (
  address: Omit<PartAddress, 'part' | 'sha256'>,
  chunks: readonly string[],
  onPart: (bytes: Uint8Array<ArrayBuffer>) => void,
) =>
  mutationOptions({
    mutationFn: async ({
      file,
      from,
      signal,
    }: {
      file: File | null
      from: number
      signal: AbortSignal
    }): Promise<{ index: number; compared: Compared & { same: false } } | null> => {
      const { document, seq, ...log } = address
      for (const [index, sha256] of chunks.entries()) {
        if (index < from) continue
        signal.throwIfAborted()
        const part: PartAt = { kind: 'log', index }
        const bytes = await (file ? partOfFile(file, part) : fetchPart(log, part, sha256, signal))
        const compared = await compare(document, seq, part, bytes)
        if (!compared.same) return { index, compared }
        onPart(new Uint8Array(compared.bytes))
      }
      return null
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
  signal?: AbortSignal,
): Promise<ArrayBuffer> {
  return kind === 'log' ? await fetchLogChunk(log, index, signal) : await artifactBytes(sha256)
}

/** Bytes of an artifact. What they are worth is for the verifier to say. */
export async function artifactBytes(sha256: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await send(ENDPOINT.artifact, { params: { sha256 }, signal })).bytes
}

async function fetchLogChunk(
  address: LogAddress,
  index: number,
  signal?: AbortSignal,
): Promise<ArrayBuffer> {
  const from = index * LOG_CHUNK_BYTES
  const { bytes } = await fetchLog(address, from, LOG_CHUNK_BYTES, signal)
  return new Uint8Array(bytes).buffer
}
