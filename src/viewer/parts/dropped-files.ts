import { isLeftover } from '#evidence/attached.ts'
import { MOST_BESIDE } from '#evidence/beside.ts'

/**
 * A file with where it lay in what was given: `run/logs/4742…` of a folder, else its name. `page`: of one that an export in
 * one page carried, that page.
 */
export type FileAt = { readonly path: string; readonly file: File; readonly page?: PageAt }
/** Two may have one name, as every `run.html`, and each is another one by its number. */
export type PageAt = { readonly name: string; readonly number: number }

/**
 * What was given and is not had or not looked at, and why, in a sentence without its stop. `is`: the program of an export,
 * which is no part of any record; a log or an artifact, which is compared elsewhere; or said of what just went on, until
 * something is given next.
 */
export type Unread = {
  readonly path: string
  readonly why: string
  readonly is?: 'program' | 'part' | 'passing'
}

/** All that came of one drop, or of one choice. */
export type Given = { readonly files: readonly FileAt[]; readonly unread: readonly Unread[] }

/** What was given, before it is looked through: a folder may have a great many files. */
export type Giving = (look: Look) => Promise<Given>

/** How far it is, and whether the reader has had enough: what it is asked for is given up then, with its reason. */
export type Look = {
  readonly signal: AbortSignal
  readonly onProgress: (looked: Looked) => void
}

/** `of`: as many as are found by now. */
export type Looked =
  | { readonly doing: 'finding'; readonly found: number }
  | { readonly doing: 'opening' | 'looking'; readonly done: number; readonly of: number }

/** A browser answers for many files at a time much sooner than for one after another. */
export const AT_A_TIME = 64

/** The largest export, and what may lie beside it, is read; a whole disk is not. */
const MOST_FILES = MOST_BESIDE + 1000
const MAX_DEPTH = 16

declare global {
  interface DataTransferItem {
    // Not in every browser.
    getAsFileSystemHandle?(): Promise<FileSystemHandle | null>
  }
}

/** What was chosen by a button: of a folder every file in it, those nearest to its top first. */
export function chosenFiles(all: readonly File[], most = MOST_FILES): Giving {
  const files = all
    .filter(({ webkitRelativePath }) => !isLeftover(webkitRelativePath))
    .map((file) => ({ path: file.webkitRelativePath || file.name, file }))
    .toSorted((a, b) => depthOf(a) - depthOf(b))
  return async () => ({
    files: files.slice(0, most),
    unread: files.length > most ? [tooMany(most)] : [],
  })
}

const depthOf = ({ path }: FileAt): number => path.split('/').length

/** Files and folders that were dropped. To be called while the drop is told: afterwards a browser has forgotten it. */
export function droppedFiles({ items, files }: DataTransfer, most = MOST_FILES): Giving {
  const tops = [...items].flatMap(nodeOf)
  const nodes = tops.length > 0 ? tops : [...files].map(nodeOfFile)
  return async (look) => await walked(nodes, most, look)
}

/** What stands in a folder, however a browser hands it out. */
type FileNode = { is: 'file'; path: string; read: () => Promise<File> }
type FolderNode = { is: 'folder'; path: string; list: () => AsyncIterable<Node> }
type Node = FileNode | FolderNode
type Found = { files: FileAt[]; unread: Unread[] }

const tooMany = (most: number): Unread => ({
  path: 'The rest',
  why: `Not read: these are more than ${most.toLocaleString('en')} files`,
})

/**
 * Files of a folder before what is in its folders, so that an envelope is not what is left out for the many artifacts
 * that lie below it.
 */
async function walked(tops: readonly Node[], most: number, look: Look): Promise<Given> {
  const found: Found = { files: [], unread: [] }
  let level = tops
  for (let depth = 0; level.length > 0; depth += 1) {
    const files = level.filter((node) => node.is === 'file')
    const folders = level.filter((node) => node.is === 'folder')
    await openAll(files, found, look)
    if (depth > MAX_DEPTH) {
      const why = 'Not read: it lies too deep in its folder'
      // One by one: they may be more than a call takes arguments.
      for (const { path } of folders) found.unread.push({ path, why })
      break
    }
    const inner = await listAll(folders, most - found.files.length, found, look)
    if (inner.isCut) found.unread.push(tooMany(most))
    level = inner.nodes.toSorted(byPath)
  }
  return found
}

async function openAll(
  files: readonly FileNode[],
  found: Found,
  { signal, onProgress }: Look,
): Promise<void> {
  const [before, of] = [found.files.length, found.files.length + files.length]
  for (let from = 0; from < files.length; from += AT_A_TIME) {
    signal.throwIfAborted()
    onProgress({ doing: 'opening', done: before + from, of })
    const some = files.slice(from, from + AT_A_TIME)
    const read = await Promise.allSettled(some.map((one) => one.read()))
    for (const [index, { path }] of some.entries()) {
      const one = read[index]
      if (one?.status === 'fulfilled') found.files.push({ path, file: one.value })
      // It went away, or the browser may not read it: the others are none the worse for it.
      if (one?.status === 'rejected') found.unread.push({ path, why: whyUnread(one.reason) })
    }
  }
}

async function listAll(
  folders: readonly FolderNode[],
  most: number,
  found: Found,
  { signal, onProgress }: Look,
): Promise<{ nodes: Node[]; isCut: boolean }> {
  const nodes: Node[] = []
  for (const { path, list } of folders)
    try {
      for await (const node of list()) {
        if (node.is === 'file' && isLeftover(node.path)) continue
        if (nodes.length >= most) return { nodes, isCut: true }
        if (nodes.length % AT_A_TIME === 0) {
          signal.throwIfAborted()
          onProgress({ doing: 'finding', found: found.files.length + nodes.length })
        }
        nodes.push(node)
      }
    } catch (error) {
      signal.throwIfAborted()
      found.unread.push({ path, why: whyUnread(error) })
    }
  return { nodes, isCut: false }
}

/** Why the browser gives no bytes of a file. */
export function whyUnread(error: unknown): string {
  if (!(error instanceof DOMException)) throw error
  return WHY[error.name] ?? `It cannot be read: ${error.message}`
}

const WHY: Readonly<Record<string, string>> = {
  NotReadableError:
    'It cannot be read: it was changed or moved since it was given, or is not yours to read',
  NotFoundError: 'It is not there any more',
  NotAllowedError: 'It may not be read by this page',
}

const nodeOfFile = (file: File): Node => ({
  is: 'file',
  path: file.name,
  read: async () => file,
})

function nodeOf(item: DataTransferItem): Node[] {
  if (item.kind !== 'file') return []
  const entry = item.webkitGetAsEntry()
  if (entry?.isDirectory !== true) {
    const file = item.getAsFile()
    return file === null ? [] : [nodeOfFile(file)]
  }
  // Chromium opens no entry for a page that is a file itself; its handles it does.
  const asked = item.getAsFileSystemHandle?.()
  if (asked === undefined) return nodeOfEntry(entry, entry.name)
  // A refusal waits for its turn too.
  const answered = Promise.allSettled([asked])
  return [
    {
      is: 'folder',
      path: entry.name,
      list: async function* () {
        const [answer] = await answered
        if (answer.status === 'rejected') throw answer.reason
        const held = answer.value
        if (held instanceof FileSystemDirectoryHandle) yield* listed(held, entry.name)
      },
    },
  ]
}

async function* listed(folder: FileSystemDirectoryHandle, path: string): AsyncGenerator<Node> {
  for await (const inner of folder.values()) {
    const at = `${path}/${inner.name}`
    if (inner instanceof FileSystemFileHandle)
      yield { is: 'file', path: at, read: () => inner.getFile() }
    else if (inner instanceof FileSystemDirectoryHandle)
      yield { is: 'folder', path: at, list: () => listed(inner, at) }
  }
}

function nodeOfEntry(entry: FileSystemEntry, path: string): Node[] {
  if (entry instanceof FileSystemFileEntry)
    return [
      {
        is: 'file',
        path,
        read: () => new Promise((resolve, reject) => entry.file(resolve, reject)),
      },
    ]
  if (!(entry instanceof FileSystemDirectoryEntry)) return []
  return [{ is: 'folder', path, list: () => readAll(entry, path) }]
}

async function* readAll(folder: FileSystemDirectoryEntry, path: string): AsyncGenerator<Node> {
  const reader = folder.createReader()
  for (;;) {
    // Some at a time, and none when there are no more.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (some.length === 0) return
    for (const inner of some) yield* nodeOfEntry(inner, `${path}/${inner.name}`)
  }
}

const byPath = (a: Node, b: Node): number => (a.path < b.path ? -1 : 1)
