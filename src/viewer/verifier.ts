import type { Cell, Closing, GateEntry, Opening, StepEntry } from '#contract/envelope.ts'
import type { CellName } from '#contract/provenance.ts'
import type { Run } from '#contract/run.ts'
import type { RequiredDefinition } from '#contract/trust.ts'
import type { Part } from '#evidence/attached.ts'
import type { Claim } from '#evidence/claims.ts'
import type { TakenOver } from '#evidence/lineage.ts'
import type { Trusted } from '#evidence/trust.ts'
import type { HeldEnvelope } from '#evidence/place.ts'
import type { Placed } from '#evidence/standing.ts'
import type { Stage, Verification } from '#evidence/verify.ts'
import { isSealKnown } from './seal-known.ts'
import type { FactList, FactRow } from './operate/two-timelines.ts'

/*
 * The page's side of verify.worker.ts, and what the two say to each other. Each document has a worker of its own: a
 * verification is cancelled by ending its worker, whatever it is in the middle of.
 */

export type Question =
  | {
      ask: 'verify'
      /** A file is read where it is verified. */
      bytes: ArrayBuffer | Blob
      trust: readonly Trusted[]
      refused?: readonly string[]
      refusedKeys?: readonly string[]
      /** Why it is not known whom the reader trusts and refused. */
      unread?: string
      asked: { evidence_id?: string; run_id?: string }
      previous: readonly HeldEnvelope[]
      /** For a walk: what others took over from it. */
      taken?: readonly (readonly TakenOver[])[]
    }
  | { ask: 'ready' }
  | { ask: 'page'; rows: Rows; from: number; to: number }
  /** Without `hint`: beside the one that was handed over last. */
  | { ask: 'facts'; hint?: Run; from: number; to: number }
  | { ask: 'replayed' }
  | { ask: 'requirement'; head: string }
  | { ask: 'entry'; seq: number }
  | { ask: 'compare'; seq: number; part: PartAt; bytes: ArrayBuffer }
  | { ask: 'cells'; seq: number; search: string; from: number; to: number }
  | { ask: 'cell'; cell: CellName }
  | { ask: 'take-cells'; seq: number; bytes: ArrayBuffer }
  | { ask: 'values'; search: string }
  | { ask: 'change'; change: Change }

export type PageView = 'steps' | 'gates' | 'raw'

/** Which rows of the document, and in which order. `search` is plain text, case ignored; '' for all. */
export type Rows = { view: PageView; sort: SortBy; descending: boolean; search: string }
export type SortBy = 'seq' | 'name' | 'outcome' | 'exit' | 'duration' | 'log'

/** `total` is how many rows the search leaves. */
export type Page = { total: number } & (
  | { view: 'steps'; rows: { seq: number; entry: StepEntry }[] }
  | { view: 'gates'; rows: { seq: number; entry: GateEntry }[] }
  | { view: 'raw'; rows: { line: number; text: string }[] }
)

/** Facts from..to of what the stream said and the document says, and how many there are of which kind. */
export type FactsPage = Omit<FactList, 'at'> & { from: number; rows: FactRow[] }

/** One entry with its place in the chain; null where there is none in this place. */
export type EntryAt =
  | { seq: number; kind: 'step'; entry: StepEntry }
  | { seq: number; kind: 'gate'; entry: GateEntry }
  | null

/** What an entry has the digest of and does not hold itself: the n-th MiB of its log, or its n-th artifact. */
export type PartAt = { kind: Part['kind']; index: number }

/** The bytes come back only when they are those that the entry has the digest of [U10]. */
export type Compared =
  | { same: true; bytes: ArrayBuffer }
  | { same: false; expected: string; actual: string; fault: string }

/** Cells of a step that stand in a part of their own, which was not compared yet. */
export type CellsApart = { seq: number; sha256: string; bytes: number; count: number }

/** Cells of one step; `total` is how many the search leaves. */
export type CellsPage =
  | { state: 'here'; total: number; rows: Cell[] }
  | { state: 'apart'; apart: CellsApart }

/** One cell as it is sealed, with its place; `apart`: where else it may be, since those parts were not compared. */
export type CellAt = {
  found: {
    seq: number
    step_id: string
    attempt: number
    /** Who began the run, and when the attempt ran. */
    actor: string
    started_at: string
    finished_at: string
    cell: Cell
  } | null
  apart: CellsApart[]
}

/** A part is kept where it was compared, and only if it is the sealed one [U10]. */
export type Taken = { same: true } | (Compared & { same: false })

/** In a copy: a value put in the place of another, added to what holds others, or taken away; or another byte. */
export type Change =
  | { kind: 'value'; pointer: string; json: string }
  /** `name` counts where there are names. */
  | { kind: 'added'; pointer: string; name: string; json: string }
  | { kind: 'removed'; pointer: string }
  | { kind: 'byte'; offset: number; byte: number }

/** What became of the copy. `before` and `after` are the place that was changed, as text. */
export type Changed =
  | { done: false; why: string }
  | {
      done: true
      verdict: Verification['verdict']
      claims: readonly Claim[]
      remaining: Verification['remaining']
      before: string
      after: string
    }

/** A value of the document as JSON; null where that is too long to be edited. `holds`: what others can be added to it. */
export type Value = { pointer: string; json: string | null; holds: 'list' | 'members' | null }

/** What a verified envelope says of itself as a whole. */
export type Summary = Pick<
  Opening,
  'kind' | 'title' | 'definition' | 'actor' | 'inputs' | 'started_at' | 'runner' | 'server'
> & {
  evidence_id: string
  run_id: string
  source: Opening['source'] | null
  closing: Closing
  head: string
  entries: number
  key_id: string
}

/**
 * `summary` is null as soon as one claim does not verify: then there is nothing to draw. Where `sealed_by` is null no key
 * at hand has checked the signature: its facts are then not called verified.
 */
export type Verdict = {
  ask: 'verify'
  verdict: Verification['verdict']
  claims: readonly Claim[]
  sealed_by: Verification['sealed_by']
  /** What can still be said of a file that does not verify. */
  remaining: Verification['remaining']
  bytes: number
  summary: Summary | null
  /** What a reader keeps of it for the next one: also of one that does not verify, where it has a place [W6]. */
  held: HeldEnvelope | null
  /** Why it is not known whom the reader trusts and refused: then nothing is proven. */
  unread?: string
  /** Why what the server offers was not asked: it did not say what that is. */
  keys_fault?: string
  /** Judged without some of what is kept: it comes out otherwise, it may be, once that is had. */
  is_provisional?: boolean
  /** For a walk, of one that is itself: its place, of each list the first that it does not say, the digest of its bytes. */
  walk?: { place: Placed; differing: readonly (TakenOver | null)[]; sha256: string } | null
}

/** The head of a record whose facts may be called verified: nothing fails, and a key that the reader knows sealed it. */
export const verifiedHead = ({ summary, sealed_by }: Verdict): string | null =>
  isSealKnown(sealed_by) ? (summary?.head ?? null) : null

export type Answer =
  | Verdict
  | { ask: 'ready' }
  | { ask: 'page'; page: Page }
  | { ask: 'facts'; facts: FactsPage }
  | { ask: 'replayed'; run: Run | null }
  | { ask: 'requirement'; requirement: RequiredDefinition }
  | { ask: 'entry'; entry: EntryAt }
  | { ask: 'compare'; compared: Compared }
  | { ask: 'cells'; cells: CellsPage }
  | { ask: 'cell'; at: CellAt }
  | { ask: 'take-cells'; taken: Taken }
  | { ask: 'values'; values: Value[]; more: boolean }
  | { ask: 'change'; changed: Changed }
export type Reply =
  | { id: number; stage: Stage }
  | { id: number; ok: true; value: Answer }
  /** `isUnread`: the browser gives no bytes of the file. */
  | { id: number; ok: false; why: string; isUnread: boolean }

/** The browser gives no bytes of a file of the reader's: why, in a sentence. */
export class UnreadFileError extends Error {
  override readonly name = 'UnreadFileError'
}

/** Loads the verifier before it is needed: from then on no verification needs the network. */
export async function prepare(document: string): Promise<true> {
  await put(document, { ask: 'ready' })
  return true
}

/** Ends with the signal's reason, and the worker with it, when the signal says so. */
export async function verify(
  document: string,
  question: Omit<Question & { ask: 'verify' }, 'ask'>,
  on: { stage?: (stage: Stage) => void; signal: AbortSignal },
): Promise<Verdict> {
  const { bytes } = question
  const moved = bytes instanceof ArrayBuffer ? [bytes] : []
  return await put(document, { ask: 'verify', ...question }, moved, on)
}

/** Rows from..to of a view of a verified document. */
export async function page(document: string, rows: Rows, from: number, to: number): Promise<Page> {
  return (await put(document, { ask: 'page', rows, from, to })).page
}

/** Facts from..to of a verified document beside what the stream hinted, which is handed over when it is another. */
export async function facts(
  document: string,
  hint: Run,
  from: number,
  to: number,
): Promise<FactsPage> {
  const verifier = verifierOf(document)
  const isKnown = verifier.hint === hint
  verifier.hint = hint
  return (await put(document, { ask: 'facts', ...(isKnown ? {} : { hint }), from, to })).facts
}

/** The run as a verified document tells it: as large as the document. null where no key has checked its signature. */
export async function replayed(document: string): Promise<Run | null> {
  return (await put(document, { ask: 'replayed' })).run
}

/** What a reader would require who wants every later run of this definition to be gated as this one. */
export async function requirementIn(document: string, head: string): Promise<RequiredDefinition> {
  return (await put(document, { ask: 'requirement', head })).requirement
}

/** The entry in this place of the chain. */
export async function entryAt(document: string, seq: number): Promise<EntryAt> {
  return (await put(document, { ask: 'entry', seq })).entry
}

/** Are these the bytes that the entry has the digest of? */
export async function compare(
  document: string,
  seq: number,
  part: PartAt,
  bytes: ArrayBuffer,
): Promise<Compared> {
  return (await put(document, { ask: 'compare', seq, part, bytes }, [bytes])).compared
}

/** Cells from..to of a step, of those that have `search` in them. */
export async function cellsOf(
  document: string,
  seq: number,
  search: string,
  from: number,
  to: number,
): Promise<CellsPage> {
  return (await put(document, { ask: 'cells', seq, search, from, to })).cells
}

/** One cell as the verified document has it. */
export async function cellAt(document: string, cell: CellName): Promise<CellAt> {
  return (await put(document, { ask: 'cell', cell })).at
}

/** Gives the worker the cells of a step that stand in a part of their own. */
export async function takeCells(document: string, seq: number, bytes: ArrayBuffer): Promise<Taken> {
  return (await put(document, { ask: 'take-cells', seq, bytes }, [bytes])).taken
}

/** The first values whose place or text has `search` in it. */
export async function values(
  document: string,
  search: string,
): Promise<{ values: Value[]; more: boolean }> {
  return await put(document, { ask: 'values', search })
}

/** Verifies a changed copy. The document itself stays as it is. */
export async function tryChange(document: string, change: Change): Promise<Changed> {
  return (await put(document, { ask: 'change', change })).changed
}

type Waiting = {
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
  stage: (stage: Stage) => void
}
type Verifier = {
  worker: Worker
  waiting: Map<number, Waiting>
  /** What the worker has of the stream. */
  hint: Run | null
}

/** Most documents that are held at one time; the one that was asked least lately goes. */
const MAX_HELD = 4
const verifiers = new Map<string, Verifier>()
let asked = 0

/** Each question has one answer, of its own name. */
type AnswerTo<A extends Question['ask']> = Extract<Answer, { ask: A }>
const isTo = <A extends Question['ask']>(ask: A, answer: Answer): answer is AnswerTo<A> =>
  answer.ask === ask

async function put<A extends Question['ask']>(
  document: string,
  question: Question & { ask: A },
  transfer: Transferable[] = [],
  { stage, signal }: { stage?: (stage: Stage) => void; signal?: AbortSignal } = {},
): Promise<AnswerTo<A>> {
  signal?.throwIfAborted()
  const id = ++asked
  const { worker, waiting } = verifierOf(document)
  const cancel = () => end(document, signal?.reason)
  signal?.addEventListener('abort', cancel)
  try {
    const answer = await new Promise<Answer>((resolve, reject) => {
      waiting.set(id, { resolve, reject, stage: stage ?? (() => undefined) })
      worker.postMessage({ id, question }, transfer)
    })
    if (isTo(question.ask, answer)) return answer
    throw new Error('the verifier answered another question')
  } finally {
    signal?.removeEventListener('abort', cancel)
  }
}

function verifierOf(document: string): Verifier {
  const known = verifiers.get(document) ?? start(document)
  verifiers.delete(document)
  verifiers.set(document, known)
  const idle = [...verifiers].find(([name, { waiting }]) => name !== document && waiting.size === 0)
  if (verifiers.size > MAX_HELD && idle) end(idle[0], null)
  return known
}

function end(document: string, why: unknown): void {
  const verifier = verifiers.get(document)
  verifiers.delete(document)
  verifier?.worker.terminate()
  for (const { reject } of verifier?.waiting.values() ?? []) reject(why)
}

function start(document: string): Verifier {
  const worker = new Worker(new URL('./verify.worker.ts', import.meta.url), { type: 'module' })
  const waiting = new Map<number, Waiting>()
  worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    const asker = waiting.get(data.id)
    if ('stage' in data) return asker?.stage(data.stage)
    waiting.delete(data.id)
    if (data.ok) asker?.resolve(data.value)
    else asker?.reject(data.isUnread ? new UnreadFileError(data.why) : new Error(data.why))
  })
  worker.addEventListener('error', () => end(document, new Error('the verifier stopped')))
  return { worker, waiting, hint: null }
}
