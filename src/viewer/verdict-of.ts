import type { TakenOver } from '#evidence/lineage.ts'
import type { VerifiedEnvelope, Verification } from '#evidence/verify.ts'
import type { Summary, Verdict } from './verifier.ts'

/** What a page is told of a verification: the verified document itself stays where it was made. */
export const verdictOf = (
  { verdict, claims, envelope, standing, sealed_by, remaining }: Verification,
  bytes: number,
  /** For a walk: what others took over from it, and the digest of its bytes. */
  walked?: { readonly taken: readonly (readonly TakenOver[])[]; readonly sha256: string },
): Verdict => ({
  ask: 'verify',
  verdict,
  claims,
  sealed_by,
  remaining,
  bytes,
  summary: envelope && summaryOf(envelope),
  held: standing && standing.held(),
  walk:
    standing && walked
      ? {
          place: standing.place(),
          differing: walked.taken.map(standing.differing),
          sha256: walked.sha256,
        }
      : null,
})

function summaryOf(envelope: VerifiedEnvelope): Summary {
  const { evidence_id, run_id, opening, closing, integrity } = envelope
  const { definition, title, actor, inputs, started_at, source, runner, kind, server } = opening
  return {
    evidence_id,
    run_id,
    kind,
    title,
    definition,
    actor,
    inputs,
    started_at,
    source: source ?? null,
    runner,
    server,
    closing,
    head: integrity.hash_chain.head,
    entries: integrity.hash_chain.count,
    key_id: integrity.seal.signatures[0]?.keyid ?? '',
  }
}
