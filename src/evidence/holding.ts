/** Code units of all parts together: a table of more is not made. */
const MOST_UNITS = 1_000_000

/**
 * Which of `texts` hold one of `parts`. Both come from a file that anyone can write: each text is gone through once,
 * however many parts there are (Aho and Corasick). null: the parts are too many to be looked for.
 */
export function holdingOf(texts: readonly string[], parts: readonly string[]): boolean[] | null {
  const longest = texts.reduce((most, { length }) => Math.max(most, length), 0)
  const sought = [...new Set(parts)].filter(({ length }) => length <= longest)
  const tree = treeOf(sought)
  if (tree === null) return null
  const { ends, step } = tree
  return texts.map((text) => {
    let node = 0
    for (let at = 0; at < text.length && ends[node] !== true; at += 1)
      node = step(node, text.charCodeAt(at))
    return ends[node] === true
  })
}

/** Every beginning of a part is a node, the empty one is 0. `ends`: does a part end there? */
type Tree = { ends: readonly boolean[]; step: (node: number, unit: number) => number }

function treeOf(parts: readonly string[]): Tree | null {
  const children = new Map<number, number>()
  const nodes = [{ parent: 0, unit: 0, depth: 0 }]
  const ends = [parts.includes('')]
  for (const part of parts) {
    let node = 0
    for (let depth = 0; depth < part.length; depth += 1) {
      const unit = part.charCodeAt(depth)
      let child = children.get(placeOf(node, unit))
      if (child === undefined) {
        if (nodes.length > MOST_UNITS) return null
        child = nodes.push({ parent: node, unit, depth: depth + 1 }) - 1
        children.set(placeOf(node, unit), child)
      }
      node = child
    }
    ends[node] = true
  }

  /** Of each node the longest other one that it ends in: where to go on when nothing fits. */
  const shorter = nodes.map(() => 0)
  const step = (from: number, unit: number): number => {
    let node = from
    for (;;) {
      const child = children.get(placeOf(node, unit))
      if (child !== undefined) return child
      if (node === 0) return 0
      node = shorter[node] ?? 0
    }
  }
  const byDepth = nodes.map((_, node) => node).toSorted((a, b) => depthOf(a) - depthOf(b))
  function depthOf(node: number): number {
    return nodes[node]?.depth ?? 0
  }
  for (const node of byDepth) {
    const { parent = 0, unit = 0, depth = 0 } = nodes[node] ?? {}
    if (depth > 1) shorter[node] = step(shorter[parent] ?? 0, unit)
    ends[node] = ends[node] === true || ends[shorter[node] ?? 0] === true
  }
  return { ends, step }
}

const placeOf = (node: number, unit: number): number => node * 0x1_00_00 + unit
