import type { EnvelopeSummary } from '#contract/api.ts'
import { type ClaimName, fails } from '#evidence/claims.ts'
import { type HeldEnvelope, heldName } from '#evidence/place.ts'
import { newestOf } from '#viewer/trust-store.ts'
import type { Verdict } from '#viewer/verifier.ts'

/* What a server says now that is not as this browser has verified it before, told without a walk. */

/** What in the server’s own list is not as this browser has verified it before; null where nothing shows. */
export function listUnlike(
  items: readonly Pick<EnvelopeSummary, 'evidence_id' | 'head' | 'seal_seq'>[],
  seen: readonly HeldEnvelope[],
  isWhole: boolean,
): string | null {
  const numbers = items.map(({ seal_seq }) => seal_seq)
  const newest = numbers.reduce((a, b) => Math.max(a, b), 0)
  // A list comes newest first and page by page: what is further down is not gone.
  const from = isWhole || items.length === 0 ? 0 : numbers.reduce((a, b) => Math.min(a, b))
  const byId = new Map(items.map((item) => [item.evidence_id, item]))
  const byNumber = new Map(items.map((item) => [item.seal_seq, item]))
  const isThere = ({ evidence_id, head, seal_seq }: HeldEnvelope) => {
    const there = byId.get(evidence_id) ?? byNumber.get(seal_seq)
    return there === undefined
      ? seal_seq <= from
      : heldName(there) === heldName({ evidence_id, head }) && there.seal_seq === seal_seq
  }
  // The newest says most, and is told of.
  const changed = newestOf(seen.filter((one) => !isThere(one)))
  if (changed === null) return null
  const { evidence_id, seal_seq } = changed
  if (items.length === 0)
    return `This browser has seen a record number ${seal_seq} here, and now there is none.`
  const elsewhere = byId.get(evidence_id)
  if (elsewhere !== undefined && elsewhere.seal_seq !== seal_seq)
    return `This browser has seen a record as number ${seal_seq} here, and the list gives it number ${elsewhere.seal_seq} now.`
  if (newest < seal_seq)
    return `This browser has seen a record number ${seal_seq} here, and now the newest is number ${newest}.`
  return elsewhere !== undefined || byNumber.has(seal_seq)
    ? `Number ${seal_seq} is another record than this browser has seen here.`
    : `This browser has seen a record number ${seal_seq} here, and it is not in the list now.`
}

/** The same of one record that was asked for by its id; null where the server does not have it. */
export function recordUnlike(
  evidence_id: string,
  verdict: Pick<Verdict, 'claims' | 'summary'> | null,
  seen: readonly HeldEnvelope[],
): string | null {
  const before = seen.filter((one) => one.evidence_id === evidence_id)
  const newest = newestOf(before)
  if (newest !== null && !isAsSeen(verdict, before)) {
    const now =
      verdict === null
        ? 'the server does not have it now'
        : verdict.summary === null
          ? 'what the server has under this id now does not verify'
          : 'it is another record now'
    return `This browser has verified ${evidence_id} here as number ${newest.seal_seq}, and ${now}.`
  }
  const other = verdict?.claims.find((claim) => claim.claim === 'previous' && fails(claim))
  return other === undefined ? null : `${evidence_id}: ${other.message}`
}

/** What fails for another reason, such as what the reader requires by now, may be the very record that was seen. */
function isAsSeen(
  verdict: Pick<Verdict, 'claims' | 'summary'> | null,
  before: readonly HeldEnvelope[],
): boolean {
  if (verdict === null) return false
  const { claims, summary } = verdict
  return summary === null
    ? !claims.some((claim) => fails(claim) && ALTERED.has(claim.claim))
    : before.some(({ head }) => head === summary.head)
}

const ALTERED: ReadonlySet<ClaimName> = new Set([
  'bytes',
  'canonical',
  'schema',
  'coverage',
  'chain',
  'content',
])
