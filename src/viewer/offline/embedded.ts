import { base64InBytes } from '#evidence/base64.ts'
import { utf8 } from '#evidence/canonical.ts'
import { DAMAGED, faultOf, type Tag, WITHOUT_ENVELOPE } from '#evidence/carried.ts'
import type { Unread } from '#viewer/parts/dropped-files.ts'

/** As the page is called that carries this very verifier. */
export const THIS_PAGE = 'This page'

/** What an export carries in the page itself. Empty for the verifier as it is published. */
export type Embedded = {
  envelope: File | null
  /** Offered: it came with the envelope. */
  trust: File | null
  attached: readonly File[]
  /** Blocks that are damaged, each by itself; or why nothing of this page is what an export carries. */
  unread: readonly Unread[]
}

/** Blocks of data that no browser executes, by the rules that another verifier reads this page by [C24]. */
export function embeddedIn(page: Document): Embedded {
  const elements = [...page.querySelectorAll('script[data-part]')].map((element) => ({
    as: element.getAttribute('data-part') ?? '',
    name: element.getAttribute('data-name') ?? '',
    element,
  }))
  const found: Embedded = { envelope: null, trust: null, attached: [], unread: [] }
  const fault = page.characterSet === 'UTF-8' ? faultOf(elements) : OTHER_CHARACTERS
  const why = elements.length === 0 ? null : fault
  if (why !== null) return { ...found, unread: [{ path: THIS_PAGE, why }] }
  const files = elements.map((one) => ({ ...one, file: fileOf(one) }))
  const as = (part: string) => files.flatMap((one) => (one.as === part ? (one.file ?? []) : []))
  const [envelope = null] = as('envelope')
  const attached = as('attached')
  const damaged = files.flatMap(({ name, file }) =>
    file === null ? [{ path: name, why: DAMAGED }] : [],
  )
  return {
    envelope,
    trust: as('trust')[0] ?? null,
    attached: envelope === null ? [] : attached,
    unread:
      envelope === null
        ? [...damaged, ...attached.map(({ name }) => ({ path: name, why: WITHOUT_ENVELOPE }))]
        : damaged,
  }
}

/** Of such a page another verifier, which reads its bytes, could find other blocks. */
const OTHER_CHARACTERS = 'It carries data, and is not read as UTF-8'

function fileOf({ name, element }: Tag & { element: Element }): File | null {
  const bytes = base64InBytes(utf8(element.textContent))
  return bytes && new File([bytes], name)
}
