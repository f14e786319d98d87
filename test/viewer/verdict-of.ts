import type { TakenOver } from '#evidence/lineage.ts'
import { heldOf } from '#evidence/standing.ts'
import type { Trusted } from '#evidence/trust.ts'
import { verifyEnvelope, type VerifyOptions } from '#evidence/verify.ts'
import type { Verdict } from '#viewer/verifier.ts'

/** What the page's worker answers of these bytes. */
export async function verdictOf(
  bytes: Uint8Array,
  trust: readonly Trusted[],
  taken: readonly (readonly TakenOver[])[] = [],
  refusedKeys: readonly string[] = [],
  { unread, refused = [] }: Pick<VerifyOptions, 'unread' | 'refused'> = {},
): Promise<Verdict> {
  const { verdict, claims, envelope, standing, sealed_by, remaining } = await verifyEnvelope(
    bytes,
    {
      trust,
      refusedKeys,
      refused,
      ...(unread !== undefined && { unread }),
    },
  )
  return {
    ask: 'verify',
    verdict,
    claims,
    sealed_by,
    remaining,
    bytes: bytes.length,
    ...(unread !== undefined && { unread }),
    summary: envelope && {
      ...envelope.opening,
      source: envelope.opening.source ?? null,
      evidence_id: envelope.evidence_id,
      run_id: envelope.run_id,
      closing: envelope.closing,
      head: envelope.integrity.hash_chain.head,
      entries: envelope.integrity.hash_chain.count,
      key_id: envelope.integrity.seal.signatures[0]?.keyid ?? '',
      held: heldOf(envelope),
    },
    walk: standing && {
      place: standing.place(),
      differing: taken.map(standing.differing),
    },
  }
}
