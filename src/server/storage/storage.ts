import type { EnvelopeSummary } from '#contract/api.ts'
import type { Previous } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { JournalEntry, Person, SessionResource, TokenResource } from '#contract/people.ts'
import type { Gate, RunSummary } from '#contract/run.ts'
import type { CellState, Outcome, Role, RunStatus, SealState } from '#contract/status.ts'

/**
 * What the server keeps besides files: one store of one server. Another implementation can be made from this comment
 * alone; `test/storage-suite.ts` is run on every one.
 *
 * [ST1] Durability. A promise that resolved is a promise kept: what it wrote is on stable storage and is read again
 * after SIGKILL, power loss or `close`. What was not resolved is there whole or not at all. Calls made at one time may
 * share one commit; none resolves before it.
 * [ST2] Atomicity. Every method is one transaction. A rejected call changed nothing, and does not disturb those that
 * shared its commit.
 * [ST3] Order. Facts of a run are numbered from 1 without holes, and are never changed or removed. `append` states the
 * number of facts that the caller has seen; where the store has another number it is refused with `conflict`.
 * [ST4] Concurrency. Any number of calls at once; the effect is that of some order of them. A read sees every write
 * that resolved before it was called. Several processes may have the store open (the command line beside a server);
 * only one may have it open as *the server*, and another one is refused with `held`. The hold ends with its process,
 * however that dies.
 * [ST5] Uniqueness. A run, gate, user, token, session, link, `evidence_id` and `seal_seq` is stored once; a second is
 * refused with `conflict`. `seal_seq` counts from 1 without holes, each row naming the one before it as `previous`.
 * [ST6] Lists are read in pages. A cursor says where the last item stood in an order that an item keeps: what is
 * inserted meanwhile makes no item appear twice and none be left out. A cursor that the store did not make is refused
 * with `bad_cursor`. `limit` is at least 1.
 * [ST7] One-time links are taken at most once, by however many takers at the same instant.
 * [ST8] Secrets of tokens, sessions and links are given and kept as lowercase hex SHA-256 only; what is none of that
 * form is refused with `conflict`, so that a secret passed by mistake is never written.
 * [ST9] Versions. An older store is brought forward when it is opened, in one transaction; a newer one is refused with
 * `newer` and left as it is.
 * [ST11] The journal is numbered from 1 without holes, and its entries are never changed or removed. What an act did and
 * its entry are one transaction: neither is there without the other.
 * [ST12] There is always an admin who is not disabled: a change that would leave none is refused with `conflict`. Whoever
 * is disabled has no sessions, links or tokens, and is given none: `conflict`. Tokens that a change leaves to nobody are
 * revoked by it, each as an act of its own.
 * [ST15] A change that somebody asked for is made by what they came by: where that counts no more in the transaction of
 * the change (a session or token that was ended, or is over by the clock at that moment; a person who is disabled), or has another
 * role than they were judged by, it is refused with `outdated`. However long a request takes, nothing is changed by who
 * may no more.
 * [ST13] Cells. Counts and costs of a field are changed in the transaction that changes its cells, and never counted
 * again. A version (one computation of a cell) is never changed or removed, and names the one before it. One that its
 * own act makes again is replaced: the later one's cost is that of both. Records and cells are read in the order of their
 * keys by code points.
 * [ST14] Loss. A store that was removed, or replaced by another, beneath whoever has it open takes no write that nobody
 * would ever read: it is noticed at the next one and at `check`, which are refused with `lost`, and so is every later one.
 * Nothing is done any more to what is in its place. One that is to be there and is missing or empty is refused with
 * `lost` when it is opened, and not made.
 * [ST10] What is read is checked against its contract; what does not fit is refused with `damaged`, never passed on.
 *
 * Every other failure (disk full, I/O, a store that is closed) rejects with `failed` and its cause.
 */
export type Storage = {
  runs: RunStore
  gates: GateStore
  seals: SealStore
  identity: IdentityStore
  journal: JournalStore
  cells: CellStore
  /**
   * [ST12] Writes all that is on record by now, at one moment, to a file of its own that opens as a store, for its owner
   * alone. Sessions and links are left out: what was ended or used since is not good again. Others go on meanwhile.
   */
  snapshot(file: string): Promise<void>
  /** Resolves when the store could be written just now. */
  check(at: string): Promise<void>
  /** Resolves, with what is to be told of it, when the store was found to be lost [ST14]. */
  lost: Promise<StorageError>
  /** Writes what was begun, then lets go of the store and of the server's hold. Later calls are refused. */
  close(): Promise<void>
}

export class StorageError extends Error {
  readonly code: StorageErrorCode
  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StorageError'
    this.code = code
  }
}
/** Of one record and not of the store: the others can be gone on with. */
export function isDamage(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'damaged'
}

export type StorageErrorCode =
  | 'conflict'
  | 'outdated'
  | 'held'
  | 'newer'
  | 'lost'
  | 'bad_cursor'
  | 'damaged'
  | 'failed'

export type PageRequest = { cursor: string | null; limit: number }
export type Page<T> = { items: T[]; next_cursor: string | null }

export type RunStore = {
  /** Facts, the row of their run and the rows of its gates, in one transaction [ST3]. The first append makes the run. */
  append(append: Append): Promise<void>
  /** In their order; empty for a run that is not there. */
  facts(run_id: string): Promise<RecordedFact[]>
  summary(run_id: string): Promise<RunSummary | null>
  /** Latest made first. */
  list(filter: RunFilter, page: PageRequest): Promise<Page<RunSummary>>
  /**
   * Ids of the runs that have not ended or are not sealed, oldest first: what a restart has to bring to an end. Ids
   * alone, so that a row which is damaged keeps no other run from it.
   */
  unfinished(): Promise<string[]>
  /** Every status is there, with 0 where no run has it. */
  counts(): Promise<{ status: Record<RunStatus, number>; seal: Record<SealState, number> }>
}

export type Append = {
  run_id: string
  /** Number of facts of this run on record before these. */
  after: number
  facts: readonly RecordedFact[]
  summary: RunSummary
  /** Gates that these facts made or changed. */
  gates: readonly { gate: Gate; state: GateState }[]
  /** What these facts say that somebody did. */
  acts: readonly Act[]
}

/** `link` is that of the hash chain which the fact's body made; null where it has none. */
export type RecordedFact = { fact: Fact; link: string | null }

export type RunFilter = {
  /** null: any. */
  status: readonly RunStatus[] | null
  definition: string | null
  /** Part of run id, definition, title or actor, whatever the case of A to Z. */
  q: string | null
}

/** Made and changed by `runs.append` only. */
export type GateStore = {
  get(gate_id: string): Promise<GateRow | null>
  /** Open ones first, the oldest leading; then resolved ones, the latest opened leading. null: both. */
  list(state: GateState | null, page: PageRequest): Promise<Page<GateRow>>
  counts(): Promise<{ open: number; oldest_opened_at: string | null }>
}

/** `resolved` too when its run ended without an answer. */
export type GateState = 'open' | 'resolved'
export type GateRow = { run: RunSummary; gate: Gate; state: GateState }

export type SealStore = {
  /** The statement that will be signed, before it is. `conflict` unless it is next in line [ST5]. */
  prepare(seal: PreparedSeal): Promise<void>
  /** The envelope is on disk. Said again, the same answer. */
  written(evidence_id: string, file: SealedFile): Promise<void>
  of(evidence_id: string): Promise<SealRow | null>
  last(): Promise<SealRow | null>
  /** Written ones, the latest first. */
  list(page: PageRequest): Promise<Page<EnvelopeSummary>>
}

export type PreparedSeal = {
  seal_seq: number
  evidence_id: string
  run_id: string
  previous: Previous
  head: string
  definition: string
  outcome: Outcome
  sealed_at: string
  /** The very bytes that are signed, now and at every retry. */
  statement: Uint8Array
}

/** Of the envelope's bytes, as they were sealed. */
export type SealedFile = { sha256: string; bytes: number }

/** `file` is null until the envelope is on disk. */
export type SealRow = PreparedSeal & { file: SealedFile | null }

/** Tables as they were last read, and what was derived of them [ST13]. */
export type CellStore = {
  /** null where it was never read. */
  source(table: string): Promise<SourceRow | null>
  /**
   * A part of a reading: records that are new or another now, and those that are gone, with their cells. When one comes
   * back, so do they, as stale ones.
   */
  changeRecords(
    table: string,
    change: { put: readonly RecordRow[]; gone: readonly string[] },
  ): Promise<void>
  /** What was read is whole from now on. */
  putSource(source: SourceRow): Promise<void>
  records(table: string, range: Range): Promise<RecordRow[]>
  /** Those that there are, in no order. */
  recordsOf(table: string, record_ids: readonly string[]): Promise<RecordRow[]>
  /** Of a field that is not there yet, one without cells. */
  field(table: string, field: string): Promise<FieldRow>
  /** `conflict` where there is none. */
  fieldName(field_id: number): Promise<{ table: string; field: string }>
  /** The states that the cells have are those of `checked`, which the caller compares with what is now. */
  setChecked(field_id: number, checked: string): Promise<void>
  cells(field_id: number, range: Range): Promise<CellRow[]>
  /** Only those that are not fresh. */
  cellsToDo(field_id: number, range: Range): Promise<CellRow[]>
  /** Only those in this state. */
  cellsIn(field_id: number, state: CellState, range: Range): Promise<CellRow[]>
  cellsOf(field_id: number, record_ids: readonly string[]): Promise<CellRow[]>
  /** Only those that are what this run made of them. */
  cellsOfRun(field_id: number, run_id: string, range: Range): Promise<CellRow[]>
  /** Makes cells and gives them other states; what made them stays as it is. */
  setStates(
    field_id: number,
    states: readonly { record_id: string; state: CellState }[],
  ): Promise<void>
  /** Who is about to derive a field, in which run. Said again, the same answer. */
  beginAct(act: Omit<ActRow, 'act_id'>): Promise<ActRow>
  act(act_id: number): Promise<ActRow | null>
  /** Of a step of a run (null: of all), in the order of their beginning. */
  acts(run_id: string, step_id: string | null): Promise<ActRow[]>
  /** What was computed, in one transaction: versions, their cells, counts and cost. `busy_ms`: how long it took. */
  putVersions(act_id: number, versions: readonly NewVersion[], busy_ms: number): Promise<void>
  /** Of one act, in the order of their making, after this version; without those that are replaced [ST13]. */
  versionsOf(act_id: number, after: number, limit: number): Promise<VersionRow[]>
  version(version: number): Promise<VersionRow | null>
  /** The key that digests of private values are made with: `made` becomes it where there is none. */
  digestKey(made: Uint8Array): Promise<Uint8Array>
}

/** Records after one (null: from the first), so many past by, and not beyond `to`. */
export type Range = { after: string | null; to?: string; skip?: number; limit: number }

export type SourceRow = {
  table: string
  /** Digest of what was read; null where nothing could be yet. */
  sha256: string | null
  /** Of the file, when it was read. */
  stamp: string
  /** Rises when a reading found anything else than the one before. */
  generation: number
  records: number
  /** That any of its records has, in the order of the source. */
  fields: readonly string[]
  /** Those of `fields` that are withheld: they were private when the records were read. */
  private: readonly string[]
  read_at: string | null
  fault: string | null
}

/** `body`: RFC 8785 form of its fields and values. */
export type RecordRow = { record_id: string; body: string }

export type FieldRow = {
  field_id: number
  table: string
  field: string
  checked: string
  /** Rises with every change of a cell. */
  generation: number
  cells: Readonly<Record<CellState, number>>
  cost: string
  /** Cells ever computed, and how long that took. */
  made: number
  busy_ms: number
}

export type CellRow = { record_id: string; state: CellState; version: VersionRow | null }

export type ActRow = {
  act_id: number
  field_id: number
  run_id: string
  step_id: string
  attempt: number
  actor: string
  /** Digest of the derivation, and what it is of, as JSON. */
  sha256: string
  body: string
}

export type NewVersion = {
  record_id: string
  previous: number | null
  /** RFC 8785 form; null where it failed. */
  value: string | null
  value_sha256: string | null
  inputs_sha256: string
  /** Digests of the inputs, in the order of the derivation; none where it was not tried. */
  inputs: readonly string[]
  /** Of each lookup, the key that it went by; null where it led to no record. */
  looked_up: readonly (string | null)[]
  cost: string | null
  /** null where it was derived. */
  error: string | null
  at: string
}
export type VersionRow = NewVersion & {
  version: number
  act: Omit<ActRow, 'body'>
}

export type JournalStore = {
  add(act: Act): Promise<void>
  /** The latest first. */
  list(page: PageRequest): Promise<Page<JournalEntry>>
}

/** An entry of the journal before it has its number. */
export type Act = Omit<JournalEntry, 'n'> & { authority: Authority | null }

/** What somebody came by, and the role that they were judged by [ST15]. */
export type Authority = ({ session_id: string } | { token_id: string }) & { role: Role }

/** Every change is one act, in the same transaction [ST11]. */
export type IdentityStore = {
  addUser(user: User, act: Act): Promise<void>
  user(name: string): Promise<User | null>
  users(): Promise<User[]>
  /**
   * [ST12]. The user after it; null where there is none of this name. Tokens of theirs with one of these roles are
   * revoked; of who is disabled, all.
   */
  changeUser(
    name: string,
    change: Partial<Pick<User, 'role' | 'disabled_at'>> & { beyond?: readonly Role[] },
    act: Act,
  ): Promise<User | null>
  addToken(token: Token, act: Act): Promise<void>
  token(token_id: string): Promise<Token | null>
  /** The latest first, also those that are revoked or expired. */
  tokens(): Promise<Token[]>
  /** null when it is unknown, revoked, expired at or before `now`, or of somebody who is disabled. */
  tokenOf(secret_sha256: string, now: string): Promise<Token | null>
  /** false, and no act, where there is none that was not revoked before. */
  revokeToken(token_id: string, at: string, act: Act): Promise<boolean>
  /** null when it expired at or before `now`, or was last seen at or before `idleSince`. */
  sessionOf(
    secret_sha256: string,
    now: string,
    idleSince: string,
  ): Promise<(Session & { role: Role }) | null>
  /** Those that `sessionOf` would find, the latest first; of one user, or null: of all. */
  sessions(user: string | null, now: string, idleSince: string): Promise<Session[]>
  seeSession(session_id: string, seen_at: string): Promise<void>
  /** How many there were to end; no act where there was none. */
  endSessions(which: { session_id: string } | { user: string }, act: Act): Promise<number>
  addLink(link: Link, act: Act): Promise<void>
  /**
   * Uses the link up [ST7] and makes the session of its user, whose act it is: their name, or null and nothing when it
   * is used, expired at or before the act's time, or unknown.
   */
  takeLink(
    secret_sha256: string,
    session: Omit<Session, 'user'>,
    act: Omit<Act, 'actor' | 'authority'>,
  ): Promise<string | null>
}

export type User = Person
/** `owner` is the user that the token belongs to, if any. */
export type Token = TokenResource & { secret_sha256: string }
export type Session = Omit<SessionResource, 'current'> & { secret_sha256: string }
export type Link = { secret_sha256: string; user: string; expires_at: string }
