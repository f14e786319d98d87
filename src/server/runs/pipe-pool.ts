import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chownSync, closeSync, constants, linkSync, openSync, rmSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Pipes that nobody has, in a folder on the disk of their names. */
export type PipePool = {
  /** Both ends of one. The system tells of whoever holds one that it was opened by this name, which is gone by then. */
  open(name: string, owner: Owner | null): Promise<OpenPipe>
}

/** Who may open it again, as /dev/stderr; null: this user. */
export type Owner = { uid: number; gid: number }

export type OpenPipe = {
  read: Socket
  write: number
  /** Nobody here uses it any more. `isAtEnd`: all who wrote to it are gone, and it may be the next step's. */
  letGo: (isAtEnd: boolean) => void
}

/**
 * Node gives a child sockets for pipes, and a program that opens /dev/stderr, as many scripts do, cannot open a socket.
 * These are named pipes, made many at one time, since Node cannot make them, and used again: to make and remove what
 * has a name takes some disks longer than a short step. What a former runner left goes with the folder.
 */
export function createPipePool(folder: string): PipePool {
  const spare: Spare[] = []
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
    spare.push(...made.map((file) => ({ file, uid: null })))
  }

  async function take(): Promise<Spare> {
    for (;;) {
      const one = spare.pop()
      if (one !== undefined) return one
      making ??= make().finally(() => {
        making = null
      })
      await making
    }
  }

  return {
    async open(name, owner) {
      const { file, uid } = await take()
      if (owner !== null && uid !== owner.uid) chownSync(file, owner.uid, owner.gid)
      linkSync(file, name)
      try {
        // In this order neither opening waits for the other.
        const fd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
        const write = openSync(name, constants.O_WRONLY)
        return {
          read: new Socket({ fd, readable: true, writable: false }),
          write,
          letGo: (isAtEnd) => {
            if (isAtEnd && !hasReader(file)) spare.push({ file, uid: owner?.uid ?? uid })
            else rmSync(file, { force: true })
          },
        }
      } finally {
        rmSync(name, { force: true })
      }
    },
  }
}

type Spare = { file: string; uid: number | null }

const AT_ONCE = 16

// A step's process that outlived it somehow must not read what the next one says.
function hasReader(file: string): boolean {
  try {
    closeSync(openSync(file, constants.O_WRONLY | constants.O_NONBLOCK))
    return true
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENXIO') return false
    throw cause
  }
}
