import { isUtf8 } from 'node:buffer'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ENDPOINT } from '#contract/api.ts'
import { LIMITS } from '#contract/envelope.ts'
import type { ListedEnvelope } from '#evidence/as-listed.ts'
import { isLeftover, type Part } from '#evidence/attached.ts'
import { fewOf } from '#evidence/counted.ts'
import { allListed } from '#evidence/listed.ts'
import { MAX_TRUST_BYTES, readOffer, type ReadTrust } from '#evidence/trust-file.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { lookAtList, lookAtOffer } from '#server/look-in.ts'
import { logFile } from '#server/runs/log.ts'
import {
  ANSWER_MS,
  ask,
  authorization,
  beginningOf,
  reach,
  refusalOf,
  wordsOf,
  type Server,
} from './ask.ts'
import { CommandError, UsageError } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'
import { inOneLine } from './defuse.ts'
import { CANNOT_READ, isGone, readKept } from './evidence-file.ts'
import { SERVER_OPTIONS, serverNamed } from './server-named.ts'

/** Where evidence is kept. Nothing of it is believed: what it hands out is for the verifier. */
export type KeptEvidence = {
  /**
   * Every envelope that there is said to be, the oldest first, with what is said of it; `why` that is not all of them,
   * where it is not. `isPart`: others may be here, and were not looked for.
   */
  list(): Promise<{ listed: ListedEnvelope[]; why: string | null; isPart: boolean }>
  /** Of a run; null where it has none yet, or there is no such run. */
  evidenceOf(run_id: string): Promise<string | null>
  /** null where it is gone. At most a byte more than the verifier reads. Throws CommandError where it cannot be had. */
  envelope(evidence_id: string): Promise<Uint8Array<ArrayBuffer> | null>
  /** null where it is gone. At most a byte more than the record says. Throws as `envelope` does. */
  part(run_id: string, part: Part): Promise<Uint8Array<ArrayBuffer> | null>
  /** What it says of itself: offered. Or why that cannot be had. */
  trust(): Promise<ReadTrust>
}

export const KEPT_HELP = `  --server URL     ask a server; default where RUNSEAL_SERVER is set
  --token TOKEN    default RUNSEAL_TOKEN
${DATA_HELP}`

export const KEPT_OPTIONS = {
  ...SERVER_OPTIONS,
  data: { type: 'string' },
  project: { type: 'string' },
} as const

type Where = { [option in keyof typeof KEPT_OPTIONS]?: string | undefined }

/** What the line names, a server or a data folder. The folder is only looked at. */
export function evidenceIn({ server, token, data, project }: Where): KeptEvidence {
  const isFolder = data !== undefined || project !== undefined
  if (server !== undefined && isFolder)
    throw new UsageError('either --server, or --data and --project')
  if (server !== undefined || (!isFolder && process.env['RUNSEAL_SERVER']))
    return ofServer(serverNamed({ server, token }))
  const folder = dataFolderOf(data, project, CANNOT_READ)
  if (!existsSync(folder)) throw new CommandError(`there is no folder ${folder}`, CANNOT_READ)
  return ofFolder(folder)
}

function ofFolder(folder: string): KeptEvidence {
  const envelopes = join(folder, 'envelopes')
  const envelope = (evidence_id: string) =>
    unlessGone(readKept(join(envelopes, `${evidence_id}.json`)))
  return {
    async list() {
      const said = await orWhy(lookAtList(folder))
      const found = await orWhy(namesIn(envelopes))
      const listed = 'why' in said ? [] : said.sealed
      const names = new Set(listed.map(({ evidence_id }) => evidence_id))
      const files = 'why' in found ? [] : found.ids
      const faults = [said, found].flatMap((one) => ('why' in one ? [one.why] : []))
      if ('unnamed' in found && found.unnamed !== null) faults.push(found.unnamed)
      return {
        // What was put beside them is read too: a second version of one shows as a fork.
        listed: [
          ...listed,
          ...files.filter((id) => !names.has(id)).map((evidence_id) => ({ evidence_id })),
        ],
        why: faults.length === 0 ? null : faults.join('; '),
        // Whatever its store says, what has no file is not here.
        isPart: 'why' in found,
      }
    },
    async evidenceOf(run_id) {
      const said = await orWhy(lookAtList(folder))
      if (!('why' in said))
        return said.sealed.find((one) => one.run_id === run_id)?.evidence_id ?? null
      const names = await orWhy(namesIn(envelopes))
      if ('why' in names) throw new CommandError(names.why, CANNOT_READ)
      const but = names.unnamed === null ? '' : `; ${names.unnamed}`
      console.error(inOneLine(`${said.why}: looked for in every envelope${but}`))
      const found: string[] = []
      for (const evidence_id of names.ids) {
        const bytes = await envelope(evidence_id).catch(() => null)
        if (bytes !== null && (await isOfRun(bytes, { run_id, evidence_id })))
          found.push(evidence_id)
      }
      if (found.length > 1)
        throw new CommandError(`${found.join(' and ')} are both of ${run_id}`, CANNOT_READ)
      return found[0] ?? null
    },
    envelope,
    part: async (run_id, { kind, step_id, attempt, sha256, bytes }) => {
      if (kind !== 'log')
        return await unlessGone(readKept(join(folder, 'artifacts', sha256), bytes))
      const file = logFile(join(folder, 'logs'), run_id, step_id, attempt)
      // One that holds nothing has no file.
      return (await unlessGone(readKept(file, bytes))) ?? (bytes === 0 ? new Uint8Array() : null)
    },
    async trust() {
      const offer = await orWhy(lookAtOffer(folder))
      return 'why' in offer ? { ok: false, ...offer } : { ok: true, file: offer }
    },
  }
}

/** `unnamed`: which are not read, since no id is what they are called; null where there are none. */
async function namesIn(envelopes: string): Promise<{ ids: string[]; unnamed: string | null }> {
  const all = (await unlessGone(readdir(envelopes, { encoding: 'buffer' }))) ?? []
  const names = all.filter((name) => name.toString().endsWith('.json'))
  const unnamed = names
    .filter((name) => !isUtf8(name))
    .map((name) => join(envelopes, name.toString()))
  return {
    ids: names
      .filter((name) => isUtf8(name))
      .map((name) => name.toString())
      .filter((name) => !isLeftover(name))
      .map((name) => name.slice(0, -'.json'.length))
      .toSorted(),
    unnamed:
      unnamed.length === 0
        ? null
        : `not read for ${unnamed.length === 1 ? 'a name that is' : 'names that are'} no UTF-8: ${fewOf(unnamed)}`,
  }
}

async function isOfRun(
  bytes: Uint8Array<ArrayBuffer>,
  asked: { run_id: string; evidence_id: string },
): Promise<boolean> {
  // To verify each of thousands would take minutes.
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (!file.includes(`"run_id":${JSON.stringify(asked.run_id)}`)) return false
  return (await verifyEnvelope(bytes, { trust: [], asked })).envelope !== null
}

async function orWhy<T>(read: Promise<T>): Promise<T | { why: string }> {
  try {
    return await read
  } catch (error) {
    return { why: wordsOf(error) }
  }
}

async function unlessGone<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read
  } catch (error) {
    if (isGone(error instanceof CommandError ? error.cause : error)) return null
    throw error
  }
}

function ofServer(server: Server): KeptEvidence {
  return {
    async list() {
      const had = new Map<string, ListedEnvelope>()
      const listed = await orWhy(
        allListed(async (cursor) => {
          const query = { limit: '200', ...(cursor !== '' && { cursor }) }
          const page = await ask(server, ENDPOINT.listEnvelopes, { query }, CANNOT_READ)
          for (const one of page.items) had.set(JSON.stringify(one), one)
          return page
        }),
      )
      const why = 'why' in listed ? listed.why : null
      return { listed: [...had.values()].toReversed(), why, isPart: why !== null }
    },
    async evidenceOf(run_id) {
      const run = await ask(server, ENDPOINT.run, { params: { run_id } }, CANNOT_READ)
      return run.evidence_id
    },
    envelope: (evidence_id) =>
      fetchBytes(server, `/api/envelopes/${encodeURIComponent(evidence_id)}`, LIMITS.bytes),
    async part(run_id, { kind, step_id, attempt, sha256, bytes }) {
      if (kind === 'artifact') return await fetchBytes(server, `/api/artifacts/${sha256}`, bytes)
      const path = `/api/runs/${encodeURIComponent(run_id)}/steps/${encodeURIComponent(step_id)}/log?attempt=${attempt}&limit=${WINDOW}`
      const windows: Uint8Array[] = []
      for (let offset = 0; offset <= bytes; offset += WINDOW) {
        const window = await fetchBytes(server, `${path}&offset=${offset}`, WINDOW)
        if (window === null) return null
        windows.push(window)
        if (window.length < WINDOW) break
      }
      return Buffer.concat(windows).subarray(0, bytes + 1)
    },
    async trust() {
      const bytes = await orWhy(fetchBytes(server, ENDPOINT.trust.path, MAX_TRUST_BYTES))
      if (bytes === null) return { ok: false, why: 'the server offers none' }
      return 'why' in bytes ? { ok: false, ...bytes } : readOffer(bytes)
    },
  }
}

const WINDOW = 1024 * 1024
const MOST_REFUSAL = 64 * 1024

/** null where the server has none. A server that does not stop is not listened to for longer than `most` bytes. */
async function fetchBytes(
  server: Server,
  path: string,
  most: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const stalled = new AbortController()
  const timer = setTimeout(
    () => stalled.abort(new Error(`${server.url} stopped answering`)),
    ANSWER_MS,
  )
  try {
    const init = { headers: authorization(server), signal: stalled.signal }
    const response = await reach(server, path, init)
    if (response.status === 404) return null
    if (response.ok) return await beginningOf(response, most, () => timer.refresh())
    const said = await beginningOf(response, MOST_REFUSAL, () => {})
    throw new Error(`${refusalOf(response.status, said.toString())} (GET ${path})`)
  } catch (error) {
    throw new CommandError(wordsOf(error), CANNOT_READ, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}
