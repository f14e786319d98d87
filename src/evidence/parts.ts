import { type Limits, type LinkKind, mostInAList, Seal } from '#contract/envelope.ts'
import { parseToFirstFault } from '#contract/parse.ts'
import { PROFILE } from '#contract/scalar.ts'
import { JsonFault, strictJson } from '#contract/strict-json.ts'
import * as z from 'zod/mini'
import { canonicalize, utf8 } from './canonical.ts'
import { EvidenceError } from './fault.ts'
import { refuseEscapedKeys } from './read.ts'
import { isRoomFor } from './room.ts'
import { statementIn } from './sealed.ts'

/** What of a damaged file has the coarse form of a record: for an account of the damage. */
export type Parts = {
  /** '' where it cannot be read. */
  readonly evidence_id: string
  readonly run_id: string
  /** Opening, steps, gates, closing, as far as they are there. */
  readonly entries: readonly Part[]
  /** Of the entries between opening and closing. */
  readonly order: readonly unknown[]
  readonly links: Iterable<unknown>
  readonly head: unknown
  /** Wherever it stands: what it is over says which record it is of. */
  readonly seal: Seal | undefined
  /** What begins and ends as an entry, wherever it stands: nothing of what is around it is needed. */
  readonly whole: () => Iterable<Part>
}

export type Part = {
  readonly kind: LinkKind
  /** Where it stands in the file; null where it was read as a value. */
  readonly own: Uint8Array<ArrayBuffer> | null
  /** What is digested of it; null where it cannot be written. */
  readonly body: () => Uint8Array | null
  /** undefined where it cannot be read. */
  readonly value: () => unknown
}

/** null where nothing has that form, or where there is more than any record has. */
export function partsOf(bytes: Uint8Array<ArrayBuffer>, limits: Limits): Parts | null {
  return partsOfValue(bytes, limits) ?? partsInBytes(bytes, limits)
}

const Coarse = z.looseObject({
  execution: z.looseObject({ steps: z.array(z.unknown()) }),
  gates: z.optional(z.array(z.unknown())),
  order: z.optional(z.unknown()),
  integrity: z.looseObject({
    hash_chain: z.looseObject({ links: z.array(z.unknown()) }),
    seal: z.optional(z.unknown()),
  }),
})

/** Of JSON that has one reading, however it is written. */
function partsOfValue(bytes: Uint8Array<ArrayBuffer>, limits: Limits): Parts | null {
  const value = oneReading(bytes, limits)
  const parsed = z.safeParse(Coarse, value)
  if (!parsed.success) return null
  const {
    evidence_id,
    run_id,
    schema,
    opening,
    closing,
    execution,
    gates = [],
    integrity,
    order,
  } = parsed.data
  const { links, head } = integrity.hash_chain
  const most = 2 * mostInAList(limits)
  if (execution.steps.length + gates.length + links.length > most) return null
  const part = (kind: LinkKind, body: unknown, own = body): Part => ({
    kind,
    own: null,
    body: () => writtenOrNull(body),
    value: () => own,
  })
  const seal = fitting(Seal, integrity.seal) ?? sealIn(bytes)
  // Which record it is stands in the seal as well. Where it is another one, no digest comes out.
  const statement = statementIn(seal)
  const ids = {
    evidence_id:
      typeof evidence_id === 'string' ? evidence_id : (statement?.subject[0]?.name ?? ''),
    run_id: typeof run_id === 'string' ? run_id : (statement?.predicate.run_id ?? ''),
  }
  return {
    ...ids,
    entries: [
      ...(opening === undefined
        ? []
        : [part('opening', { evidence_id, opening, run_id, schema }, opening)]),
      ...execution.steps.map((step) => part('step', step)),
      ...gates.map((gate) => part('gate', gate)),
      ...(closing === undefined ? [] : [part('closing', closing)]),
    ],
    order: Array.isArray(order) ? order : [],
    links,
    head,
    seal,
    // One that is there under its name is as it is, and so are the ids that are linked with it.
    whole: () =>
      wholeIn(
        bytes,
        opening === undefined ? { ...ids, schema: JSON.stringify(schema) } : null,
        most,
      ),
  }
}

function oneReading(bytes: Uint8Array<ArrayBuffer>, limits: Limits): unknown {
  if (!isRoomFor(bytes)) return undefined
  try {
    const text = markless.decode(bytes)
    refuseEscapedKeys(text)
    return strictJson(text, limits.depth)
  } catch (fault) {
    if (isNoReading(fault)) return undefined
    throw fault
  }
}

// No UTF-8, no JSON, or what two readers may take for two things.
const isNoReading = (fault: unknown): boolean =>
  fault instanceof TypeError || fault instanceof JsonFault || fault instanceof EvidenceError

export function writtenOrNull(value: unknown): Uint8Array | null {
  try {
    return utf8(canonicalize(value))
  } catch (fault) {
    if (fault instanceof EvidenceError) return null
    throw fault
  }
}

/**
 * Texts between the parts of a file that is canonical but for its damage, in their order. Each stands there alone: a quote
 * within a text is escaped, and what people name has texts for values. So the rest is found without that what is damaged
 * can be read.
 */
const MARKS = [
  { part: 'closing', text: '{"closing":' },
  { part: 'evidence_id', text: ',"evidence_id":"' },
  { part: 'steps', text: ',"execution":{"steps":[', between: ',{"argv":[' },
  { part: 'gates', text: ']},"gates":[', between: ',{"decisions":[' },
  { part: 'content', text: '],"integrity":{' },
  { part: 'chain', text: ',"hash_chain":{"algorithm":"' },
  { part: 'links', text: ',"links":[', between: ',{"entry":"' },
  { part: 'profile', text: ']},"profile":"' },
  { part: 'opening', text: '},"opening":' },
  { part: 'order', text: ',"order":[' },
  { part: 'end', text: '],"run_id":"' },
] as const
type Mark = (typeof MARKS)[number]['part']

/** Begin and end, one after the other. */
type Spans = Map<Mark, number[]>

function partsInBytes(bytes: Uint8Array<ArrayBuffer>, limits: Limits): Parts | null {
  const most = 2 * mostInAList(limits)
  const spans = spansBetween(bytes, most)
  if (spans === null || spans.size === 0) return null
  const textsOf = (mark: Mark): Uint8Array<ArrayBuffer>[] => {
    const places = spans.get(mark) ?? []
    return places.flatMap((begin, nth) =>
      nth % 2 === 0 && begin < (places[nth + 1] ?? 0) ? bytes.subarray(begin, places[nth + 1]) : [],
    )
  }
  const textOf = (mark: Mark): string =>
    latin1.decode(textsOf(mark)[0]?.subarray(0, A_NAME) ?? NONE)
  const all = (kind: LinkKind, mark: Mark) =>
    // What ends where it begins is a list of none, whatever follows.
    textsOf(mark).flatMap((body) => (body[0] === CLOSE_LIST ? [] : [partAt(kind, body)]))
  const [links = bytes.length] = spans.get('links') ?? []
  const beforeLinks = latin1.decode(bytes.subarray(Math.max(0, links - A_NAME), links))
  const seal = sealIn(bytes)
  // Which record it is stands in the seal as well. Where it is another one, no digest comes out.
  const statement = statementIn(seal)
  const [, ownRun, said] = /^([^"]*)"(?:,"schema":("[^"\\]+"))?/.exec(textOf('end')) ?? []
  const [, ownId] = /^([^"]*)"/.exec(textOf('evidence_id')) ?? []
  // Behind a stretch that is there twice, what follows the run may be any piece of it.
  const schema = latin1.decode(bytes.subarray(-A_NAME)).includes(ITS_END) ? undefined : said
  const run_id = ownRun ?? statement?.predicate.run_id ?? ''
  const evidence_id = ownId ?? statement?.subject[0]?.name ?? ''
  const [opening = NONE] = textsOf('opening')
  const [orderText = NONE] = textsOf('order')
  const ids = { evidence_id, run_id, schema }
  return {
    evidence_id,
    run_id,
    entries: [
      ...(opening.length > 0 ? [openingAt(opening, ids)] : []),
      ...all('step', 'steps'),
      ...all('gate', 'gates'),
      ...all('closing', 'closing'),
    ],
    order: latin1.decode(orderText.subarray(0, MOST_OF_A_KIND * most)).match(/step|gate/g) ?? [],
    // A link has none in it: behind the last one stands whatever was not cut off.
    links: textsOf('links').map((text) => valueOf(text.subarray(0, text.indexOf(CLOSE) + 1))),
    head: (HEAD.exec(textOf('chain')) ?? HEAD.exec(beforeLinks))?.[1],
    seal,
    whole: () => wholeIn(bytes, ids, most),
  }
}

export const partAt = (kind: LinkKind, own: Uint8Array<ArrayBuffer>, body = own): Part => ({
  kind,
  own,
  body: () => body,
  value: () => valueOf(own),
})

type Ids = Pick<Parts, 'evidence_id' | 'run_id'> & { readonly schema?: string | undefined }

/** An opening is linked with the ids of its record. */
function openingAt(
  own: Uint8Array<ArrayBuffer>,
  { evidence_id, run_id, schema = JSON.stringify(PROFILE) }: Ids,
): Part {
  const before = utf8(`{"evidence_id":${JSON.stringify(evidence_id)},"opening":`)
  const after = utf8(`,"run_id":${JSON.stringify(run_id)},"schema":${schema}}`)
  const body = new Uint8Array(before.length + own.length + after.length)
  body.set(before)
  body.set(own, before.length)
  body.set(after, before.length + own.length)
  return partAt('opening', own, body)
}

function* wholeIn(bytes: Uint8Array<ArrayBuffer>, ids: Ids | null, most: number): Generator<Part> {
  for (const { kind, own } of objectsIn(bytes, BEGINNINGS.entries, most)) yield partAt(kind, own)
  if (ids === null) return
  // By itself: a plan has steps that begin as an entry does.
  for (const { own } of objectsIn(bytes, BEGINNINGS.opening, most)) yield openingAt(own, ids)
}

/** The first, in whatever what is around it was changed. */
function sealIn(bytes: Uint8Array<ArrayBuffer>): Seal | undefined {
  for (const { own } of objectsIn(bytes, BEGINNINGS.seal, Infinity)) {
    const seal = fitting(Seal, valueOf(own))
    if (seal !== undefined) return seal
  }
  return undefined
}

export function fitting<T>(schema: z.ZodMiniType<T>, value: unknown): T | undefined {
  const parsed = parseToFirstFault(schema, value)
  return parsed.ok ? parsed.value : undefined
}

/** Of which none has another within it. */
const BEGINNINGS = {
  entries: [
    { kind: 'step', text: utf8('{"argv":[') },
    { kind: 'gate', text: utf8('{"decisions":[') },
    { kind: 'closing', text: utf8('{"counts":{') },
  ],
  opening: [{ kind: 'opening', text: utf8('{"actor":"') }],
  seal: [{ kind: 'seal', text: utf8('{"payload":"') }],
} as const

/**
 * Those that begin in one of these ways, up to the bracket that closes each. Where another begins the one before was not
 * whole, also in what looks like a text: no quote stands in one as it is. So each byte is looked at once.
 */
function* objectsIn<K>(
  bytes: Uint8Array<ArrayBuffer>,
  beginnings: readonly { readonly kind: K; readonly text: Uint8Array }[],
  /** Of more than any record has the others are not looked at. */
  most: number,
): Generator<{ kind: K; own: Uint8Array<ArrayBuffer> }> {
  let begun: { readonly kind: K; readonly at: number } | null = null
  let open: number[] = []
  let isText = false
  let left = most
  for (let at = 0; at < bytes.length && left > 0; at += 1) {
    const byte = bytes[at] ?? 0
    const found = byte === OPEN ? beginnings.find(({ text }) => isAt(bytes, at, text)) : undefined
    if (found !== undefined) {
      begun = { kind: found.kind, at }
      open = [CLOSE]
      isText = false
    } else if (begun === null) continue
    else if (isText) {
      if (byte === BACKSLASH) at += 1
      else if (byte === QUOTE) isText = false
    } else if (byte === QUOTE) isText = true
    else if (byte === OPEN || byte === OPEN_LIST) {
      if (open.push(byte === OPEN ? CLOSE : CLOSE_LIST) > DEEPEST) begun = null
    } else if (byte === CLOSE || byte === CLOSE_LIST) {
      if (open.pop() !== byte) begun = null
      else if (open.length === 0) {
        yield { kind: begun.kind, own: bytes.subarray(begun.at, at + 1) }
        left -= 1
        begun = null
      }
    }
  }
}

const HEAD = /"head":"([0-9a-f]{64})"/
/** Longer than any id. */
const A_NAME = 400
const ITS_END = `"schema":${JSON.stringify(PROFILE)}}`
const MOST_OF_A_KIND = '"step",'.length
const NONE = new Uint8Array()
/** Deeper than any entry. */
const DEEPEST = 100
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, QUOTE, BACKSLASH] = [
  0x7b, 0x7d, 0x5b, 0x5d, 0x22, 0x5c,
] as const

function spansBetween(bytes: Uint8Array<ArrayBuffer>, most: number): Spans | null {
  const marks = MARKS.map((mark) => ({
    part: mark.part,
    text: utf8(mark.text),
    between: 'between' in mark ? utf8(mark.between) : null,
  }))
  const spans: Spans = new Map()
  let last = -1
  for (let at = 0; at < bytes.length; at += 1) {
    if (FIRST[bytes[at] ?? 0] === 0) continue
    const { part, between = null } = marks[last] ?? {}
    const open = part && spans.get(part)
    if (open && between !== null && isAt(bytes, at, between)) {
      open.push(at, at + 1)
      if (open.length > most) return null
      continue
    }
    // Where the beginning of a list is gone, its next element begins what is there of it.
    const next = marks.findIndex(
      (mark, nth) =>
        nth > last &&
        (isAt(bytes, at, mark.text) || (mark.between !== null && isAt(bytes, at, mark.between))),
    )
    const found = marks[next]
    if (found === undefined) continue
    open?.push(at)
    spans.set(found.part, [at + (isAt(bytes, at, found.text) ? found.text.length : 1)])
    last = next
  }
  spans.get(marks[last]?.part ?? 'end')?.push(bytes.length)
  return spans
}

const FIRST = Uint8Array.from({ length: 256 }, (_, byte) =>
  ',]}{'.includes(String.fromCharCode(byte)) ? 1 : 0,
)

function isAt(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index += 1)
    if (bytes[at + index] !== text[index]) return false
  return true
}

function valueOf(bytes: Uint8Array<ArrayBuffer>): unknown {
  if (!isRoomFor(bytes)) return undefined
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (fault) {
    if (fault instanceof SyntaxError || fault instanceof TypeError) return undefined
    throw fault
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const markless = new TextDecoder('utf-8', { fatal: true })
const latin1 = new TextDecoder('latin1')
