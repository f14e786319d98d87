import * as z from 'zod/mini'
import { FIELD_TYPE, keysOf, SOURCE_KIND } from '#contract/status.ts'
import { Count, Sha256 } from '#contract/scalar.ts'

/*
 * What the server and its reader of sources say to each other. A reader is a process of its own for one reading: a
 * file may be larger, slower or more twisted than anybody thought, and then it is the reader that ends.
 */

/** On stdin, as a line of JSON; when stdin ends, the reader does. The file is descriptor 3. */
export const SourceRequest = z.object({
  kind: z.enum(keysOf(SOURCE_KIND)),
  /** For messages. */
  name: z.string(),
  /** Of a database, which is more than one file. */
  database: z.nullable(z.string()),
  query: z.nullable(z.string()),
  /** In a document. */
  at: z.nullable(z.string()),
  key: z.string(),
  fields: z.nullable(z.record(z.string(), z.enum(keysOf(FIELD_TYPE)))),
  /** Fields that something is derived from: they have to be there. */
  needed: z.array(z.string()),
  /** Where the fields are not written, what is private has to be one of the source, and what is derived none. */
  private: z.array(z.string()),
  derived: z.array(z.string()),
  /** Digest of the reading before: where it is this one's too, the records are not said again. */
  known: z.nullable(Sha256),
})
export type SourceRequest = z.infer<typeof SourceRequest>

/** The last line on stdout. Before it, one line a record: its key and its fields, as JSON, with a tab between. */
export const SourceEnd = z.discriminatedUnion('end', [
  z.object({
    end: z.literal('read'),
    sha256: Sha256,
    records: Count,
    /** That any record has, in the order of the source. */
    fields: z.array(z.string()),
  }),
  z.object({ end: z.literal('same') }),
  /** `message` begins with the place. */
  z.object({ end: z.literal('fault'), message: z.string() }),
])
export type SourceEnd = z.infer<typeof SourceEnd>

export const SOURCE_LIMITS = {
  bytes: 256 * 1024 * 1024,
  records: 1_000_000,
  recordBytes: 1024 * 1024,
  keyBytes: 1024,
  fields: 1000, // of all records together
  depth: 32,
} as const

/** Keys in the order that the store has them in: by code points, where JavaScript's own is by UTF-16. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at += 1) {
    const one = a.charCodeAt(at)
    const other = b.charCodeAt(at)
    if (one !== other) return rank(one) - rank(other)
  }
  return a.length - b.length
}

// Halves of a surrogate pair stand for code points above all that is written with one unit.
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}
