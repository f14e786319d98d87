import type { GateEntry, StepEntry } from '#contract/envelope.ts'
import { type VerifiedEnvelope, verifyEnvelope } from '#evidence/verify.ts'
import { replay } from '#live/replay.ts'
import type { Answer, Page, PageView, Question, Reply, Summary } from './verifier.ts'

/*
 * The verified documents stay here; screens ask for pages of them. What does not verify is not kept, so that nothing
 * can be asked of it.
 */

type Held = { envelope: VerifiedEnvelope; lines: string[] | null }

const MAX_HELD = 4
const held = new Map<string, Held>()

addEventListener(
  'message',
  ({ data: { id, question } }: MessageEvent<{ id: number; question: Question }>) => {
    answer(question).then(
      (value) => postMessage({ id, ok: true, value } satisfies Reply),
      (error: unknown) => postMessage({ id, ok: false, why: String(error) } satisfies Reply),
    )
  },
)

async function answer(question: Question): Promise<Answer> {
  switch (question.ask) {
    case 'verify': {
      const { bytes, trust, asked, previous } = question
      const { verdict, claims, envelope, sealed_by } = await verifyEnvelope(new Uint8Array(bytes), {
        trust,
        asked,
        previous,
      })
      hold(asked.evidence_id, envelope)
      return {
        ask: 'verify',
        verdict,
        claims,
        sealed_by,
        bytes: bytes.byteLength,
        summary: envelope && summaryOf(envelope),
        // Without a signature that was checked, even by an offered key, anybody may have written the record.
        run: envelope && sealed_by && replay(envelope),
      }
    }
    case 'page': {
      const document = held.get(question.evidence_id)
      if (!document) throw new Error('this envelope is no longer held: verify it again')
      return { ask: 'page', page: pageOf(document, question.view, question.from, question.to) }
    }
  }
}

function hold(evidence_id: string, envelope: VerifiedEnvelope | null): void {
  held.delete(evidence_id)
  if (envelope === null) return
  held.set(evidence_id, { envelope, lines: null })
  const [oldest] = held.keys()
  if (held.size > MAX_HELD && oldest !== undefined) held.delete(oldest)
}

function summaryOf({
  evidence_id,
  run_id,
  opening,
  closing,
  integrity,
}: VerifiedEnvelope): Summary {
  const { definition, title, actor, inputs, started_at, source, runner, kind } = opening
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
    closing,
    head: integrity.hash_chain.head,
    entries: integrity.hash_chain.count,
    key_id: integrity.seal.signatures[0]?.keyid ?? '',
  }
}

function pageOf(document: Held, view: PageView, from: number, to: number): Page {
  const { envelope } = document
  switch (view) {
    case 'steps':
      return {
        view,
        rows: numbered<StepEntry>(envelope, 'step', envelope.execution.steps, from, to),
      }
    case 'gates':
      return { view, rows: numbered<GateEntry>(envelope, 'gate', envelope.gates, from, to) }
    case 'raw':
      document.lines ??= JSON.stringify(envelope, null, 2).split('\n')
      return { view, rows: document.lines.slice(from, to), total: document.lines.length }
  }
}

/** Entries with their place in the chain. */
function numbered<T>(
  { order }: VerifiedEnvelope,
  kind: 'step' | 'gate',
  entries: readonly T[],
  from: number,
  to: number,
): { seq: number; entry: T }[] {
  const places = order.flatMap((of, index) => (of === kind ? [index + 1] : []))
  return entries.slice(from, to).map((entry, index) => ({ seq: places[from + index] ?? 0, entry }))
}
