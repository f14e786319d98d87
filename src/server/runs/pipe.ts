import { once } from 'node:events'
import { closeSync, fchownSync, fstatSync } from 'node:fs'
import { dlopen } from 'node:ffi'
import { Socket } from 'node:net'
import { O_CLOEXEC } from './inherited.ts'

/**
 * Never another step's: whoever has any descriptor of a pipe, also one that neither reads nor writes and so holds it for
 * nobody to see, can open it again at will.
 */
export type OpenPipe = {
  read: Socket
  write: number
  /** By which the system tells of whoever holds it, until the next start of the machine. */
  inode: number
}

/**
 * Node gives a child sockets for pipes, and a program that opens /dev/stderr, as many scripts do, cannot open a socket.
 * `owner` is who may do so; null: this user.
 */
export function openPipe(owner: { uid: number; gid: number } | null): OpenPipe {
  if (pipe2(ends, O_CLOEXEC) !== 0) throw new Error('its pipes cannot be made')
  const [read = 0, write = 0] = ends
  if (owner !== null) fchownSync(write, owner.uid, owner.gid)
  return {
    read: new Socket({ fd: read, readable: true, writable: false }),
    write,
    inode: fstatSync(write).ino,
  }
}

/**
 * Resolves when all who wrote to it are gone, or it was destroyed, and all that came was taken: one after another, so
 * that whoever writes waits for whoever takes.
 */
export async function eachChunk(
  read: Socket,
  take: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  let taken = Promise.resolve()
  read.on('data', (bytes: Buffer) => {
    read.pause()
    taken = take(bytes).then(() => void read.resume())
    taken.catch((error: Error) => read.destroy(error))
  })
  await once(read, 'close')
  await taken
}

/** Nothing was given it. */
export function closePipe({ read, write }: OpenPipe): void {
  read.destroy()
  closeSync(write)
}

const { pipe2 } = dlopen(null, {
  pipe2: { return: 'i32', arguments: ['buffer', 'i32'] },
}).functions
const ends = new Int32Array(2)
