import { type EdgeLabel, Graph, type GraphLabel, layout, type NodeLabel } from '@dagrejs/dagre'
import { type Layout, type LineageGraph, NODE_PX } from './lineage.ts'

/** Where the nodes of a graph stand, inputs to the left of what is made from them. */
export function layOut({ nodes, edges }: Pick<LineageGraph, 'nodes' | 'edges'>): Layout {
  const graph = new Graph<GraphLabel, NodeLabel, EdgeLabel>()
  graph.setGraph({ rankdir: 'LR', nodesep: 12, ranksep: 40, marginx: 4, marginy: 4 })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const { key } of nodes) graph.setNode(key, { ...NODE_PX })
  for (const { from, to } of edges) graph.setEdge(from, to)
  layout(graph)
  const { width = 0, height = 0 } = graph.graph()
  return {
    widthPx: Math.ceil(width),
    heightPx: Math.ceil(height),
    nodes: Object.fromEntries(
      nodes.map(({ key }) => {
        const { x = 0, y = 0 } = graph.node(key)
        return [key, { x: x - NODE_PX.width / 2, y: y - NODE_PX.height / 2 }]
      }),
    ),
    edges: edges.map(({ from, to }) => ({ from, to, points: graph.edge(from, to).points ?? [] })),
  }
}
