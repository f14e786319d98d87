import { constants, type PathLike } from 'node:fs'
import { lstat, open, type FileHandle } from 'node:fs/promises'

/**
 * Opens for reading what is a file and nothing else, in a folder that somebody else has written: a FIFO would be waited
 * for without end, a device never ends, and a link leads to what is not theirs. Throws an Error in words, or as `open`.
 */
export async function openRegular(path: PathLike): Promise<FileHandle> {
  await sizeOfRegular(path)
  // It may be another one by now.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw notRegular(path)
}

/** In bytes, and now. Throws as `openRegular`. */
export async function sizeOfRegular(path: PathLike): Promise<number> {
  const found = await lstat(path)
  if (!found.isFile()) throw notRegular(path)
  return found.size
}

const notRegular = (path: PathLike) =>
  new Error(`${path.toString()} is no regular file, and is not opened`)
