import { MASK, Mask, type Piece } from './mask.ts'
import { formsOf, SecretFinder, type Place } from './secret-finder.ts'

/**
 * Masks secrets in what several pipes say into one log: those that one pipe says, those that begin by one and end by
 * another, in the order in which they came, and either way round where they came at once. Holds back only what may still
 * become a secret, and lets what the other pipe says go before it.
 */
export class WovenMask<From> {
  readonly #secrets: readonly Buffer[]
  readonly #pipes = new Map<From, SecretFinder>()
  readonly #asCome: SecretFinder
  readonly #otherWay: SecretFinder
  /** What was let go is not in the order in which it came. */
  readonly #written: Mask<From>
  #held: Held<From>[] = []

  constructor(secrets: readonly string[]) {
    this.#secrets = formsOf(secrets)
    this.#asCome = new SecretFinder(this.#secrets)
    this.#otherWay = new SecretFinder(this.#secrets)
    this.#written = new Mask(secrets)
  }

  /** Nothing is to be masked, and nothing is held back. */
  get isIdle(): boolean {
    return this.#secrets.length === 0
  }

  /** What came at one time. */
  push(pieces: readonly Piece<From>[]): Piece<From>[] {
    if (this.isIdle) return [...pieces]
    const come = pieces.map(({ bytes, from }) => new Held(bytes, from))
    this.#held.push(...come)
    for (const one of come) this.#pass(this.#pipe(one.from), one)
    for (const one of come) this.#pass(this.#asCome, one)
    const last = come.at(-1)?.from
    const ofLast = (one: Held<From>) => one.from === last
    for (const one of [...come.filter(ofLast), ...come.filter((one) => !ofLast(one))])
      this.#pass(this.#otherWay, one)
    return this.#letGo()
  }

  /** The pipe is at its end. */
  close(from: From): Piece<From>[] {
    this.#pipes.get(from)?.end()
    return this.#letGo()
  }

  /** All are. */
  end(): Piece<From>[] {
    for (const finder of [...this.#pipes.values(), this.#asCome, this.#otherWay]) finder.end()
    return [...this.#letGo(), ...this.#written.end()]
  }

  #pipe(from: From): SecretFinder {
    const known = this.#pipes.get(from) ?? new SecretFinder(this.#secrets)
    this.#pipes.set(from, known)
    return known
  }

  #pass(finder: SecretFinder, one: Held<From>): void {
    one.enter(finder)
    const places = finder.push(one.bytes)
    if (places.length > 0) for (const held of this.#held) held.mask(finder, places)
  }

  #letGo(): Piece<From>[] {
    const gone = this.#held.flatMap((one) => one.letGo())
    this.#held = this.#held.filter((one) => !one.isGone)
    return gone.flatMap((piece) => this.#written.push(piece))
  }
}

/** Bytes that came, until it is known of all of them what they are. */
class Held<From> {
  readonly bytes: Buffer
  readonly from: From
  /** Where they are in each stream that they are a part of. */
  readonly #at = new Map<SecretFinder, number>()
  readonly #masked: Place[] = []
  /** Up to here they are of secrets that begin before them, whose mask stands there. */
  #maskedBefore = 0
  #gone = 0

  constructor(bytes: Buffer, from: From) {
    this.bytes = bytes
    this.from = from
  }

  get isGone(): boolean {
    return this.#gone === this.bytes.length
  }

  enter(finder: SecretFinder): void {
    this.#at.set(finder, finder.length)
  }

  mask(finder: SecretFinder, places: readonly Place[]): void {
    const at = this.#at.get(finder)
    if (at === undefined) return
    for (const place of places) {
      const from = Math.max(place.from - at, 0)
      const to = Math.min(place.to - at, this.bytes.length)
      if (from >= to) continue
      this.#masked.push({ from, to })
      if (place.from < at) this.#maskedBefore = Math.max(this.#maskedBefore, to)
    }
  }

  letGo(): Piece<From>[] {
    const masked = this.#masked.toSorted((a, b) => a.from - b.from)
    let until = Math.min(this.bytes.length, ...this.#decided())
    // What is masked is, whatever it may still become a part of.
    for (const { from, to } of masked) if (from <= until) until = Math.max(until, to)
    const out: Piece<From>[] = []
    const tell = (bytes: Buffer) => {
      if (bytes.length > 0) out.push({ bytes, from: this.from })
    }
    let maskedTo = this.#maskedBefore
    for (const { from, to } of masked) {
      if (from >= until) break
      if (from >= maskedTo) {
        tell(this.bytes.subarray(Math.max(maskedTo, this.#gone), from))
        if (from >= this.#gone) tell(MASK)
      }
      maskedTo = Math.max(maskedTo, to)
    }
    tell(this.bytes.subarray(Math.max(maskedTo, this.#gone), Math.max(until, this.#gone)))
    this.#gone = Math.max(this.#gone, until)
    return out
  }

  #decided(): number[] {
    return Array.from(this.#at, ([finder, at]) => finder.decided - at)
  }
}
