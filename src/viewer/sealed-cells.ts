import { Cell } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import type { CellName } from '#contract/provenance.ts'

/**
 * Cells that a materialize step sealed, wherever they stand: in its entry, or as lines of a part of which the entry has
 * the digest. A million of them are not objects before somebody looks at them.
 */
export type SealedCells = {
  count: number
  /** Throws where the line is no cell: then the server sealed something else under that name. */
  at: (index: number) => Cell
  /** Each cell as text, for a search. */
  textAt: (index: number) => string
}

export function listedCells(cells: readonly Cell[]): SealedCells {
  const at = (index: number): Cell => {
    const cell = cells[index]
    if (cell === undefined) throw new RangeError(`no cell ${index}`)
    return cell
  }
  return { count: cells.length, at, textAt: (index) => JSON.stringify(at(index)) }
}

/** Of bytes whose digest is the sealed one. */
export function partedCells(bytes: Uint8Array): SealedCells {
  const starts = [0]
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1))
    starts.push(at + 1)
  if (starts.at(-1) !== bytes.length) starts.push(bytes.length + 1)
  const decoder = new TextDecoder()
  const textAt = (index: number): string =>
    decoder.decode(bytes.subarray(starts[index], (starts[index + 1] ?? 1) - 1))
  return {
    count: starts.length - 1,
    textAt,
    at: (index) => {
      const parsed = parseJson(Cell, textAt(index))
      if (parsed.ok) return parsed.value
      throw new Error(
        `line ${index + 1} of the sealed cells is no cell: ${parsed.error.at} ${parsed.error.message}`,
      )
    },
  }
}

/** Which of them have `search` in their text, case ignored. Linear. */
export function searchCells(cells: SealedCells, search: string): Uint32Array {
  const wanted = search.toLowerCase()
  const found: number[] = []
  for (let index = 0; index < cells.count; index += 1)
    if (wanted === '' || cells.textAt(index).toLowerCase().includes(wanted)) found.push(index)
  return Uint32Array.from(found)
}

/** The cell of that name; the last one where a forged record has several. */
export function findCell(cells: SealedCells, { table, record_id, field }: CellName): Cell | null {
  // Its text has the name as JSON writes it, so that only lines which may be it are read.
  const named = JSON.stringify(record_id)
  for (let index = cells.count - 1; index >= 0; index -= 1) {
    if (!cells.textAt(index).includes(named)) continue
    const cell = cells.at(index)
    if (cell.table === table && cell.record_id === record_id && cell.field === field) return cell
  }
  return null
}

const LINE_FEED = 10
