import { createHash, randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readlink, realpath, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Artifact } from '#contract/envelope.ts'
import { makeFolder, flush } from '#server/seal/durable-file.ts'

/** Why a declared artifact was not kept; the attempt fails with it. */
export class ArtifactError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ArtifactError'
  }
}

/**
 * Keeps the file at `path`, which is from `root` (a real path), in the folder `artifacts` under its digest. Only a
 * regular file is kept, and no link is followed on the way to it: a step must not be able to publish what lies
 * outside of the root. What is digested is the copy, so that a later change of the file changes nothing.
 */
export async function keepArtifact(
  root: string,
  path: string,
  artifacts: string,
): Promise<Artifact> {
  const source = await openInside(root, path)
  const part = join(artifacts, `.part-${randomUUID()}`)
  try {
    await makeFolder(artifacts)
    const { sha256, bytes } = await copy(source, part)
    await rename(part, join(artifacts, sha256))
    await flush(artifacts)
    return { path, sha256, bytes }
  } finally {
    await source.close()
    await rm(part, { force: true })
  }
}

async function openInside(root: string, path: string): Promise<FileHandle> {
  const file = join(root, path)
  const folder = await realpath(dirname(file)).catch(() => null)
  if (folder === null) throw new ArtifactError(`artifact missing: ${path}`)
  if (folder !== dirname(file)) throw new ArtifactError(`artifact is behind a link: ${path}`)
  // Without O_NONBLOCK, opening a FIFO would wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const handle = await open(file, flags).catch((cause: unknown) => {
    throw new ArtifactError(`${refusalOf(cause)}: ${path}`)
  })
  try {
    if (!(await handle.stat()).isFile())
      throw new ArtifactError(`artifact is no regular file: ${path}`)
    // A folder on the way may have become a link between the check and the opening.
    if ((await readlink(`/proc/self/fd/${handle.fd}`)) !== file)
      throw new ArtifactError(`artifact is behind a link: ${path}`)
    return handle
  } catch (cause) {
    await handle.close()
    throw cause
  }
}

function refusalOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  if (code === 'ENOENT') return 'artifact missing'
  if (code === 'ELOOP') return 'artifact is a link'
  return `artifact cannot be read (${code})`
}

async function copy(source: FileHandle, part: string): Promise<{ sha256: string; bytes: number }> {
  const target = await open(part, 'wx', 0o600)
  try {
    const digest = createHash('sha256')
    let bytes = 0
    for await (const chunk of source.createReadStream({ autoClose: false })) {
      if (!Buffer.isBuffer(chunk)) continue
      digest.update(chunk)
      bytes += chunk.length
      await target.writeFile(chunk)
    }
    await target.sync()
    return { sha256: digest.digest('hex'), bytes }
  } finally {
    await target.close()
  }
}
