import { LIMITS } from '#contract/envelope.ts'
import { base64InBytes } from './base64.ts'
import { MOST_BESIDE } from './beside.ts'
import { isAt } from './bytes-at.ts'
import { utf8 } from './canonical.ts'
import { counted } from './counted.ts'

/**
 * What a page of `export --html` has in it, as blocks of data that no browser executes. In this order, under names of
 * this form, and as many of each.
 */
const CARRIED = {
  envelope: { name: /^envelope\.json$/, most: 1 },
  /** Offered, whoever made the page. */
  trust: { name: /^offered-trust\.json$/, most: 1 },
  attached: { name: /^(?:logs|artifacts)\/[0-9a-f]{64}$/, most: MOST_BESIDE },
} as const
export type CarriedAs = keyof typeof CARRIED

/** `from`, `to`: where its base64 stands in the page. `size`: of its bytes, if it is base64. */
export type Block = Tag & { readonly size: number; readonly from: number; readonly to: number }
export type Tag = { readonly as: string; readonly name: string }

/** A page that is none of an export, and looks like one, says why: in a sentence without its stop. */
export type Carried =
  | {
      readonly ok: true
      readonly envelope: Block
      readonly trust: Block | null
      readonly attached: readonly Block[]
    }
  | { readonly ok: false; readonly why: string }

/** The start tag of a block. Names are ours and hex: nothing of a run can end it. */
export const carriedTag = (as: CarriedAs, name: string): string =>
  `<script type="text/plain" data-part="${as}" data-name="${name}">`
const END_TAG = utf8('</script>')

/**
 * What a page carries; null where it is no page, or carries nothing. No HTML is read: before the first script of the page
 * its words are passed over, and there its blocks stand, one behind the other. Nothing of it is executed or drawn: whoever
 * made the page may have made its verifier too, so that a reader takes what it carries to their own.
 */
export function carriedIn(page: Uint8Array): Carried | null {
  if (page.length > LIMITS.bytes || !isPage(page)) return null
  const first = indexOf(page, SCRIPT, 0)
  const blocks: Block[] = []
  let at = first
  for (;;) {
    const found = at === -1 ? null : blockAt(page, at)
    if (found === null) break
    blocks.push(found)
    at = isAt(page, found.to, END_TAG) ? found.to + END_TAG.length : found.to
    // Some gateways write another end of the line.
    while (SPACES.includes(page[at] ?? 0)) at += 1
  }
  if (blocks.length === 0 && (at === -1 || !hasTag(page, at))) return null
  if (hasPart(page, 0, first) || hasPart(page, at, page.length))
    return { ok: false, why: ELSEWHERE }
  const why = faultOf(blocks)
  if (why !== null) return { ok: false, why }
  const [envelope, ...others] = blocks
  if (envelope === undefined) return null
  const trust = others.find(({ as }) => as === 'trust') ?? null
  return { ok: true, envelope, trust, attached: others.filter((one) => one !== trust) }
}

/** By its beginning: the first tag, behind what a browser passes over. `head`: of a page at least so many bytes. */
export function isPage(head: Uint8Array): boolean {
  let at = isAt(head, 0, BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0
  while (at < MOST_BEFORE_A_PAGE && SPACES.includes(head[at] ?? 0)) at += 1
  return head[at] === LESS
}
export const MOST_BEFORE_A_PAGE = 1024

/** Why these are not the blocks of an export. The same for a page that is read and for one that was opened. */
export function faultOf(blocks: readonly Tag[]): string | null {
  const count = { envelope: 0, trust: 0, attached: 0 }
  const names = new Set<string>()
  let before = 0
  for (const { as, name } of blocks) {
    const place = ORDER.findIndex((one) => one === as)
    const kind = ORDER[place]
    if (kind === undefined || !CARRIED[kind].name.test(name)) return OTHER_NAME
    if (place < before) return OTHER_ORDER
    before = place
    count[kind] += 1
    if (count[kind] > CARRIED[kind].most)
      return kind === 'attached'
        ? `It carries more than ${counted(MOST_BESIDE, 'log or artifact', 'logs and artifacts')}`
        : `It carries more than one ${TWICE[kind]}, and does not say which one counts`
    if (names.has(name)) return `It carries ${name} twice`
    names.add(name)
  }
  return count.envelope === 0 ? NO_ENVELOPE : null
}

/** Its bytes; null where its base64 is damaged, or cut off. */
export const bytesOfBlock = (
  page: Uint8Array,
  { from, to }: Block,
): Uint8Array<ArrayBuffer> | null =>
  // Without an end it may be any piece of what was there.
  isAt(page, to, END_TAG) ? base64InBytes(page.subarray(from, to)) : null

/** The same, so many characters at a time: of a long one somebody may wish to be asked between them. */
export function* piecesOfBlock(page: Uint8Array, { from, to }: Block): Generator<Piece> {
  if (!isAt(page, to, END_TAG)) yield null
  else
    for (let at = from; at < to; at += A_PIECE) {
      const piece = base64InBytes(page.subarray(at, Math.min(at + A_PIECE, to)))
      const isLast = at + A_PIECE >= to
      // Padding stands at the end alone.
      yield isLast || piece?.length === (A_PIECE / 4) * 3 ? piece : null
    }
}
type Piece = Uint8Array<ArrayBuffer> | null

export function isWhole(page: Uint8Array, block: Block): boolean {
  for (const piece of piecesOfBlock(page, block)) if (piece === null) return false
  return true
}

const A_PIECE = 2 ** 22

export const DAMAGED = 'It cannot be read: its base64 is damaged or cut off'
/** Of a log or an artifact: it is held against no other record than that of its page. */
export const WITHOUT_ENVELOPE = 'The envelope of the page that it came in cannot be read'

const ORDER = ['envelope', 'trust', 'attached'] as const satisfies readonly CarriedAs[]
const TWICE = { envelope: 'envelope', trust: 'trust file' } as const
const ELSEWHERE = 'It has data like that of an export, and in other places than an export has it'
const OTHER_NAME = 'It carries data under a name that no export gives'
const OTHER_ORDER = 'It carries data in another order than an export does'
const NO_ENVELOPE = 'It carries data like that of an export, and no envelope'

function blockAt(page: Uint8Array, at: number): Block | null {
  const tag = TAG.exec(latin1.decode(page.subarray(at, at + LONGEST_TAG)))
  if (tag === null) return null
  const [whole, as = '', name = ''] = tag
  const from = at + whole.length
  const end = page.indexOf(LESS, from)
  const to = end === -1 ? page.length : end
  const padding = page[to - 1] !== PADDING ? 0 : page[to - 2] !== PADDING ? 1 : 2
  return { as, name, from, to, size: Math.max(0, Math.floor((to - from) / 4) * 3 - padding) }
}

/** A block that anybody meant as one, wherever. What a verifier's script says of blocks is none: it names no part. */
function hasTag(page: Uint8Array, from: number): boolean {
  for (let at = indexOf(page, BEGINNING, from); at !== -1; at = indexOf(page, BEGINNING, at + 1))
    if (isLetter(page[at + BEGINNING.length])) return true
  return false
}

/**
 * Outside of the blocks, however it is spelt: a browser takes names in either case, and values in other quotes, in none or
 * by number, and any value, also an empty one, is a part that the verifier of the page would have to know. Attacker: two
 * records in one page, of which the verifier in it draws the one and a reader of its bytes judges the other, hidden in a
 * comment or a style. Only the verifier’s own script has values that are put together.
 */
function hasPart(page: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    // Its dash is the same in either case.
    if (page[at + PART_DASH] !== DASH || !isPartAt(page, at)) continue
    let next = at + PART.length
    const pass = (bytes: readonly number[]) => {
      while (bytes.includes(page[next] ?? 0)) next += 1
    }
    pass(SPACES)
    if (page[next] !== EQUALS) continue
    next += 1
    pass(SPACES)
    const quote = page[next] ?? 0
    if (QUOTES.includes(quote)) next += 1
    const begins = page[next] ?? 0
    const isOtherQuote = QUOTES.includes(begins) && begins !== quote
    if (!isOtherQuote && !PUT_TOGETHER.includes(begins)) return true
  }
  return false
}

function isPartAt(page: Uint8Array, at: number): boolean {
  for (let index = 0; index < PART.length; index += 1)
    if (lower(page[at + index]) !== PART[index]) return false
  return true
}

const lower = (byte = 0): number => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte)
const PART = utf8('data-part')
const DASH = 0x2d
const PART_DASH = PART.indexOf(DASH)
const EQUALS = 0x3d
/** `$`, `(`, and the quote of a template. */
const PUT_TOGETHER: readonly number[] = [0x24, 0x28, 0x60]
const QUOTES: readonly number[] = [0x22, 0x27]

const isLetter = (byte = 0): boolean => byte >= 0x61 && byte <= 0x7a

const TAG = /^<script type="text\/plain" data-part="([\w-]+)" data-name="([\w./-]*)">/
/** Longer than any of ours. */
const LONGEST_TAG = 256
const SCRIPT = utf8('<script')
const BEGINNING = utf8('<script type="text/plain" data-part="')
const LESS = 0x3c
const PADDING = 0x3d
/** Of HTML. */
const SPACES: readonly number[] = [0x0a, 0x0d, 0x20, 0x09, 0x0c]
const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf)
const latin1 = new TextDecoder('latin1')

/** Of a text that begins with `<`: byte by byte, since a hostile page may have nothing else. */
function indexOf(page: Uint8Array, text: Uint8Array, from: number): number {
  for (let at = from; at < page.length; at += 1)
    if (page[at] === LESS && isAt(page, at, text)) return at
  return -1
}
