import type { StepEntry } from '#contract/envelope.ts'
import { STEP_STATUS, type ToldBy } from '#contract/status.ts'
import { counted } from '#evidence/counted.ts'
import { bytesSaid } from '#viewer/parts/bytes-said.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { ErrorWords } from '#viewer/parts/failure.tsx'
import { arriveAt } from '#viewer/parts/arrive-at.ts'
import { LongText } from '#viewer/parts/long-text.tsx'
import { onEscape } from '#viewer/parts/on-escape.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { State } from '#viewer/parts/state.tsx'
import { duration } from '#contract/duration.ts'
import { When } from '#viewer/parts/time.tsx'
import { ToldWord } from '#viewer/parts/told.tsx'
import { entryQuery } from '#viewer/record-queries.ts'
import type { Summary } from '#viewer/verifier.ts'
import { useQuery } from '@tanstack/react-query'
import { ComparedLog, ComparedPart } from './compared-part.tsx'
import { GateDetail } from './gate-detail.tsx'
import type { Origin } from './origin.ts'
import { SealedCells } from './sealed-cells.tsx'

/** One entry of the record in full, and what it has only the digest of: shown once it was compared [U10]. */
export function EntryDetail({
  document,
  origin,
  summary,
  told,
  seq,
  onClose,
}: {
  document: string
  origin: Origin
  summary: Summary
  told: ToldBy
  seq: number
  onClose: () => void
}) {
  const entry = useQuery(entryQuery(document, summary.head, seq))
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- a quicker way than its button, which is for all
    <section aria-label={`Entry ${seq}`} className="card" onKeyDown={onEscape(onClose)}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2">
        <h2 className="scroll-mb-80 font-semibold" tabIndex={-1} ref={arriveAt}>
          Entry {seq}
        </h2>
        <ToldWord by={told} />
        <button type="button" className="button ml-auto" data-look="quiet" onClick={onClose}>
          Close
        </button>
      </div>
      {entry.isPending ? (
        <p className="p-4 text-ink-2">Reading it.</p>
      ) : entry.isError ? (
        <ErrorWords error={entry.error} className="p-4" />
      ) : entry.data === null ? (
        <p className="p-4 text-ink-2">No step and no gate has this place in the chain.</p>
      ) : entry.data.kind === 'gate' ? (
        <GateDetail gate={entry.data.entry} />
      ) : (
        <StepDetail
          step={entry.data.entry}
          document={document}
          origin={origin}
          told={told}
          run_id={summary.run_id}
          head={summary.head}
          seq={seq}
        />
      )}
    </section>
  )
}

function StepDetail({
  step,
  document,
  origin,
  told,
  run_id,
  head,
  seq,
}: {
  step: StepEntry
  document: string
  origin: Origin
  told: ToldBy
  run_id: string
  head: string
  seq: number
}) {
  const { step_id, attempt, log, artifacts } = step
  const at = { document, run_id, step_id, attempt, seq }
  const parts = log.chunks.map((sha256, index) => (
    <ComparedPart
      key={index}
      address={{ ...at, part: { kind: 'log', index }, sha256 }}
      origin={origin}
      told={told}
      name={log.chunks.length === 1 ? 'the log' : `part ${index + 1} of the log`}
      file={`${step_id}-${attempt}-${index + 1}.log`}
    />
  ))
  return (
    <div className="flex flex-col gap-4 p-4">
      <dl className="grid grid-cols-[6rem_minmax(0,1fr)] @max-[16rem]:grid-cols-[minmax(0,1fr)] gap-x-4 gap-y-1">
        <dt className="text-ink-3">Step</dt>
        <dd>
          <RunText text={step_id} max={140} />, attempt {attempt}
        </dd>
        <dt className="text-ink-3">Outcome</dt>
        <dd className="flex flex-wrap gap-x-3">
          <State of={STEP_STATUS[step.outcome]} />
          {step.exit_code === null ? (step.signal ?? 'no exit code') : `exit ${step.exit_code}`}
          {step.reason !== null && <RunText text={step.reason} max={400} />}
        </dd>
        <dt className="text-ink-3">Command</dt>
        <dd>
          <ol className="font-mono text-xs">
            {step.argv.map((argument, index) => (
              <li key={index}>
                <LongText
                  text={argument}
                  max={4000}
                  what={`element ${index} of the command`}
                  block
                />
              </li>
            ))}
          </ol>
        </dd>
        <dt className="text-ink-3">Time</dt>
        <dd>
          <When at={step.started_at} /> to <When at={step.finished_at} />{' '}
          <span className="text-ink-3">server’s clock</span>; it took {duration(step.duration_ms)}{' '}
          <span className="text-ink-3">where it ran</span>
        </dd>
        {step.taken_over && (
          <>
            <dt className="text-ink-3">Taken over</dt>
            <dd>
              not executed in this run, but in that of{' '}
              <code className="font-mono">
                <RunText text={step.taken_over.evidence_id} max={140} />
              </code>
              , entry {step.taken_over.seq}
            </dd>
          </>
        )}
      </dl>
      {(step.cells ?? step.cells_part) && (
        <SealedCells document={document} origin={origin} head={head} seq={seq} />
      )}
      <div>
        <h3 className="font-semibold">Log</h3>
        <p className="text-ink-2">
          {log.bytes === 0
            ? 'The step wrote nothing.'
            : `${counted(log.lines, 'line')}, ${bytesSaid(log.bytes)}, in ${counted(log.chunks.length, 'part')} of at most 1 MiB. The record has the digest of each, not the text.`}
          {log.truncated && ' It was cut at its limit: the step wrote more than was kept.'}
        </p>
        {log.chunks.length > 1 ? (
          <>
            <ComparedLog
              address={at}
              chunks={log.chunks}
              bytes={log.bytes}
              origin={origin}
              told={told}
              file={`${step_id}-${attempt}.log`}
            />
            <details className="mt-2">
              <summary>Only one part of it</summary>
              {parts}
            </details>
          </>
        ) : (
          parts
        )}
      </div>
      {artifacts.length > 0 && (
        <div>
          <h3 className="font-semibold">Artifacts</h3>
          {artifacts.map(({ path, sha256, bytes }, index) => (
            <div key={path} className="mt-2">
              <p>
                <RunText text={path} max={300} />{' '}
                <span className="text-ink-2">
                  {bytesSaid(bytes)}, SHA-256 <Fingerprint hex={sha256} short />
                </span>
              </p>
              <ComparedPart
                address={{ ...at, part: { kind: 'artifact', index }, sha256 }}
                origin={origin}
                told={told}
                name="the artifact"
                path={path}
                file={path.split('/').at(-1) ?? sha256}
              />
            </div>
          ))}
        </div>
      )}
    </div>
  )
}
