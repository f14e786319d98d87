import type { ServerKey } from '#contract/trust.ts'
import { reachSaid } from '#evidence/trust-said.ts'
import type { Trusted } from '#evidence/trust.ts'
import { isAsFar, lowered, lowers, type Standing } from '#viewer/key-standing.ts'
import { When } from '#viewer/parts/time.tsx'
import { keptQuery, trustQuery } from '#viewer/queries.ts'
import type { Kept } from '#viewer/trust-store.ts'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Link } from 'wouter'

/** What a server said of how far a key of its counts, where it took something back; nothing where it did not [U16]. */
export type Ending = {
  /** As the server put it when it took most back. */
  known: ServerKey
  /** When it first put it so, and how before; null where it did from the first day. */
  fell: { at: string; from: Standing } | null
  /** As it counts by the reader's own word, where that goes further: kept in this browser, or said of what they brought. */
  counts: { as: Standing; by: keyof typeof SAID_BY } | null
  /** As the server puts it now, where that goes further again. */
  raised: ServerKey | null
}

/** `now`: what the server offers at the moment, where that is had. `brought`: trust files beside what is kept. */
export function endingOf(
  kept: Kept,
  key_id: string,
  now: readonly ServerKey[] = [],
  brought: readonly Trusted[] = [],
): Ending | null {
  const ofIt = (key: ServerKey) => key.key_id === key_id
  const met = kept.keys.find(ofIt)
  if (met === undefined) return null
  const said = now.find(ofIt) ?? met
  // What it takes back now it has taken back, also where nothing can be kept of it.
  const known = lowered(met, said)
  const fell = kept.fell[key_id] ?? null
  const pinned = kept.pinned.server_keys.filter(ofIt)
  const confirmed = brought.flatMap(({ file, source }) =>
    source === 'pinned' ? file.server_keys.filter(ofIt) : [],
  )
  const [first, ...others] = [...pinned, ...confirmed]
  // As `findKey` has it: where two files differ it counts as far as the one that ends it first.
  const as = first && others.reduce<Standing>(lowered, first)
  const counts =
    as && lowers(known, as)
      ? { as, by: pinned.length > 0 ? ('pinned' as const) : ('confirmed' as const) }
      : null
  const raised = isAsFar(said, known) ? null : said
  return fell === null && counts === null && raised === null && known === met
    ? null
    : { known, fell, counts, raised }
}

/** The same by what this browser keeps, and what its server offers as far as that is known by now: for this none is asked. */
export function useEndingOf(brought: readonly Trusted[]): (key_id: string) => Ending | null {
  const { data: kept } = useQuery(keptQuery)
  const { data: trust } = useQuery({ ...trustQuery, enabled: false })
  return (key_id) =>
    kept === undefined ? null : endingOf(kept, key_id, trust?.offered.server_keys, brought)
}

const SAID_BY = {
  pinned: { did: 'You pinned it', counts: 'it counts as you pinned it' },
  confirmed: { did: 'You confirmed it here', counts: 'it counts as you confirmed it' },
} as const

/** Set apart from what it stands beside, and with the place where it is answered. `title`: of which records it is said. */
export function EndingNote({
  title = null,
  ending,
  children,
}: {
  title?: ReactNode
  ending: Ending | null
  children?: ReactNode
}) {
  return (
    <div className="max-w-prose border-l-2 border-waiting pl-3 text-ink">
      {title !== null && <p className="font-medium">{title}</p>}
      <p>
        {ending !== null && <EndingSaid ending={ending} />} {children}{' '}
        <Link href="/evidence/trust" className="link whitespace-nowrap">
          Keys you trust
        </Link>
      </p>
    </div>
  )
}

export function EndingSaid({ ending: { known, fell, counts, raised } }: { ending: Ending }) {
  return (
    <>
      {fell === null ? (
        <>
          This server {raised === null ? 'calls' : 'called'} this key {calledAs(known)}.
        </>
      ) : (
        <>
          On <When at={fell.at} /> this server first called this key {calledAs(known)}; before,{' '}
          {calledAs(fell.from)}.
        </>
      )}
      {counts !== null && (
        <>
          {' '}
          {SAID_BY[counts.by].did} as {calledAs(counts.as)}, and {SAID_BY[counts.by].counts}.
        </>
      )}
      {raised !== null && (
        <>
          {' '}
          Now it calls it {calledAs(raised)}. Whoever has a key that was taken back can say so too:
          that alone gives it no more than it had.
        </>
      )}
    </>
  )
}

const calledAs = ({ status, last_seal_seq }: Standing): string =>
  status === 'active' ? status : `${status} (it ${reachSaid(last_seal_seq)})`
