import { execFile } from 'node:child_process'
import { createPublicKey, type KeyObject } from 'node:crypto'
import { createWriteStream, lstatSync, mkdtempSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import { Id } from '#contract/scalar.ts'
import type { TrustFile } from '#contract/trust.ts'
import { compiledFrom } from './compile-cache.ts'
import { cutText } from './cut-text.ts'
import { undoneByInterrupt } from './interrupted.ts'
import { openRegular } from './regular-file.ts'
import { publicPartOf, serverKeyOf } from './seal/key.ts'

const Said = z.strictObject({
  evidence_id: Id,
  run_id: Id,
  head: z.nullable(z.string()),
  seal_seq: z.nullable(z.number()),
  sha256: z.nullable(z.string()),
  sealed_at: z.nullable(z.string()),
})
/** What the store of a data folder says of envelopes, the oldest first. Nothing of it is believed. */
export type Listed = { sealed: z.infer<typeof Said>[] }

/**
 * What is listed in a data folder, for who only looks at it: nothing there is made or changed, and no key is needed. The
 * folder may be somebody's copy, or made to harm who looks: its store is read for at most `limitMs`. Throws an Error in
 * words.
 */
export async function lookAtList(folder: string, limitMs = READ_MS): Promise<Listed> {
  const path = join(folder, STORE)
  const lock = join(folder, 'lock')
  const beside = [path, lock].flatMap((file) =>
    ['-wal', '-shm', '-journal'].map((end) => file + end),
  )
  for (const file of [path, lock, ...beside])
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile() === false)
      throw new Error(`${file} is no regular file, and is not opened`)
  if (!isThere(path)) throw new Error(`${path} is missing`)
  try {
    const listed =
      (await readList([path, lock], limitMs)) ??
      (await putTogether(folder, (copy) => readList([copy], limitMs)))
    if (listed === null) throw new Error('it was not closed')
    return listed
  } catch (error) {
    throw new Error(`the list of envelopes in ${path} cannot be read: ${wordsOf(error)}`, {
      cause: error,
    })
  }
}

const READ_MS = 30_000
const STORE = 'runseal.db'

const isThere = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** null where a server left it that was killed: it has to be put together first. */
async function readList(files: readonly string[], limitMs: number): Promise<Listed | null> {
  const options = {
    timeout: limitMs,
    killSignal: 'SIGKILL',
    maxBuffer: MOST_SAID,
    env: { NODE_NO_WARNINGS: '1', ...compiledFrom() },
  } as const
  const { said, isLate } = await new Promise<{ said: string; isLate: boolean }>((resolve) => {
    // It ends by a signal of its own where it is through.
    execFile(process.execPath, [READER, ...files], options, (error, said) =>
      resolve({ said, isLate: error?.killed === true }),
    )
  })
  if (isLate)
    throw new Error(
      `SQLite has not come to its end within ${limitMs / 1000} s, so that it is damaged, or made to keep its readers waiting. To look at what a backup of it has, make a folder of that: runseal restore`,
    )
  const read = parseJson(Answer, said)
  if (!read.ok)
    throw new Error(said === '' ? 'what reads it has died of it' : 'it names what is no id')
  if ('fault' in read.value) throw new Error(cutText(read.value.fault, MOST_OF_A_FAULT))
  const { sealed } = read.value
  return sealed && { sealed }
}

const READER = fileURLToPath(new URL('./list-reader.ts', import.meta.url))
const MOST_SAID = 512 * 1024 ** 2
const MOST_OF_A_FAULT = 500
const Answer = z.union([
  z.strictObject({ fault: z.string() }),
  z.strictObject({ sealed: z.nullable(z.array(Said)) }),
])

/** In a copy elsewhere, which `read` looks at. */
async function putTogether<T>(folder: string, read: (store: string) => Promise<T>): Promise<T> {
  const names = [STORE, `${STORE}-wal`]
  const sizes = names.map((name) => lstatSync(join(folder, name)).size)
  if (sizes.reduce((sum, size) => sum + size, 0) > MOST_COPIED)
    throw new Error('it was not closed, and is too large to be put together elsewhere')
  let copy = ''
  // It may be gigabytes, and has what not everybody may read. Also where a file of it is being made at that moment.
  const leave = () => {
    if (copy !== '') rmSync(copy, { recursive: true, force: true, maxRetries: 10 })
  }
  // Before it is there: an interrupt in between would leave it.
  return await undoneByInterrupt(leave, async () => {
    try {
      copy = mkdtempSync(join(tmpdir(), 'runseal-list-'))
      for (const [at, name] of names.entries()) {
        const from = await openRegular(join(folder, name))
        const end = Math.max(0, (sizes[at] ?? 0) - 1)
        await pipeline(from.createReadStream({ end }), createWriteStream(join(copy, name)))
      }
      return await read(join(copy, STORE))
    } finally {
      if (copy !== '') await rm(copy, { recursive: true, force: true })
    }
  })
}

const MOST_COPIED = 4 * 1024 ** 3

/** What the server of this folder offers of itself, by its key. Throws an Error in words. */
export async function lookAtOffer(folder: string): Promise<TrustFile> {
  return {
    schema: 'runseal/trust/1',
    server_keys: [serverKeyOf(publicPartOf(await keyIn(folder), join(folder, KEY)))],
    approvers: [],
    required: [],
  }
}

const KEY = 'key.pem'

async function keyIn(folder: string): Promise<KeyObject> {
  const path = join(folder, KEY)
  if (!isThere(path))
    throw new Error(`there is no ${path}: no server has started with it, or it is a copy without`)
  const handle = await openRegular(path)
  try {
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(MOST_OF_A_KEY) })
    return createPublicKey(buffer.subarray(0, bytesRead))
  } catch (error) {
    throw new Error(`${path} is no key that can be read: ${wordsOf(error)}`, { cause: error })
  } finally {
    await handle.close()
  }
}

const MOST_OF_A_KEY = 16 * 1024

const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
