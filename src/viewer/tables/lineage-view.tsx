import { CELL_STATE, type Tone } from '#contract/status.ts'
import { wordsOf } from '#viewer/api.ts'
import { type Layout, type LineageGraph, type LineageNode, NODE_PX } from '#viewer/lineage.ts'
import { counted } from '#evidence/counted.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { SmallTable } from '#viewer/parts/small-table.tsx'
import { State } from '#viewer/parts/state.tsx'
import { keyEnd } from '#viewer/parts/key-text.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { layoutQuery } from '#viewer/table-queries.ts'
import { useQuery } from '@tanstack/react-query'
import { useCallback, useState } from 'react'
import { Link } from 'wouter'
import { useCellHref } from './table-address.ts'

/** What a cell is made from and what is made from it: as a graph, and as a table that says the same. */
export function LineageView({ graph }: { graph: LineageGraph }) {
  const [asTable, setAsTable] = useState(false)
  const layout = useQuery(layoutQuery(graph))
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2 text-ink-2">
        <span>
          {counted(graph.nodes.length - 1, 'other cell')}
          {graph.truncated && ' and more, which are not told'}
        </span>
        <button
          type="button"
          className="button ml-auto min-h-7 px-2 text-xs"
          aria-pressed={asTable}
          onClick={() => setAsTable(!asTable)}
        >
          As a table
        </button>
      </div>
      {asTable ? (
        <Listed graph={graph} />
      ) : layout.isError ? (
        <>
          <p role="alert" className="text-bad">
            The graph could not be laid out: {wordsOf(layout.error).detail}
          </p>
          <Listed graph={graph} />
        </>
      ) : layout.data ? (
        <Drawn graph={graph} layout={layout.data} />
      ) : (
        <div className="skeleton h-24" />
      )}
    </div>
  )
}

function Drawn({ graph, layout }: { graph: LineageGraph; layout: Layout }) {
  const { widthPx, heightPx } = layout
  const self = graph.nodes.find(({ place }) => place === 'self')
  const x = (self && layout.nodes[self.key]?.x) ?? 0
  const begin = useCallback(
    (box: HTMLElement | null) => {
      if (box) box.scrollLeft = x + NODE_PX.width / 2 - box.clientWidth / 2
    },
    [x],
  )
  return (
    <section
      aria-label="Graph of the lineage"
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable by keyboard
      tabIndex={0}
      // Wider than its place, it begins with this cell in sight.
      ref={begin}
      className="max-h-96 overflow-auto rounded-md border border-line bg-sunken"
    >
      <svg
        width={widthPx}
        height={heightPx}
        viewBox={`0 0 ${widthPx} ${heightPx}`}
        className="block"
      >
        {layout.edges.map(({ from, to, points }) => (
          <path
            key={`${from} ${to}`}
            d={points.map(({ x, y }, at) => `${at === 0 ? 'M' : 'L'}${x} ${y}`).join('')}
            className="fill-none stroke-line-strong"
          />
        ))}
        {graph.nodes.map((node) => {
          const at = layout.nodes[node.key]
          return (
            at && <NodeBox key={node.key} node={node} from={self?.table ?? ''} x={at.x} y={at.y} />
          )
        })}
      </svg>
    </section>
  )
}

function NodeBox({ node, from, x, y }: { node: LineageNode; from: string; x: number; y: number }) {
  const { table, record_id, field, state } = node
  const hrefOf = useCellHref(from)
  const said = state === null ? 'of the source' : CELL_STATE[state].label
  const box = (
    <>
      <title>{`${plain(`${table}.${field}`)} of ${plain(record_id)}: ${said}`}</title>
      <rect
        width={NODE_PX.width}
        height={NODE_PX.height}
        rx="6"
        className={`${state === null ? 'fill-sunken stroke-line-strong' : FILL[CELL_STATE[state].tone]} ${node.place === 'self' ? 'stroke-2' : ''}`}
        strokeDasharray={state === null || state === 'missing' ? '4 3' : undefined}
      />
      <text x="10" y="18" className="fill-ink text-xs font-semibold">
        {short(`${table}.${field}`)}
      </text>
      <text x="10" y="35" className="fill-ink-2 text-xs">
        {SIGN[state ?? 'source']} {shortKey(record_id)}
      </text>
    </>
  )
  const transform = `translate(${x} ${y})`
  // A value of the source has no provenance of its own; the cell itself is where the reader is.
  if (state === null || node.place === 'self') return <g transform={transform}>{box}</g>
  return (
    <g transform={transform}>
      <Link href={hrefOf(node)}>{box}</Link>
    </g>
  )
}

const MAX_CHARS = 22
const short = (text: string): string => {
  const said = plain(text, MAX_CHARS * 2)
  return said.length > MAX_CHARS ? `${said.slice(0, MAX_CHARS - 1)}…` : said
}

/** By its end, as in the grid. */
function shortKey(key: string): string {
  const said = plain(keyEnd(key, MAX_CHARS * 2))
  return said.length > MAX_KEY_CHARS ? `…${keyEnd(said, MAX_KEY_CHARS)}` : said
}
const MAX_KEY_CHARS = 19

/** The shape of the state, where a glyph would be. */
const SIGN = { fresh: '✓', stale: '◆', missing: '○', failed: '✕', source: '·' } as const

const FILL = {
  idle: 'fill-raised stroke-line-strong',
  active: 'fill-active-wash stroke-active',
  waiting: 'fill-waiting-wash stroke-waiting',
  good: 'fill-good-wash stroke-good',
  bad: 'fill-bad-wash stroke-bad',
  muted: 'fill-raised stroke-line-strong',
  neutral: 'fill-raised stroke-line-strong',
} as const satisfies Record<Tone, string>

const PLACE = { up: 'made from', self: 'this cell', down: 'used by' } as const

function Listed({ graph }: { graph: LineageGraph }) {
  const hrefOf = useCellHref(graph.nodes.find(({ place }) => place === 'self')?.table ?? '')
  return (
    <SmallTable
      label="Lineage as a table"
      columns={[{ name: 'Where' }, { name: 'Cell' }, { name: 'State' }]}
      className="max-h-96 rounded-md border border-line"
    >
      {graph.nodes.map((node) => (
        <tr key={node.key} className="border-b border-line align-top last:border-b-0">
          <td className="px-3 py-1.5 whitespace-nowrap text-ink-2">{PLACE[node.place]}</td>
          <td className="px-3 py-1.5">
            {node.state === null || node.place === 'self' ? (
              <RunText text={`${node.table}.${node.field} of ${node.record_id}`} max={200} />
            ) : (
              <Link href={hrefOf(node)} className="link">
                <RunText text={`${node.table}.${node.field} of ${node.record_id}`} max={200} />
              </Link>
            )}
          </td>
          <td className="px-3 py-1.5">
            {node.state === null ? (
              <span className="text-ink-3">of the source</span>
            ) : (
              <State of={CELL_STATE[node.state]} />
            )}
          </td>
        </tr>
      ))}
    </SmallTable>
  )
}
