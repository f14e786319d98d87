import type { CellName, CellVersion, Provenance } from '#contract/provenance.ts'
import { CELL_STATE, type ToldBy } from '#contract/status.ts'
import { ApiError, wordsOf } from '#viewer/api.ts'
import { useWhyNot } from '#viewer/may.ts'
import { Answered } from '#viewer/parts/answered.tsx'
import { ChangeButton } from '#viewer/parts/change-button.tsx'
import { Copy } from '#viewer/parts/copy.tsx'
import { ErrorWords, Failure } from '#viewer/parts/failure.tsx'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { Notice, SkeletonRows } from '#viewer/parts/notice.tsx'
import { ShowMore } from '#viewer/parts/show-more.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { State } from '#viewer/parts/state.tsx'
import { When } from '#viewer/parts/time.tsx'
import { AsOf, ToldValue, ToldWord } from '#viewer/parts/told.tsx'
import {
  cellHistoryQuery,
  cellQuery,
  lineageQuery,
  sealedCellQuery,
} from '#viewer/table-queries.ts'
import type { CellAt } from '#viewer/verifier.ts'
import { part } from '#viewer/parts/part.ts'
import { skipToken, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { type ReactNode, Suspense } from 'react'
import { Link } from 'wouter'
import {
  cellFacts,
  FACT,
  makerFacts,
  NONE,
  type Recomputed,
  recomputeInputs,
  recomputeValue,
} from './cell-proof.ts'
import { useCellHref } from './table-address.ts'
import { valueSaid } from './value-said.ts'

const LineageView = part(() => import('./lineage-view.tsx').then((m) => m.LineageView))

/** Where a cell comes from, each fact with who says so: the server, or a record that this browser verified. */
export function CellPanel({
  name,
  onClose,
  onRetry,
}: {
  name: CellName
  onClose: () => void
  onRetry: () => void
}) {
  const cell = useQuery(cellQuery(name))
  return (
    <section
      aria-label="Cell"
      className="card min-w-0 lg:sticky lg:top-16 lg:max-h-[calc(100dvh-5rem)] lg:overflow-auto"
    >
      <div className="sticky top-0 z-10 flex items-start gap-3 border-b border-line bg-raised px-4 py-2">
        <h2
          className="min-w-0 flex-1 text-base font-semibold outline-none"
          tabIndex={-1}
          ref={(heading) => heading?.focus({ preventScroll: true })}
        >
          <RunText text={name.field} max={64} />
          <span className="block font-normal text-ink-2">
            of <RunText text={name.record_id} max={200} />
          </span>
        </h2>
        <button type="button" className="button" data-look="quiet" onClick={onClose}>
          Close
        </button>
      </div>
      <Answered
        of={cell}
        waiting={<SkeletonRows rows={8} height="h-10" />}
        renderFailure={(failed) => (
          <div className="p-4">
            <Failure error={failed} again={cell.refetch} />
          </div>
        )}
      >
        {(found) =>
          found === null ? (
            <div className="p-4">
              <Notice title="No such cell">
                The table has no such record, or derives no such field. It may have been removed at
                the source.
              </Notice>
            </div>
          ) : (
            <>
              <p className="px-4 pt-2 text-xs empty:hidden">
                <AsOf of={cell} />
              </p>
              <OneCell cell={found} onRetry={onRetry} />
            </>
          )
        }
      </Answered>
    </section>
  )
}

function OneCell({ cell, onRetry }: { cell: Provenance; onRetry: () => void }) {
  const whyNot = useWhyNot('operate')
  const { evidence_id, run_id } = cell
  const sealed = useQuery(
    evidence_id === null
      ? { ...sealedCellQuery(cell, '', null), queryFn: skipToken }
      : sealedCellQuery(cell, evidence_id, run_id),
  )
  const found = sealed.data ?? null
  const state = CELL_STATE[cell.state]
  return (
    <div className="flex flex-col gap-5 p-4">
      <div className="flex flex-col gap-1">
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <span className="text-base">
            <State of={state} />
          </span>
          <ToldWord by="recorded" />
          {cell.state !== 'fresh' && (
            <ChangeButton whyNot={whyNot} onPress={onRetry}>
              {cell.state === 'failed' ? 'Try again' : 'Derive'}
            </ChangeButton>
          )}
        </div>
        <p className="text-ink-2">{state.means}</p>
        {cell.error !== null && (
          <p className="rounded-md border border-bad bg-bad-wash p-2 text-bad">
            <RunText text={cell.error} max={4000} block />
          </p>
        )}
      </div>

      <Part title="Value">
        <ValueShown cell={cell} found={found} />
      </Part>

      <Part title="On record">
        <Evidence
          cell={cell}
          found={found}
          state={
            evidence_id === null
              ? 'unsealed'
              : sealed.isPending
                ? 'verifying'
                : sealed.isError
                  ? 'failed'
                  : 'answered'
          }
          error={sealed.error}
        />
        <Facts cell={cell} found={found} />
      </Part>

      <Part title="Made by">
        <Maker cell={cell} found={found} />
      </Part>

      <Part title="Inputs">
        <Inputs cell={cell} found={found} />
      </Part>

      <Part title="Lineage" by="recorded">
        <LineageOf cell={cell} />
      </Part>

      <Part title="History" by="recorded">
        <History cell={cell} />
      </Part>
    </div>
  )
}

/** `by`: where all that is in it is from. */
function Part({ title, by, children }: { title: string; by?: ToldBy; children: ReactNode }) {
  return (
    <section aria-label={title} className="flex flex-col gap-2">
      <h3 className="flex items-baseline gap-x-3 font-semibold">
        {title}
        {by && <ToldWord by={by} />}
      </h3>
      {children}
    </section>
  )
}

const MAX_VALUE_CHARS = 4000

function ValueShown({ cell, found }: { cell: Provenance; found: CellAt['found'] }) {
  const against = found ? found.cell.value_sha256 : cell.value_sha256
  const recomputed = recomputeValue(cell, against)
  if (cell.private && cell.value_sha256 !== null)
    return (
      <p className="text-ink-2">
        Private: it does not leave the server. Its digest is made with a key of the server, so that
        nobody can guess the value by it; this browser cannot check it either.
      </p>
    )
  if (cell.value_sha256 === null) return <p className="text-ink-2">There is none.</p>
  const isText = typeof cell.value === 'string'
  const whole = valueSaid(cell.value, Infinity)
  return (
    <div className="flex flex-col gap-1">
      <div className="flex items-start gap-1 rounded-md bg-sunken">
        <section
          aria-label="The value"
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable by keyboard
          tabIndex={0}
          className="max-h-64 min-w-0 flex-1 overflow-auto p-2 font-mono text-xs"
        >
          <RunText text={whole} max={MAX_VALUE_CHARS} block />
        </section>
        <Copy text={whole} label={whole.length > MAX_VALUE_CHARS ? 'Copy all of it' : 'Copy'} />
      </div>
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-ink-2">
        {!isText && <span>{cell.value === null ? 'the value null' : kindOf(cell.value)}</span>}
        <span className={recomputed === 'differs' ? 'text-bad' : ''}>
          {found ? SAYS_SEALED[recomputed] : SAYS_RECORDED[recomputed]}
        </span>
        {recomputed === 'differs' ? (
          <ToldWord by="contradicted" />
        ) : (
          <ToldWord by={found ? 'verified' : 'recorded'} />
        )}
      </p>
    </div>
  )
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

const SAYS_SEALED = {
  same: 'This very value has the digest that is sealed.',
  differs: 'This is not the value whose digest is sealed.',
  keyed: '',
  none: 'The sealed record has no value for it.',
} as const satisfies Record<Recomputed, string>

const SAYS_RECORDED = {
  same: 'This very value has the digest that the server names.',
  differs: 'This is not the value whose digest the server names.',
  keyed: '',
  none: '',
} as const satisfies Record<Recomputed, string>

function Evidence({
  cell,
  found,
  state,
  error,
}: {
  cell: Provenance
  found: CellAt['found']
  state: 'unsealed' | 'verifying' | 'failed' | 'answered'
  error: Error | null
}) {
  if (cell.run_id === null) return <p className="text-ink-2">No run has derived it yet.</p>
  if (state === 'unsealed')
    return (
      <p className="text-ink-2">
        Its run is not sealed yet. Until it is, all of this is what the server says.
      </p>
    )
  if (state === 'verifying')
    return <output className="text-ink-2">Verifying the sealed record in this browser.</output>
  if (state === 'failed')
    return (
      <p role="alert" className="text-bad">
        The record could not be verified here:{' '}
        {error instanceof ApiError ? wordsOf(error).title : wordsOf(error).detail}
      </p>
    )
  const link = (
    <Link
      href={`/evidence/${encodeURIComponent(cell.evidence_id ?? '')}?run=${encodeURIComponent(cell.run_id)}${found ? `&entry=${found.seq}` : ''}`}
      className="link"
    >
      {found ? `entry ${found.seq} of the record` : 'the record'}
    </Link>
  )
  return found ? (
    <p className="text-ink-2">
      This browser verified the sealed record and found this cell in {link}.
    </p>
  ) : (
    <p className="text-ink-2">
      This cell was not found in {link} by this browser: the record does not verify, its signature
      was not checked by any key, or it does not have the cell. What follows is what the server
      says.
    </p>
  )
}

function Facts({ cell, found }: { cell: Provenance; found: CellAt['found'] }) {
  if (cell.run_id === null) return null
  return (
    <dl className="grid grid-cols-[6rem_minmax(0,1fr)] gap-x-4 gap-y-1">
      {cellFacts(cell, found?.cell ?? null)
        .filter(({ name, told }) => name !== 'error' || (told !== null && told.value !== NONE))
        .map(({ name, told }) => (
          <div key={name} className="contents">
            <dt className="text-ink-3">{FACT[name].label}</dt>
            <dd>
              <ToldValue
                told={told}
                renderValue={(value) =>
                  name === 'error' && value === cell.error ? (
                    'as above'
                  ) : FACT[name].isDigest && value !== NONE ? (
                    <Fingerprint hex={value} short />
                  ) : (
                    <RunText text={value} max={200} />
                  )
                }
              />
            </dd>
          </div>
        ))}
    </dl>
  )
}

function Maker({ cell, found }: { cell: CellVersion; found: CellAt['found'] }) {
  const { derivation } = cell
  const { step, actor } = makerFacts(cell, found)
  return (
    <dl className="grid grid-cols-[6rem_minmax(0,1fr)] gap-x-4 gap-y-1">
      {cell.run_id !== null && (
        <>
          <dt className="text-ink-3">Run</dt>
          <dd>
            <Link
              href={`/runs/${encodeURIComponent(cell.run_id)}`}
              className="link font-mono text-xs wrap-anywhere"
            >
              {cell.run_id}
            </Link>{' '}
            <ToldWord by={found ? 'verified' : 'recorded'} />
          </dd>
          <dt className="text-ink-3">Step</dt>
          <dd>
            <ToldValue told={step} renderValue={(value) => <RunText text={value} max={140} />} />
          </dd>
          <dt className="text-ink-3">By</dt>
          <dd>
            <ToldValue told={actor} renderValue={(value) => <RunText text={value} max={140} />} />
          </dd>
          <dt className="text-ink-3">At</dt>
          <dd>
            <When at={cell.at} /> <span className="text-ink-3">server’s clock</span>{' '}
            <ToldWord by="recorded" />
            {found && (
              <span className="block text-ink-2">
                The sealed attempt ran from <When at={found.started_at} /> to{' '}
                <When at={found.finished_at} />. <ToldWord by="verified" />
              </span>
            )}
          </dd>
        </>
      )}
      <dt className="text-ink-3">Command</dt>
      <dd>
        <ol className="font-mono text-xs">
          {derivation.command.map((argument, index) => (
            <li key={index}>
              <RunText text={argument} max={2000} block />
            </li>
          ))}
        </ol>
        <ToldWord by="recorded" />
        <span className="block text-ink-2">
          {found
            ? 'The record has the digest of the derivation, and no command: this one, its version and its files are the server’s word.'
            : 'This, the version and the files are the server’s word.'}
        </span>
      </dd>
      {derivation.version !== null && (
        <>
          <dt className="text-ink-3">Version</dt>
          <dd>
            <RunText text={derivation.version} max={200} /> <ToldWord by="recorded" />
          </dd>
        </>
      )}
      {derivation.sha256 === null && (
        <>
          <dt className="text-ink-3">Files</dt>
          <dd className="text-bad">A file that is declared cannot be read now.</dd>
        </>
      )}
      {derivation.files.map(({ path, sha256 }) => (
        <div key={path} className="contents">
          <dt className="text-ink-3">File</dt>
          <dd>
            <RunText text={path} max={300} />, <Fingerprint hex={sha256} short />{' '}
            <ToldWord by="recorded" />
          </dd>
        </div>
      ))}
    </dl>
  )
}

function Inputs({ cell, found }: { cell: CellVersion; found: CellAt['found'] }) {
  const hrefOf = useCellHref(cell.table)
  if (cell.inputs.length === 0)
    return (
      <p className="text-ink-2">
        {cell.run_id === null
          ? 'None was read yet.'
          : cell.withheld.includes('inputs')
            ? 'Not told: one of them has become private since.'
            : 'None: it was not tried. The lineage below leads to what failed.'}
      </p>
    )
  const recomputed = recomputeInputs(cell, found ? found.cell.inputs_sha256 : cell.inputs_sha256)
  return (
    <>
      <ul className="divide-y divide-line rounded-md border border-line">
        {cell.inputs.map(({ name, sha256, keyed, from, cell: made }) => (
          <li key={name} className="flex flex-wrap items-baseline gap-x-3 px-3 py-1.5">
            <span className="font-medium">
              <RunText text={name} max={64} />
            </span>
            <span className="min-w-0 text-ink-2">
              {made ? (
                <Link href={hrefOf(made)} className="link">
                  <RunText text={`${made.table}.${made.field} of ${made.record_id}`} max={140} />
                </Link>
              ) : from ? (
                <RunText text={`${from.table}.${from.field} of ${from.record_id}`} max={140} />
              ) : keyed ? (
                'not told, or no such record: null'
              ) : (
                'no such record: null'
              )}
            </span>
            <span className="ml-auto">
              <Fingerprint hex={sha256} short />
              {keyed && <span className="ml-1 text-xs text-ink-3">keyed</span>}
            </span>
          </li>
        ))}
      </ul>
      {recomputed !== 'none' && (
        <p className={recomputed === 'same' ? 'text-ink-2' : 'text-bad'}>
          {recomputed === 'same'
            ? `Digested here, these make the digest of the inputs that is ${found ? 'sealed' : 'recorded'}.`
            : `Digested here, these do not make the digest of the inputs that is ${found ? 'sealed' : 'recorded'}.`}{' '}
          <ToldWord
            by={recomputed === 'differs' ? 'contradicted' : found ? 'verified' : 'recorded'}
          />
        </p>
      )}
      <p className="text-ink-2">
        Where each is from is the server’s word. <ToldWord by="recorded" />
      </p>
    </>
  )
}

function LineageOf({ cell }: { cell: Provenance }) {
  const { table, record_id, field, state } = cell
  const lineage = useQuery(lineageQuery({ table, record_id, field, state }))
  return (
    <Answered
      of={lineage}
      waiting={<div className="skeleton h-24" />}
      renderFailure={(failed) => <ErrorWords error={failed} />}
    >
      {(graph) => (
        <Suspense fallback={<div className="skeleton h-24" />}>
          <LineageView graph={graph} />
        </Suspense>
      )}
    </Answered>
  )
}

function History({ cell }: { cell: CellName }) {
  const { table, record_id, field } = cell
  const history = useInfiniteQuery(cellHistoryQuery({ table, record_id, field }))
  const items = history.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Answered
      of={history}
      waiting={<div className="skeleton h-12" />}
      renderFailure={(failed) => <ErrorWords error={failed} />}
    >
      {() =>
        items.length === 0 ? (
          <p className="text-ink-2">It was never derived.</p>
        ) : (
          <>
            <ol className="divide-y divide-line rounded-md border border-line">
              {items.map((version, index) => (
                <li
                  key={index}
                  className="flex flex-wrap items-center gap-x-3 gap-y-0.5 px-3 py-1.5"
                >
                  <State
                    of={
                      version.error === null
                        ? { label: 'Derived', tone: 'good' }
                        : { label: 'Failed', tone: 'bad' }
                    }
                  />
                  <span className="min-w-0 flex-1 truncate">
                    {version.error !== null ? (
                      <RunText text={version.error} max={120} />
                    ) : version.private ? (
                      <span className="text-ink-3">private</span>
                    ) : (
                      <RunText text={valueSaid(version.value, 80)} max={80} />
                    )}
                  </span>
                  <span className="text-ink-2">
                    {version.cost !== null && <>cost {version.cost}, </>}
                    {version.run_id === null ? (
                      <When at={version.at} ago />
                    ) : (
                      <Link href={`/runs/${encodeURIComponent(version.run_id)}`} className="link">
                        <When at={version.at} ago />
                      </Link>
                    )}
                  </span>
                </li>
              ))}
            </ol>
            <ShowMore of={history} what="older ones" />
          </>
        )
      }
    </Answered>
  )
}
