import { type Previous } from '#contract/envelope.ts'
import { counted, listed } from './counted.ts'
import { type Hole, type Holes, holesOf } from './holes.ts'
import { lineageFault, sourceFault, type TakenOver } from './lineage.ts'
import { byPlace, distinctHeld, type HeldEnvelope, heldName, isSealedTwice } from './place.ts'
import { type Placed } from './standing.ts'

/** An envelope that is here without a place. `says`: the one that it gives itself; null where it does not verify. */
export type Unplaced = { readonly evidence_id: string; readonly says: Placed | null }

/** Why an envelope that nothing is wrong with has no place [V14, W6]: anybody can write one that stands in another's. */
export const NOT_PLACED =
  'No seal that could be checked is on it, so that it has no place among the others.'

/**
 * What is wrong with a series. `by`: the envelope that says so; null: the numbers, or what the reader remembers, which then
 * `isRemembered`.
 */
export type SeriesFault = {
  readonly message: string
  readonly by: string | null
  readonly isRemembered?: true
} & (
  | {
      readonly fault: 'missing'
      /** null where only the numbers say that there is one. */
      readonly evidence_id: string | null
      readonly from: number
      readonly to: number
      /** Of these numbers at least so many. */
      readonly count: number
    }
  | {
      readonly fault: 'forked'
      readonly seal_seq: number
      /** One id twice where two envelopes have it. One that is remembered stands before the one that is here. */
      readonly evidence_ids: readonly string[]
      /** Where it is the list that says another seal [W12]. */
      readonly expected?: string
      readonly actual?: string
    }
  | {
      /** By a key of those that are walked, or by none of them; or it is the list that says another one [W12]. */
      readonly fault: 'resealed' | 'replaced' | 'mislisted'
      readonly evidence_id: string
      readonly seal_seq: number
      readonly expected: string
      readonly actual: string
    }
  | { readonly fault: 'misplaced'; readonly evidence_id: string; readonly seal_seq: number }
  | { readonly fault: 'lineage'; readonly evidence_id: string }
  | { readonly fault: 'repeated'; readonly evidence_ids: readonly string[] }
)

/** What was sealed by one key, as far as it is here. */
export type Series = {
  readonly server: string
  readonly count: number
  /** null where only the reader remembers that there was something. */
  readonly last: Placed | null
  readonly faults: readonly SeriesFault[]
  /** Sentences: what cannot be told, and is no fault. */
  readonly open: readonly string[]
}

/**
 * Looks once more at each placed record that another one took steps over from. `compare`: for each list the first that
 * this record does not say; null where the record is not to be had again. What differs, by the rerun.
 */
export async function compareTaken(
  placed: readonly Placed[],
  compare: (
    source: Placed,
    taken: readonly (readonly TakenOver[])[],
  ) => Promise<readonly (TakenOver | null)[] | null>,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  // Of two records under one id, one is what it was taken from.
  const fitting = new Set<string>()
  const bySource = Map.groupBy(placed, ({ repeats }) => repeats?.taken[0]?.evidence_id)
  for (const source of placed) {
    const reruns = bySource.get(source.evidence_id) ?? []
    if (reruns.length === 0) continue
    const differing = await compare(
      source,
      reruns.map(({ repeats }) => repeats?.taken ?? []),
    )
    for (const [index, { evidence_id }] of reruns.entries()) {
      const one = differing?.[index]
      if (differing === null)
        found.set(
          evidence_id,
          `took steps over from ${source.evidence_id}, which was not there again`,
        )
      else if (one)
        found.set(
          evidence_id,
          `took ${one.step_id} over from entry ${one.seq} of ${source.evidence_id}, which is not what it says`,
        )
      else fitting.add(evidence_id)
    }
  }
  for (const evidence_id of fitting) found.delete(evidence_id)
  return found
}

/**
 * Walks envelopes by `previous`. A removal leaves a hole that the next one names; a second envelope in one place is a
 * fork; one that was made anew is not the one that the next was sealed over. The newest, withheld, shows against
 * `remembered` heads alone. What is `unplaced` is not missing. Where a seal that counts names its very head it is what
 * was sealed there, so that what it names is looked for too; where one names another head, something else is in its place.
 */
export function walkSeries(
  given: readonly Placed[],
  {
    remembered: heads = [],
    unplaced = [],
    differing = new Map(),
    isPart = false,
    absent = new Set(),
  }: {
    remembered?: readonly HeldEnvelope[]
    unplaced?: readonly Unplaced[]
    /** Of `compareTaken`. */
    differing?: ReadonlyMap<string, string>
    /**
     * These are some of a reader's own files, or of a list that broke off: what is not among them is not missing, but for
     * what was asked for by its name and is `absent`.
     */
    isPart?: boolean
    absent?: ReadonlySet<string>
  } = {},
): Series[] {
  // The same envelope twice is one: a copy proves nothing. In one order, in whichever they were listed: what is told, and
  // of which of several, is then the same.
  const all = distinctHeld(given.toSorted(byPlace))
  const remembered = heads.toSorted(byPlace)
  const here: Here = {
    isOfOneKey:
      !isPart &&
      unplaced.length === 0 &&
      new Set([...all, ...remembered].map(({ server }) => server)).size === 1,
    byId: Map.groupBy(all, ({ evidence_id }) => evidence_id),
    byPlace: Map.groupBy(all, nameOfPlace),
    byRun: Map.groupBy(all, ({ run_id }) => run_id),
    unplaced: Map.groupBy(unplaced, ({ evidence_id }) => evidence_id),
  }
  const byServer = Map.groupBy(all, ({ server }) => server)
  // Over all keys: whoever seals a second history with a second key has forked this one all the same.
  const across = [...sealedTwice(given), ...forksOf(all), ...answeredTwice([...all, ...remembered])]
  const met = new Set<string>()
  const rememberedOf = Map.groupBy(remembered, ({ server }) => server)
  const walked = [...new Set([...byServer.keys(), ...rememberedOf.keys()])].map((server) => {
    const inOrder = byServer.get(server) ?? []
    const mine = rememberedOf.get(server) ?? []
    const against = mine.flatMap((head) => againstRemembered(head, here))
    const members = [...inOrder, ...namedBy(inOrder, mine, here, met)]
    return { server, inOrder, members, against }
  })
  const remembersGone = walked.flatMap(({ against }) => against.filter(isMissing))
  const goneIds = new Set(remembersGone.map(({ evidence_id }) => evidence_id))
  const followed = againstPrevious(
    walked.flatMap(({ members }) => members),
    here,
    // What is told of as remembered is not told of twice.
    goneIds,
  )
  const gone = [...remembersGone, ...followed.filter(isMissing)]
  const holes = isPart
    ? { missing: [], open: [] }
    : holesIn(
        walked.flatMap(({ members }) => members),
        { remembered, gone: gone.map(({ from }) => from), here },
      )
  // Of a key of which nothing has a place it is told with what names it.
  const homes = new Map(
    walked
      .toReversed()
      .flatMap(({ server, members }) => members.map((one) => [one.server, server])),
  )
  const order = orderOf(all)
  const byRun = Map.groupBy([...all, ...remembered], ({ run_id }) => run_id)
  const homeOf = ({ server }: { readonly server: string }) => homes.get(server)
  const missingOf = Map.groupBy(holes.missing, homeOf)
  const openOf = Map.groupBy(holes.open, homeOf)
  const acrossOf = Map.groupBy(across, ({ at }) => at)
  const followedOf = Map.groupBy(followed, ({ at }) => homes.get(at))
  return walked.map(({ server, inOrder, against }) => {
    const lineages = inOrder.map((one) => lineageOf(one, here, byRun, differing, order, isPart))
    const bases = inOrder.map((one) => againstBases(one, here))
    return {
      server,
      count: inOrder.length,
      last: inOrder.at(-1) ?? null,
      faults: [
        ...[...(followedOf.get(server) ?? []).map(untold), ...against].filter(
          (one) => !isPart || one.fault !== 'missing' || absent.has(one.evidence_id ?? ''),
        ),
        ...(missingOf.get(server) ?? []).map(faultOf),
        ...(acrossOf.get(server) ?? []).map(untold),
        ...bases.flatMap(({ faults }) => faults),
        ...lineages.flatMap(({ faults }) => faults),
      ],
      open: [
        ...(openOf.get(server) ?? []).map(({ message }) => message),
        ...[...bases, ...lineages].flatMap(({ open }) => open),
      ],
    }
  })
}

type Told = { faults: SeriesFault[]; open: string[] }

/** `at`: the key with whose series it is told. */
type FaultAt = SeriesFault & { readonly at: string }
const untold = ({ at: _at, ...fault }: FaultAt): SeriesFault => fault

type Here = {
  readonly isOfOneKey: boolean
  readonly byId: ReadonlyMap<string, readonly Placed[]>
  readonly byPlace: ReadonlyMap<string, readonly Placed[]>
  readonly byRun: ReadonlyMap<string | undefined, readonly Placed[]>
  /** Files that a reader gives together may be several under one id. */
  readonly unplaced: ReadonlyMap<string, readonly Unplaced[]>
}

/** A number is one of a key's own series. */
const nameOfPlace = ({ server, seal_seq }: Pick<HeldEnvelope, 'server' | 'seal_seq'>): string =>
  `${server} ${seal_seq}`

/** Who is here under this id; null for one that is not in question. undefined where nobody is. */
const foundAs = (
  evidence_id: string,
  { byId, unplaced }: Here,
): readonly (Placed | null)[] | undefined =>
  byId.get(evidence_id) ?? unplaced.get(evidence_id)?.map(({ says }) => says)

/**
 * What no key at hand has sealed, and is named with its head by what one has, or by the reader: a head covers all that is
 * in a record, and so what that one follows. `met`: once over all series.
 */
function namedBy(
  inOrder: readonly Placed[],
  mine: readonly HeldEnvelope[],
  { byId, unplaced }: Here,
  met: Set<string>,
): Placed[] {
  const found: Placed[] = []
  for (const name of [...inOrder.map(({ previous }) => previous), ...mine])
    for (let at: Previous = name; at !== null;) {
      const { evidence_id, head } = at
      const same = byId.has(evidence_id) ? [] : unplaced.get(evidence_id)
      const one = same?.find(({ says }) => says?.head === head)?.says
      if (!one || met.has(heldName(one))) break
      met.add(heldName(one))
      found.push(one)
      at = one.previous
    }
  return found
}

/** What is not here is told of once, whoever follows it. */
function againstPrevious(
  members: readonly Placed[],
  here: Here,
  goneIds: ReadonlySet<string | null>,
): FaultAt[] {
  const gone = new Map<string, { readonly of: NonNullable<Previous>; readonly by: Placed[] }>()
  const found = members.flatMap((one): FaultAt[] => {
    const { evidence_id: by, previous, seal_seq, server: at } = one
    if (previous === null) return []
    const { evidence_id, head } = previous
    const before = foundAs(evidence_id, here)
    const place = seal_seq - 1
    if (before === undefined) {
      if (goneIds.has(evidence_id)) return []
      const name = `${place} ${evidence_id}`
      const known = gone.get(name) ?? { of: previous, by: [] }
      known.by.push(one)
      gone.set(name, known)
      return []
    }
    const same = before.find((one) => one?.head === head)
    if (!same) {
      if (before.includes(null)) return []
      const named = { evidence_id, seal_seq: place, head }
      return [{ at, ...another(named, here, by, `${by} was sealed after`) }]
    }
    if (same.seal_seq === place) return []
    const message = `${by} is number ${seal_seq} and follows ${evidence_id}, which is number ${same.seal_seq}.`
    return [{ at, fault: 'misplaced', evidence_id: by, seal_seq, by, message }]
  })
  const missing = [...gone.values()].flatMap(({ of: { evidence_id }, by }): FaultAt[] => {
    const [first] = by
    if (first === undefined) return []
    const place = first.seal_seq - 1
    const follow = by.length === 1 ? 'follows' : 'follow'
    const message = `${namesSaid(by.map((one) => one.evidence_id))} ${follow} ${evidence_id}, number ${place}, which is not here.`
    const where = { evidence_id, from: place, to: place, count: 1 }
    const told = { at: first.server, by: first.evidence_id }
    return [
      { ...told, fault: 'missing', ...where, message },
      ...inPlaceOf(evidence_id, first, here),
    ]
  })
  return [...missing, ...found]
}

/**
 * What else has the number of one that is gone, by what was sealed after that. Where records of other keys are here, or may
 * be somewhere, it may have been of one of those, which have numbers of their own.
 */
function inPlaceOf(evidence_id: string, after: Placed, { byPlace, isOfOneKey }: Here): FaultAt[] {
  const { server, evidence_id: by } = after
  const seal_seq = after.seal_seq - 1
  const rivals = isOfOneKey ? (byPlace.get(nameOfPlace({ server, seal_seq })) ?? []) : []
  if (rivals.length === 0) return []
  // As many as are gone may each have as many.
  const names = rivals.slice(0, MOST_NAMED).map((one) => one.evidence_id)
  const message = `${listed(names, rivals.length)} ${rivals.length === 1 ? 'is' : 'are'} number ${seal_seq}, and so is ${evidence_id}, which is not here, and after which ${by} was sealed: the server sealed ${counted(rivals.length + 1, 'record')} for it, unless ${evidence_id} was another key’s, or ${by} says a false number.`
  const evidence_ids = [evidence_id, ...names]
  return [{ at: server, fault: 'forked', seal_seq, evidence_ids, by, message }]
}

/** Numbers that nothing here has and nothing here names. */
function holesIn(
  members: readonly Placed[],
  {
    remembered,
    gone,
    here,
  }: {
    readonly remembered: readonly HeldEnvelope[]
    readonly gone: readonly number[]
    readonly here: Here
  },
): Holes {
  /** Of these the number is known. */
  const numbered = new Set(
    [...members, ...remembered].flatMap(({ evidence_id, previous }) => [
      evidence_id,
      previous?.evidence_id,
    ]),
  )
  return holesOf({
    members,
    remembered,
    gone,
    spare: [...here.unplaced.keys()].filter((id) => !numbered.has(id)).length,
    isTakenOver: ({ server, previous }) =>
      previous !== null &&
      foundAs(previous.evidence_id, here)?.some(
        (one) => one !== null && one.server !== server && one.head === previous.head,
      ) === true,
    isHere: (evidence_id) => foundAs(evidence_id, here) !== undefined,
  })
}

const faultOf = ({ server: _server, ...hole }: Hole): SeriesFault => ({
  fault: 'missing',
  evidence_id: null,
  by: null,
  ...hole,
})

/** What a rerun says of the run that it repeats, against the records of that run and what it took over from. */
function lineageOf(
  rerun: Placed,
  here: Here,
  byRun: ReadonlyMap<string | undefined, readonly HeldEnvelope[]>,
  differing: ReadonlyMap<string, string>,
  isSealedAfter: Order,
  isPart: boolean,
): Told {
  const { evidence_id, repeats, ran } = rerun
  if (repeats === null) return { faults: [], open: [] }
  const { run_id, taken } = repeats
  const sources = new Set(taken.map((one) => one.evidence_id))
  const ofRun = byRun.get(run_id) ?? []
  const found = [...sources].flatMap((source) => here.byId.get(source) ?? [])
  const gone = isPart
    ? undefined
    : [...sources].find((source) => foundAs(source, here) === undefined)
  const what =
    lineageFault({ ...repeats, sources }, [...ofRun, ...found])?.message ??
    sourceFault(rerun, found, (one, other) => isSealedAfter(one, other) === true) ??
    (gone === undefined
      ? differing.get(evidence_id)
      : `took steps over from ${gone}, which is not here`)
  if (what !== undefined)
    return {
      faults: [{ fault: 'lineage', evidence_id, by: null, message: `${evidence_id} ${what}.` }],
      open: [],
    }
  const open = [
    ...(ofRun.every(({ starters, isFailing }) => starters === undefined || isFailing)
      ? [
          `who started that is the server’s word, since its record ${ofRun.some(({ isFailing }) => isFailing) ? 'does not verify' : 'is not here'}`,
        ]
      : []),
    ...found.flatMap((source) =>
      source.isFailing
        ? [`the record that it took steps over from, ${source.evidence_id}, does not verify`]
        : [],
    ),
    ...(sources.size > 0 && found.length === 0
      ? [`${counted(taken.length, 'step')} that it took over could not be compared`]
      : []),
    ...(found.some((source) => isSealedAfter(source, rerun) === null)
      ? [
          'whether the record that it took steps over from was sealed before it cannot be told: two keys sealed them, and nothing here leads from one to the other',
        ]
      : []),
    ...(found.some(({ ran: { root } }) => root !== ran.root)
      ? [
          'whether the steps that it took over ran in its root cannot be told: one of the two records has none',
        ]
      : []),
    ...(found.some((source) => source.ran.env !== ran.env)
      ? [
          'its plan has other variables than the record that it took steps over from, and whether those are of the server’s environment is not on record',
        ]
      : []),
  ]
  return {
    faults: [],
    open: open.length === 0 ? [] : [`${evidence_id} repeats ${run_id}: ${open.join('; ')}.`],
  }
}

/** Was the one sealed after the other? null where nobody can tell. */
type Order = (one: Placed, other: Placed) => boolean | null

/**
 * One key counts what it seals. Of two keys only what follows the other's, over whichever keys, was sealed after it. In one
 * pass: each stands within the span of what it follows.
 */
function orderOf(all: readonly Placed[]): Order {
  const next = Map.groupBy(all, ({ previous }) => previous && heldName(previous))
  const names = new Set(all.map(heldName))
  const open = all.filter(({ previous }) => previous === null || !names.has(heldName(previous)))
  const spans = new Map<Placed, { readonly from: number; to: number }>()
  const within: Placed[] = []
  let at = 0
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    for (let last = within.at(-1); last !== undefined; last = within.at(-1)) {
      if (one.previous !== null && heldName(one.previous) === heldName(last)) break
      const span = spans.get(last)
      if (span !== undefined) span.to = at
      within.pop()
    }
    spans.set(one, { from: (at += 1), to: Infinity })
    within.push(one)
    // One by one: they may be more than a call takes arguments.
    for (const follower of next.get(heldName(one)) ?? []) open.push(follower)
  }
  const follows = (one: Placed, other: Placed): boolean => {
    const [span, of] = [spans.get(one), spans.get(other)]
    return span !== undefined && of !== undefined && span.from > of.from && span.from <= of.to
  }
  return (one, other) => {
    if (one.server === other.server) return one.seal_seq > other.seal_seq
    return follows(one, other) ? true : follows(other, one) ? false : null
  }
}

/** A gate showed a difference from another record than is here under that id. */
function againstBases({ evidence_id: by, bases }: Placed, here: Here): Told {
  const told: Told = { faults: [], open: [] }
  for (const { evidence_id, head } of bases) {
    const now = here.byId.get(evidence_id)
    if (now?.some((one) => one.head === head)) continue
    const shown = `a gate of ${by} showed a difference from`
    if (now === undefined)
      told.open.push(
        `Whether ${evidence_id} is what ${shown} cannot be told: it ${here.unplaced.has(evidence_id) ? 'has no place' : 'is not here'}.`,
      )
    else {
      const named = { evidence_id, seal_seq: now[0]?.seal_seq ?? 0, head }
      told.faults.push(another(named, here, by, shown))
    }
  }
  return told
}

/** A number is one of a key's own series, and so is to be the first; an id and what is followed are there once at all. */
function forksOf(members: readonly Placed[]): FaultAt[] {
  const byRun = Map.groupBy(members, ({ run_id, evidence_id }) => run_id ?? evidence_id)
  const isRunAlone = new Set(byRun.values())
  const groups = [
    // First, so that what is the same group by its place is told by that.
    byRun,
    Map.groupBy(members, nameOfPlace),
    Map.groupBy(members, ({ evidence_id }) => evidence_id),
    Map.groupBy(members, ({ server, previous }) => previous?.evidence_id ?? `first of ${server}`),
  ].flatMap((by) => [...by.values()].filter((group) => group.length > 1))
  const distinct = new Map(groups.map((group) => [group.map(({ head }) => head).join(), group]))
  return [...distinct.values()].map((group) => {
    const evidence_ids = group.map(({ evidence_id }) => evidence_id)
    const [first] = group
    const isOfOneRun = isRunAlone.has(group)
    const keys = new Set(group.map(({ server }) => server))
    const who = keys.size === 1 ? 'the server' : counted(keys.size, 'key')
    const what = isOfOneRun ? `are records of one run, ${first?.run_id}` : 'stand in one place'
    const names =
      new Set(evidence_ids).size === 1
        ? `${group.length.toLocaleString('en')} different records that are all named ${first?.evidence_id}`
        : namesSaid(evidence_ids)
    const message = `${names} ${what}: ${who} sealed ${counted(group.length, 'record')} ${isOfOneRun ? 'of' : 'for'} it.`
    const seal_seq = first?.seal_seq ?? 0
    return { at: first?.server ?? '', fault: 'forked', seal_seq, evidence_ids, by: null, message }
  })
}

/** Records that are here with two seals, as which they are one record. */
function sealedTwice(placed: readonly Placed[]): FaultAt[] {
  return [...Map.groupBy(placed, heldName).values()].flatMap((same) => {
    const [first, ...others] = same.toSorted(byPlace)
    if (first === undefined) return []
    const last = others.findLast((one) => isSealedTwice(first, one))
    return last === undefined ? [] : { ...twice(first, last), at: last.server }
  })
}

const twice = (before: HeldEnvelope, { evidence_id, seal_seq, sealed_at }: HeldEnvelope) =>
  ({
    fault: 'forked',
    seal_seq,
    evidence_ids: [evidence_id, evidence_id],
    by: null,
    message: `${evidence_id} has two seals, made at ${before.sealed_at} and at ${sealed_at}: the server sealed it twice.`,
  }) as const

/** Requests that were answered in several of them, by several decisions: told once of the same ones. */
function answeredTwice(members: readonly HeldEnvelope[]): FaultAt[] {
  const answers = members.flatMap((one) =>
    (one.decisions ?? []).map(({ nonce, sha256 }) => ({ one, nonce, sha256 })),
  )
  const groups = [...Map.groupBy(answers, ({ nonce }) => nonce).values()]
    .filter((same) => new Set(same.map(({ sha256 }) => sha256)).size > 1)
    .map((same) => distinctHeld(same.map(({ one }) => one)))
    .filter((all) => all.length > 1)
  const byNames = Map.groupBy(groups, (all) => all.map(heldName).join())
  return [...byNames.values()].flatMap((same): FaultAt[] => {
    const [all = []] = same
    const last = all.at(-1)
    if (last === undefined) return []
    const evidence_ids = all.map(({ evidence_id }) => evidence_id)
    const requests = same.length === 1 ? 'one request' : counted(same.length, 'request')
    const message = `${namesSaid(evidence_ids)} have different decisions that answer ${requests}.`
    return [{ at: last.server, fault: 'repeated', evidence_ids, by: null, message }]
  })
}

const namesSaid = (names: readonly string[]): string =>
  listed(names.slice(0, MOST_NAMED), names.length)
const MOST_NAMED = 5

function againstRemembered(head: HeldEnvelope, here: Here): SeriesFault[] {
  const { evidence_id, seal_seq } = head
  const now = foundAs(evidence_id, here)
  const isSame = now?.some((one) => one === null || one.head === head.head)
  const what: SeriesFault[] =
    now === undefined
      ? [
          {
            fault: 'missing',
            evidence_id,
            from: seal_seq,
            to: seal_seq,
            count: 1,
            by: null,
            message: `${evidence_id}, number ${seal_seq}, was here before and is not here now.`,
          },
        ]
      : isSame
        ? []
        : [another(head, here, null, 'was here before')]
  const anew = here.byId.get(evidence_id)?.find((one) => isSealedTwice(head, one))
  const again = anew === undefined ? [] : [twice(head, anew)]
  return [...what, ...again, ...rivalsOf(head, here)].map((fault) => ({
    ...fault,
    isRemembered: true,
  }))
}

/** What stands in the place of a remembered one, or is a record of its run. Where that is here as well, both are told of as a fork. */
function rivalsOf(head: HeldEnvelope, { byId, byPlace, byRun }: Here): SeriesFault[] {
  const { evidence_id, run_id, seal_seq, server } = head
  if (byId.get(evidence_id)?.some((one) => one.head === head.head)) return []
  const isOther = (one: Placed) => one.evidence_id !== evidence_id
  const inPlace = byPlace.get(nameOfPlace(head))?.find(isOther)
  const ofRun = run_id === undefined ? undefined : byRun.get(run_id)?.find(isOther)
  const rival = inPlace ?? ofRun
  if (rival === undefined) return []
  const what = inPlace
    ? `in the place of ${evidence_id}`
    : `a record of ${run_id}, as ${evidence_id} was`
  const who = rival.server === server ? 'the server' : '2 keys'
  const message = `${rival.evidence_id} is ${what}, which was here before: ${who} sealed 2 records ${inPlace ? 'for' : 'of'} it.`
  const evidence_ids = [evidence_id, rival.evidence_id]
  return [{ fault: 'forked', seal_seq, evidence_ids, by: null, message }]
}

const isMissing = <T extends SeriesFault>(one: T): one is Extract<T, { fault: 'missing' }> =>
  one.fault === 'missing'

/** Another one than was named is here. Only where a key whose records are walked sealed it, that key is what sealed twice. */
function another(
  { evidence_id, seal_seq, head }: Pick<HeldEnvelope, 'evidence_id' | 'seal_seq' | 'head'>,
  here: Here,
  by: string | null,
  than: string,
): SeriesFault {
  const isSealed = here.byId.has(evidence_id)
  const unsealed = isSealed ? '' : ', and no key that you know has sealed it'
  return {
    fault: isSealed ? 'resealed' : 'replaced',
    evidence_id,
    seal_seq,
    expected: head,
    actual: foundAs(evidence_id, here)?.find((one) => one !== null)?.head ?? '',
    by,
    message: `${evidence_id} is another one than ${than}${unsealed}.`,
  }
}
