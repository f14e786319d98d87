import { saveFile } from '#viewer/parts/save-file.ts'
import { useState } from 'react'
import { RunText } from '#viewer/parts/run-text.tsx'
import { Claims } from '#viewer/review/claims.tsx'
import type { Attached } from './judge.ts'

/** What came beside the envelope. Only what is proven to be on record can be opened here. */
export function AttachedFiles({ attached }: { attached: readonly Attached[] }) {
  return (
    <>
      <Claims title="Logs and artifacts compared" claims={attached.map(({ claim }) => claim)} />
      {attached.map(
        ({ file, part }) =>
          file &&
          part && (
            <section key={part.where} aria-label={part.where} className="card p-4">
              <div className="flex flex-wrap items-center gap-3">
                <h3 className="font-semibold">
                  {part.kind === 'log' ? 'Log' : <RunText text={part.path ?? ''} max={160} />} of{' '}
                  <RunText text={part.step_id} max={140} />, attempt {part.attempt}
                </h3>
                <Save file={file} label="Save" />
                {part.kind === 'log' && <Text file={file} />}
              </div>
            </section>
          ),
      )}
    </>
  )
}

export function Save({ file, label }: { file: File; label: string }) {
  const save = () => {
    // As bytes: a run's page must not be opened as a page of this one.
    saveFile(
      file.name.split('/').at(-1) ?? '',
      new Blob([file], { type: 'application/octet-stream' }),
    )
  }
  return (
    <button type="button" className="button" onClick={save}>
      {label}
    </button>
  )
}

const SHOWN_BYTES = 256 * 1024

// A byte order mark is a character of it as any other, and is named.
const textOf = async (file: File): Promise<string> =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    await file.slice(0, SHOWN_BYTES).arrayBuffer(),
  )

function Text({ file }: { file: File }) {
  const [text, setText] = useState<string | null>(null)
  if (text === null)
    return (
      <button type="button" className="button" onClick={() => void textOf(file).then(setText)}>
        Read
      </button>
    )
  return (
    <div className="max-h-96 w-full overflow-auto rounded-md bg-sunken p-3 font-mono text-xs">
      <RunText text={text} max={SHOWN_BYTES} block />
      {file.size > SHOWN_BYTES && <p>… the rest is not drawn here: save it</p>}
    </div>
  )
}
