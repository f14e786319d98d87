import type { CellName, Lineage } from '#contract/provenance.ts'
import type { CellState } from '#contract/status.ts'

/** A cell in the graph of what it is made from and what is made from it; `state` is null for a field of the source. */
export type LineageNode = CellName & {
  key: string
  state: CellState | null
  place: 'up' | 'self' | 'down'
}
/** An edge goes from an input to what is made from it. */
export type LineageGraph = {
  nodes: readonly LineageNode[]
  edges: readonly { from: string; to: string }[]
  truncated: boolean
}

/** Both closures of a cell as one graph. A cell that is told twice is one node. */
export function graphOf(
  self: CellName & { state: CellState },
  up: Lineage,
  down: Lineage,
): LineageGraph {
  const own = keyOfCell(self)
  const nodes = new Map<string, LineageNode>([[own, { ...self, key: own, place: 'self' }]])
  const edges = new Map<string, { from: string; to: string }>()
  for (const [place, { cells, edges: pairs }] of [
    ['up', up],
    ['down', down],
  ] as const) {
    const keys = cells.map(keyOfCell)
    for (const [index, cell] of cells.entries()) {
      const key = keys[index] ?? ''
      if (!nodes.has(key)) nodes.set(key, { ...cell, key, place })
    }
    for (const [input, output] of pairs) {
      const [from, to] = [keys[input], keys[output]]
      if (from !== undefined && to !== undefined) edges.set(`${from} ${to}`, { from, to })
    }
  }
  return {
    nodes: [...nodes.values()],
    edges: [...edges.values()],
    truncated: up.truncated || down.truncated,
  }
}

/** A cell as one text. */
export const keyOfCell = ({ table, record_id, field }: CellName): string =>
  JSON.stringify([table, record_id, field])

export const NODE_PX = { width: 168, height: 44 } as const

export type Layout = {
  widthPx: number
  heightPx: number
  /** Top left corner of each node, by its key. */
  nodes: Readonly<Record<string, { x: number; y: number }>>
  edges: readonly { from: string; to: string; points: readonly { x: number; y: number }[] }[]
}

/** Where the nodes of a graph stand: by a worker of its own, since a large one takes a while. */
export async function layOutApart(
  { nodes, edges }: LineageGraph,
  signal: AbortSignal,
): Promise<Layout> {
  signal.throwIfAborted()
  const worker = new Worker(new URL('./lineage.worker.ts', import.meta.url), { type: 'module' })
  try {
    return await new Promise((resolve, reject) => {
      worker.addEventListener('message', ({ data }: MessageEvent<Layout>) => resolve(data))
      worker.addEventListener('error', () => reject(new Error('the layout stopped')))
      signal.addEventListener('abort', () => reject(new Error('the layout is no longer wanted')))
      worker.postMessage({ nodes, edges } satisfies Pick<LineageGraph, 'nodes' | 'edges'>)
    })
  } finally {
    worker.terminate()
  }
}
