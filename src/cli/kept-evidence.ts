import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ENDPOINT } from '#contract/api.ts'
import { LIMITS } from '#contract/envelope.ts'
import type { TrustFile } from '#contract/trust.ts'
import type { Part } from '#evidence/attached.ts'
import { allListed } from '#evidence/listed.ts'
import { administer, type Administration } from '#server/main.ts'
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
import { CommandError } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'
import { CANNOT_READ, readEvidence } from './evidence-file.ts'
import { saidPlainly } from './said-plainly.ts'
import { SERVER_OPTIONS, serverNamed } from './server-named.ts'

/** Where evidence is kept. Nothing of it is believed: what it hands out is for the verifier. */
export type KeptEvidence = {
  /** Every envelope that there is said to be, the oldest first. */
  ids(): Promise<string[]>
  /** Of a run; null where it has none yet, or there is no such run. */
  evidenceOf(run_id: string): Promise<string | null>
  /** null where it is gone. At most a byte more than the verifier reads. Throws CommandError where it cannot be had. */
  envelope(evidence_id: string): Promise<Uint8Array<ArrayBuffer> | null>
  /** null where it is gone. At most a byte more than the record says. Throws as `envelope` does. */
  part(run_id: string, part: Part): Promise<Uint8Array<ArrayBuffer> | null>
  /** What it says of itself: offered. */
  trust(): Promise<TrustFile>
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

/** Opens what the line names, a server or a data folder, and lets go of it. */
export async function withEvidence(
  { server, token, data, project }: Where,
  act: (kept: KeptEvidence) => Promise<number>,
): Promise<number> {
  const isFolder = data !== undefined || project !== undefined
  if (server !== undefined || (!isFolder && process.env['RUNSEAL_SERVER']))
    return await act(ofServer(serverNamed({ server, token })))
  const folder = dataFolderOf(data, project)
  if (!existsSync(folder)) throw new CommandError(`there is no folder ${folder}`, CANNOT_READ)
  return await saidPlainly(async () => {
    const administration = await administer(folder)
    try {
      return await act(ofFolder(folder, administration))
    } finally {
      await administration.close()
    }
  }, CANNOT_READ)
}

function ofFolder(folder: string, administration: Administration): KeptEvidence {
  const { runs, seals } = administration
  const envelopes = join(folder, 'envelopes')
  return {
    async ids() {
      const said = []
      for (let cursor: string | null = null; ;) {
        const page = await seals.list({ cursor, limit: 200 })
        for (const { evidence_id } of page.items) said.push(evidence_id)
        cursor = page.next_cursor
        if (cursor === null) break
      }
      // What was put beside them is read too: a second version of one shows as a fork.
      const files = ((await unlessGone(readdir(envelopes))) ?? [])
        .filter((name) => name.endsWith('.json'))
        .map((name) => name.slice(0, -'.json'.length))
      return [...new Set([...said.toReversed(), ...files.toSorted()])]
    },
    evidenceOf: async (run_id) => {
      const run = await runs.summary(run_id)
      return run?.seal === 'sealed' ? run.evidence_id : null
    },
    envelope: (evidence_id) => unlessGone(readEvidence(join(envelopes, `${evidence_id}.json`))),
    part: async (run_id, { kind, step_id, attempt, sha256, bytes }) => {
      if (kind !== 'log')
        return await unlessGone(readEvidence(join(folder, 'artifacts', sha256), bytes))
      const file = logFile(join(folder, 'logs'), run_id, step_id, attempt)
      // One that holds nothing has no file.
      return (
        (await unlessGone(readEvidence(file, bytes))) ?? (bytes === 0 ? new Uint8Array() : null)
      )
    },
    trust: () => administration.trustFile(),
  }
}

async function unlessGone<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read
  } catch (error) {
    const cause = error instanceof CommandError ? error.cause : error
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw error
  }
}

function ofServer(server: Server): KeptEvidence {
  return {
    async ids() {
      const said = await allListed(async (cursor) => {
        const query = { limit: '200', ...(cursor !== '' && { cursor }) }
        return await ask(server, ENDPOINT.listEnvelopes, { query }, CANNOT_READ)
      }).catch((error: unknown) => {
        throw new CommandError(wordsOf(error), CANNOT_READ, { cause: error })
      })
      return said.map(({ evidence_id }) => evidence_id).toReversed()
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
      const { server_keys, approvers } = await ask(server, ENDPOINT.trust, {}, CANNOT_READ)
      return { schema: 'runseal/trust/1', server_keys, approvers, required: [] }
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
