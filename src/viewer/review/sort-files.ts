import { type FileAt, type Given, type Unread, whyUnread } from '#viewer/parts/dropped-files.ts'
import type { ReadTrust } from '#evidence/trust-file.ts'
import { isTrustFile, readTrustOf } from './read-trust-file.ts'

/** What was given, by what each file is: nothing is lost on the way, and one that cannot be read takes no other along. */
export type Sorted = {
  envelopes: FileAt[]
  trust: { path: string; read: ReadTrust }[]
  /** Logs, artifacts, and whatever else lies beside an envelope. */
  beside: FileAt[]
  /** The verifier of an export: a program, and no part of the record. */
  programs: FileAt[]
  unread: Unread[]
}

/** `hasEnvelope`: there is one already that these files are beside. */
export async function sortFiles({ files, unread }: Given, hasEnvelope = false): Promise<Sorted> {
  const sorted = await sortedBy(kindOf, files)
  const all = { ...sorted, unread: [...unread, ...sorted.unread] }
  if (hasEnvelope || sorted.envelopes.length > 0) return all
  // Beside no envelope nothing is a part of one: a folder may be called what its owner likes.
  const again = await sortedBy(
    async ({ file }) => ((await isMeantAsEnvelope(file)) ? 'envelopes' : 'beside'),
    sorted.beside,
  )
  return {
    envelopes: again.envelopes,
    trust: all.trust,
    beside: again.beside,
    programs: all.programs,
    unread: [...all.unread, ...again.unread],
  }
}

type Kind = 'trust' | 'envelopes' | 'beside' | 'programs'

async function sortedBy(
  kindOf: (one: FileAt) => Promise<Kind>,
  files: readonly FileAt[],
): Promise<Sorted> {
  const sorted: Sorted = { envelopes: [], trust: [], beside: [], programs: [], unread: [] }
  for (const one of files) {
    const { path, file } = one
    try {
      const kind = await kindOf(one)
      if (kind === 'trust') sorted.trust.push({ path, read: await readTrustOf(file) })
      else sorted[kind].push(one)
    } catch (error) {
      sorted.unread.push({ path, why: whyUnread(error) })
    }
  }
  return sorted
}

/** Where an export puts what has a digest on record: what such a file itself says it is counts for nothing. */
export const isPart = ({ path, file }: FileAt): boolean =>
  /(^|\/)(logs|artifacts)\/[^/]+$/.test(path) || DIGEST.test(file.name)

async function kindOf(one: FileAt): Promise<Kind> {
  const { file } = one
  // A byte of it tells whether it can be read at all.
  await file.slice(0, 1).arrayBuffer()
  // By its digest only: what a reader put among logs under a name of their own is still theirs.
  if (!DIGEST.test(file.name) && (await isTrustFile(file))) return 'trust'
  if (isPart(one)) return 'beside'
  if (await isMeantAsEnvelope(file)) return 'envelopes'
  return file.name === 'verifier.html' ? 'programs' : 'beside'
}

const DIGEST = /^[0-9a-f]{64}$/
const LOOK_BYTES = 64 * 1024

/** By its own word, at its beginning or its end, so that a damaged one is judged as what it is. */
async function isMeantAsEnvelope(file: File): Promise<boolean> {
  const head = await file.slice(0, LOOK_BYTES).text()
  if (!/^\s*\{/.test(head)) return false
  if (/^\s*\{\s*"closing"/.test(head) || head.includes(SCHEMA)) return true
  return (await file.slice(-LOOK_BYTES).text()).includes(SCHEMA)
}

const SCHEMA = '"runseal/evidence-envelope/'
