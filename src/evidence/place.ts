import { type Envelope, type Previous } from '#contract/envelope.ts'
import { type Claim, claimOf } from './claims.ts'
import { sealedAt } from './sealed.ts'
import { shellToShow } from './shell.ts'

/** What the reader asked for, where the file answers a question. */
export type Asked = { readonly run_id?: string; readonly evidence_id?: string }

/** An envelope that the reader holds. `server` is the id of its sealing key: each server counts its own series. */
export type HeldEnvelope = {
  readonly server: string
  readonly evidence_id: string
  readonly head: string
  readonly seal_seq: number
  /** The run that it is the record of, and who started it and each run that it repeats, where that was kept. */
  readonly run_id?: string
  readonly starters?: readonly string[]
  /** When its seal says that it was made, where that was kept. */
  readonly sealed_at?: string
  /** The one that it follows, where that was kept. */
  readonly previous?: Previous
  /** It has its place, and does not verify: it accuses others all the same, and nothing is proven by what it says. */
  readonly isFailing?: true
  /** Its decisions, so that no request is answered a second time in another envelope. */
  readonly decisions?: readonly { readonly nonce: string; readonly sha256: string }[]
}

/** A head is of all that is in a record; two under one id are two. */
export const heldName = ({
  evidence_id,
  head,
}: Pick<HeldEnvelope, 'evidence_id' | 'head'>): string => `${evidence_id} ${head}`

/** By number; of one number in an order of no meaning, and always the same. */
export const byPlace = (one: HeldEnvelope, other: HeldEnvelope): number =>
  one.seal_seq - other.seal_seq ||
  compared(one.evidence_id, other.evidence_id) ||
  compared(one.head, other.head) ||
  compared(one.server, other.server) ||
  compared(one.sealed_at ?? '', other.sealed_at ?? '')
const compared = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)

/** One record, and two seals of it: what is sealed is written down before, and a retry signs the same bytes [S2]. */
export const isSealedTwice = (one: HeldEnvelope, other: HeldEnvelope): boolean =>
  heldName(one) === heldName(other) &&
  one.sealed_at !== undefined &&
  other.sealed_at !== undefined &&
  one.sealed_at !== other.sealed_at

/** The last of each. */
export const distinctHeld = <T extends HeldEnvelope>(all: readonly T[]): T[] => [
  ...new Map(all.map((one) => [heldName(one), one])).values(),
]

export function* checkAsked(envelope: Envelope, asked: Asked): Generator<Claim> {
  const pairs = [
    ['run_id', 'run-differs', asked.run_id, 'It is of the run that you asked for.'],
    ['evidence_id', 'evidence-differs', asked.evidence_id, 'It has the id that you asked for.'],
  ] as const
  let isAsked = false
  for (const [member, code, expected, message] of pairs) {
    if (expected === undefined) continue
    isAsked = true
    const actual = envelope[member]
    const at = { where: `/${member}`, expected, actual }
    yield actual === expected
      ? claimOf('asked-fits', { ...at, message })
      : claimOf(code, {
          ...at,
          message: `This is a record, but not the one that you asked for: it is ${actual}, and not ${expected}.`,
        })
  }
  if (!isAsked)
    yield claimOf('nothing-asked', {
      message: 'You did not say which run or evidence you asked for.',
      shell: shellToShow('{run_id, evidence_id}'),
    })
}

/**
 * Against what the reader holds: a removal leaves a hole, a second version is a fork, by whichever key. Only what
 * a key at hand has sealed has a place: whoever damages a copy must not have it look as if the server had sealed twice.
 */
export function checkPrevious(
  envelope: Envelope,
  head: string,
  held: readonly HeldEnvelope[],
  isSealed: boolean,
): Claim {
  const { evidence_id, run_id, opening, closing, integrity } = envelope
  const { previous, seal_seq } = closing
  const at = { where: '/closing/previous' }
  // What two that exclude each other differ in.
  const atHead = { where: '/integrity/hash_chain/head', actual: head }
  const isSameKey = ({ server }: HeldEnvelope) => server === opening.server
  /** Sealed over an envelope that has this id, and is another one. */
  const isAfterAnother = ({ previous: before }: HeldEnvelope) =>
    before?.evidence_id === evidence_id && before.head !== head
  // A number is one of a key's own series; an id, and the envelope that is followed, are there once over all keys.
  const near = held.filter(
    (other) =>
      isSameKey(other) ||
      other.evidence_id === evidence_id ||
      other.run_id === run_id ||
      isAfterAnother(other) ||
      (previous !== null &&
        [other.evidence_id, other.previous?.evidence_id].includes(previous.evidence_id)),
  )
  if (!isSealed && near.length > 0) {
    const namesake = held.find((other) => other.evidence_id === evidence_id && other.head !== head)
    const another =
      namesake === undefined ? '' : 'It is not the record of this id that you verified before. '
    return claimOf('place-unsealed', {
      ...at,
      message: `${another}No seal that could be checked is on it, so that its place says nothing about the envelopes that you hold.`,
      ...(namesake && { expected: namesake.head, actual: head }),
    })
  }
  const sealed_at = sealedAt(integrity.seal)
  const twice = near.find(
    (other) =>
      sealed_at !== undefined &&
      isSealedTwice(other, { server: opening.server, evidence_id, head, seal_seq, sealed_at }),
  )
  if (twice !== undefined)
    return claimOf('fork', {
      where: '/integrity/seal/payload',
      message: 'You hold this very record with another seal: the server sealed it twice.',
      expected: `sealed at ${twice.sealed_at}`,
      actual: `sealed at ${sealed_at}`,
    })
  const fork = near.find((other) =>
    other.evidence_id === evidence_id
      ? other.head !== head || other.seal_seq !== seal_seq
      : (isSameKey(other) && other.seal_seq === seal_seq) ||
        other.run_id === run_id ||
        (previous !== null && other.previous?.evidence_id === previous.evidence_id),
  )
  if (fork !== undefined) {
    const isOfThisRun =
      fork.run_id === run_id &&
      fork.evidence_id !== evidence_id &&
      !(isSameKey(fork) && fork.seal_seq === seal_seq)
    const what = isOfThisRun ? `record of this run, ${fork.evidence_id}` : 'envelope in this place'
    return claimOf('fork', {
      ...atHead,
      message: `You hold another ${what}: ${isSameKey(fork) ? 'the server sealed two' : 'another key sealed that one'}.`,
      expected: fork.head,
    })
  }
  const later = near.find(isAfterAnother)
  if (later?.previous)
    return claimOf('fork', {
      ...atHead,
      message: `You hold ${later.evidence_id}, which was sealed after another envelope of this id: ${isSameKey(later) ? 'the server sealed two' : 'a key sealed that over another one'}.`,
      expected: later.previous.head,
    })
  if (previous === null)
    return claimOf('first-in-series', {
      ...at,
      message: 'It says that it is the first envelope of its server.',
    })
  const isBefore = (other: HeldEnvelope) =>
    other.head === previous.head &&
    other.evidence_id === previous.evidence_id &&
    other.seal_seq === seal_seq - 1
  const candidates = near.filter(
    (other) =>
      other.evidence_id === previous.evidence_id ||
      (isSameKey(other) && other.seal_seq === seal_seq - 1),
  )
  const before = candidates.find((other) => !isBefore(other)) ?? candidates[0]
  if (before === undefined) {
    return claimOf('previous-not-held', {
      ...at,
      message: `You have not verified the record before it, ${previous.evidence_id}, by a key that counts here: what came before is open.`,
    })
  }
  if (isBefore(before))
    return claimOf('follows-held', {
      ...at,
      expected: before.head,
      actual: previous.head,
      message: `It follows ${previous.evidence_id}, which you hold.`,
    })
  const isOneOfTwo = candidates.some(isBefore)
  return claimOf('previous-differs', {
    ...at,
    // The head can be the same, and its id or number another.
    expected: `${before.evidence_id}, number ${before.seal_seq}, head ${before.head}`,
    actual: `${previous.evidence_id}, number ${seal_seq - 1}, head ${previous.head}`,
    message: isOneOfTwo
      ? `It follows ${previous.evidence_id}, which you hold, and you hold another one in that place, ${before.evidence_id}: two histories were sealed, and nothing says which of them counts.`
      : 'It follows another envelope than the one that you hold.',
  })
}
