import {
  AT_A_TIME,
  type FileAt,
  type Given,
  type Look,
  type Unread,
  whyUnread,
} from '#viewer/parts/dropped-files.ts'
import { LIMITS } from '#contract/envelope.ts'
import {
  type Block,
  carriedIn,
  DAMAGED,
  isPage,
  MOST_BEFORE_A_PAGE,
  piecesOfBlock,
  WITHOUT_ENVELOPE,
} from '#evidence/carried.ts'
import type { ReadTrust } from '#evidence/trust-file.ts'
import { isTrustFile, readTrustOf } from './read-trust-file.ts'

/** What was given, by what each file is: nothing is lost on the way, and one that cannot be read takes no other along. */
export type Sorted = {
  envelopes: FileAt[]
  trust: { path: string; read: ReadTrust }[]
  /** Logs, artifacts, and whatever else lies beside an envelope. */
  beside: FileAt[]
  /** The verifier of an export: a program, and no part of the record. */
  programs: FileAt[]
  unread: Unread[]
}

/** `hasEnvelope`: there is one already that these files are beside. */
export async function sortFiles(
  { files, unread }: Given,
  look: Look,
  hasEnvelope = false,
): Promise<Sorted> {
  const sorted = await sortedBy(kindOf, files, look)
  const all = { ...sorted, unread: [...unread, ...sorted.unread] }
  if (hasEnvelope || sorted.envelopes.length > 0) return all
  // Beside no envelope nothing is a part of one: a folder may be called what its owner likes.
  const again = await sortedBy(
    // What a page carries says itself what it is.
    async (one) => (one.page === undefined ? await kindByItself(one) : 'beside'),
    sorted.beside,
    look,
  )
  return {
    envelopes: again.envelopes,
    trust: [...all.trust, ...again.trust],
    beside: again.beside,
    programs: [...all.programs, ...again.programs],
    unread: [...all.unread, ...again.unread],
  }
}

type Kind = 'trust' | 'envelopes' | 'beside' | 'programs' | 'page'

async function sortedBy(
  kindOf: (one: FileAt) => Promise<Kind>,
  files: readonly FileAt[],
  { signal, onProgress }: Look,
): Promise<Sorted> {
  const sorted: Sorted = { envelopes: [], trust: [], beside: [], programs: [], unread: [] }
  const found = async (one: FileAt): Promise<() => unknown> => {
    const { path, file } = one
    try {
      const meant = await kindOf(one)
      const carried = meant === 'page' ? await carriedBy(one, signal) : null
      if (carried !== null)
        return () => {
          sorted.envelopes.push(...carried.envelopes)
          sorted.trust.push(...carried.trust)
          for (const part of carried.beside) sorted.beside.push(part)
          sorted.unread.push(...carried.unread)
        }
      const kind = meant === 'page' ? kindOfPage(one) : meant
      if (kind !== 'trust') return () => sorted[kind].push(one)
      const read = await readTrustOf(file)
      return () => sorted.trust.push({ path, read })
    } catch (error) {
      const why = whyUnread(error)
      return () => sorted.unread.push({ path, why })
    }
  }
  for (let from = 0; from < files.length; from += AT_A_TIME) {
    signal.throwIfAborted()
    onProgress({ doing: 'looking', done: from, of: files.length })
    // Where names alone decide, nothing is waited for, and nobody could stop it.
    if (from > 0 && from % MOST_AT_ONCE === 0) await drawn()
    for (const put of await Promise.all(files.slice(from, from + AT_A_TIME).map(found))) put()
  }
  return sorted
}

const MOST_AT_ONCE = 64 * AT_A_TIME
const drawn = () => new Promise<void>((resolve) => setTimeout(resolve))

/** Where an export puts what has a digest on record: what such a file itself says it is counts for nothing. */
export const isPart = ({ path, file }: FileAt): boolean =>
  /(^|\/)(logs|artifacts)\/[^/]+$/.test(path) || DIGEST.test(file.name)

/** Is it the envelope of an export: in one page, or of a folder? */
export const isExported = ({ path, page }: FileAt): boolean =>
  page !== undefined || path.includes('/')

async function kindOf(one: FileAt): Promise<Kind> {
  const { file } = one
  // Called by a digest it is looked for by that, and read then: of an export these are nearly all.
  if (DIGEST.test(file.name)) return 'beside'
  // A byte of it tells whether it can be read at all.
  await file.slice(0, 1).arrayBuffer()
  // What a reader put among logs under a name of their own is still theirs.
  if (await isTrustFile(file)) return 'trust'
  return isPart(one) ? 'beside' : await kindByItself(one)
}

async function kindByItself(one: FileAt): Promise<Kind> {
  const { file } = one
  if (await isMeantAsEnvelope(file)) return 'envelopes'
  if (file.size > LIMITS.bytes) return kindOfPage(one)
  const head = new Uint8Array(await file.slice(0, MOST_BEFORE_A_PAGE + 4).arrayBuffer())
  return isPage(head) ? 'page' : kindOfPage(one)
}

/** Of one that carries nothing. */
const kindOfPage = ({ file }: FileAt) => (file.name === 'verifier.html' ? 'programs' : 'beside')

/**
 * An export in one page is the files that it carries, as its folder would be: they are verified here, and not by the
 * program that came with them. Its keys are offered. null where it carries nothing.
 */
async function carriedBy({ path, file }: FileAt, signal: AbortSignal): Promise<Sorted | null> {
  const page = new Uint8Array(await file.arrayBuffer())
  const carried = carriedIn(page)
  if (carried === null) return null
  const found: Sorted = { envelopes: [], trust: [], beside: [], programs: [], unread: [] }
  if (!carried.ok) {
    found.unread.push({ path, why: carried.why })
    return found
  }
  let since = 0
  const breathe = async (bytes: number) => {
    since += bytes
    if (since < BYTES_A_BREATH) return
    since = 0
    await drawn()
    signal.throwIfAborted()
  }
  const { envelope, trust, attached } = carried
  const here = { name: path, number: ++pagesSoFar }
  for (const block of [envelope, ...(trust ? [trust] : []), ...attached]) {
    const at = `${path}/${block.name}`
    if (block !== envelope && block !== trust && found.envelopes.length === 0) {
      found.unread.push({ path: at, why: WITHOUT_ENVELOPE })
      continue
    }
    const inner = await fileOf(page, block, file.lastModified, breathe)
    if (inner === null) found.unread.push({ path: at, why: DAMAGED })
    else if (block === trust) found.trust.push({ path: at, read: await readTrustOf(inner) })
    else
      (block === envelope ? found.envelopes : found.beside).push({
        path: at,
        page: here,
        file: inner,
      })
  }
  return found
}

let pagesSoFar = 0

async function fileOf(
  page: Uint8Array,
  block: Block,
  lastModified: number,
  breathe: (bytes: number) => Promise<void>,
): Promise<File | null> {
  const pieces: Uint8Array<ArrayBuffer>[] = []
  for (const piece of piecesOfBlock(page, block)) {
    if (piece === null) return null
    pieces.push(piece)
    await breathe(piece.length + A_FILE)
  }
  return new File(pieces, block.name.slice(block.name.lastIndexOf('/') + 1), { lastModified })
}

const BYTES_A_BREATH = 2 ** 22
/** To make one costs as much as so many bytes of it. */
const A_FILE = 2 ** 14

const DIGEST = /^[0-9a-f]{64}$/
const LOOK_BYTES = 64 * 1024

/** By its own word, at its beginning or its end, so that a damaged one is judged as what it is. */
async function isMeantAsEnvelope(file: File): Promise<boolean> {
  const head = await file.slice(0, LOOK_BYTES).text()
  if (!/^\s*\{/.test(head)) return false
  if (/^\s*\{\s*"closing"/.test(head) || head.includes(SCHEMA)) return true
  return (await file.slice(-LOOK_BYTES).text()).includes(SCHEMA)
}

const SCHEMA = '"runseal/evidence-envelope/'
