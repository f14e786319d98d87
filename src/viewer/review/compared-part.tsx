import type { ToldBy } from '#contract/status.ts'
import { classesOf, parseAnsi, PLAIN } from '#viewer/parts/ansi.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { ErrorWords } from '#viewer/parts/failure.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { saveFile } from '#viewer/parts/save-file.ts'
import { ToldWord } from '#viewer/parts/told.tsx'
import { VirtualList } from '#viewer/parts/virtual-list.tsx'
import { comparePart, type PartAddress } from '#viewer/record-queries.ts'
import type { PartAt } from '#viewer/verifier.ts'
import { useMutation } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { Origin } from './origin.ts'

/**
 * Bytes that an entry has the digest of: fetched or chosen, compared in the worker, and only then shown as evidence.
 * Changed ones are refused and named, and nothing of them is drawn [U10].
 */
export function ComparedPart({
  address,
  origin,
  told,
  name,
  file,
}: {
  address: PartAddress
  origin: Origin
  /** What the record that has the digest is called: bytes that it names are no more than that. */
  told: ToldBy
  name: string
  file: string
}) {
  const compared = useMutation(comparePart(address))
  return (
    <div className="mt-2 flex flex-col gap-2">
      {!compared.data && (
        <div className="flex flex-wrap items-center gap-2">
          {origin.from === 'server' && (
            <button
              type="button"
              className="button"
              disabled={compared.isPending}
              onClick={() => compared.mutate(null)}
            >
              {compared.isPending ? 'Comparing' : `Fetch and compare the ${name}`}
            </button>
          )}
          <label className="button has-focus-visible:outline-2 has-focus-visible:outline-seal">
            Compare a file with the {name}
            <input
              type="file"
              className="sr-only"
              onChange={({ target }) => {
                const chosen = target.files?.[0]
                if (chosen) compared.mutate(chosen)
              }}
            />
          </label>
          <span className="text-ink-2">not checked</span>
        </div>
      )}
      {compared.isError && <ErrorWords error={compared.error} />}
      {compared.data &&
        (compared.data.same ? (
          <Same
            bytes={compared.data.bytes}
            kind={address.part.kind}
            told={told}
            name={name}
            file={file}
          />
        ) : (
          <div role="alert" className="rounded-md border border-bad bg-bad-wash p-3">
            <p className="font-semibold text-bad">
              This is not the {name} that is on record, so nothing of it is shown:{' '}
              {compared.data.fault}
            </p>
            <dl className="mt-2 grid gap-x-4 gap-y-2 sm:grid-cols-[8rem_1fr]">
              <dt className="text-ink-2">On record</dt>
              <dd>
                <Fingerprint hex={compared.data.expected} />
              </dd>
              <dt className="text-ink-2">These bytes</dt>
              <dd>
                <Fingerprint hex={compared.data.actual} />
              </dd>
            </dl>
            <button type="button" className="button mt-2" onClick={() => compared.reset()}>
              Compare again
            </button>
          </div>
        ))}
    </div>
  )
}

const ROW_PX = 20
const MAX_LINE_CHARS = 4000

function Same({
  bytes,
  kind,
  told,
  name,
  file,
}: {
  bytes: ArrayBuffer
  kind: PartAt['kind']
  told: ToldBy
  name: string
  file: string
}) {
  const lines = useMemo(() => linesOf(bytes, kind), [bytes, kind])
  const save = () => saveFile(file, new Blob([bytes], { type: 'application/octet-stream' }))
  return (
    <div
      className={`overflow-hidden rounded-md border ${told === 'verified' ? 'border-seal' : 'border-line-strong'}`}
    >
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-1">
        <ToldWord by={told} />
        <span className="text-ink-2">
          The {name} has the digest that is on record
          {lines === null && '. It is not text, so it is not drawn'}.
        </span>
        <button type="button" className="button ml-auto min-h-7 text-xs" onClick={save}>
          Save these bytes
        </button>
      </div>
      {lines !== null && (
        <VirtualList
          label={`Content of the ${name}`}
          className={`bg-sunken py-1 font-mono text-xs ${lines.length > 16 ? 'h-80' : ''}`}
          count={lines.length}
          rowPx={ROW_PX}
          renderRow={(index) => (
            <div className="flex h-5 gap-3 pr-4 leading-5">
              <span aria-hidden="true" className="w-14 shrink-0 text-right text-ink-3 select-none">
                {index + 1}
              </span>
              <span className="whitespace-pre">
                {parseAnsi(lines[index]?.slice(0, MAX_LINE_CHARS) ?? '', PLAIN).spans.map(
                  (span, nth) => (
                    <span key={nth} className={classesOf(span.look)}>
                      <RunText text={span.text} max={MAX_LINE_CHARS} keep={'\t'} />
                    </span>
                  ),
                )}
                {(lines[index]?.length ?? 0) > MAX_LINE_CHARS && (
                  <span className="text-ink-3">… the rest is not drawn here</span>
                )}
              </span>
            </div>
          )}
        />
      )}
    </div>
  )
}

// A log is text whatever is in it; an artifact with a null byte in it is not.
function linesOf(bytes: ArrayBuffer, kind: PartAt['kind']): string[] | null {
  const all = new Uint8Array(bytes)
  if (kind === 'artifact' && all.includes(0)) return null
  const lines = new TextDecoder().decode(all).split(/\r?\n/)
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}
