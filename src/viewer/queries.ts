import { ENDPOINT } from '#contract/api.ts'
import { OpenApiDocument } from '#contract/openapi.ts'
import type { Run, RunResource } from '#contract/run.ts'
import type { TrustFile } from '#contract/trust.ts'
import { readOffer } from '#evidence/trust-file.ts'
import {
  infiniteQueryOptions,
  keepPreviousData,
  mutationOptions,
  type QueryClient,
  queryOptions,
  skipToken,
} from '@tanstack/react-query'
import { againAfterMs, ask, ApiError, send } from './api.ts'
import {
  hasFallen,
  hearElsewhere,
  isUnread,
  keepAgain,
  type Kept,
  type Memory,
  readKept,
  readMemory,
  rememberUnlike,
  see,
  withHeard,
  withSeen,
} from './trust-store.ts'

/*
 * Every question to the server, once: here those of every page, in record-queries.ts and table-queries.ts those that
 * load with theirs. A key begins with what it is about, so that the stream can say "runs changed" without knowing who
 * asked which page.
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
  queryFn: async ({ client, signal, pageParam }) => {
    const memory = client.query(memoryQuery)
    const page = await ask(ENDPOINT.listEnvelopes, {
      signal,
      query: { cursor: pageParam, limit: '100' },
    })
    // What is verified here after the list was asked for may be newer than its answer.
    return { ...page, memory: await memory }
  },
  initialPageParam: '',
  getNextPageParam: (page) => page.next_cursor,
})

export const offeredTrustQuery = queryOptions({
  queryKey: ['trust', 'offered'],
  queryFn: async ({ signal }): Promise<TrustFile> => {
    const { bytes } = await send(ENDPOINT.trust, { signal }, MAX_OFFER_BYTES)
    // The one reader of trust files [V17]: a key under the fingerprint of another is neither drawn, kept nor pinned.
    const read = readOffer(new Uint8Array(bytes))
    if (read.ok) return read.file
    const { method, path, status } = ENDPOINT.trust
    const what = `${method} ${path} answered a list that is refused as a whole`
    throw new ApiError('unreadable', status, `${what}: ${read.why}`)
  },
})

export const referenceQuery = queryOptions({
  queryKey: ['reference'],
  queryFn: ({ signal }) => ask({ ...ENDPOINT.openapi, answer: OpenApiDocument }, { signal }),
  staleTime: Infinity,
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

/** What this reader keeps of trust in this browser, and why that cannot be had. No server is asked. */
export const keptQuery = queryOptions({
  queryKey: ['kept'],
  queryFn: async ({ client, queryKey }) => {
    const before = client.getQueryData<Kept>(queryKey)
    const isFine = before !== undefined && before.fault === undefined
    const kept = stillKept(isFine ? await readKept() : await keepAgain(), before)
    // What was judged without it may come out otherwise.
    if (before && isUnread(before) && !isUnread(kept)) void judgeAnew(client)
    return kept
  },
  networkMode: 'always',
  staleTime: Number.POSITIVE_INFINITY,
  refetchInterval: ({ state }) => (state.data?.fault === undefined ? false : AGAIN_MS),
})
const AGAIN_MS = 15_000

/** What was read once is not forgotten by this page where it cannot be read again: what it warns of stays in sight. */
const stillKept = (kept: Kept, before: Kept | undefined): Kept =>
  isUnread(kept) && before ? { ...withHeard(before), fault: kept.fault } : kept

/** All that this browser has seen of the server's series, the chain as it was last walked among it. */
export const memoryQuery = queryOptions({
  queryKey: [...keptQuery.queryKey, 'memory'],
  queryFn: async ({ client, queryKey }) => {
    const before = client.getQueryData<Memory>(queryKey)
    const { kept, ...memory } = await readMemory()
    return {
      ...memory,
      kept: stillKept(kept, before?.kept),
      met: isUnread(kept) ? (before?.met ?? memory.met) : memory.met,
    }
  },
  networkMode: 'always',
  staleTime: Number.POSITIVE_INFINITY,
})

/** That the server’s list, or a record, is not as it was seen before, noted each time that a page says so. */
export const unlikeQuery = (changed: string | null) =>
  queryOptions({
    queryKey: ['unlike', changed],
    queryFn:
      changed === null
        ? skipToken
        : async ({ client }) => {
            client.setQueryData(keptQuery.queryKey, await rememberUnlike(changed))
            return changed
          },
    networkMode: 'always',
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })

/** The same beside what the server offers now, which is asked so often that another key is found within a minute [U16]. */
export const trustQuery = queryOptions({
  queryKey: ['trust', 'kept'],
  queryFn: async ({ client, queryKey }) => {
    const [kept, offered] = await Promise.all([
      readKept(),
      client.query({ ...offeredTrustQuery, staleTime: OFFERED_MS - 5_000 }),
    ])
    const at = new Date().toISOString()
    // As it is by now: at a first meeting nothing was accepted before.
    let now = kept
    if (withSeen(kept, offered.server_keys, at) !== kept) {
      now = await see(offered.server_keys, at)
      await client.invalidateQueries({ queryKey: keptQuery.queryKey })
    }
    const fell = hasFallen(kept, now)
    const known = { kept: now, offered }
    // What is judged anew is judged by this.
    client.setQueryData(queryKey, known)
    // What was judged without it, or by a key that counted further then, may come out otherwise.
    void client.invalidateQueries({
      queryKey: ['verdict'],
      predicate: ({ state: { data } }) =>
        typeof data === 'object' &&
        data !== null &&
        ('keys_fault' in data ||
          ('is_provisional' in data && now.fault === undefined) ||
          (fell && !isByPinned(data))),
    })
    return known
  },
  staleTime: Number.POSITIVE_INFINITY,
  refetchInterval: ({ state }) => againAfterMs(state.error) ?? OFFERED_MS,
})
const OFFERED_MS = 25_000
/** It is read on the page's own thread, on every page. */
const MAX_OFFER_BYTES = 1024 ** 2

/** A verdict that no list of the server's makes another [U16]. */
const isByPinned = (verdict: object): boolean =>
  'sealed_by' in verdict &&
  typeof verdict.sealed_by === 'object' &&
  verdict.sealed_by !== null &&
  'source' in verdict.sealed_by &&
  verdict.sealed_by.source === 'pinned'

/** Longest that a verification waits for what the server offers. */
export const KEYS_MS = 3_000
export const NO_KEYS_YET = 'no answer came yet'

/** True once so long is over. */
export const keysLateQuery = queryOptions({
  queryKey: ['trust late'],
  queryFn: () => new Promise<true>((resolve) => setTimeout(() => resolve(true), KEYS_MS)),
  networkMode: 'always',
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: 0,
})

/* Changes. Each takes the client, for the session's secret and to ask again what it changed. */

export const startRun = (client: QueryClient) =>
  mutationOptions({
    mutationFn: async (body: { definition: string; inputs: Record<string, string> }) =>
      await ask(ENDPOINT.startRun, { body, secret: await secretOf(client) }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['runs'] }),
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
    mutationKey: CHANGE_TRUST,
    mutationFn: (change: () => Promise<unknown>) => change(),
    networkMode: 'always',
    onSuccess: () => trustChanged(client),
    onError: () => client.invalidateQueries({ queryKey: keptQuery.queryKey }),
  })
/** Of all that the reader says of whom they trust: that it was not kept is said of each in one place. */
export const CHANGE_TRUST = ['change trust']

async function trustChanged(client: QueryClient): Promise<void> {
  await client.invalidateQueries({ queryKey: keptQuery.queryKey })
  await judgeAnew(client)
}

async function judgeAnew(client: QueryClient): Promise<void> {
  // A server that does not answer for its keys holds up no verdict.
  void client.invalidateQueries({ queryKey: trustQuery.queryKey })
  // What is under way was begun by another trust, and as long as it has no answer nothing else begins it anew.
  void client.resetQueries({
    queryKey: ['verdict'],
    predicate: ({ state }) => state.status === 'pending' && state.fetchStatus === 'fetching',
  })
  await client.invalidateQueries({ queryKey: ['verdict'] })
  // What could not be made anew was made with another trust, and stands no more.
  await client.resetQueries({
    queryKey: ['verdict'],
    predicate: ({ state }) => state.status === 'error',
  })
}

/** What the reader says in another tab counts in this one too. */
export function hearOtherTabs(client: QueryClient): void {
  hearElsewhere((what) => {
    if (what === 'trust') void trustChanged(client)
    else void client.invalidateQueries({ queryKey: keptQuery.queryKey })
  })
}

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

/** The session's, which goes with every change. */
export async function secretOf(client: QueryClient): Promise<string | null> {
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
