/** A file with where it lay in what was given: `run/logs/4742…` of a folder, else its name. */
export type FileAt = { readonly path: string; readonly file: File }

/** What was given and is not had or not looked at, and why, in a sentence without its stop. */
export type Unread = { readonly path: string; readonly why: string }

/** All that came of one drop, or of one choice. */
export type Given = { readonly files: readonly FileAt[]; readonly unread: readonly Unread[] }

/** An export of ten thousand logs is read; a whole disk is not. */
const MAX_FILES = 20_000
const MAX_DEPTH = 16

declare global {
  interface DataTransferItem {
    // Not in every browser.
    getAsFileSystemHandle?(): Promise<FileSystemHandle | null>
  }
}

/** What was chosen by a button: of a folder every file in it. */
export function chosenFiles(all: readonly File[]): Given {
  return {
    files: all
      .slice(0, MAX_FILES)
      .map((file) => ({ path: file.webkitRelativePath || file.name, file })),
    unread: all.length > MAX_FILES ? [TOO_MANY] : [],
  }
}

/** Files and folders that were dropped. To be called while the drop is told: afterwards a browser has forgotten it. */
export async function droppedFiles({ items, files }: DataTransfer): Promise<Given> {
  const tops = [...items].flatMap(nodeOf)
  const found: Found = { files: [], unread: [] }
  for (const node of tops.length > 0 ? tops : [...files].map(nodeOfFile)) await take(node, 0, found)
  return found
}

/** What stands in a folder, however a browser hands it out. */
type Node =
  | { is: 'file'; path: string; read: () => Promise<File> }
  | { is: 'folder'; path: string; list: () => Promise<Node[]> }
type Found = { files: FileAt[]; unread: Unread[] }

const TOO_MANY = {
  path: 'The rest',
  why: `Not read: these are more than ${MAX_FILES.toLocaleString('en')} files`,
} as const

async function take(node: Node, depth: number, found: Found): Promise<void> {
  if (found.files.length >= MAX_FILES) {
    if (!found.unread.includes(TOO_MANY)) found.unread.push(TOO_MANY)
    return
  }
  const { path } = node
  if (depth > MAX_DEPTH) {
    found.unread.push({ path, why: 'Not read: it lies too deep in its folder' })
    return
  }
  try {
    if (node.is === 'file') found.files.push({ path, file: await node.read() })
    else for (const inner of await node.list()) await take(inner, depth + 1, found)
  } catch (error) {
    // It went away, or the browser may not read it: the others are none the worse for it.
    found.unread.push({ path, why: whyUnread(error) })
  }
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
      list: async () => {
        const [answer] = await answered
        if (answer.status === 'rejected') throw answer.reason
        const held = answer.value
        return held instanceof FileSystemDirectoryHandle ? await listed(held, entry.name) : []
      },
    },
  ]
}

async function listed(folder: FileSystemDirectoryHandle, path: string): Promise<Node[]> {
  const nodes: Node[] = []
  for await (const inner of folder.values()) {
    const at = `${path}/${inner.name}`
    if (inner instanceof FileSystemFileHandle)
      nodes.push({ is: 'file', path: at, read: () => inner.getFile() })
    else if (inner instanceof FileSystemDirectoryHandle)
      nodes.push({ is: 'folder', path: at, list: () => listed(inner, at) })
  }
  return nodes.toSorted(byPath)
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

async function readAll(folder: FileSystemDirectoryEntry, path: string): Promise<Node[]> {
  const reader = folder.createReader()
  const nodes: Node[] = []
  for (;;) {
    // Some at a time, and none when there are no more.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (some.length === 0) return nodes.toSorted(byPath)
    nodes.push(...some.flatMap((inner) => nodeOfEntry(inner, `${path}/${inner.name}`)))
    if (nodes.length > MAX_FILES) return nodes
  }
}

const byPath = (a: Node, b: Node): number => (a.path < b.path ? -1 : 1)
