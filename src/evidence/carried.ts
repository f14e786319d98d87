import { tryBase64 } from './base64.ts'

/** A page of `export --html` has these in it, as blocks of data that no browser executes. */
export type CarriedAs = 'envelope' | 'trust' | 'attached'

/** `bytes`: null where they are not base64, as of a page that was cut off. */
export type Carried = {
  readonly as: CarriedAs
  readonly name: string
  readonly bytes: Uint8Array<ArrayBuffer> | null
}

/** A page may be whole files longer than what it carries, in base64. What is longer was made by no export. */
export const MOST_IN_PAGE_BYTES = 256 * 1024 ** 2

/** The start tag of a block. Names are ours and hex: nothing of a run can end it. */
export const carriedTag = (as: CarriedAs, name: string): string =>
  `<script type="text/plain" ${MARK}${as}" data-name="${name}">`

const MARK = 'data-part="'

/**
 * What a page carries, in its order. Nothing of the page is executed or drawn: whoever made it may have made its verifier
 * too, so that a reader takes these to their own. The page's words may be anything, and are passed over.
 */
export function* carriedIn(page: string): Generator<Carried> {
  for (let at = page.indexOf(MARK); at !== -1; at = page.indexOf(MARK, at + 1)) {
    const tag = TAG.exec(page.slice(at, at + MOST_IN_TAG))
    const as = tag?.[1]
    if (tag === null || (as !== 'envelope' && as !== 'trust' && as !== 'attached')) continue
    const from = at + tag[0].length
    const end = page.indexOf('<', from)
    const text = page.slice(from, end === -1 ? page.length : end)
    yield { as, name: tag[2] ?? '', bytes: end === -1 ? null : tryBase64(text) }
  }
}

const TAG = /^data-part="(envelope|trust|attached)" data-name="([^"<>]*)">/
const MOST_IN_TAG = 512
