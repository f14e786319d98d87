import { linkDigest, type LinkFields } from './chain.ts'

/** What is not as it was linked. A link, or the digest that is written in it, may be what was changed. All by seq, in order. */
export type AsLinked = {
  /** Entries that are not the ones that their links are of, and whether these may be what was changed. */
  readonly changed: ReadonlyMap<number, { readonly isOrLink: boolean }>
  /** As they were linked, by what was linked behind them, and beside each another link or digest than comes out of it. */
  readonly beside: readonly number[]
  /** Which fit the digest beside them, and their links are not made of that and of what stands before. */
  readonly breaks: readonly number[]
}

type Linked = Pick<LinkFields, 'seq' | 'kind'> & {
  /** The link before it, as it is written. */
  readonly prev: string | undefined
  /** The digest of what stands there. */
  readonly entry: string | undefined
  readonly known: { readonly entry: string; readonly link: string } | undefined
}

/** Is told of them in order; those that are left out are as they were linked. */
export function watchLinks(): {
  readonly add: (one: Linked) => void
  readonly end: (head: unknown) => AsLinked
} {
  const changed = new Map<number, { isOrLink: boolean }>()
  const beside: number[] = []
  const breaks: number[] = []
  /** Since the last link that is of what stands there and before it. */
  let open: { readonly seq: number; readonly isMade: boolean; readonly isOther: boolean }[] = []
  /** What comes out of these, in place of the link that is written. */
  let again: string | undefined
  const settle = (tell: (one: (typeof open)[number]) => void) => {
    for (const one of open) tell(one)
    open = []
    again = undefined
  }
  const close = () =>
    settle(({ seq, isMade, isOther }) => {
      if (!isMade && !isOther) breaks.push(seq)
    })
  /** What is behind was made of what comes out of these: it is what is written beside them that is another. */
  const acquit = () =>
    settle(({ seq, isMade }) => {
      if (isMade) changed.set(seq, { isOrLink: true })
      else {
        changed.delete(seq)
        beside.push(seq)
      }
    })
  const add = ({ seq, kind, prev, entry, known }: Linked) => {
    const before = open.at(-1)?.seq
    if (known === undefined || (before !== undefined && before !== seq - 1)) close()
    if (known === undefined) return
    const isOf = (of: string | undefined, from: string | undefined): boolean =>
      of !== undefined &&
      from !== undefined &&
      linkDigest({ seq, prev: from, kind, entry: of }) === known.link
    const froms = [prev, again]
    const own = froms.find((from) => isOf(entry, from))
    const isOther = entry !== known.entry
    const made = own ?? (isOther ? froms.find((from) => isOf(known.entry, from)) : undefined)
    const from = made ?? again ?? prev
    if (made === again && made !== undefined) acquit()
    else if (made !== undefined) close()
    if (own !== undefined) {
      if (isOther) beside.push(seq)
      return
    }
    const isMade = made !== undefined
    if (isOther && entry !== undefined) changed.set(seq, { isOrLink: !isMade })
    if (entry === undefined || from === undefined) return close()
    open.push({ seq, isMade, isOther })
    again = linkDigest({ seq, prev: from, kind, entry })
  }
  const end = (head: unknown): AsLinked => {
    if (again !== undefined && again === head) acquit()
    else close()
    const inOrder = [...changed].toSorted(([a], [b]) => a - b)
    return { changed: new Map(inOrder), beside: beside.toSorted((a, b) => a - b), breaks }
  }
  return { add, end }
}
