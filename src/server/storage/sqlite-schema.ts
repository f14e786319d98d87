import type { Generated, GeneratedAlways } from 'kysely'
import type { RunSummary } from '#contract/run.ts'
import type { JournalEntry } from '#contract/people.ts'
import type { Outcome } from '#contract/status.ts'
import type { GateState, Link, Session, Token, User } from './storage.ts'

/** Rows as SQLite has them. A `made` counts up in the order of insertion; `body` is JSON. */
export type Tables = {
  run: RunSummary & { made: Generated<number> }
  fact: { run_id: string; n: number; body: string; link: string | null }
  gate: {
    made: Generated<number>
    gate_id: string
    run_id: string
    state: GateState
    opened_at: string | null
    body: string
    place: GeneratedAlways<number>
  }
  seal: {
    seal_seq: number
    evidence_id: string
    run_id: string
    previous_evidence_id: string | null
    previous_head: string | null
    head: string
    definition: string
    outcome: Outcome
    sealed_at: string
    statement: Uint8Array
    file_sha256: string | null
    file_bytes: number | null
  }
  user: User
  token: Token
  session: Session
  link: Link
  journal: Omit<JournalEntry, 'n'> & { n: Generated<number> }
  checked: { one: 1; at: string }
}

const secret = `text not null check (length(secret_sha256) = 64 and secret_sha256 not glob '*[^0-9a-f]*')`

/** Step n brings a store of version n to version n + 1. A step that was released is never edited. */
export const MIGRATIONS: readonly string[] = [
  `
  create table run (
    made integer primary key autoincrement,
    run_id text not null unique,
    kind text, definition text, title text, actor text,
    status text not null,
    outcome text, reason text, started_at text, finished_at text,
    seal text not null,
    evidence_id text,
    open_gates integer not null,
    steps_done integer not null,
    steps_total integer
  ) strict;
  create index run_by_status on run (status, made);
  create index run_by_definition on run (definition, made);
  create index run_unfinished on run (made) where seal <> 'sealed';

  create table fact (
    run_id text not null references run (run_id),
    n integer not null check (n > 0),
    body text not null,
    link text,
    primary key (run_id, n)
  ) strict;
  create trigger fact_is_kept before update on fact begin select raise(abort, 'a fact is never changed'); end;
  create trigger fact_stays before delete on fact begin select raise(abort, 'a fact is never removed'); end;

  create table gate (
    made integer primary key autoincrement,
    gate_id text not null unique,
    run_id text not null references run (run_id),
    state text not null check (state in ('open', 'resolved')),
    opened_at text,
    body text not null,
    -- One number that sorts open ones first and rising, resolved ones after and falling.
    place integer not null as (case state when 'open' then made else 4503599627370496 - made end) stored
  ) strict;
  create index gate_by_place on gate (place);

  create table process (
    run_id text not null references run (run_id),
    step_id text not null,
    attempt integer not null,
    pid integer not null,
    pgid integer not null,
    start_ticks integer not null,
    boot_id text not null,
    primary key (run_id, step_id, attempt)
  ) strict;

  create table seal (
    seal_seq integer primary key,
    evidence_id text not null unique,
    run_id text not null unique references run (run_id),
    previous_evidence_id text unique references seal (evidence_id),
    previous_head text,
    head text not null,
    definition text not null,
    outcome text not null,
    sealed_at text not null,
    statement blob not null,
    file_sha256 text,
    file_bytes integer
  ) strict;

  create table user (name text primary key, role text not null, created_at text not null) strict;
  create table token (
    token_id text primary key,
    secret_sha256 ${secret} unique,
    role text not null,
    owner text references user (name),
    created_at text not null
  ) strict;
  create table session (
    secret_sha256 ${secret} primary key,
    user text not null references user (name),
    created_at text not null,
    expires_at text not null
  ) strict;
  create table link (
    secret_sha256 ${secret} primary key,
    user text not null references user (name),
    expires_at text not null
  ) strict;
  create table checked (one integer primary key check (one = 1), at text not null) strict;
  `,
  `
  alter table user add column disabled_at text;
  alter table token add column expires_at text;
  alter table token add column revoked_at text;

  create table session_2 (
    session_id text primary key,
    secret_sha256 ${secret} unique,
    user text not null references user (name),
    created_at text not null,
    seen_at text not null,
    expires_at text not null
  ) strict;
  insert into session_2 select lower(hex(randomblob(8))), secret_sha256, user, created_at, created_at, expires_at
    from session;
  drop table session;
  alter table session_2 rename to session;
  create index session_by_user on session (user);

  create table journal (
    n integer primary key,
    at text not null,
    actor text,
    act text not null,
    about text,
    detail text
  ) strict;
  create trigger act_is_kept before update on journal begin select raise(abort, 'an act is never changed'); end;
  create trigger act_stays before delete on journal begin select raise(abort, 'an act is never removed'); end;
  `,
  `
  create table source (
    name text primary key,
    sha256 text,
    stamp text not null,
    generation integer not null,
    records integer not null,
    read_at text,
    fault text
  ) strict;
  create table record (
    name text not null,
    record_id text not null,
    body text not null,
    primary key (name, record_id)
  ) strict, without rowid;

  create table digest_key (one integer primary key check (one = 1), bytes blob not null) strict;

  create table field (
    field_id integer primary key,
    name text not null,
    field text not null,
    checked text not null default '',
    generation integer not null default 0,
    fresh integer not null default 0 check (fresh >= 0),
    stale integer not null default 0 check (stale >= 0),
    missing integer not null default 0 check (missing >= 0),
    failed integer not null default 0 check (failed >= 0),
    cost text not null default '0',
    made integer not null default 0,
    busy_ms integer not null default 0,
    unique (name, field)
  ) strict;
  create table derivation (
    act_id integer primary key,
    field_id integer not null references field (field_id),
    run_id text not null references run (run_id),
    step_id text not null,
    attempt integer not null,
    actor text not null,
    sha256 text not null,
    body text not null,
    unique (run_id, step_id, field_id, attempt)
  ) strict;
  create table cell (
    field_id integer not null references field (field_id),
    record_id text not null,
    state integer not null check (state between 0 and 3),
    version integer,
    primary key (field_id, record_id)
  ) strict, without rowid;
  create index cell_to_do on cell (field_id, state, record_id) where state <> 0;
  create table version (
    version integer primary key,
    act_id integer not null references derivation (act_id),
    record_id text not null,
    previous integer,
    value text,
    value_sha256 blob,
    inputs_sha256 blob not null,
    inputs blob not null,
    looked_up text,
    cost text,
    error text,
    at text not null
  ) strict;
  create index version_by_act on version (act_id, version);
  create trigger version_is_kept before update on version begin select raise(abort, 'a version is never changed'); end;
  create trigger version_stays before delete on version begin select raise(abort, 'a version is never removed'); end;
  `,
  // What runs is noted beside its log.
  `drop table process`,
  // Versions that the act which made them made again.
  `create table replaced (version integer primary key references version (version)) strict`,
  // What the cells of records were that are gone.
  `
  create table gone (
    field_id integer not null references field (field_id),
    record_id text not null,
    version integer not null references version (version),
    primary key (field_id, record_id)
  ) strict, without rowid;
  `,
  // The fields of its records, as JSON, and those of them that are withheld.
  `
  alter table source add column fields text not null default '[]';
  alter table source add column private text not null default '[]';
  `,
]
