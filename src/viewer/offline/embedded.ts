import { decodeBase64 } from '#evidence/base64.ts'

/** What an export carries in the page itself. Empty for the verifier as it is published. */
export type Embedded = {
  envelope: File | null
  /** Offered: it came with the envelope. */
  trust: File | null
  attached: readonly File[]
}

/** Blocks of data that no browser executes: `<script type="text/plain" data-part="log" data-name="…">` in base64. */
export function embeddedIn(page: Document): Embedded {
  const files = (part: string) =>
    [...page.querySelectorAll(`script[data-part="${part}"]`)].map(
      (block) =>
        new File([decodeBase64(block.textContent)], block.getAttribute('data-name') ?? part),
    )
  return {
    envelope: files('envelope')[0] ?? null,
    trust: files('trust')[0] ?? null,
    attached: files('attached'),
  }
}
