import { execFile } from 'node:child_process'
import { chownSync, constants, openSync, rmSync } from 'node:fs'
import { dlopen } from 'node:ffi'
import { Socket } from 'node:net'
import { promisify } from 'node:util'

/** Who may open it again, as /dev/stderr; null: this user. */
export type Owner = { uid: number; gid: number }

export type OpenPipe = { read: Socket; write: number }

/**
 * Both ends of a new pipe. The system tells of whoever holds one that it was opened by this name, which is gone by then.
 * Node gives a child sockets for pipes, and a program that opens /dev/stderr, as many scripts do, cannot open a socket.
 * It is never another step's: whoever has any descriptor of a pipe, also one that neither reads nor writes and so holds
 * it for nobody to see, can open it again at will.
 */
export async function openPipe(name: string, owner: Owner | null): Promise<OpenPipe> {
  // It says nothing of why it failed; the command does.
  if (libc.mkfifo(name, 0o600) !== 0) await makeByCommand(name)
  try {
    if (owner !== null) chownSync(name, owner.uid, owner.gid)
    // In this order neither opening waits for the other.
    const fd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
    const write = openSync(name, constants.O_WRONLY)
    return { read: new Socket({ fd, readable: true, writable: false }), write }
  } finally {
    rmSync(name, { force: true })
  }
}

const libc = dlopen(null, { mkfifo: { return: 'i32', arguments: ['string', 'i32'] } }).functions

async function makeByCommand(name: string): Promise<void> {
  await promisify(execFile)('mkfifo', ['-m', '600', name]).catch((cause: unknown) => {
    // It says the path and then the system's words, which are all that is for everybody.
    const words = /([^:\n]*)\s*$/.exec(cause instanceof Error ? cause.message : '')?.[1]?.trim()
    throw new Error(`its pipes cannot be made: ${words}`, { cause })
  })
}
