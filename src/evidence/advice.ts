import { type Claim, type ClaimCode, fails } from './claims.ts'

/**
 * What it is that fails, and what its reader can do about it. Another copy helps only where this one may be changed: anyone
 * can make a file anew that agrees with itself, so that it is called whole only by a key that the reader pinned.
 */
export const FAILING = {
  file: {
    title: 'The first break',
    isWhole: false,
    advice:
      'Ask for another copy of the file: one that verifies and has the same last link or the same content digest shows what was changed in this one.',
  },
  beside: {
    title: 'The first break',
    isWhole: false,
    advice:
      'Every entry is as it was sealed: what differs is a link or a digest that is written beside them. Ask for another copy: one under the same seal has the same entries, and shows what stood there.',
  },
  answer: {
    title: 'This is another record than the one that you asked for',
    isWhole: true,
    advice:
      'Whoever answered put it in the place of the one that you asked for. Nothing shows that it was changed: ask for the right one, and ask why this came.',
  },
  unsealed: {
    title: 'The first thing that fails',
    isWhole: false,
    advice:
      'Nothing shows that this is the file as it was sealed: no key that you pinned, and that is neither retired nor revoked, has sealed it. Ask for another copy, or for the key of the server that it is from.',
  },
  'unsealed answer': {
    title: 'This is another record than the one that you asked for',
    isWhole: false,
    advice:
      'Whoever answered put it in the place of the one that you asked for. No key that you pinned, and that is neither retired nor revoked, has sealed it: ask for the right one, and ask why this came.',
  },
  requirement: {
    title: 'It does not keep what you require',
    isWhole: true,
    advice:
      'The file is whole: it does not keep what you require. Another copy of it will say the same.',
  },
  record: {
    title: 'The first thing that fails',
    isWhole: true,
    advice:
      'The file is whole: what fails is what was recorded, or does not go with what you hold and whom you trust. Another copy of it will say the same.',
  },
} as const satisfies Record<string, { title: string; isWhole: boolean; advice: string }>

/** Of the claims of a file that does not verify. */
export function failingOf(claims: readonly Claim[]): keyof typeof FAILING {
  const failing = claims.filter(fails)
  const isSealed = claims.some(({ code, ended }) => code === 'seal-signed' && ended === undefined)
  const isWhole =
    isBound(claims) &&
    WHOLE.every((word) => claims.some(({ code }) => code === word)) &&
    failing.every(({ code }) => code !== 'signature-wrong')
  if (!isWhole) return isSealed && isBound(claims) ? 'beside' : 'file'
  if (failing.every(({ claim }) => claim === 'asked'))
    return isSealed ? 'answer' : 'unsealed answer'
  if (!isSealed) return 'unsealed'
  return failing.every(({ claim }) => claim === 'expectations') ? 'requirement' : 'record'
}

/** Told only where the Statement is the rebuilt one, byte for byte: what is recomputed is what was sealed. */
const BOUND: readonly ClaimCode[] = ['seal-bound', 'sealed-early', 'server-differs']
export const isBound = (claims: readonly Claim[]): boolean =>
  claims.some(({ code }) => BOUND.includes(code))

/** What another copy with the same last link, document and seal would have in common with this one is all of it. */
const WHOLE = ['chain-whole', 'content-whole'] as const
