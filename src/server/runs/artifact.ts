import { createHash, randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readlink, realpath, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Artifact } from '#contract/envelope.ts'
import { faultWords } from '#server/disk-fault.ts'
import { makeFolder, flush } from '#server/seal/durable-file.ts'

/** Why a declared artifact was not kept; the attempt fails with it. */
export class ArtifactError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ArtifactError'
  }
}

/** What may be kept of a step: files of at most so many bytes, and only those of this user where steps run as one. */
export type Allowance = { bytes: number; owner: number | null }

/** Keeps what an attempt declares, or all before the first that cannot be kept, with the reason. */
export async function keepArtifacts(
  paths: readonly string[],
  root: string,
  keepIn: string,
  { bytes, owner }: Allowance,
): Promise<{ artifacts: Artifact[]; fault: string | null }> {
  const artifacts: Artifact[] = []
  let room = bytes
  for (const path of paths) {
    try {
      const artifact = await keepArtifact(root, path, keepIn, { bytes: room, owner })
      room -= artifact.bytes
      artifacts.push(artifact)
    } catch (cause) {
      const fault =
        cause instanceof ArtifactError
          ? cause.message
          : `artifact ${path} cannot be kept: ${faultWords(cause)}`
      return { artifacts, fault }
    }
  }
  return { artifacts, fault: null }
}

/**
 * Keeps the file at `path`, which is from `root` (a real path), in the folder `artifacts` under its digest. Only a
 * regular file is kept, and no link is followed on the way to it: a step must not be able to publish what lies
 * outside of the root. Nor what only the server may read: where steps have a user of their own, that user has to own
 * the file. What is digested is the copy, so that a later change of the file changes nothing.
 */
export async function keepArtifact(
  root: string,
  path: string,
  artifacts: string,
  allowance: Allowance,
): Promise<Artifact> {
  const source = await openInside(root, path, allowance)
  const part = join(artifacts, `.part-${randomUUID()}`)
  try {
    await makeFolder(artifacts)
    const { sha256, bytes } = await copy(source, part, (size) => refuseLarge(path, size, allowance))
    await rename(part, join(artifacts, sha256))
    await flush(artifacts)
    return { path, sha256, bytes }
  } finally {
    await source.close()
    await rm(part, { force: true })
  }
}

/** Opens a regular file that no link leads to, for reading; `what` it is to the person who reads why it cannot be. */
export async function openInside(
  root: string,
  path: string,
  allowance: Allowance,
  what = 'artifact',
): Promise<FileHandle> {
  const file = join(root, path)
  const folder = await realpath(dirname(file)).catch(() => null)
  if (folder === null) throw new ArtifactError(`${what} missing: ${path}`)
  if (folder !== dirname(file)) throw new ArtifactError(`${what} is behind a link: ${path}`)
  // Named, not opened: to open a device is to use it, and a FIFO would wait for a writer.
  const named = await open(file, O_PATH | constants.O_NOFOLLOW).catch((cause: unknown) => {
    throw new ArtifactError(`${what} ${refusalOf(cause)}: ${path}`)
  })
  try {
    const found = await named.stat()
    if (found.isSymbolicLink()) throw new ArtifactError(`${what} is a link: ${path}`)
    if (!found.isFile()) throw new ArtifactError(`${what} is no regular file: ${path}`)
    if (allowance.owner !== null && found.uid !== allowance.owner)
      throw new ArtifactError(`${what} is another user's: ${path}`)
    refuseLarge(path, found.size, allowance)
    const itself = `/proc/self/fd/${named.fd}`
    // A folder on the way may have become a link between the check and the opening.
    if ((await readlink(itself)) !== file)
      throw new ArtifactError(`${what} is behind a link: ${path}`)
    return await open(itself, constants.O_RDONLY).catch((cause: unknown) => {
      throw new ArtifactError(`${what} ${refusalOf(cause)}: ${path}`)
    })
  } finally {
    await named.close()
  }
}

/** Linux: a name of the file that can be asked about, and opened through /proc. Node has no word for it. */
const O_PATH = 0o10000000

function refuseLarge(path: string, size: number, { bytes }: Allowance): void {
  if (size > bytes) throw new ArtifactError(`artifact is larger than ${bytes} bytes: ${path}`)
}

function refusalOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  if (code === 'ENOENT') return 'missing'
  return `cannot be read (${code})`
}

async function copy(
  source: FileHandle,
  part: string,
  refuse: (bytes: number) => void,
): Promise<{ sha256: string; bytes: number }> {
  const target = await open(part, 'wx', 0o600)
  try {
    const digest = createHash('sha256')
    let bytes = 0
    for await (const chunk of source.createReadStream({ autoClose: false })) {
      if (!Buffer.isBuffer(chunk)) continue
      digest.update(chunk)
      bytes += chunk.length
      // It may grow while it is copied.
      refuse(bytes)
      await target.writeFile(chunk)
    }
    await target.sync()
    return { sha256: digest.digest('hex'), bytes }
  } finally {
    await target.close()
  }
}
