import { type Limits, type LinkKind, mostInAList } from '#contract/envelope.ts'
import { pointer } from '#contract/parse.ts'
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
  readonly seal: unknown
}

export type Part = {
  readonly kind: LinkKind
  readonly where: string
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
  gates: z.array(z.unknown()),
  order: z.optional(z.unknown()),
  integrity: z.looseObject({ hash_chain: z.looseObject({ links: z.array(z.unknown()) }) }),
})

/** Of JSON that has one reading, however it is written. */
function partsOfValue(bytes: Uint8Array<ArrayBuffer>, limits: Limits): Parts | null {
  const value = oneReading(bytes, limits)
  const parsed = z.safeParse(Coarse, value)
  if (!parsed.success) return null
  const { evidence_id, run_id, schema, opening, closing, execution, gates, integrity, order } =
    parsed.data
  const { links, head } = integrity.hash_chain
  if (execution.steps.length + gates.length + links.length > 2 * mostInAList(limits)) return null
  const part = (kind: LinkKind, path: readonly PropertyKey[], body: unknown, own = body): Part => ({
    kind,
    where: pointer(path),
    body: () => writtenOrNull(body),
    value: () => own,
  })
  return {
    evidence_id: typeof evidence_id === 'string' ? evidence_id : '',
    run_id: typeof run_id === 'string' ? run_id : '',
    entries: [
      part('opening', ['opening'], { evidence_id, opening, run_id, schema }, opening),
      ...execution.steps.map((step, nth) => part('step', ['execution', 'steps', nth], step)),
      ...gates.map((gate, nth) => part('gate', ['gates', nth], gate)),
      part('closing', ['closing'], closing),
    ],
    order: Array.isArray(order) ? order : [],
    links,
    head,
    seal: integrity['seal'],
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
 * can be read. `own`: so many bytes of a text belong to the part that it begins.
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
  { part: 'seal', text: ',"seal":{', own: 1 },
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
  const part = (
    kind: LinkKind,
    where: string,
    body: Uint8Array<ArrayBuffer>,
    own = body,
  ): Part => ({
    kind,
    where,
    body: () => body,
    value: () => valueOf(own),
  })
  const all = (kind: LinkKind, mark: Mark, path: string) =>
    textsOf(mark).map((body, nth) => part(kind, `${path}/${nth}`, body))
  const seal = valueOf(textsOf('seal')[0] ?? NONE)
  // Which record it is stands in the seal as well. Where it is another one, no digest comes out.
  const statement = statementIn(seal)
  const [, ownRun, schema = JSON.stringify(PROFILE)] =
    /^([\w.-]+)","schema":("[^"\\]+")/.exec(textOf('end')) ?? []
  const run_id = ownRun ?? statement?.predicate.run_id ?? ''
  const evidence_id = textOf('evidence_id').replace(/"$/, '') || (statement?.subject[0]?.name ?? '')
  const [opening = NONE] = textsOf('opening')
  const [orderText = NONE] = textsOf('order')
  const ids = [
    `{"evidence_id":"${evidence_id}","opening":`,
    `,"run_id":"${run_id}","schema":${schema}}`,
  ]
  const [before = NONE, after = NONE] = ids.map(utf8)
  const around = new Uint8Array(before.length + opening.length + after.length)
  around.set(before)
  around.set(opening, before.length)
  around.set(after, before.length + opening.length)
  return {
    evidence_id,
    run_id,
    entries: [
      ...(opening.length > 0 ? [part('opening', '/opening', around, opening)] : []),
      ...all('step', 'steps', '/execution/steps'),
      ...all('gate', 'gates', '/gates'),
      ...textsOf('closing').map((body) => part('closing', '/closing', body)),
    ],
    order: latin1.decode(orderText.subarray(0, MOST_OF_A_KIND * most)).match(/step|gate/g) ?? [],
    // A link has none in it: behind the last one stands whatever was not cut off.
    links: textsOf('links').map((text) => valueOf(text.subarray(0, text.indexOf(CLOSE) + 1))),
    head: /"head":"([0-9a-f]{64})"$/.exec(textOf('chain'))?.[1],
    seal,
  }
}

/** Longer than any id. */
const A_NAME = 400
const MOST_OF_A_KIND = '"step",'.length
const NONE = new Uint8Array()
const CLOSE = 0x7d

function spansBetween(bytes: Uint8Array<ArrayBuffer>, most: number): Spans | null {
  const marks = MARKS.map((mark) => ({
    part: mark.part,
    text: utf8(mark.text),
    own: 'own' in mark ? mark.own : 0,
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
    spans.set(found.part, [at + (isAt(bytes, at, found.text) ? found.text.length - found.own : 1)])
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
