import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * The file is there with all of its bytes, on stable storage and readable by its owner alone, or it is as it was
 * before. What a crash leaves behind is a `.tmp` beside it, which the next try overwrites.
 */
export async function writeDurably(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = `${path}.tmp`
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  await flush(dirname(path))
}

/** What a file holds, or the names in a folder, is on stable storage. A name, new or moved, is only when its folder is. */
export async function flush(path: string): Promise<void> {
  const opened = await open(path)
  try {
    await opened.sync()
  } finally {
    await opened.close()
  }
}

/** The folder and those above it, for their owner alone, are there and on stable storage. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = path; ; made = dirname(made)) {
    await flush(dirname(made))
    if (made === first) return
  }
}
