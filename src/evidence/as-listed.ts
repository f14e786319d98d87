import type { EnvelopeSummary } from '#contract/api.ts'
import { keysOf } from '#contract/status.ts'
import { counted, fewOf } from './counted.ts'
import { heldName } from './place.ts'
import type { SeriesFault } from './series.ts'
import type { Placed } from './standing.ts'

/** What a server's own list says of a record. Nothing is held to what it does not say, as an older one may not. */
export type ListedEnvelope = Pick<EnvelopeSummary, 'evidence_id'> & {
  readonly [member in Member | 'sha256']?: EnvelopeSummary[member] | null
}

/** What of that stands in the record too. Its head is over all of it but the time of its seal. */
const MEMBER = {
  head: 'head',
  seal_seq: 'number',
  run_id: 'run',
  definition: 'definition',
  outcome: 'outcome',
  sealed_at: 'time of its seal',
} as const
type Member = keyof typeof MEMBER

/** A record that is here and is itself [W6], beside what is listed of it. */
export type HeldToList = {
  readonly listed: ListedEnvelope
  readonly says: Placed
  /** By a key at hand. */
  readonly isSealed: boolean
  /** Of its bytes. */
  readonly sha256: string
}

/**
 * Are the records that are here those that are listed [W12]? Of the newest no other one says which it was, and the list
 * does, since it was written when that was sealed. It is the server's word: whoever can put another record there may write
 * another list as well, and a false list is to convict nobody. Where one that is as it is listed was sealed after the one
 * that is here, over whichever others, the list contradicts itself and accuses none.
 */
export function againstList(
  records: readonly HeldToList[],
  /** What is listed and is not here: something else may stand in its place. */
  gone: readonly ListedEnvelope[] = [],
): SeriesFault[] {
  const byName = new Map(records.map((one) => [heldName(one.says), one]))
  /** What a record that is as it is listed was sealed after, by the one that says so. */
  const vouched = new Map<string, string>()
  const isListed = new Set<string>()
  for (const { listed, says, isSealed, sha256 } of records) {
    const { odd, isFile, isOtherFile } = oddIn({ listed, says, sha256 })
    if (odd === undefined && !isOtherFile && (isFile || listed.head === says.head))
      isListed.add(heldName(says))
    if (!isSealed || (listed.head !== says.head && !isFile)) continue
    for (let at: Placed | undefined = says; at?.previous;) {
      const name = heldName(at.previous)
      if (vouched.has(name)) break
      vouched.set(name, at.evidence_id)
      at = byName.get(name)?.says
    }
  }
  const faults = records.flatMap((one) => {
    const name = heldName(one.says)
    return unlikeListed(one, { by: vouched.get(name), isListed: isListed.has(name) }) ?? []
  })
  const all = [...faults, ...inPlaceOf(gone, records)]
  return [...Map.groupBy(all, ({ message }) => message).values()].flatMap(asOne)
}

/**
 * A server's list has each number once, and a key seals each once. Where records of several keys are here, what is gone may
 * have been of another one. Of one after which another was sealed that one says the number, whatever the list does [W2].
 */
function inPlaceOf(gone: readonly ListedEnvelope[], records: readonly HeldToList[]): SeriesFault[] {
  const sealed = records.filter(({ isSealed }) => isSealed)
  if (new Set(sealed.map(({ says }) => says.server)).size !== 1) return []
  const isFollowed = new Set(sealed.map(({ says }) => says.previous?.evidence_id))
  const byNumber = new Map(
    [...Map.groupBy(sealed, ({ says }) => says.seal_seq)].map(([number, rows]) => {
      const ids = [...new Set(rows.map(({ says }) => says.evidence_id))].toSorted()
      const which = `${fewOf(ids)} ${ids.length === 1 ? 'is' : 'are'} number ${number}`
      const count = counted(ids.length + 1, 'record')
      const [contradicted] = rows.flatMap(contradictedIn).toSorted()
      return [number, { evidence_id: ids[0] ?? '', which, count, contradicted }]
    }),
  )
  return gone.flatMap(({ evidence_id: expected, seal_seq: number }): SeriesFault[] => {
    const here = byNumber.get(number ?? 0)
    if (!number || here === undefined || isFollowed.has(expected)) return []
    const { evidence_id, which, count, contradicted } = here
    const at = { seal_seq: number, expected, actual: evidence_id, by: null }
    const has = `the server’s own list has ${expected}, which is not here`
    if (contradicted !== undefined) {
      const message = `For number ${number} ${has}, and it ${contradicted}: the list contradicts itself, and accuses no record.`
      return [{ fault: 'mislisted', evidence_id, ...at, message }]
    }
    const message = `${which}, for which ${has}: the server sealed ${count} for it, or its list is false.`
    return [{ fault: 'forked', evidence_ids: [expected, evidence_id], ...at, message }]
  })
}

/** What the list says of a record by which it contradicts itself, where it has another one for its number. */
function contradictedIn({ listed, says, sha256 }: HeldToList): string[] {
  const { evidence_id, seal_seq, head } = says
  if (listed.seal_seq === seal_seq) return [`has ${evidence_id} too`]
  const isHere = listed.head === head || listed.sha256 === sha256
  return isHere && (listed.seal_seq ?? null) !== null
    ? [`says another number of ${evidence_id} than stands in it`]
    : []
}

/** A list may have one record as often as it likes: what is said of it in the same words is said once. */
function asOne(same: readonly SeriesFault[]): readonly SeriesFault[] {
  const [first, ...more] = same
  if (first === undefined || more.length === 0) return same
  const message = `${first.message} So it is listed ${counted(more.length, 'more time')}.`
  return [{ ...first, message }]
}

function oddIn({ listed, says, sha256 }: Omit<HeldToList, 'isSealed'>) {
  const isFile = listed.sha256 === sha256
  return {
    /** The first member that is listed otherwise. */
    odd: keysOf(MEMBER).find((member) => (listed[member] ?? says[member]) !== says[member]),
    isFile,
    isOtherFile: !isFile && (listed.sha256 ?? null) !== null,
  }
}

function unlikeListed(
  { listed, says, isSealed, sha256 }: HeldToList,
  {
    by,
    isListed,
  }: {
    /** The record that was sealed after this very one. */
    readonly by: string | undefined
    /** Another row has it just as it is here. */
    readonly isListed: boolean
  },
): SeriesFault | null {
  const { evidence_id, head, seal_seq } = says
  const { odd, isFile, isOtherFile } = oddIn({ listed, says, sha256 })
  if (odd === undefined && !isOtherFile) return null
  const expected = `${odd ? listed[odd] : listed.sha256}`
  const actual = `${odd ? says[odd] : sha256}`
  const at = { evidence_id, seal_seq, expected, actual }
  if (odd && (isFile || (odd !== 'sealed_at' && listed.head === head))) {
    const message = `The server’s own list has ${evidence_id} by the very ${isFile ? 'digest' : 'head'} of what is here, and says another ${MEMBER[odd]} than stands in it: the list contradicts itself, and accuses no record.`
    return { fault: 'mislisted', ...at, by: null, message }
  }
  const isRecord = odd === undefined || odd === 'sealed_at'
  if (isListed) {
    const message = `The server’s own list has ${evidence_id} twice, once as what is here and once with another ${odd ? MEMBER[odd] : 'digest'}: the list contradicts itself, and accuses no record.`
    return { fault: 'mislisted', ...at, by: null, message }
  }
  if (!isRecord && by !== undefined) {
    const message = `The server’s own list says another ${MEMBER[odd]} of ${evidence_id}, and what is here is the very one that ${by} was sealed after: the list contradicts the records, and accuses none.`
    return { fault: 'mislisted', ...at, by, message }
  }
  const differs = `${evidence_id} ${isRecord ? 'has another seal' : 'is another one'} than the server’s own list says`
  if (!isSealed) {
    const message = `${differs}, and no key that you know has sealed it: it was put there, or the list is false.`
    return { fault: 'replaced', ...at, by: null, message }
  }
  if (isRecord) {
    const message = `${differs}: the server sealed it twice, or its list is false.`
    const evidence_ids = [evidence_id, evidence_id]
    return { fault: 'forked', seal_seq, evidence_ids, expected, actual, by: null, message }
  }
  const message = `${differs}: it was sealed anew, or the list is false.`
  return { fault: 'resealed', ...at, by: null, message }
}
