import type { ToldBy } from '#contract/status.ts'
import { ApiError } from '#viewer/api.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { Choose } from '#viewer/parts/choose.tsx'
import { ErrorWords } from '#viewer/parts/failure.tsx'
import { saveFile } from '#viewer/parts/save-file.ts'
import { ToldWord } from '#viewer/parts/told.tsx'
import { counted } from '#evidence/counted.ts'
import { linesOf, saidOfText, TextShown } from '#viewer/parts/text-shown.tsx'
import { compareLog, comparePart, type PartAddress } from '#viewer/record-queries.ts'
import type { Compared, PartAt } from '#viewer/verifier.ts'
import { plain } from '#viewer/parts/visible.ts'
import { useMutation } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
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
  path = null,
  file,
}: {
  address: PartAddress
  origin: Origin
  /** What the record that has the digest is called: bytes that it names are no more than that. */
  told: ToldBy
  /** With its article, if it has one. */
  name: string
  /** Of an artifact: one of several of a step is not told from the others without it. */
  path?: string | null
  file: string
}) {
  const compared = useMutation(comparePart(address))
  const called = path === null ? name : `${name} ${plain(path, 400)}`
  const bytes = compared.data?.same ? compared.data.bytes : null
  const parts = useMemo(() => (bytes === null ? [] : [new Uint8Array(bytes)]), [bytes])
  return (
    <div className="mt-2 flex flex-col gap-2">
      {!compared.data && (
        <div className="flex flex-wrap items-center gap-2">
          {origin.from === 'server' && (
            <button
              type="button"
              className="button"
              aria-disabled={compared.isPending}
              aria-label={`${compared.isPending ? 'Comparing' : 'Fetch and compare'} ${called}`}
              onClick={() => {
                if (!compared.isPending) compared.mutate(null)
              }}
            >
              {compared.isPending ? 'Comparing' : `Fetch and compare ${name}`}
            </button>
          )}
          <Choose
            button={`Compare a file with ${name}`}
            label={`Compare a file with ${called}`}
            onChosen={([one]) => {
              if (one) compared.mutate(one)
            }}
          />
          <span className="text-ink-2">not checked</span>
        </div>
      )}
      {compared.isError && <NotHad name={name} error={compared.error} />}
      {compared.data &&
        (compared.data.same ? (
          <Same
            parts={parts}
            kind={address.part.kind}
            told={told}
            name={name}
            called={called}
            file={file}
          />
        ) : (
          <Another
            name={name}
            called={called}
            compared={compared.data}
            onAgain={() => compared.reset()}
          />
        ))}
    </div>
  )
}

/** What a server does not have is none the less on record: only its bytes are gone. */
function NotHad({ name, error }: { name: string; error: unknown }) {
  if (!(error instanceof ApiError) || error.code !== 'not_found')
    return <ErrorWords error={error} />
  return (
    <p role="alert" className="max-w-prose text-bad">
      {startOf(name)} is on record, and the server answers that it does not have it (any more).
      Bytes that somebody else kept can be compared here all the same.
    </p>
  )
}

const startOf = (sentence: string): string => sentence.charAt(0).toUpperCase() + sentence.slice(1)

/** Other bytes than those that are on record: named, and nothing of them drawn. */
function Another({
  name,
  called,
  compared: { fault, expected, actual },
  onAgain,
}: {
  name: string
  called: string
  compared: Compared & { same: false }
  onAgain: () => void
}) {
  return (
    <div role="alert" className="rounded-md border border-broken bg-broken-wash p-3">
      <p className="font-semibold text-broken">
        This is not {name} that is on record, so nothing of it is shown: {fault}
      </p>
      <dl className="mt-2 grid gap-x-4 gap-y-2 sm:grid-cols-[8rem_1fr]">
        <dt className="text-ink-2">On record</dt>
        <dd>
          <Fingerprint hex={expected} />
        </dd>
        <dt className="text-ink-2">These bytes</dt>
        <dd>
          <Fingerprint hex={actual} />
        </dd>
      </dl>
      <button
        type="button"
        className="button mt-2"
        aria-label={`Compare again ${called}`}
        onClick={onAgain}
      >
        Compare again
      </button>
    </div>
  )
}

/** A log of several parts in one: part by part, as far as they are those on record, and the lines numbered through. */
export function ComparedLog({
  address,
  chunks,
  bytes,
  origin,
  told,
  file,
}: {
  address: Omit<PartAddress, 'part' | 'sha256'>
  chunks: readonly string[]
  /** Of the whole, on record. */
  bytes: number
  origin: Origin
  told: ToldBy
  file: string
}) {
  const [parts, setParts] = useState<readonly Uint8Array<ArrayBuffer>[]>([])
  const [stop, setStop] = useState<AbortController | null>(null)
  const [chosen, setChosen] = useState<File | null>(null)
  const compared = useMutation(
    compareLog(address, chunks, (part) => setParts((before) => [...before, part])),
  )
  const go = (from: File | null, done: number) => {
    const controller = new AbortController()
    setStop(controller)
    setChosen(from)
    if (done === 0) setParts([])
    compared.mutate({ file: from, from: done, signal: controller.signal })
  }
  const isStopped = compared.isError && stop?.signal.aborted === true
  const isWhole = parts.length === chunks.length
  const more = isWhole && chosen !== null ? chosen.size - bytes : 0
  return (
    <div className="mt-2 flex flex-col gap-2">
      {compared.isPending ? (
        <div className="flex flex-wrap items-center gap-3">
          <output>
            {parts.length} of {counted(chunks.length, 'part')} compared.
          </output>
          <progress
            className="h-1.5 w-48 text-seal"
            max={chunks.length}
            value={parts.length}
            aria-label="Parts compared"
          />
          <button type="button" className="button" onClick={() => stop?.abort()}>
            Stop
          </button>
        </div>
      ) : (
        !isWhole &&
        !compared.data && (
          <div className="flex flex-wrap items-center gap-2">
            {parts.length > 0 && (
              <button type="button" className="button" onClick={() => go(chosen, parts.length)}>
                Go on with part {parts.length + 1} of {chunks.length}
              </button>
            )}
            {parts.length === 0 && origin.from === 'server' && (
              <button type="button" className="button" onClick={() => go(null, 0)}>
                Fetch and compare all {chunks.length} parts of the log
              </button>
            )}
            {parts.length === 0 && (
              <Choose
                button="Compare a file with the log"
                onChosen={([one]) => {
                  if (one) go(one, 0)
                }}
              />
            )}
            <span className="text-ink-2">
              {parts.length === 0 ? 'not checked' : 'the rest is not checked'}
            </span>
          </div>
        )
      )}
      {compared.isError && !isStopped && <NotHad name="the log" error={compared.error} />}
      {compared.data && (
        <Another
          name={`part ${compared.data.index + 1} of the log`}
          called={`part ${compared.data.index + 1} of the log`}
          compared={compared.data.compared}
          onAgain={() => {
            compared.reset()
            setParts([])
          }}
        />
      )}
      {more > 0 && (
        <p role="alert" className="text-bad">
          The file goes on: {counted(more, 'byte')} after the log are not on record, and not shown.
        </p>
      )}
      {parts.length > 0 && (
        <Same
          parts={parts}
          kind="log"
          told={told}
          name={
            isWhole
              ? 'the log'
              : `the beginning of the log, ${parts.length} of ${chunks.length} parts,`
          }
          called="the log"
          file={file}
        />
      )}
    </div>
  )
}

function Same({
  parts,
  kind,
  told,
  name,
  called,
  file,
}: {
  parts: readonly Uint8Array<ArrayBuffer>[]
  kind: PartAt['kind']
  told: ToldBy
  name: string
  /** As no other on the page. */
  called: string
  file: string
}) {
  const lines = useMemo(() => linesOf(kind, parts), [kind, parts])
  const save = () => saveFile(file, new Blob([...parts], { type: 'application/octet-stream' }))
  return (
    <div
      className={`overflow-hidden rounded-md border ${told === 'verified' ? 'border-seal' : 'border-line-strong'}`}
    >
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-1">
        <ToldWord by={told} />
        <span className="text-ink-2">
          {startOf(name)} has the digest that is on record.{' '}
          {lines === null ? 'It is not text, so it is not drawn.' : saidOfText(lines)}
        </span>
        <button
          type="button"
          className="button ml-auto min-h-7 text-xs"
          aria-label={`Save these bytes of ${called}`}
          onClick={save}
        >
          Save these bytes
        </button>
      </div>
      {lines !== null && <TextShown lines={lines} label={`Content of ${called}`} />}
    </div>
  )
}
