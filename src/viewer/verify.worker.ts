import type { Envelope, GateEntry, StepEntry } from '#contract/envelope.ts'
import type { CellName } from '#contract/provenance.ts'
import type { Run } from '#contract/run.ts'
import type { RequiredDefinition } from '#contract/trust.ts'
import { comparePiece, pieceOf } from '#evidence/attached.ts'
import { checkTotals, type CountedCells, countPart } from '#evidence/cells.ts'
import { fails } from '#evidence/claims.ts'
import { sha256OfMany } from '#evidence/digest.ts'
import type { Entries } from '#evidence/document.ts'
import { requirementOf } from '#evidence/keep.ts'
import { type VerifiedEnvelope, verifyEnvelope, type VerifyOptions } from '#evidence/verify.ts'
import { replay } from '#live/replay.ts'
import { changedCopy, valuesOf } from './changed-copy.ts'
import { orderOf } from './operate/plan-order.ts'
import { whyUnread } from './parts/dropped-files.ts'
import { type FactList, factList } from './operate/two-timelines.ts'
import { indexOf, type Listed, type Numbered } from './rows.ts'
import {
  findCell,
  listedCells,
  partedCells,
  type SealedCells,
  searchCells,
} from './sealed-cells.ts'
import { isSealKnown } from './seal-known.ts'
import { verdictOf } from './verdict-of.ts'
import type {
  Answer,
  CellAt,
  CellsApart,
  CellsPage,
  Change,
  Changed,
  Compared,
  EntryAt,
  FactsPage,
  Page,
  PartAt,
  Question,
  Reply,
  Rows,
  Taken,
} from './verifier.ts'

/*
 * The verified document stays here; screens ask for pages of it. What does not verify is not kept, so that nothing
 * can be asked of it.
 */

type Held = {
  envelope: VerifiedEnvelope
  entries: Entries
  bytes: Uint8Array<ArrayBuffer>
  options: VerifyOptions
  /** By a key that the reader knows? Otherwise anybody may have written the record. */
  isSigned: boolean
  /** As the record tells it, once somebody asks. */
  run: Run | null
  facts: { hint: Run; list: FactList } | null
  steps: Listed<StepEntry>
  gates: Listed<GateEntry>
  lines: string[] | null
  index: { of: string; rows: Uint32Array } | null
  /** By the place of their step: those that are listed, and those of a part that was compared. */
  cells: Map<number, SealedCells>
  /** What the cells of a step come to, by its place among the steps, for each part that was compared. */
  counted: Map<number, CountedCells>
  cellIndex: { of: string; rows: Uint32Array } | null
}

let held: Held | null = null
/** What the stream said of the document's run, as the page handed it over last. */
let heard: Run | null = null

addEventListener(
  'message',
  ({ data: { id, question } }: MessageEvent<{ id: number; question: Question }>) => {
    answer(id, question).then(
      (value) => {
        const moved = value.ask === 'compare' && value.compared.same ? [value.compared.bytes] : []
        postMessage({ id, ok: true, value } satisfies Reply, { transfer: moved })
      },
      (error: unknown) => {
        const isUnread = error instanceof Unread
        const why = isUnread ? error.message : String(error)
        postMessage({ id, ok: false, why, isUnread } satisfies Reply)
      },
    )
  },
)

async function answer(id: number, question: Question): Promise<Answer> {
  switch (question.ask) {
    case 'verify': {
      const { trust, refused = [], refusedKeys = [], asked, previous, taken } = question
      const bytes = new Uint8Array(
        question.bytes instanceof Blob ? await bytesOf(question.bytes) : question.bytes,
      )
      const unread = question.unread === undefined ? {} : { unread: question.unread }
      const options: VerifyOptions = { trust, refused, refusedKeys, asked, previous, ...unread }
      const found = await verifyEnvelope(bytes, {
        ...options,
        onProgress: (stage) => postMessage({ id, stage } satisfies Reply),
      })
      const { envelope, entries } = found
      const isHeld = envelope !== null && entries !== null
      held = isHeld
        ? {
            envelope,
            entries,
            bytes,
            options,
            isSigned: isSealKnown(found.sealed_by),
            run: null,
            facts: null,
            steps: stepsOf(envelope, entries),
            gates: gatesOf(envelope),
            lines: null,
            index: null,
            cells: new Map(),
            counted: new Map(),
            cellIndex: null,
          }
        : null
      const walked = taken && { taken, sha256: await sha256OfMany(bytes) }
      return { ...verdictOf(found, bytes.byteLength, walked), ...unread }
    }
    case 'ready':
      return { ask: 'ready' }
    case 'page':
      return { ask: 'page', page: pageOf(known(), question.rows, question.from, question.to) }
    case 'facts':
      heard = question.hint ?? heard
      return { ask: 'facts', facts: factsOf(known(), heard, question.from, question.to) }
    case 'replayed':
      return { ask: 'replayed', run: replayedOf(known()) }
    case 'requirement':
      return { ask: 'requirement', requirement: requirementIn(known(), question.head) }
    case 'entry':
      return { ask: 'entry', entry: entryAt(known(), question.seq) }
    case 'compare':
      return {
        ask: 'compare',
        compared: await compare(known(), question.seq, question.part, question.bytes),
      }
    case 'cells': {
      const { seq, search, from, to } = question
      return { ask: 'cells', cells: cellsPageOf(known(), seq, search, from, to) }
    }
    case 'cell':
      return { ask: 'cell', at: cellAt(known(), question.cell) }
    case 'take-cells':
      return { ask: 'take-cells', taken: await take(known(), question.seq, question.bytes) }
    case 'values':
      return { ask: 'values', ...valuesOf(known().envelope, question.search) }
    case 'change':
      return { ask: 'change', changed: await change(known(), question.change) }
  }
}

class Unread extends Error {}

/** A file is read here: of a large one the page would stand still. */
async function bytesOf(file: Blob): Promise<ArrayBuffer> {
  try {
    return await file.arrayBuffer()
  } catch (error) {
    throw new Unread(whyUnread(error))
  }
}

function known(): Held {
  if (held === null) throw new Error('this envelope is no longer held: verify it again')
  return held
}

function requirementIn({ envelope }: Held, head: string): RequiredDefinition {
  // What is required of every later run is of the record that the reader looks at, and not of one that took its place.
  if (envelope.integrity.hash_chain.head !== head)
    throw new Error('another envelope is held by now')
  return requirementOf(envelope, 'this version')
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
      return { view: rows.view, total, rows: chosen.flatMap((at) => steps.at(at) ?? []) }
    case 'gates':
      return { view: rows.view, total, rows: chosen.flatMap((at) => gates.at(at) ?? []) }
    case 'raw':
      return {
        view: rows.view,
        total,
        rows: chosen.map((at) => ({ line: at + 1, text: lines?.[at] ?? '' })),
      }
  }
}

/** The stream beside the record: laid out where the record is, since a page is only ever shown some rows of it. */
function factsOf(document: Held, hint: Run | null, from: number, to: number): FactsPage {
  const run = replayedOf(document)
  if (run === null) throw new Error('no key that the reader knows has sealed this envelope')
  if (hint === null) throw new Error('nothing of the stream was handed over')
  if (document.facts?.hint !== hint)
    document.facts = { hint, list: factList(hint, null, run, orderOf(run.plan)) }
  const { count, contradicted, contradictedBy, hinted, at } = document.facts.list
  const rows = Array.from({ length: Math.max(0, Math.min(to, count) - from) }, (_, n) =>
    at(from + n),
  ).flatMap((row) => row ?? [])
  return { count, contradicted, contradictedBy, hinted, from, rows }
}

function replayedOf(document: Held): Run | null {
  if (!document.isSigned) return null
  document.run ??= replay(document.envelope)
  return document.run
}

const linesOf = (envelope: Envelope): string[] => JSON.stringify(envelope, null, 2).split('\n')

function stepsOf(envelope: VerifiedEnvelope, entries: Entries): Listed<StepEntry> {
  const seqs = placesOf(envelope, 'step')
  return {
    length: seqs.length,
    at: (index) => stepAt(entries, seqs[index] ?? -1),
    *[Symbol.iterator]() {
      for (const { kind, seq, body } of entries) if (kind === 'step') yield { seq, entry: body }
    },
  }
}

function gatesOf(envelope: VerifiedEnvelope): Listed<GateEntry> {
  const seqs = placesOf(envelope, 'gate')
  return envelope.gates.map((entry, index) => ({ seq: seqs[index] ?? 0, entry }))
}

const placesOf = ({ order }: VerifiedEnvelope, kind: 'step' | 'gate'): Uint32Array =>
  Uint32Array.from(order.flatMap((of, index) => (of === kind ? [index + 1] : [])))

function stepAt(entries: Entries, seq: number): Numbered<StepEntry> | undefined {
  const entry = entries.at(seq)
  return entry?.kind === 'step' ? { seq: entry.seq, entry: entry.body } : undefined
}

function entryAt({ entries }: Held, seq: number): EntryAt {
  const entry = entries.at(seq)
  switch (entry?.kind) {
    case 'step':
      return { kind: entry.kind, seq: entry.seq, entry: entry.body }
    case 'gate':
      return { kind: entry.kind, seq: entry.seq, entry: entry.body }
    case 'opening':
    case 'closing':
    case undefined:
      return null
  }
}

async function compare(
  { entries }: Held,
  seq: number,
  { kind, index }: PartAt,
  bytes: ArrayBuffer,
): Promise<Compared> {
  const step = stepAt(entries, seq)?.entry
  const piece = step === undefined ? null : pieceOf(step, kind, index)
  if (piece === null) throw new Error(`entry ${seq} has no such ${kind}`)
  const { actual, fault } = await comparePiece(piece, new Uint8Array(bytes))
  return fault === null
    ? { same: true, bytes }
    : { same: false, expected: piece.sha256, actual, fault }
}

function cellsPageOf(
  document: Held,
  seq: number,
  search: string,
  from: number,
  to: number,
): CellsPage {
  const row = stepAt(document.entries, seq)
  if (row === undefined) throw new Error(`entry ${seq} is no step`)
  const cells = cellsOf(document, row)
  if ('apart' in cells) return { state: 'apart', apart: cells.apart }
  const of = JSON.stringify([seq, search])
  if (document.cellIndex?.of !== of) document.cellIndex = { of, rows: searchCells(cells, search) }
  const { rows } = document.cellIndex
  return { state: 'here', total: rows.length, rows: [...rows.subarray(from, to)].map(cells.at) }
}

// A later entry stands over an earlier one: another attempt, or another step that derived the same.
function cellAt(document: Held, name: CellName): CellAt {
  const apart: CellsApart[] = []
  for (let place = document.steps.length - 1; place >= 0; place -= 1) {
    const row = document.steps.at(place)
    if (row === undefined) continue
    const cells = cellsOf(document, row)
    if ('apart' in cells) apart.push(cells.apart)
    else {
      const cell = findCell(cells, name)
      const { step_id, attempt, started_at, finished_at } = row.entry
      const { actor } = document.envelope.opening
      if (cell)
        return {
          found: { seq: row.seq, step_id, attempt, actor, started_at, finished_at, cell },
          apart,
        }
    }
  }
  return { found: null, apart }
}

function cellsOf(
  document: Held,
  { seq, entry }: Numbered<StepEntry>,
): SealedCells | { apart: CellsApart } {
  const kept = document.cells.get(seq)
  if (kept) return kept
  if (entry.cells_part) return { apart: { seq, ...entry.cells_part } }
  const listed = listedCells(entry.cells ?? [])
  document.cells.set(seq, listed)
  return listed
}

/** Cells are shown where they are as many as the record says, and come to its totals once all of them are here [A4]. */
async function take(document: Held, seq: number, buffer: ArrayBuffer): Promise<Taken> {
  const index = placesOf(document.envelope, 'step').indexOf(seq)
  const entry = stepAt(document.entries, seq)?.entry
  const part = entry?.cells_part
  if (entry === undefined || part === undefined)
    throw new Error(`entry ${seq} has no cells in a part of their own`)
  const bytes = new Uint8Array(buffer)
  const { actual, fault } = await comparePiece(part, bytes)
  const refused = (why: string): Taken => ({
    same: false,
    expected: part.sha256,
    actual,
    fault: why.replace(/\.$/, ''),
  })
  if (fault !== null) return refused(fault)
  const found = await countPart(entry, index, bytes)
  if ('fault' in found) return refused(found.fault.message)
  const { counted } = document
  const totals = checkTotals(document.envelope, (step) =>
    step === index ? found.counted : (counted.get(step) ?? null),
  )
  if (totals !== null && fails(totals)) return refused(totals.message)
  counted.set(index, found.counted)
  document.cells.set(seq, partedCells(bytes))
  return { same: true }
}

async function change({ bytes, options }: Held, what: Change): Promise<Changed> {
  const copy = changedCopy(bytes, what)
  if (!copy.ok) return { done: false, why: copy.why }
  const { verdict, claims, remaining } = await verifyEnvelope(copy.bytes, options)
  return { done: true, verdict, claims, remaining, before: copy.before, after: copy.after }
}
