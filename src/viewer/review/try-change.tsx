import { type Claim, fails } from '#evidence/claims.ts'
import { ErrorWords } from '#viewer/parts/failure.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { type Change, tryChange, type Value } from '#viewer/verifier.ts'
import { valuesQuery } from '#viewer/record-queries.ts'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import { Claims } from './claims.tsx'
import { StillSaid } from './damage.tsx'

/** In a copy, in memory: the reader changes, adds or takes out a value, or changes a byte, and sees which claims fail, and where. */
export function TryChange({
  document,
  head,
  bytes,
}: {
  document: string
  head: string
  bytes: number
}) {
  const [kind, setKind] = useState<'value' | 'byte'>('value')
  const change = useMutation({
    mutationFn: (what: Change) => tryChange(document, what),
  })
  return (
    <section
      aria-label="A changed copy"
      className="mt-3 flex flex-col gap-3 rounded-md border-2 border-dashed border-waiting p-4"
    >
      <p className="max-w-prose">
        <strong className="text-waiting">A copy.</strong> What you change here is a copy in this
        browser’s memory. The record stays as it is, nothing is saved and nothing is sent.
      </p>
      <fieldset className="flex flex-wrap gap-x-4 gap-y-1">
        <legend className="sr-only">What to change</legend>
        {(['value', 'byte'] as const).map((one) => (
          <label key={one} className="flex min-h-6 items-center gap-2">
            <input
              type="radio"
              name="kind"
              className="accent-ink"
              checked={kind === one}
              onChange={() => {
                setKind(one)
                change.reset()
              }}
            />
            {one === 'value' ? 'A value' : 'A byte'}
          </label>
        ))}
      </fieldset>
      {kind === 'value' ? (
        <ValueForm
          document={document}
          head={head}
          pending={change.isPending}
          onTry={change.mutate}
          onChosen={change.reset}
        />
      ) : (
        <ByteForm
          bytes={bytes}
          pending={change.isPending}
          onTry={(offset, byte) => change.mutate({ kind, offset, byte })}
        />
      )}
      {change.isError && <ErrorWords error={change.error} />}
      {change.data &&
        (!change.data.done ? (
          <p role="alert" className="text-bad">
            Not changed: {change.data.why}.
          </p>
        ) : (
          <div className="flex flex-col gap-3">
            <output>
              <strong>The changed copy: {change.data.verdict}.</strong>
              <span className="mt-1 grid grid-cols-[6rem_minmax(0,1fr)] @max-[16rem]:grid-cols-[minmax(0,1fr)] gap-x-3 font-mono text-xs">
                <span className="font-sans text-ink-2">was</span>
                <RunText text={change.data.before} max={300} />
                <span className="font-sans text-ink-2">in the copy</span>
                <RunText text={change.data.after} max={300} />
              </span>
            </output>
            <Claims title="Claims that fail for the copy" claims={failingOf(change.data.claims)} />
            {change.data.remaining && <StillSaid remaining={change.data.remaining} />}
          </div>
        ))}
    </section>
  )
}

/** Without what redoes them by hand, which is over a file: the copy is none. */
const failingOf = (claims: readonly Claim[]): Claim[] =>
  claims.filter(fails).map(({ shell: _shell, ...claim }) => claim)

function ValueForm({
  document,
  head,
  pending,
  onTry,
  onChosen,
}: {
  document: string
  head: string
  pending: boolean
  onTry: (change: Change) => void
  /** Another value: what became of the one before is said of that alone. */
  onChosen: () => void
}) {
  const [search, setSearch] = useState('exit_code')
  const [chosen, setChosen] = useState<Value | null>(null)
  const [json, setJson] = useState('')
  const wanted = useDeferredValue(search)
  const found = useQuery(valuesQuery(document, head, wanted))
  // What the former search found is not what this one finds: none of it can be taken.
  const isSearching = found.isPending || found.isPlaceholderData || wanted !== search
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <div className="flex min-w-0 flex-col gap-2">
        <label className="flex flex-col gap-1">
          <span className="text-xs text-ink-2">Find a value by its place or its text</span>
          <input
            type="search"
            className="field"
            value={search}
            onChange={({ target }) => setSearch(target.value)}
          />
        </label>
        <ul
          aria-label="Values"
          aria-busy={isSearching}
          className="max-h-56 divide-y divide-line overflow-auto rounded-md border border-line aria-busy:opacity-40 aria-busy:transition-opacity aria-busy:delay-150"
        >
          {found.data?.values.map((value) => (
            <li key={value.pointer}>
              <button
                type="button"
                className="grid w-full grid-cols-[minmax(0,3fr)_minmax(0,2fr)] gap-x-3 px-2 py-1 text-left font-mono text-xs hover:bg-hover focus-visible:-outline-offset-2 aria-pressed:bg-hover"
                aria-pressed={chosen?.pointer === value.pointer}
                disabled={isSearching}
                onClick={() => {
                  setChosen(value)
                  setJson(value.json ?? '')
                  onChosen()
                }}
              >
                <span className="truncate">
                  <RunText text={value.pointer} max={300} />
                </span>
                <span className="truncate text-ink-2">
                  <RunText text={value.json ?? 'too long to show here'} max={120} />
                </span>
              </button>
            </li>
          ))}
        </ul>
        {found.isError && <ErrorWords error={found.error} />}
        <output className="text-xs text-ink-2">
          {isSearching ? 'Searching the whole record.' : found.data && saidOf(found.data)}
        </output>
      </div>
      {chosen && (
        <div className="flex min-w-0 flex-col gap-4">
          <form
            className="flex flex-col gap-2"
            onSubmit={(event) => {
              event.preventDefault()
              if (!pending && json !== chosen.json)
                onTry({ kind: 'value', pointer: chosen.pointer, json })
            }}
          >
            <label className="flex flex-col gap-1">
              <span className="text-xs break-all text-ink-2">
                New value of <code className="font-mono">{chosen.pointer}</code>, as JSON
              </span>
              <textarea
                className="field min-h-20 font-mono text-xs"
                value={json}
                onChange={({ target }) => setJson(target.value)}
              />
            </label>
            <div className="flex flex-wrap gap-2">
              <button
                type="submit"
                className="button"
                data-look="main"
                aria-disabled={pending || json === chosen.json}
              >
                {pending ? 'Verifying the copy' : 'Change the copy and verify it'}
              </button>
              <button
                type="button"
                className="button"
                aria-disabled={pending}
                onClick={() => {
                  if (!pending) onTry({ kind: 'removed', pointer: chosen.pointer })
                }}
              >
                Take it out of the copy
              </button>
            </div>
          </form>
          {chosen.holds !== null && (
            <AddForm key={chosen.pointer} to={chosen} pending={pending} onTry={onTry} />
          )}
        </div>
      )}
    </div>
  )
}

const saidOf = ({ values, more }: { values: readonly Value[]; more: boolean }): string => {
  if (values.length === 0) return 'No value has this in it.'
  return more ? 'The first hundred. Say more to find others.' : 'All that there are.'
}

/** A member that is not there, or one more of a list. */
function AddForm({
  to: { pointer, holds },
  pending,
  onTry,
}: {
  to: Value
  pending: boolean
  onTry: (change: Change) => void
}) {
  const [name, setName] = useState('')
  const [json, setJson] = useState('null')
  return (
    <form
      className="flex flex-wrap items-end gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        if (!pending) onTry({ kind: 'added', pointer, name, json })
      }}
    >
      {holds === 'members' && (
        <label className="flex flex-col gap-1">
          <span className="text-xs text-ink-2">A member more, called</span>
          <input
            className="field w-40"
            value={name}
            onChange={({ target }) => setName(target.value)}
          />
        </label>
      )}
      <label className="flex flex-col gap-1">
        <span className="text-xs text-ink-2">
          {holds === 'members' ? 'is, as JSON' : 'One more at its end, as JSON'}
        </span>
        <input
          className="field w-40 font-mono text-xs"
          value={json}
          onChange={({ target }) => setJson(target.value)}
        />
      </label>
      <button type="submit" className="button" aria-disabled={pending}>
        Add it in the copy
      </button>
    </form>
  )
}

function ByteForm({
  bytes,
  pending,
  onTry,
}: {
  bytes: number
  pending: boolean
  onTry: (offset: number, byte: number) => void
}) {
  const [offset, setOffset] = useState('100')
  const [byte, setByte] = useState('88')
  return (
    <form
      noValidate
      className="flex flex-wrap items-end gap-3"
      onSubmit={(event) => {
        event.preventDefault()
        // An empty place is no place, and not the first one.
        if (!pending) onTry(numberIn(offset), numberIn(byte))
      }}
    >
      <label className="flex flex-col gap-1">
        <span className="text-xs text-ink-2">Byte, of 0 to {(bytes - 1).toLocaleString('en')}</span>
        <input
          type="number"
          min={0}
          max={bytes - 1}
          className="field w-40"
          value={offset}
          onChange={({ target }) => setOffset(target.value)}
        />
      </label>
      <label className="flex flex-col gap-1">
        <span className="text-xs text-ink-2">becomes, 0 to 255</span>
        <input
          type="number"
          min={0}
          max={255}
          className="field w-24"
          value={byte}
          onChange={({ target }) => setByte(target.value)}
        />
      </label>
      <button type="submit" className="button" data-look="main" aria-disabled={pending}>
        {pending ? 'Verifying the copy' : 'Change the copy and verify it'}
      </button>
    </form>
  )
}

const numberIn = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text))
