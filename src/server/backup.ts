import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { create, extract, replace } from 'tar'
import * as z from 'zod/mini'
import type { EnvelopeSummary } from '#contract/api.ts'
import { parseJson } from '#contract/parse.ts'
import type { RunSummary } from '#contract/run.ts'
import { Count } from '#contract/scalar.ts'
import { diskFault } from './disk-fault.ts'
import { logFile } from './runs/log.ts'
import { makeFolder, flush } from './seal/durable-file.ts'
import type { Act, Page, Storage } from './storage/storage.ts'

/*
 * A backup is one tar file: `backup.json`, which says what it is, a snapshot of the store, the sealing key, and every
 * envelope, log and artifact that the snapshot speaks of. It is made while the server runs: what a fact names was on
 * disk before the fact, so files that are read after the snapshot are all there. What is about processes and about
 * this server's being there stays out: a restored server must not end what the other one runs.
 */

/** Why there is no backup, or nothing was restored: for the person who asked. */
export class BackupError extends Error {}

const Manifest = z.strictObject({
  schema: z.literal('runseal/backup/1'),
  runs: Count,
  envelopes: Count,
  /** Besides this one and the store: an archive that was cut between two files looks whole. */
  files: Count,
})
export type Manifest = z.infer<typeof Manifest>

const MANIFEST = 'backup.json'
const STORE = 'runseal.db'
const KEY = 'key.pem'
const KEPT =
  /^(key\.pem|envelopes\/[\w-]+\.json|logs\/[\w-]+\/[\w.-]+\.(log|idx)|artifacts\/[0-9a-f]{64})$/

type Open = (folder: string) => Promise<Storage>
/** Takes the hold of the one server of a folder, or throws; what it returns lets go. */
type Hold = (folder: string) => () => void
/** For the journal. */
type Who = { actor: string; at: string }

/** `differing`: logs, artifacts and cells kept beside a record that are not what is on record of them, each in words. */
export type Restored = Manifest & { differing: string[] }

/**
 * Resolves when the file is whole and on stable storage, readable by its owner alone. It must not be there before.
 * `open` opens a store that is there, beside the server that may run over it.
 */
export async function makeBackup(
  open: Open,
  data: string,
  file: string,
  by: Who,
): Promise<Manifest> {
  const beside = dirname(resolve(file))
  if (existsSync(file)) throw new BackupError(`${file} is there already`)
  for (const needed of [STORE, KEY])
    if (!existsSync(join(data, needed))) throw new BackupError(`${data} is no data folder`)
  const staging = await mkdtemp(join(beside, `${STAGING}${process.pid}-`))
  try {
    await removeLeftovers(beside, (await stat(staging)).mtimeMs)
    await writeFile(join(staging, '.gitignore'), '*\n')
    await using(await open(data), async (store) => {
      // First, since from then on the key may be elsewhere; and a copy that was begun is in the journal that it has.
      await store.journal.add(actOf('backed_up', file, by))
      await store.snapshot(join(staging, STORE))
    })
    const { runs, unfinished, envelopes } = await using(await open(staging), contentsOf)
    // An envelope that the snapshot does not know would be sealed again, differently, by who restores it.
    const sealed = envelopes.map(({ evidence_id }) => envelopeFile(evidence_id))
    const logs = (await filesIn(data, 'logs')).filter((name) => runs.has(runOf(name)))
    const growing = new Set(logs.filter((name) => KEPT.test(name) && unfinished.has(runOf(name))))
    for (const name of growing) await copyAsItIs(join(data, name), join(staging, name))
    const others = [...logs, ...(await filesIn(data, 'artifacts'))]
    const still = others.filter((name) => KEPT.test(name) && !growing.has(name))
    // Last: what is left of one that was killed has no key, most of the time.
    const kept = [...sealed, ...growing, ...still, KEY]
    const manifest: Manifest = {
      schema: 'runseal/backup/1',
      runs: runs.size,
      envelopes: envelopes.length,
      files: kept.length,
    }
    await writeFile(join(staging, MANIFEST), JSON.stringify(manifest))
    const archive = join(staging, 'archive')
    // The other way waits for ever for some files that have two names. Nobody else waits here.
    const how = { file: archive, portable: true, strict: true, mode: 0o600, sync: true } as const
    try {
      create({ ...how, cwd: staging }, [MANIFEST, STORE, ...growing])
      replace({ ...how, cwd: data }, [...sealed, ...still, KEY])
    } catch (error) {
      if (diskFault(error) !== null || !(error instanceof Error)) throw error
      throw new BackupError(`${file} cannot be made: ${error.message}`, { cause: error })
    }
    await flush(archive)
    await nameIt(archive, file)
    await flush(beside)
    return manifest
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

const STAGING = '.runseal-backup-'

/** One that goes on writes all the time: into its snapshot, its copies or its archive. */
const LEFT_MS = 3_600_000

/**
 * What one that was killed has left, of this user's. Not by its pid: another container or machine that backs up into
 * this folder has pids of its own. `now` is by the clock of this disk, as the times of its files are.
 */
async function removeLeftovers(beside: string, now: number): Promise<void> {
  for (const name of await readdir(beside)) {
    if (!new RegExp(`^\\${STAGING}\\d+-`).test(name)) continue
    const left = join(beside, name)
    const found = await lstat(left).catch(() => null)
    if (found?.isDirectory() !== true || found.uid !== process.getuid?.()) continue
    // One that cannot be looked through is one that changes.
    const changed = await lastChange(left).catch(() => now)
    if (now - changed > LEFT_MS) await rm(left, { recursive: true, force: true })
  }
}

async function lastChange(folder: string): Promise<number> {
  let last = (await lstat(folder)).mtimeMs
  for (const name of await readdir(folder, { recursive: true }))
    last = Math.max(last, (await lstat(join(folder, name))).mtimeMs)
  return last
}

/** `logs/RUN/STEP.ATTEMPT.log` and what is beside it. */
function runOf(log: string): string {
  return log.split('/')[1] ?? ''
}

/** A log that grows while it is read is copied as far as it went when that began. */
async function copyAsItIs(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 })
  const { size } = await stat(from)
  if (size === 0) await writeFile(to, '', { mode: 0o600 })
  else
    await pipeline(
      createReadStream(from, { end: size - 1 }),
      createWriteStream(to, { flags: 'wx', mode: 0o600 }),
    )
}

/** Never over a file that came meanwhile. */
async function nameIt(archive: string, file: string): Promise<void> {
  try {
    await link(archive, file)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') throw taken(file)
    // A disk where no file has two names: it can only be looked at once more.
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes(code)) throw error
    if (existsSync(file)) throw taken(file)
    await rename(archive, file)
  }
}

const taken = (file: string) => new BackupError(`${file} is there already`)

/**
 * Into a folder that is not there or is empty, held as by its server the whole time: none starts over half of it.
 * Nothing is left of a restoring that failed, and nothing replaced or removed that others have put there meanwhile.
 */
export async function restoreBackup(
  open: Open,
  hold: Hold,
  file: string,
  data: string,
  by: Who,
): Promise<Restored> {
  await refuseTaken(data)
  const isMade = !existsSync(data)
  await makeFolder(resolve(data))
  const hadLock = existsSync(join(data, LOCK))
  const letGo = hold(data)
  let isWhole = false
  try {
    // Again: a server may have been here between that look and the hold.
    await refuseTaken(data)
    const restored = await restoreInto(open, file, data, by)
    isWhole = true
    return restored
  } finally {
    // Before it is let go: who opens it later makes one anew.
    if (!isWhole && !hadLock) await rm(join(data, LOCK), { force: true })
    letGo()
    if (!isWhole && isMade) await rmdir(data).catch(ignoreFilled)
  }
}

const LOCK = 'lock'

/** What a server has here that was refused is nothing. */
async function refuseTaken(data: string): Promise<void> {
  const found = await readdir(data).catch(ignoreMissing)
  if (found.some((name) => name !== LOCK && name !== '.gitignore'))
    throw new BackupError(`${data} is not empty: name a folder that is`)
}

async function restoreInto(open: Open, file: string, data: string, by: Who): Promise<Restored> {
  // Inside: it may be a disk of its own, or a link to a folder elsewhere, which nothing can be put in the place of.
  const part = await mkdtemp(join(data, '.part-'))
  const moved: string[] = []
  let made: readonly string[] = []
  let isWhole = false
  try {
    await unpack(file, part)
    const read = parseJson(Manifest, await readFile(join(part, MANIFEST), 'utf8').catch(() => ''))
    if (!read.ok) throw new BackupError(`${file} is no backup of Runseal`)
    await rm(join(part, MANIFEST))
    const files = (await filesIn(part, '.')).filter((name) => name !== STORE)
    if (files.length !== read.value.files)
      throw new BackupError(
        `${file} is cut: it has ${files.length} files of ${read.value.files}, nothing was restored`,
      )
    made = [...files, STORE]
    const { envelopes } = await using(await open(part), contentsOf)
    for (const envelope of envelopes) await refuseChanged(part, envelope)
    const differing = await using(await open(part), async (store) => {
      await store.journal.add(actOf('restored', file, by))
      return await differencesIn(store, part)
    })
    const folders = new Set(files.flatMap((name) => [dirname(name), dirname(dirname(name))]))
    for (const name of [...files, STORE, ...folders]) await flush(join(part, name))
    await chmod(data, 0o700)
    // The store last: until it is there, no server starts over what a death leaves [R34].
    for (const name of [...(await readdir(part)).filter((name) => name !== STORE), STORE]) {
      if (name === STORE) {
        // SQLite would play what another store has left over this one.
        for (const beside of [`${STORE}-wal`, `${STORE}-shm`, `${STORE}-journal`])
          if (existsSync(join(data, beside))) throw taken(join(data, beside))
        await flush(data)
      }
      await move(join(part, name), join(data, name))
      moved.push(name)
    }
    await flush(data)
    isWhole = true
    return { ...read.value, differing }
  } finally {
    if (!isWhole) for (const name of moved) await takeBack(data, name, made)
    await rm(part, { recursive: true, force: true })
  }
}

/** Never over anything: a folder only over the empty one that was made for it. */
async function move(from: string, to: string): Promise<void> {
  if (!(await lstat(from)).isDirectory()) {
    await nameIt(from, to)
    await rm(from, { force: true })
    return
  }
  await mkdir(to, { mode: 0o700 }).catch((error: unknown) => {
    throw codeOf(error) === 'EEXIST' ? taken(to) : error
  })
  try {
    await rename(from, to)
  } catch (error) {
    await rmdir(to).catch(ignoreFilled)
    throw codeOf(error) === 'ENOTEMPTY' ? taken(to) : error
  }
}

/** Of `made`, what is `name` or in it; and the folders that are empty then. */
async function takeBack(data: string, name: string, made: readonly string[]): Promise<void> {
  const folders = new Set<string>()
  for (const file of made) {
    if (file.split('/')[0] !== name) continue
    await rm(join(data, file), { force: true })
    for (let above = dirname(file); above !== '.'; above = dirname(above)) folders.add(above)
  }
  const inwards = [...folders].toSorted((a, b) => b.length - a.length)
  for (const folder of inwards) await rmdir(join(data, folder)).catch(ignoreFilled)
}

async function unpack(file: string, folder: string): Promise<void> {
  const strange: string[] = []
  try {
    await extract({
      file,
      cwd: folder,
      strict: true,
      umask: 0o077,
      filter(path, entry) {
        const isKept = isFile(entry) && (KEPT.test(path) || path === MANIFEST || path === STORE)
        if (!isKept) strange.push(path)
        return isKept
      },
    })
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    throw new BackupError(`${file} cannot be read: ${words}`, { cause: error })
  }
  if (strange.length > 0)
    throw new BackupError(`${file} is no backup of Runseal: it has ${JSON.stringify(strange[0])}`)
}

async function refuseChanged(folder: string, { evidence_id, sha256 }: EnvelopeSummary) {
  const bytes = await readFile(join(folder, envelopeFile(evidence_id))).catch(() => null)
  if (bytes === null) throw new BackupError(`the backup has no file of envelope ${evidence_id}`)
  if (createHash('sha256').update(bytes).digest('hex') !== sha256)
    throw new BackupError(`envelope ${evidence_id} is not what was sealed: nothing was restored`)
}

/** Or a second name of one: the log of a step that was taken over is that of the run before it. */
function isFile(entry: object): boolean {
  if (!('type' in entry)) return false
  if (entry.type === 'Link')
    return 'linkpath' in entry && typeof entry.linkpath === 'string' && KEPT.test(entry.linkpath)
  return entry.type === 'File' || entry.type === 'OldFile'
}

/** Their digests are in facts and envelopes, so that a reader finds out too. That one is gone keeps the rest from nobody. */
async function differencesIn(store: Storage, folder: string): Promise<string[]> {
  const differing: string[] = []
  const artifacts = new Set<string>()
  for await (const run_id of runsOf(store))
    for (const { fact } of await store.runs.facts(run_id)) {
      if (fact.type !== 'step_finished') continue
      const { step_id, attempt, log, cells_part } = fact.entry
      if (
        (await digestOfFile(logFile(join(folder, 'logs'), run_id, step_id, attempt))) !== log.sha256
      )
        differing.push(`the log of ${step_id}, attempt ${attempt}, of ${run_id}`)
      const kept = fact.entry.artifacts.map(({ path, sha256 }) => ({
        what: `the artifact ${path}`,
        sha256,
      }))
      if (cells_part !== undefined) kept.push({ what: 'the cells', sha256: cells_part.sha256 })
      for (const { what, sha256 } of kept) {
        if (artifacts.has(sha256)) continue
        artifacts.add(sha256)
        if ((await digestOfFile(join(folder, 'artifacts', sha256))) !== sha256)
          differing.push(`${what} of ${step_id} of ${run_id}`)
      }
    }
  return differing
}

async function* runsOf({ runs }: Storage): AsyncGenerator<string> {
  let cursor: string | null = null
  do {
    const page: Page<RunSummary> = await runs.list(
      { status: null, definition: null, q: null },
      { cursor, limit: 200 },
    )
    for (const { run_id } of page.items) yield run_id
    cursor = page.next_cursor
  } while (cursor !== null)
}

/** Of one that is not there: as of an empty one, which is what a log without a file is. */
async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  if (existsSync(file))
    for await (const chunk of createReadStream(file)) if (Buffer.isBuffer(chunk)) hash.update(chunk)
  return hash.digest('hex')
}

function actOf(act: 'backed_up' | 'restored', file: string, { actor, at }: Who): Act {
  return { at, actor, act, about: null, detail: basename(file), authority: null }
}

async function contentsOf(store: Storage) {
  const envelopes: EnvelopeSummary[] = []
  let cursor: string | null = null
  do {
    const page: Page<EnvelopeSummary> = await store.seals.list({ cursor, limit: 200 })
    envelopes.push(...page.items)
    cursor = page.next_cursor
  } while (cursor !== null)
  const runs = new Set<string>()
  for await (const run_id of runsOf(store)) runs.add(run_id)
  return { runs, unfinished: new Set(await store.runs.unfinished()), envelopes }
}

async function using<T>(store: Storage, act: (store: Storage) => Promise<T>): Promise<T> {
  try {
    return await act(store)
  } finally {
    await store.close()
  }
}

const envelopeFile = (evidence_id: string) => `envelopes/${evidence_id}.json`

/** Regular files below, named from `folder`. */
async function filesIn(folder: string, below: string): Promise<string[]> {
  const options = { recursive: true, withFileTypes: true } as const
  const found = await readdir(join(folder, below), options).catch(ignoreMissing)
  return found
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
}

function ignoreMissing(error: unknown): never[] {
  if (codeOf(error) === 'ENOENT') return []
  throw error
}

/** A folder with what others have put there stays. */
function ignoreFilled(error: unknown): void {
  if (!['ENOTEMPTY', 'ENOENT'].includes(codeOf(error))) throw error
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
