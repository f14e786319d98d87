import { base64InBytes } from '#evidence/base64.ts'
import { utf8 } from '#evidence/canonical.ts'
import { DAMAGED, faultOf, type Tag } from '#evidence/carried.ts'
import type { Unread } from '#viewer/parts/dropped-files.ts'

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
  const why = elements.length === 0 ? null : faultOf(elements)
  if (why !== null) return { ...found, unread: [{ path: 'This page', why }] }
  const files = elements.map((one) => ({ ...one, file: fileOf(one) }))
  const as = (part: string) => files.flatMap((one) => (one.as === part ? (one.file ?? []) : []))
  return {
    envelope: as('envelope')[0] ?? null,
    trust: as('trust')[0] ?? null,
    attached: as('attached'),
    unread: files.flatMap(({ name, file }) =>
      file === null ? [{ path: name, why: DAMAGED }] : [],
    ),
  }
}

function fileOf({ name, element }: Tag & { element: Element }): File | null {
  const bytes = base64InBytes(utf8(element.textContent))
  return bytes && new File([bytes], name)
}
