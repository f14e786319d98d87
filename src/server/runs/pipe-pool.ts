import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Names a pipe that nobody has, in a folder on the disk of the pool. What was there is replaced. */
export type PipePool = { take(name: string): Promise<void> }

/**
 * Named pipes, made many at one time: Node cannot make them, and to start a program for each step's would cost as much
 * as to start the step. What a former runner did not use goes with the folder.
 */
export function createPipePool(folder: string): PipePool {
  const spare: string[] = []
  let making: Promise<void> | null = null
  let isEmptied = false

  async function make(): Promise<void> {
    if (!isEmptied) await rm(folder, { recursive: true, force: true })
    isEmptied = true
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const made = Array.from({ length: AT_ONCE }, () => join(folder, randomUUID()))
    await promisify(execFile)('mkfifo', ['-m', '600', ...made]).catch((cause: unknown) => {
      // It says the path and then the system's words, which are all that is for everybody.
      const words = /([^:\n]*)\s*$/.exec(cause instanceof Error ? cause.message : '')?.[1]?.trim()
      throw new Error(`its pipes cannot be made: ${words}`, { cause })
    })
    spare.push(...made)
  }

  return {
    async take(name) {
      let one = spare.pop()
      while (one === undefined) {
        making ??= make().finally(() => {
          making = null
        })
        await making
        one = spare.pop()
      }
      await rename(one, name)
    },
  }
}

const AT_ONCE = 64
