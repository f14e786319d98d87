import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Beside } from '#evidence/beside.ts'
import {
  type Block,
  bytesOfBlock,
  type Carried,
  carriedIn,
  DAMAGED,
  isWhole,
} from '#evidence/carried.ts'
import { counted } from '#evidence/counted.ts'
import { CommandError } from './command.ts'
import { CANNOT_READ, readEvidence } from './evidence-file.ts'

/** A file of the reader's: an envelope, or a page of `export --html`, which is what it carries. */
export type GivenFile = {
  /** Read anew each time. CommandError where it cannot be had, or the page that it is carries none that can be read. */
  envelope: () => Promise<Uint8Array<ArrayBuffer>>
  /** Once its envelope was read; null where it is no page. */
  page: () => GivenPage | null
}

/** What came in a page, besides its envelope. Of the keys nothing is read: they are offered, and are used by nobody. */
export type GivenPage = { beside: readonly Beside[]; attached: number; isOffering: boolean }

export function givenFiles(names: readonly string[]): GivenFile[] {
  // Of all pages one is held: many of them do not fit in together, and each would be read anew for each block of it.
  let held: { name: string; bytes: Uint8Array<ArrayBuffer> } | null = null
  return names.map((name) => {
    const read = readAgain(name)
    const holding = async (): Promise<Uint8Array> => {
      if (held?.name !== name) held = { name, bytes: await read() }
      return held.bytes
    }
    let page: GivenPage | null = null
    return {
      envelope: async () => {
        const bytes = await read()
        const carried = carriedIn(bytes)
        if (carried === null) return bytes
        const { envelope, trust, attached } = exported(name, carried)
        page ??= {
          beside: attached.map((block) => ({
            // As a page has it that the file is dropped on: no claim is about the reader's folders.
            name: `${basename(name)}/${block.name}`,
            // Nobody knows how long a damaged one is: it is asked for, and is named as that.
            size: isWhole(bytes, block) ? block.size : 0,
            bytes: async () => taken(await holding(), block),
          })),
          attached: attached.length,
          isOffering: trust !== null,
        }
        const found = bytesOfBlock(bytes, envelope)
        if (found !== null) return found
        throw new CommandError(
          `the envelope in ${name}: ${DAMAGED}${leftAside(attached.length)}`,
          CANNOT_READ,
        )
      },
      page: () => page,
    }
  })
}

function exported(name: string, carried: Carried): Carried & { ok: true } {
  if (carried.ok) return carried
  throw new CommandError(
    `${name} is a page, and none that \`export --html\` wrote: ${carried.why}`,
    CANNOT_READ,
  )
}

const leftAside = (attached: number): string =>
  attached === 0
    ? ''
    : `; its ${counted(attached, 'log or artifact', 'logs and artifacts')} ${attached === 1 ? 'is' : 'are'} not looked at`

function taken(page: Uint8Array, block: Block): Uint8Array<ArrayBuffer> {
  const bytes = bytesOfBlock(page, block)
  if (bytes === null) throw new CommandError(DAMAGED, CANNOT_READ)
  return bytes
}

/** What is no file, as a pipe, is there once. */
function readAgain(file: string): () => Promise<Uint8Array<ArrayBuffer>> {
  let once: Uint8Array<ArrayBuffer> | null = null
  return async () => {
    const bytes = once ?? (await readEvidence(file))
    const found = await stat(file).catch(() => null)
    if (found?.isFile() !== true) once = bytes
    return bytes
  }
}
