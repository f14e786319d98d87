import { sha256 } from '#evidence/digest.ts'
import type { TakenOver } from '#evidence/lineage.ts'
import type { Trusted } from '#evidence/trust.ts'
import { verifyEnvelope, type VerifyOptions } from '#evidence/verify.ts'
import { verdictOf as told } from '#viewer/verdict-of.ts'
import type { Verdict } from '#viewer/verifier.ts'

/** What the page's worker answers of these bytes. */
export async function verdictOf(
  bytes: Uint8Array,
  trust: readonly Trusted[],
  taken: readonly (readonly TakenOver[])[] = [],
  refusedKeys: readonly string[] = [],
  { unread, refused = [] }: Pick<VerifyOptions, 'unread' | 'refused'> = {},
): Promise<Verdict> {
  const by = unread === undefined ? {} : { unread }
  const found = await verifyEnvelope(bytes, { trust, refusedKeys, refused, ...by })
  return { ...told(found, bytes.length, { taken, sha256: sha256(bytes) }), ...by }
}
