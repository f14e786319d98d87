import type { Envelope, GateEntry, StepEntry } from '#contract/envelope.ts'
import { comparePiece, pieceOf } from '#evidence/attached.ts'
import { heldOf, requirementOf } from '#evidence/keep.ts'
import { type VerifiedEnvelope, verifyEnvelope, type VerifyOptions } from '#evidence/verify.ts'
import { replay } from '#live/replay.ts'
import { changedCopy, valuesOf } from './changed-copy.ts'
import { indexOf, type Numbered } from './rows.ts'
import type {
  Answer,
  Change,
  Changed,
  Compared,
  EntryAt,
  Page,
  PartAt,
  Question,
  Reply,
  Rows,
  Summary,
} from './verifier.ts'

/*
 * The verified document stays here; screens ask for pages of it. What does not verify is not kept, so that nothing
 * can be asked of it.
 */

type Held = {
  envelope: VerifiedEnvelope
  bytes: Uint8Array<ArrayBuffer>
  options: VerifyOptions
  steps: Numbered<StepEntry>[]
  gates: Numbered<GateEntry>[]
  lines: string[] | null
  index: { of: string; rows: Uint32Array } | null
}

let held: Held | null = null

addEventListener(
  'message',
  ({ data: { id, question } }: MessageEvent<{ id: number; question: Question }>) => {
    answer(id, question).then(
      (value) => {
        const moved = value.ask === 'compare' && value.compared.same ? [value.compared.bytes] : []
        postMessage({ id, ok: true, value } satisfies Reply, { transfer: moved })
      },
      (error: unknown) => postMessage({ id, ok: false, why: String(error) } satisfies Reply),
    )
  },
)

async function answer(id: number, question: Question): Promise<Answer> {
  switch (question.ask) {
    case 'verify': {
      const { trust, asked, previous, replayed } = question
      const bytes = new Uint8Array(question.bytes)
      const options: VerifyOptions = { trust, asked, previous }
      const { verdict, claims, envelope, sealed_by, remaining } = await verifyEnvelope(bytes, {
        ...options,
        onProgress: (stage) => postMessage({ id, stage } satisfies Reply),
      })
      held = envelope && {
        envelope,
        bytes,
        options,
        steps: numbered(envelope, 'step', envelope.execution.steps),
        gates: numbered(envelope, 'gate', envelope.gates),
        lines: null,
        index: null,
      }
      return {
        ask: 'verify',
        verdict,
        claims,
        sealed_by,
        remaining,
        bytes: bytes.byteLength,
        summary: envelope && summaryOf(envelope),
        // Without a signature that was checked, even by an offered key, anybody may have written the record.
        run: replayed && sealed_by ? envelope && replay(envelope) : null,
      }
    }
    case 'ready':
      return { ask: 'ready' }
    case 'page':
      return { ask: 'page', page: pageOf(known(), question.rows, question.from, question.to) }
    case 'entry':
      return { ask: 'entry', entry: entryAt(known(), question.seq) }
    case 'compare':
      return {
        ask: 'compare',
        compared: await compare(known(), question.seq, question.part, question.bytes),
      }
    case 'values':
      return { ask: 'values', ...valuesOf(known().envelope, question.search) }
    case 'change':
      return { ask: 'change', changed: await change(known(), question.change) }
  }
}

function known(): Held {
  if (held === null) throw new Error('this envelope is no longer held: verify it again')
  return held
}

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
    held: heldOf(envelope),
    requirement: requirementOf(envelope, 'this version'),
  }
}

function pageOf(document: Held, rows: Rows, from: number, to: number): Page {
  document.lines ??= rows.view === 'raw' ? linesOf(document.envelope) : null
  const { steps, gates, lines } = document
  const of = JSON.stringify(rows)
  if (document.index?.of !== of)
    document.index = { of, rows: indexOf(rows, { steps, gates, lines: lines ?? [] }) }
  const chosen = [...document.index.rows.subarray(from, to)]
  const total = document.index.rows.length
  switch (rows.view) {
    case 'steps':
      return { view: rows.view, total, rows: chosen.flatMap((at) => steps[at] ?? []) }
    case 'gates':
      return { view: rows.view, total, rows: chosen.flatMap((at) => gates[at] ?? []) }
    case 'raw':
      return {
        view: rows.view,
        total,
        rows: chosen.map((at) => ({ line: at + 1, text: lines?.[at] ?? '' })),
      }
  }
}

const linesOf = (envelope: Envelope): string[] => JSON.stringify(envelope, null, 2).split('\n')

/** Entries with their place in the chain. */
function numbered<T>(
  { order }: VerifiedEnvelope,
  kind: 'step' | 'gate',
  entries: readonly T[],
): Numbered<T>[] {
  const places = order.flatMap((of, index) => (of === kind ? [index + 1] : []))
  return entries.map((entry, index) => ({ seq: places[index] ?? 0, entry }))
}

function entryAt({ steps, gates }: Held, seq: number): EntryAt {
  const step = steps.find((row) => row.seq === seq)
  if (step) return { kind: 'step', ...step }
  const gate = gates.find((row) => row.seq === seq)
  return gate ? { kind: 'gate', ...gate } : null
}

async function compare(
  { steps }: Held,
  seq: number,
  { kind, index }: PartAt,
  bytes: ArrayBuffer,
): Promise<Compared> {
  const step = steps.find((row) => row.seq === seq)?.entry
  const piece = step === undefined ? null : pieceOf(step, kind, index)
  if (piece === null) throw new Error(`entry ${seq} has no such ${kind}`)
  const { actual, fault } = await comparePiece(piece, new Uint8Array(bytes))
  return fault === null
    ? { same: true, bytes }
    : { same: false, expected: piece.sha256, actual, fault }
}

async function change({ bytes, options }: Held, what: Change): Promise<Changed> {
  const copy = changedCopy(bytes, what)
  if (!copy.ok) return { done: false, why: copy.why }
  const { verdict, claims } = await verifyEnvelope(copy.bytes, options)
  return { done: true, verdict, claims, before: copy.before, after: copy.after }
}
