import { counted, fewOf } from '#evidence/counted.ts'
import type { SeriesFault } from '#evidence/series.ts'

/** Faults that one sentence is of. `rows`: the records, where it is of several of them and names none. */
export type FaultGroup = {
  readonly fault: SeriesFault['fault']
  readonly message: string
  readonly rows: readonly FaultRow[]
}

/** A record that is not here as it was, and which one is in its place, where another is. */
export type FaultRow = {
  readonly seal_seq: number
  readonly evidence_id: string
  readonly now: string | null
}

/** What is wrong with a series, where thousands of one kind are one sentence, in the order in which they were found. */
export function groupsOf(faults: readonly SeriesFault[]): FaultGroup[] {
  const groups = Map.groupBy(faults, (one) => kindOf(one) ?? one)
  return [...groups].flatMap(([kind, all]): FaultGroup[] => {
    const rows = all.flatMap(rowOf).toSorted((a, b) => a.seal_seq - b.seal_seq)
    return typeof kind !== 'string' || all.length === 1
      ? all.map(({ fault, message }) => ({ fault, message, rows: [] }))
      : all
          .slice(0, 1)
          .map(({ fault }) => ({ fault, message: `${numbersSaid(rows)} ${SAID[kind]}.`, rows }))
  })
}

type Kind = keyof typeof SAID

const SAID = {
  missing: 'were here before and are not here now',
  named: 'are not here, and others were sealed after them',
  resealed: 'are other ones than were here before',
  replaced:
    'are other ones than were here before, and no key that you know has sealed what is here',
  forked: 'have another record in the same place, or of the same run, than was here before',
} as const

/** null for one that says more than the others of its kind. */
function kindOf({ fault, by, isRemembered }: SeriesFault): Kind | null {
  switch (fault) {
    case 'missing':
      return isRemembered ? 'missing' : by === null ? null : 'named'
    case 'resealed':
    case 'replaced':
    case 'forked':
      return isRemembered ? fault : null
    case 'mislisted':
    case 'misplaced':
    case 'repeated':
    case 'lineage':
      return null
  }
}

function rowOf(one: SeriesFault): FaultRow[] {
  switch (one.fault) {
    case 'missing':
      return one.evidence_id === null
        ? []
        : [{ seal_seq: one.from, evidence_id: one.evidence_id, now: null }]
    case 'forked': {
      const [was = '', now = null] = one.evidence_ids
      return [{ seal_seq: one.seal_seq, evidence_id: was, now }]
    }
    case 'resealed':
    case 'replaced':
      return [{ seal_seq: one.seal_seq, evidence_id: one.evidence_id, now: null }]
    case 'mislisted':
    case 'misplaced':
    case 'repeated':
    case 'lineage':
      return []
  }
}

/** `3 records, numbers 4 to 6,`. */
function numbersSaid(rows: readonly FaultRow[]): string {
  const spans: { from: number; to: number }[] = []
  for (const { seal_seq } of rows) {
    const last = spans.at(-1)
    if (last !== undefined && seal_seq <= last.to + 1) last.to = seal_seq
    else spans.push({ from: seal_seq, to: seal_seq })
  }
  // A number of a record is its name: with a comma in it, a list of them could not be read.
  const said = spans.map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to}`))
  const isOne = rows.at(0)?.seal_seq === rows.at(-1)?.seal_seq
  return `${counted(rows.length, 'record')}, ${isOne ? 'number' : 'numbers'} ${fewOf(said, MOST_SPANS)},`
}

const MOST_SPANS = 8
