import type { LineageGraph } from './lineage.ts'
import { layOut } from './lineage-layout.ts'

/* A graph of some thousand cells takes a second to lay out: the page answers meanwhile. */

addEventListener('message', ({ data }: MessageEvent<Pick<LineageGraph, 'nodes' | 'edges'>>) =>
  postMessage(layOut(data)),
)
