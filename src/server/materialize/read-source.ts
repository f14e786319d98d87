import { spawn } from 'node:child_process'
import { stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import { compiledFrom } from '#server/compile-cache.ts'
import { openInside } from '#server/runs/artifact.ts'
import type { RecordRow } from '#server/storage/storage.ts'
import { SourceEnd, type SourceRequest } from './source-request.ts'
import type { TableDefinition } from './table-definition.ts'

/** Why a source cannot be read: what the person who wrote it has to know, with file and line. */
export class SourceError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SourceError'
  }
}

/** What a table is read from, in the folder that the project's files are inside. */
export type Place = { root: string; table: TableDefinition; needed: readonly string[] }

/**
 * Tells one content of the file from another without reading it. '' where it cannot: what was written a moment ago can
 * be written again within the same instant.
 */
export async function stampOf({ root, table: { source } }: Place, now: Date): Promise<string> {
  const names = source.kind === 'sqlite' ? ['', '-wal'] : ['']
  const stamps = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(root, source.path + name)).catch(() => null)
      if (found === null) return 'none'
      if (now.getTime() - Math.max(found.mtimeMs, found.ctimeMs) < RACY_MS) return ''
      return `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`
    }),
  )
  return stamps.includes('') ? '' : stamps.join(' ')
}

const RACY_MS = 2000

/**
 * The records of a source in the order of their keys, or `same` where it is the one of digest `known`. All of it was
 * read before the first record comes. A `SourceError` says what is wrong with it. Throws the reason of `signal` once it
 * is aborted.
 */
export async function readSource(
  place: Place,
  known: string | null,
  take: (records: readonly RecordRow[]) => Promise<void>,
  signal: AbortSignal,
): Promise<Exclude<SourceEnd, { end: 'fault' }>> {
  const { root, table } = place
  const file = await openInside(
    root,
    table.source.path,
    { bytes: Infinity, owner: null },
    'source',
  ).catch((cause: unknown) => {
    throw new SourceError(cause instanceof Error ? cause.message : String(cause))
  })
  try {
    const end = await readBy(place, file, known, take, signal)
    signal.throwIfAborted()
    if (end === null)
      throw new SourceError(
        `${table.source.path}: its reader died, or took longer than five minutes`,
      )
    if (end.end === 'fault') throw new SourceError(end.message)
    return end
  } finally {
    await file.close()
  }
}

async function readBy(
  { root, table, needed }: Place,
  file: FileHandle,
  known: string | null,
  take: (records: readonly RecordRow[]) => Promise<void>,
  signal: AbortSignal,
): Promise<SourceEnd | null> {
  const { source, key, fields } = table
  const request: SourceRequest = {
    kind: source.kind,
    name: source.path,
    database: source.kind === 'sqlite' ? join(root, source.path) : null,
    query: source.query,
    at: source.at,
    key,
    fields: fields === null ? null : { ...fields },
    needed: [...needed],
    private: [...table.private],
    derived: table.derived.map(({ field }) => field),
    known,
  }
  const child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MIB}`, READER], {
    stdio: ['pipe', 'pipe', 'inherit', file.fd],
    env: { NODE_NO_WARNINGS: '1', ...compiledFrom() },
  })
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new TypeError('a reader without its pipes')
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => resolve())
    child.once('error', () => resolve())
  })
  const stop = () => child.kill('SIGKILL')
  const late = setTimeout(stop, READ_MS)
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  // It may end before it has read what it is asked; its end tells the rest.
  stdin.on('error', () => {})
  stdin.write(`${JSON.stringify(request)}\n`)
  try {
    let records: RecordRow[] = []
    let end: SourceEnd | null = null
    for await (const line of createInterface({ input: stdout, crlfDelay: Infinity })) {
      const record = recordOf(line)
      if (record === null) {
        end = endOf(line)
        break
      }
      if (records.push(record) === CHUNK) {
        await take(records)
        records = []
      }
    }
    if (end?.end === 'read') await take(records)
    return end
  } finally {
    clearTimeout(late)
    signal.removeEventListener('abort', stop)
    stop()
    await closed
  }
}

const HEAP_MIB = 3072
const READ_MS = 300_000
const CHUNK = 2000
const READER = fileURLToPath(new URL('./source-reader.ts', import.meta.url))

/** null: the last line, or half of one, by a reader that died. */
function recordOf(line: string): RecordRow | null {
  const tab = line.indexOf('\t')
  if (tab === -1) return null
  const record_id = parseJson(Said, line.slice(0, tab))
  const body = parseJson(Said, line.slice(tab + 1))
  return record_id.ok && body.ok ? { record_id: record_id.value, body: body.value } : null
}

const Said = z.string()

function endOf(line: string): SourceEnd | null {
  const parsed = parseJson<SourceEnd>(SourceEnd, line)
  return parsed.ok ? parsed.value : null
}
