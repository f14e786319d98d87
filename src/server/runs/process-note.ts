import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import { Count } from '#contract/scalar.ts'
import { bootId, identityOf, survivorIn, type ProcessIdentity } from './process-group.ts'

/** What a process that runs is found by, on disk from before it is spawned. */
export type ProcessNote = {
  /** In the same breath as the spawning: whoever dies now, the group can be found. */
  began(pid: number): void
  /** Its group is gone. The file stays where it is until the next note is made of it. */
  close(): void
}

const Note = z.object({ boot_id: z.string(), pipes: z.array(Count) })

/** Not flushed, since a crash that loses the file ends the process too. */
export function noteProcess(file: string, pipes: readonly number[]): ProcessNote {
  const fd = openNote(file)
  const say = (known: object) =>
    void writeSync(fd, JSON.stringify({ boot_id: bootId(), pipes, ...known }).padEnd(BYTES), 0)
  try {
    say({})
  } catch (cause) {
    closeSync(fd)
    throw cause
  }
  return {
    began: (pid) => say(identityOf(pid) ?? {}),
    close: () => void spares.push({ file, fd }),
  }
}

/** Made of the one before where there is one: a disk takes its time to make a file, and to remove it. */
function openNote(file: string): number {
  const spare = spares.pop()
  if (spare === undefined) return openSync(file, 'w', 0o600)
  try {
    renameSync(spare.file, file)
    return spare.fd
  } catch {
    // Somebody removed it.
    closeSync(spare.fd)
    return openSync(file, 'w', 0o600)
  }
}

const spares: { file: string; fd: number }[] = []
const BYTES = 256

process.on('exit', () => {
  for (const { file } of spares) rmSync(file, { force: true })
})

/** `survivor`: the first of its group, where anything of that is left; `pipes`: of this start of the machine. */
export async function notedIn(
  file: string,
): Promise<{ survivor: ProcessIdentity | null; pipes: readonly number[] }> {
  const read = parseJson(Note, await readFile(file, 'utf8').catch(() => ''))
  const isOfThisBoot = read.ok && read.value.boot_id === bootId()
  return { survivor: await survivorIn(file), pipes: isOfThisBoot ? read.value.pipes : [] }
}
