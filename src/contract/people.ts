import * as z from 'zod/mini'
import { Count, Id } from './scalar.ts'
import { keysOf, ROLE } from './status.ts'

/** Everything that the journal has a word for. Nobody's reading is in it. */
export const ACT = {
  run_started: { label: 'started a run' },
  run_rerun: { label: 'ran a run again' },
  run_aborted: { label: 'aborted a run' },
  gate_decided: { label: 'answered a gate' },
  seal_retried: { label: 'asked for a seal again' },
  signed_in: { label: 'signed in' },
  sign_in_refused: { label: 'was refused a sign-in' },
  signed_out: { label: 'signed out' },
  session_ended: { label: 'ended sessions' },
  user_added: { label: 'added a person' },
  user_changed: { label: 'changed a person' },
  link_made: { label: 'made a sign-in link' },
  token_made: { label: 'made a token' },
  token_revoked: { label: 'revoked a token' },
  backed_up: { label: 'made a backup' },
  restored: { label: 'restored from a backup' },
} as const satisfies Record<string, { label: string }>
export type ActName = keyof typeof ACT

/** One line of the log of who did what: `n` counts from 1 without holes, and a line is never changed or removed. */
export const JournalEntry = z.object({
  n: Count,
  at: z.string(),
  /** `user:NAME`, `token:ID`, `system`, `local:NAME` for somebody at the server's own command line; null: nobody known. */
  actor: z.nullable(z.string()),
  act: z.enum(keysOf(ACT)),
  /** Id or name of the run, gate, person, token or session that it was done to. */
  about: z.nullable(z.string()),
  detail: z.nullable(z.string()),
})
export type JournalEntry = z.infer<typeof JournalEntry>

export const Person = z.object({
  name: Id,
  role: z.enum(keysOf(ROLE)),
  created_at: z.string(),
  /** Who is disabled signs in no more, and their tokens say nothing. */
  disabled_at: z.nullable(z.string()),
})
export type Person = z.infer<typeof Person>

/** Two names are steps in a path, and no address could name such a person. */
export const PersonName = Id.check(z.regex(/^(?!\.{1,2}$)/))

export const AddUser = z.strictObject({ name: PersonName, role: z.enum(keysOf(ROLE)) })
export const ChangeUser = z.strictObject({
  role: z.optional(z.enum(keysOf(ROLE))),
  disabled: z.optional(z.boolean()),
})
export type ChangeUser = z.infer<typeof ChangeUser>

/** The one-time secret of a sign-in link, told once: it belongs in the fragment of `/sign-in#TOKEN`. */
export const LinkMade = z.object({ token: z.string(), expires_at: z.string() })
export type LinkMade = z.infer<typeof LinkMade>

/** A token without its secret, which nobody has but its holder. */
export const TokenResource = z.object({
  token_id: Id,
  role: z.enum(keysOf(ROLE)),
  owner: z.nullable(z.string()),
  created_at: z.string(),
  expires_at: z.nullable(z.string()),
  revoked_at: z.nullable(z.string()),
})
export type TokenResource = z.infer<typeof TokenResource>

export const MakeToken = z.strictObject({
  role: z.enum(keysOf(ROLE)),
  /** The person whom it belongs to; default nobody. */
  user: z.optional(Id),
  /** Default never; at most ten years. */
  expires_days: z.optional(z.int().check(z.positive(), z.maximum(3650))),
})
/** `token` is told here and never again. */
export const TokenMade = z.object({ ...TokenResource.shape, token: z.string() })
export type TokenMade = z.infer<typeof TokenMade>

export const SessionResource = z.object({
  session_id: Id,
  user: z.string(),
  created_at: z.string(),
  /** To the minute. */
  seen_at: z.string(),
  expires_at: z.string(),
  /** Is it the one that asks? */
  current: z.boolean(),
})
export type SessionResource = z.infer<typeof SessionResource>

export const SessionsEnded = z.object({ ended: Count })
