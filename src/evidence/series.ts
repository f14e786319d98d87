import { type Previous } from '#contract/envelope.ts'
import { heldOf } from './keep.ts'
import { type HeldEnvelope } from './place.ts'
import { type VerifiedEnvelope } from './verify.ts'

/** A verified envelope's place among its server's, and the one that it names as before it. */
export type Placed = HeldEnvelope & { readonly previous: Previous }

export function placeOf(envelope: VerifiedEnvelope): Placed {
  return { ...heldOf(envelope), previous: envelope.closing.previous }
}

/** Why an envelope that nothing is wrong with has no place [V14, W6]: anybody can write one that stands in another's. */
export const NOT_PLACED =
  'No seal that could be checked is on it, so that it has no place among the others.'

/** What is wrong with a series. `by`: the envelope that says so; null: the numbers, or what the reader remembers. */
export type SeriesFault = { readonly message: string; readonly by: string | null } & (
  | {
      readonly fault: 'missing'
      /** null where only the numbers say that there is one. */
      readonly evidence_id: string | null
      readonly from: number
      readonly to: number
    }
  | {
      readonly fault: 'forked'
      readonly seal_seq: number
      /** One id twice where two envelopes have it. */
      readonly evidence_ids: readonly string[]
    }
  | {
      readonly fault: 'resealed'
      readonly evidence_id: string
      readonly seal_seq: number
      readonly expected: string
      readonly actual: string
    }
  | { readonly fault: 'misplaced'; readonly evidence_id: string; readonly seal_seq: number }
  | { readonly fault: 'repeated'; readonly evidence_ids: readonly string[] }
)

/** What was sealed by one key, as far as it is here. */
export type Series = {
  readonly server: string
  readonly count: number
  /** null where only the reader remembers that there was something. */
  readonly last: Placed | null
  readonly faults: readonly SeriesFault[]
}

/**
 * Walks envelopes by `previous`. A removal leaves a hole that the next one names; a second envelope in one place is a
 * fork; one that was made anew is not the one that the next was sealed over. The newest, withheld, shows against
 * `remembered` heads alone. `unusable` are ids of envelopes that are there and do not verify: not missing, and nothing
 * more is known of them.
 */
export function walkSeries(
  placed: readonly Placed[],
  {
    remembered = [],
    unusable = [],
  }: { remembered?: readonly HeldEnvelope[]; unusable?: readonly string[] } = {},
): Series[] {
  // The same envelope twice is one: a copy proves nothing.
  const all = [...new Map(placed.map((one) => [`${one.evidence_id} ${one.head}`, one])).values()]
  const here: Here = {
    byId: Map.groupBy(all, ({ evidence_id }) => evidence_id),
    unusable: new Set(unusable),
  }
  const byServer = Map.groupBy(all, ({ server }) => server)
  const servers = new Set([...all, ...remembered].map(({ server }) => server))
  const numbered = all.toSorted((a, b) => a.seal_seq - b.seal_seq)
  // Over all keys: whoever seals a second history with a second key has forked this one all the same.
  const across = [...forksOf(numbered), ...repeatsOf([...numbered, ...remembered])]
  return [...servers].map((server) => {
    const inOrder = (byServer.get(server) ?? []).toSorted((a, b) => a.seal_seq - b.seal_seq)
    const mine = remembered.filter((head) => head.server === server)
    return {
      server,
      count: inOrder.length,
      last: inOrder.at(-1) ?? null,
      faults: [
        ...inOrder.flatMap((one) => againstPrevious(one, here)),
        ...holesOf(inOrder, here),
        ...across.flatMap(({ at, ...fault }) => (at === server ? [fault] : [])),
        ...mine.flatMap((head) => againstRemembered(head, here)),
      ],
    }
  })
}

/** `at`: the key with whose series it is told. */
type FaultAt = SeriesFault & { readonly at: string }

type Here = {
  readonly byId: ReadonlyMap<string, readonly Placed[]>
  readonly unusable: ReadonlySet<string>
}

function againstPrevious(
  { evidence_id: by, previous, seal_seq }: Placed,
  here: Here,
): SeriesFault[] {
  if (previous === null) return []
  const { evidence_id, head } = previous
  const before = here.byId.get(evidence_id)
  const place = seal_seq - 1
  if (before === undefined) {
    if (here.unusable.has(evidence_id)) return []
    const message = `${by} follows ${evidence_id}, number ${place}, which is not here.`
    return [{ fault: 'missing', evidence_id, from: place, to: place, by, message }]
  }
  const same = before.find((one) => one.head === head)
  if (same === undefined) return [resealed(evidence_id, place, head, before, by)]
  if (same.seal_seq === place) return []
  const message = `${by} is number ${seal_seq} and follows ${evidence_id}, which is number ${same.seal_seq}.`
  return [{ fault: 'misplaced', evidence_id: by, seal_seq, by, message }]
}

/** Numbers that nothing here has and nothing here names. A key that took over from another one goes on counting. */
function holesOf(inOrder: readonly Placed[], { byId }: Here): SeriesFault[] {
  const [first] = inOrder
  if (first === undefined) return []
  const earlier = byId.get(first.previous?.evidence_id ?? '') ?? []
  const isHandedOver = earlier.some(({ server }) => server !== first.server)
  const known = inOrder.flatMap(({ seal_seq, previous }) =>
    previous === null ? [seal_seq] : [seal_seq - 1, seal_seq],
  )
  let last = isHandedOver ? first.seal_seq - 1 : 0
  const holes: SeriesFault[] = []
  for (const seq of known) {
    if (seq > last + 1) {
      const [from, to] = [last + 1, seq - 1]
      const which = from === to ? `Number ${from} is` : `Numbers ${from} to ${to} are`
      const message = `${which} not here, and nothing here names them.`
      holes.push({ fault: 'missing', evidence_id: null, from, to, by: null, message })
    }
    last = Math.max(last, seq)
  }
  return holes
}

/** A number is one of a key's own series, and so is to be the first; an id and what is followed are there once at all. */
function forksOf(members: readonly Placed[]): FaultAt[] {
  const groups = [
    Map.groupBy(members, ({ server, seal_seq }) => `${server} ${seal_seq}`),
    Map.groupBy(members, ({ evidence_id }) => evidence_id),
    Map.groupBy(members, ({ server, previous }) => previous?.evidence_id ?? `first of ${server}`),
  ].flatMap((by) => [...by.values()].filter((group) => group.length > 1))
  const distinct = new Map(groups.map((group) => [group.map(({ head }) => head).join(), group]))
  return [...distinct.values()].map((group) => {
    const evidence_ids = group.map(({ evidence_id }) => evidence_id)
    const message = `${evidence_ids.join(' and ')} stand in one place: the server sealed ${group.length}.`
    const [first] = group
    const seal_seq = first?.seal_seq ?? 0
    return { at: first?.server ?? '', fault: 'forked', seal_seq, evidence_ids, by: null, message }
  })
}

/** Requests that were answered in two of them, each by another decision. */
function repeatsOf(members: readonly HeldEnvelope[]): FaultAt[] {
  const answered = new Map<string, { evidence_id: string; sha256: string }>()
  return members.flatMap(({ server, evidence_id, decisions = [] }) =>
    decisions.flatMap(({ nonce, sha256 }) => {
      const before = answered.get(nonce)
      if (before === undefined) answered.set(nonce, { evidence_id, sha256 })
      if (before === undefined || before.sha256 === sha256) return []
      const evidence_ids = [before.evidence_id, evidence_id]
      const message = `${evidence_ids.join(' and ')} have two decisions that answer one request.`
      return [{ at: server, fault: 'repeated', evidence_ids, by: null, message }]
    }),
  )
}

function againstRemembered(
  { evidence_id, head, seal_seq }: HeldEnvelope,
  here: Here,
): SeriesFault[] {
  const now = here.byId.get(evidence_id)
  if (now === undefined) {
    if (here.unusable.has(evidence_id)) return []
    const message = `${evidence_id}, number ${seal_seq}, was here before and is not here now.`
    return [{ fault: 'missing', evidence_id, from: seal_seq, to: seal_seq, by: null, message }]
  }
  return now.some((one) => one.head === head)
    ? []
    : [resealed(evidence_id, seal_seq, head, now, null)]
}

function resealed(
  evidence_id: string,
  seal_seq: number,
  expected: string,
  found: readonly Placed[],
  by: string | null,
): SeriesFault {
  const message =
    by === null
      ? `${evidence_id} is another one than was here before.`
      : `${evidence_id} is another one than ${by} was sealed after.`
  const actual = found[0]?.head ?? ''
  return { fault: 'resealed', evidence_id, seal_seq, expected, actual, by, message }
}
