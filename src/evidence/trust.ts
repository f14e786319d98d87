import {
  type ServerKey,
  type TrustedApprover,
  type TrustFile,
  TRUST_SOURCE,
  type TrustSource,
} from '#contract/trust.ts'
import { keysOf } from '#contract/status.ts'
import { decodeBase64, tryBase64, tryBase64Url } from './base64.ts'
import { isUsablePublicKey, keyIdOf } from './key.ts'
import { decodeSpki } from './spki.ts'

/** A trust file and where the reader has it from. `name`: what they call it, where that is known. */
export type Trusted = {
  readonly file: TrustFile
  readonly source: TrustSource
  readonly name?: string
}

/** A sealing key as one of the reader's files has it. `counts`: whether it does for an envelope of this `seal_seq`. */
export type TrustedKey = {
  readonly key: ServerKey
  readonly public_key: Uint8Array<ArrayBuffer>
  readonly source: TrustSource
  readonly counts: boolean
}

/**
 * The key of this id, from the best source that has it. Where two files of one source differ about whether it counts,
 * it does not, and where one still counts it, that it has ended is told: a revocation is not undone by an older copy.
 */
export function findKey(
  trust: readonly Trusted[],
  keyid: string,
  seal_seq: number,
): TrustedKey | null {
  for (const source of keysOf(TRUST_SOURCE)) {
    const found = trust
      .filter((trusted) => trusted.source === source)
      .flatMap(({ file }) => file.server_keys.filter(({ key_id }) => key_id === keyid))
      .map((key) => ({
        key,
        public_key: decodeBase64(key.public_key),
        source,
        counts: counts(key, seal_seq),
      }))
    const key =
      found.find((key) => !key.counts) ??
      found.find(({ key }) => key === endsFirst(found.map((one) => one.key))) ??
      found[0]
    if (key !== undefined) return key
  }
  return null
}

/** Whom the reader pinned, gathered once: a record may have as many decisions as a trust file has people. */
export type Approvers = {
  readonly byId: ReadonlyMap<string, readonly PinnedApprover[]>
  readonly byKey: ReadonlyMap<string, readonly PinnedApprover[]>
}

/** `of`: the file of the reader's that says so. */
export type PinnedApprover = TrustedApprover & { readonly of: string }

/** Nobody else's word makes an approver. */
export function approversIn(trust: readonly Trusted[]): Approvers {
  const all = trust
    .filter(({ source }) => source === 'pinned')
    .flatMap(({ file, name }, nth) => {
      const of = name ?? `trust file ${nth + 1}`
      return file.approvers.map((approver) => ({ ...approver, of }))
    })
  return {
    byId: Map.groupBy(all, ({ id }) => id),
    byKey: Map.groupBy(all, ({ public_key }) => public_key),
  }
}

/** Everything that the reader pinned under this id. */
export const pinnedApprovers = ({ byId }: Approvers, id: string): readonly PinnedApprover[] =>
  byId.get(id) ?? []

/** The same, and whatever else has one of those keys: two files may say two things of the holder of one. */
export function pinnedHolders(approvers: Approvers, id: string): PinnedApprover[] {
  const keys = new Set(pinnedApprovers(approvers, id).map(({ public_key }) => public_key))
  return [...keys].flatMap((key) => approvers.byKey.get(key) ?? [])
}

/**
 * Why a trust file is refused as a whole, or null. One key under two ids would let one holder pass for two; an id that
 * is not its key's would let another key be confirmed by the fingerprint of a good one.
 */
export function trustFault(file: TrustFile): string | null {
  const keys = new Map<string, string>()
  for (const { key_id, public_key } of file.server_keys) {
    const raw = tryBase64(public_key)
    if (raw === null || !isUsablePublicKey(raw)) return `${key_id} is no Ed25519 public key`
    if (keyIdOf(raw) !== key_id) return `${key_id} is not the id of its key`
    keys.set(key_id, key_id)
  }
  for (const { id, public_key, alg, credential_id } of file.approvers) {
    const key = decodeSpki(public_key)
    if (key?.alg !== alg) return `${id} has no ${alg} public key`
    if (tryBase64Url(credential_id) === null) return `${id} has no strict base64url as credential`
    // By the key itself, which the server's own may be too.
    const other = keys.get(keyIdOf(key.raw))
    if (other !== undefined) return `${id} has the public key of ${other}`
    keys.set(keyIdOf(key.raw), id)
  }
  const all = [
    ...file.server_keys.map(({ key_id, ...key }) => ({ id: key_id, ...key })),
    ...file.approvers,
  ]
  const until = all.find(
    ({ status, last_seal_seq }) => status === 'active' && last_seal_seq !== null,
  )
  // Whoever wrote that meant it to end, and by its status it would count for every number.
  if (until !== undefined)
    return `${until.id} is active and counts up to number ${until.last_seal_seq}: an active key has no last number`
  const again = firstRepeated(all.map(({ id }) => id))
  if (again !== undefined) return `${again} is there twice`
  const required = firstRepeated(file.required.map(({ name }) => name))
  if (required !== undefined) return `${required} is required twice`
  const twice = file.required.find(
    ({ gates }) => firstRepeated(gates.map(({ step_id }) => step_id)) !== undefined,
  )
  return twice === undefined ? null : `${twice.name} has one gate required twice`
}

function firstRepeated(names: readonly string[]): string | undefined {
  const met = new Set<string>()
  return names.find((name) => met.size === met.add(name).size)
}

/** The ids of the server keys that the reader pinned, in whichever file. */
export const sealingKeysIn = (trust: readonly Trusted[]): ReadonlySet<string> =>
  new Set(
    trust.flatMap(({ file, source }) =>
      source === 'pinned' ? file.server_keys.map(({ key_id }) => key_id) : [],
    ),
  )

/**
 * Has an approver of this pinned file the key of a server, maybe in another of them? Who seals would sign for who
 * approves. In one file it is refused by `trustFault`.
 */
export function isOfSealingKey(file: TrustFile, sealing: ReadonlySet<string>): boolean {
  return file.approvers.some(({ public_key }) => {
    const key = decodeSpki(public_key)
    return key !== null && sealing.has(keyIdOf(key.raw))
  })
}

/** Of what several files say of one key, the end that binds: the first, and a revocation before a retirement. */
function endsFirst<T extends Pick<ServerKey, 'status' | 'last_seal_seq'>>(
  keys: readonly T[],
): T | undefined {
  return keys
    .filter(({ status }) => status !== 'active')
    .toSorted(
      (a, b) =>
        (a.last_seal_seq ?? 0) - (b.last_seal_seq ?? 0) ||
        Number(b.status === 'revoked') - Number(a.status === 'revoked'),
    )[0]
}

/** What there is to say of a key that has ended and still counts; empty for one that has not. */
export function validityOf(
  keys: readonly Pick<ServerKey, 'status' | 'last_seal_seq'>[],
  seal_seq: number,
): string {
  const ended = endsFirst(keys)
  return ended === undefined
    ? ''
    : ` It is ${ended.status} and counts up to number ${ended.last_seal_seq}: that this is number ${seal_seq} is the word of whoever has the sealing key, also now.`
}

/** A retired or revoked key counts up to the last seal that its holder vouched for. */
export function counts(
  { status, last_seal_seq }: Pick<ServerKey, 'status' | 'last_seal_seq'>,
  seal_seq: number,
): boolean {
  return status === 'active' || (last_seal_seq !== null && seal_seq <= last_seal_seq)
}

/** What a key that has ended counts for. */
export const upTo = (last_seal_seq: number | null): string =>
  last_seal_seq === null ? 'none' : `up to number ${last_seal_seq}`
