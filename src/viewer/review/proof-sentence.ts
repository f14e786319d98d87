import { TRUST_SOURCE } from '#contract/trust.ts'
import { FAILING, failingOf, isBound } from '#evidence/advice.ts'
import { type Claim, CODE, fails, keepsBack } from '#evidence/claims.ts'
import { counted } from '#evidence/counted.ts'
import type { Remaining } from '#evidence/remaining.ts'
import type { SealedBy } from '#evidence/sealed.ts'
import { keyNamed } from '#evidence/trust-said.ts'
import { daySaid } from '#viewer/parts/time.tsx'
import { isSealKnown } from '#viewer/seal-known.ts'
import type { Verdict } from '#viewer/verifier.ts'
import type { Origin } from './origin.ts'

/** Where a document is from, and with a file its trust: the reader's own, or what an export brought along. */
export type Whence = Origin['from'] | 'export'

export type ProofSentence = {
  tone: 'proven' | 'part' | 'read' | 'refused'
  title: string
  text: string
  /** Of which key that has ended all of it is the word, '' where of none. */
  rests: string
  /** What was left open, '' where nothing of the file is to be believed anyway. */
  open: string
}

/** The one thing on top of a verdict: what is proven, by whose key, and what is not. */
export function proofSentence(
  found: Pick<Verdict, 'verdict' | 'claims' | 'sealed_by' | 'unread' | 'remaining'>,
  seen: string | null,
  from: Whence,
): ProofSentence {
  const { verdict, claims, sealed_by, unread } = found
  const failing = claims.filter(fails)
  const by = sealed_by && keyName(sealed_by, seen, from)
  const open = openOf(claims)
  const rests = sealed_by?.source === 'pinned' ? restsOn(claims) : ''
  switch (verdict) {
    case 'not an envelope':
      return {
        tone: 'refused',
        title: 'This file is no evidence envelope',
        text: `It could not be read as one, so nothing of it is shown. ${unsealed(found)} It may be another file, or only a part of one. See below why, and ask for another copy.`,
        rests: '',
        open: '',
      }
    case 'does not verify':
      return {
        tone: 'refused',
        title: 'This file does not verify',
        text: `${failing.length === 1 ? 'One claim fails' : `${failing.length} claims fail`}, so nothing of it is shown as evidence.${FAILING[failingOf(claims)].isWhole ? ' The file itself is whole.' : ''} ${by === null ? unsealed(found) : signedBy(claims, by)}`,
        rests: isBound(claims) ? rests : '',
        open: '',
      }
    case 'proven':
      return {
        tone: 'proven',
        title: 'The record is proven to be whole and sealed by a key you trust',
        text: `Nothing of it was changed, added or taken away since it was sealed. It is signed by ${by}. That does not prove that what was recorded is true, or that it is all that happened.`,
        rests,
        open,
      }
    case 'not proven':
      return {
        tone: isSealKnown(sealed_by) ? 'part' : 'read',
        title:
          sealed_by === null
            ? isByRefused(claims)
              ? 'The file agrees with itself, and names a key that you refused'
              : unread === undefined
                ? 'The file agrees with itself, and nobody you know has sealed it'
                : 'The file agrees with itself. Whom you trust could not be read'
            : sealed_by.source !== 'pinned' && isWhole(claims)
              ? 'The record is whole. Whose it is has not been proven'
              : claims.filter(keepsBack).every(({ code }) => code === 'another-definition')
                ? 'It is sealed by a key you trust. Which definition it is a run of is not proven'
                : unread === undefined
                  ? 'Nothing fails, but something you required is not proven'
                  : 'Nothing fails. What you required and refused could not be read',
        text:
          sealed_by === null
            ? `The document, its chain and what its seal says agree. ${unsealed(found)} Anyone could have made this file.`
            : sealed_by.source === 'pinned'
              ? `The document is unchanged and signed by ${by}. See below what is not proven.`
              : `The document, its chain and its seal agree. It is signed by ${by}. ${unread === undefined ? ADVICE[from] : 'What this browser keeps of the keys that you trust could not be read.'}`,
        rests,
        open,
      }
  }
}

/** Of a file that is refused: what a key signed may be something else than what stands in it. */
function signedBy(claims: readonly Claim[], by: string): string {
  if (!isBound(claims))
    return `Its seal is signed by ${by}. That seal is over something else than stands in it.`
  const isEnded = claims.some(({ code }) => code === 'key-retired' || code === 'key-revoked')
  return `It is signed by ${by}.${isEnded ? ' That key does not count for it.' : ''}`
}

function unsealed({
  claims,
  unread,
  remaining,
}: Pick<Verdict, 'claims' | 'unread' | 'remaining'>): string {
  if (remaining?.sealed_by)
    return `As it stands no key has sealed it. ${sealedIn(remaining, remaining.sealed_by)}`
  if (isByRefused(claims))
    return 'The seal’s signature was not checked: you refused the key that it names.'
  if (!claims.some(({ code }) => code === 'key-unknown'))
    return 'No key is known to have sealed it as it stands.'
  return `The seal’s signature was not checked: ${unread === undefined ? 'you do not know the key that it names' : 'what this browser keeps of the keys that you trust could not be read'}.`
}

/** Of a file that cannot be read as a record: a seal is over the links that are in it, whatever stands beside them. */
function sealedIn(
  { entries, changed, missing }: Remaining,
  { ended, ...by }: NonNullable<Remaining['sealed_by']>,
): string {
  const left = entries - changed.length - missing.length
  const all = counted(entries, 'entry', 'entries')
  const said =
    left === entries
      ? `all ${all} are as they were`
      : left === 0
        ? 'no entry is as it was'
        : `${left.toLocaleString('en')} of ${all} ${left === 1 ? 'is as it was' : 'are as they were'}`
  const rests =
    ended === undefined ? '' : ` That key is ${ended}: whoever has it now can have sealed it too.`
  return `The record in it was sealed by a key you pinned (${keyNamed(by)}): ${said} then.${rests} See what can still be said.`
}

/** A key that counts by the number alone that the record gives itself makes such records for whoever has it. */
function restsOn(claims: readonly Claim[]): string {
  const [ended] = claims.flatMap(({ ended }) => ended ?? [])
  return ended === undefined
    ? ''
    : `This rests on a key that is ${ended}: whoever has that key now can have made it.`
}

/** Does the seal name a key that the reader refused, whatever trust file has it? */
export const isByRefused = (claims: readonly Claim[]): boolean =>
  claims.some(({ code }) => code === 'key-refused')

const isWhole = (claims: readonly Claim[]): boolean =>
  (['chain', 'content', 'binding', 'consistency'] as const).every((name) =>
    claims.some(({ claim, state }) => claim === name && state === 'proven'),
  )

/** What is neither proven nor broken, each named once, in words that need no title. */
function openOf(claims: readonly Claim[]): string {
  const leftOpen = (state: keyof typeof LEFT_OPEN) => [
    ...new Set(
      claims.flatMap(({ code }) => {
        const found = CODE[code]
        return found.state === state ? [found.open] : []
      }),
    ),
  ]
  return (['not checked', 'not present'] as const)
    .flatMap((state) => {
      const named = leftOpen(state)
      return named.length === 0 ? [] : [`${LEFT_OPEN[state]}: ${named.join('; ')}.`]
    })
    .join(' ')
}

const LEFT_OPEN = { 'not checked': 'Not checked', 'not present': 'Not present' } as const

// A fingerprint is compared where it stands, and pinned only where something is kept.
const ADVICE = {
  server: 'Compare its fingerprint with one you got elsewhere, and pin it.',
  file: 'Compare its fingerprint with one you got elsewhere, and say so where it stands.',
  export: 'Compare its fingerprint with one you got by another way, and say so where it stands.',
} as const satisfies Record<Whence, string>

/** Worded by where the key is from, and as its reader's own file calls it; a key seen before says since when. */
function keyName(by: SealedBy, seen: string | null, from: Whence): string {
  const { label } = TRUST_SOURCE[by.source]
  const key = `the key ${keyNamed({ key_id: by.key_id })}, `
  switch (by.source) {
    case 'pinned':
      return `${label} (${keyNamed(by)})`
    case 'first_seen':
      return seen === null
        ? key + label
        : `${key}${label} on ${daySaid(seen)}, which proves nothing about who holds it`
    case 'offered':
      return from === 'server'
        ? key + label
        : `${key}offered by the trust file that ${from === 'export' ? 'came with this export' : 'you gave'}: proves nothing about the server until you confirm it`
  }
}
