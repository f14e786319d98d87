import { createHash } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  existsSync,
  fdatasync,
  openSync,
  rmSync,
  write,
} from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type * as z from 'zod/mini'
import { LogIndex } from '#contract/api.ts'
import type { StepEntry } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { faultWords } from '#server/disk-fault.ts'
import { makeFolder, flush } from '#server/seal/durable-file.ts'

/*
 * The log of one attempt: the raw bytes as they came from both pipes (secrets masked), and beside it an index of
 * offset, time and pipe.
 */

export type LogSummary = StepEntry['log']
export type LogIndexPage = z.infer<typeof LogIndex>
export type Pipe = LogIndexPage['items'][number]['pipe']

/** In the folder of logs. */
export function logFile(logs: string, run_id: string, step_id: string, attempt: number): string {
  return join(logs, run_id, `${step_id}.${attempt}.log`)
}

export function indexFile(log: string): string {
  return log.replace(/\.log$/, '.idx')
}

/** A step that is many processes has groups by slot: each is known as if it were a log of its own. */
export function slotOf(log: string, slot: number): string {
  return log.replace(/\.log$/, `.s${slot}.log`)
}

/** What all that the attempt starts is marked with. */
export function markOf(log: string): string {
  return `${basename(dirname(log))}/${basename(log, '.log')}`
}

/** As many processes of one step run at one time, at most. */
export const SLOTS = 64

/** While the attempt runs: which process group writes the log, and by which pipes. */
export function pidFileOf(log: string): string {
  return log.replace(/\.log$/, '.pid')
}

/**
 * Writes one log. Only `maxBytes` are kept: what comes after is dropped, so that a step that floods its log still runs.
 * A write resolves when its bytes are with the system, which is what holds the step back. It never rejects: from the
 * first one that failed (a full disk) nothing more is kept, and `fault` says why.
 */
export class LogWriter {
  readonly #file: string
  #log: number | null = null
  #index: number | null = null
  readonly #maxBytes: number
  /** null: nothing was written. */
  #digest: LogDigest | null = null
  #tail: Promise<void> = Promise.resolve()
  #truncated = false
  fault: string | null = null
  #entries = 0
  #last: { pipe: Pipe; at: number } | null = null

  constructor(file: string, maxBytes: number) {
    this.#file = file
    this.#maxBytes = maxBytes
  }

  static async create(file: string, maxBytes: number): Promise<LogWriter> {
    if (!existsSync(dirname(file))) await makeFolder(dirname(file))
    // A file that is there may be a link to the log of another run, which took this step over: never written through.
    for (const name of [file, indexFile(file)]) if (existsSync(name)) rmSync(name, { force: true })
    return new LogWriter(file, maxBytes)
  }

  get bytes(): number {
    return this.#digest?.bytes ?? 0
  }

  write(pipe: Pipe, bytes: Buffer, now: Date): Promise<void> {
    this.#tail = this.#tail.then(() => this.#guard(() => this.#write(pipe, bytes, now)))
    return this.#tail
  }

  async #write(pipe: Pipe, bytes: Buffer, now: Date): Promise<void> {
    const room = this.fault === null ? this.#maxBytes - this.bytes : 0
    const kept = bytes.subarray(0, room)
    if (kept.length < bytes.length) this.#truncated = true
    if (kept.length === 0) return
    if (this.#isNews(pipe, now)) {
      const entry = { offset: this.bytes, at: now.toISOString(), pipe }
      this.#index ??= openSync(indexFile(this.#file), 'wx', 0o600)
      await writeTo(this.#index, Buffer.from(`${JSON.stringify(entry)}\n`))
    }
    // Not before there is something to write: to make a file can take longer than a short step.
    const log = (this.#log ??= openSync(this.#file, 'wx', 0o600))
    const digest = (this.#digest ??= new LogDigest())
    for (let rest = kept; rest.length > 0;) {
      const { bytesWritten } = await writeTo(log, rest)
      digest.update(rest.subarray(0, bytesWritten))
      rest = rest.subarray(bytesWritten)
    }
  }

  // A flood of single bytes must not make an index that outgrows its log.
  #isNews(pipe: Pipe, now: Date): boolean {
    const at = now.getTime()
    const last = this.#last
    if (last !== null && last.pipe === pipe && at - last.at < INDEX_EVERY_MS) return false
    this.#last = { pipe, at }
    this.#entries += 1
    return this.#entries <= MAX_INDEX_ENTRIES
  }

  /** On disk when this resolves: the digests below are about to be recorded. */
  async close(): Promise<LogSummary> {
    await this.#tail
    const files = [this.#log, this.#index].filter((file) => file !== null)
    if (files.length > 0)
      await Promise.all([
        ...files.map((file) => this.#guard(() => flushData(file))),
        this.#guard(() => flush(dirname(this.#file))),
      ])
    for (const file of files) closeSync(file)
    const truncated = this.#truncated || this.fault !== null
    return this.#digest?.summary(truncated) ?? { ...emptyLog(), truncated }
  }

  async #guard(write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (cause) {
      this.fault ??= `the log cannot be written: ${faultWords(cause)}`
    }
  }
}

const writeTo = promisify(write)
const flushData = promisify(fdatasync)

/** Of an attempt that had none. */
export function emptyLog(): LogSummary {
  return { sha256: DIGEST_OF_NOTHING, bytes: 0, lines: 0, truncated: false, chunks: [] }
}

const DIGEST_OF_NOTHING = createHash('sha256').digest('hex')

const INDEX_EVERY_MS = 200
const MAX_INDEX_ENTRIES = 50_000

/** Of a log that nobody writes any more, after a crash: the same as its writer would have said. */
export async function summaryOfLog(file: string, maxBytes: number): Promise<LogSummary> {
  const digest = new LogDigest()
  if (await exists(file))
    for await (const chunk of createReadStream(file))
      if (Buffer.isBuffer(chunk)) digest.update(chunk)
  return digest.summary(digest.bytes >= maxBytes)
}

/** Bytes of a log from `offset`, which counts from the end where it is negative. A log without a file is empty. */
export async function readLog(
  file: string,
  offset: number,
  limit: number,
): Promise<{ bytes: Buffer; offset: number; total: number }> {
  if (!(await exists(file))) return { bytes: Buffer.alloc(0), offset: 0, total: 0 }
  const log = await open(file, 'r')
  try {
    const { size: total } = await log.stat()
    const from = offset < 0 ? Math.max(0, total + offset) : offset
    const bytes = Buffer.alloc(Math.max(0, Math.min(limit, total - from)))
    const { bytesRead } = await log.read(bytes, 0, bytes.length, from)
    return { bytes: bytes.subarray(0, bytesRead), offset: from, total }
  } finally {
    await log.close()
  }
}

/** The index for `limit` bytes from `offset`, beginning with the entry that `offset` falls into. */
export async function readLogIndex(
  file: string,
  offset: number,
  limit: number,
): Promise<LogIndexPage> {
  const text = (await exists(indexFile(file))) ? await readFile(indexFile(file), 'utf8') : ''
  // A crash may have cut the last line.
  const entries = text.split('\n').slice(0, -1).flatMap(entryOf)
  const first = Math.max(
    0,
    entries.findLastIndex((entry) => entry.offset <= offset),
  )
  const after = entries.findIndex((entry) => entry.offset >= offset + limit)
  const end = Math.min(after === -1 ? entries.length : after, first + MAX_INDEX_ITEMS)
  return { items: entries.slice(first, end), next_offset: entries[end]?.offset ?? null }
}

const MAX_INDEX_ITEMS = 5000

function entryOf(line: string): LogIndexPage['items'] {
  const parsed = parseJson(LogIndex.shape.items, `[${line}]`)
  return parsed.ok ? parsed.value : []
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => null)) !== null
}

const CHUNK_BYTES = 1024 * 1024

/** Digests of a log as a whole and of each MiB, made while it passes. */
class LogDigest {
  readonly #whole = createHash('sha256')
  #chunk = createHash('sha256')
  readonly #chunks: string[] = []
  #lines = 0
  #endsInLine = false
  bytes = 0

  update(bytes: Buffer): void {
    this.#whole.update(bytes)
    for (let rest = bytes; rest.length > 0;) {
      const part = rest.subarray(0, CHUNK_BYTES - (this.bytes % CHUNK_BYTES))
      this.#chunk.update(part)
      this.bytes += part.length
      if (this.bytes % CHUNK_BYTES === 0) this.#endChunk()
      rest = rest.subarray(part.length)
    }
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) this.#lines += 1
    if (bytes.length > 0) this.#endsInLine = bytes.at(-1) !== 10
  }

  summary(truncated: boolean): LogSummary {
    if (this.bytes % CHUNK_BYTES !== 0) this.#endChunk()
    return {
      sha256: this.#whole.digest('hex'),
      bytes: this.bytes,
      lines: this.#lines + (this.#endsInLine ? 1 : 0),
      truncated,
      chunks: this.#chunks,
    }
  }

  #endChunk(): void {
    this.#chunks.push(this.#chunk.digest('hex'))
    this.#chunk = createHash('sha256')
  }
}
