import type { ServerKey } from '#contract/trust.ts'
import { isAsFar, lowered, lowers, type Standing } from '#viewer/key-standing.ts'
import { When } from '#viewer/parts/time.tsx'
import type { Kept } from '#viewer/trust-store.ts'

/** What a server said of how far a key of its counts, where it took something back; nothing where it did not [U16]. */
export type Ending = {
  /** As the server put it when it took most back. */
  known: ServerKey
  /** When it first put it so, and how before; null where it did from the first day. */
  fell: { at: string; from: Standing } | null
  /** As the reader pinned it, where that goes further. */
  pinned: ServerKey | null
  /** As the server puts it now, where that goes further again. */
  raised: ServerKey | null
}

/** `now`: what the server offers at the moment, where that is had. */
export function endingOf(
  kept: Kept,
  key_id: string,
  now: readonly ServerKey[] = [],
): Ending | null {
  const ofIt = (key: ServerKey) => key.key_id === key_id
  const met = kept.keys.find(ofIt)
  if (met === undefined) return null
  const said = now.find(ofIt) ?? met
  // What it takes back now it has taken back, also where nothing can be kept of it.
  const known = lowered(met, said)
  const fell = kept.fell[key_id] ?? null
  const pinned = kept.pinned.server_keys.find((key) => ofIt(key) && lowers(known, key)) ?? null
  const raised = isAsFar(said, known) ? null : said
  return fell === null && pinned === null && raised === null && known === met
    ? null
    : { known, fell, pinned, raised }
}

export function EndingSaid({ ending: { known, fell, pinned, raised } }: { ending: Ending }) {
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
      {pinned !== null && (
        <> You pinned it as {calledAs(pinned)}, and it counts as you pinned it.</>
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
  status === 'active' ? status : `${status} (it counts up to #${last_seal_seq ?? 0})`
