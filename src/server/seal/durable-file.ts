import { open, rename } from 'node:fs/promises'
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
  // The name itself is on disk only when its folder is.
  const folder = await open(dirname(path))
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
