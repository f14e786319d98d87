import { useState } from 'react'
import { whyUnread } from '#viewer/parts/dropped-files.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { saveFile } from '#viewer/parts/save-file.ts'
import type { TextLines } from '#viewer/parts/text-lines.ts'
import { linesOf, saidOfText, TextShown } from '#viewer/parts/text-shown.tsx'
import { SoMany } from '#viewer/parts/so-many.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { Claims } from '#viewer/review/claims.tsx'
import type { Attached } from './judge.ts'

/** What came beside the envelope. Only what is proven to be on record can be opened here. */
export function AttachedFiles({ attached }: { attached: readonly Attached[] }) {
  const claims = attached.map(({ claim }) => claim)
  const onRecord = attached.flatMap(({ file, part }) => (file && part ? [{ file, part }] : []))
  return (
    <>
      <Claims title="Logs and artifacts compared" claims={claims} />
      <SoMany all={onRecord} step={MOST_DRAWN}>
        {(some) =>
          some.map(({ file, part }) => (
            <section key={part.where} aria-label={part.where} className="card p-4">
              <Part file={file} part={part} />
            </section>
          ))
        }
      </SoMany>
    </>
  )
}

const MOST_DRAWN = 200

function Part({ file, part }: { file: File; part: AttachedPart }) {
  const [content, setContent] = useState<Content>({ state: 'not asked for' })
  const where = whereOf(part)
  const read = () => {
    setContent({ state: 'being read' })
    contentOf(file, part).then(setContent, (error: unknown) =>
      setContent({ state: 'unreadable', why: whyUnread(error) }),
    )
  }
  const isOpen = content.state === 'text'
  return (
    <>
      <div className="flex flex-wrap items-center gap-3">
        <h3 className="font-semibold">
          {part.kind === 'log' ? 'Log' : <RunText text={part.path ?? ''} max={160} />} of{' '}
          <RunText text={part.step_id} max={140} />, attempt {part.attempt}
        </h3>
        <Save file={file} label="Save" />
        <button
          type="button"
          className="button"
          aria-label={`${isOpen ? 'Close' : 'Read'} ${where}`}
          onClick={isOpen ? () => setContent({ state: 'not asked for' }) : read}
        >
          {isOpen ? 'Close' : 'Read'}
        </button>
        <output className="text-ink-2">{SAID[content.state]}</output>
        {content.state === 'unreadable' && <span role="alert">{content.why}</span>}
      </div>
      {content.state === 'text' && (
        <div className="mt-3 overflow-hidden rounded-md border border-line">
          {saidOfText(content.lines) !== '' && (
            <p className="border-b border-line px-3 py-1 text-ink-2">{saidOfText(content.lines)}</p>
          )}
          <TextShown lines={content.lines} label={`Content of ${where}`} />
        </div>
      )}
    </>
  )
}

type AttachedPart = NonNullable<Attached['part']>

type Content =
  | { state: 'not asked for' | 'being read' | 'no text' | 'empty' }
  | { state: 'unreadable'; why: string }
  | { state: 'text'; lines: TextLines }

const SAID = {
  'not asked for': '',
  'being read': 'Reading it.',
  'no text': 'It is not text, so it is not drawn.',
  empty: 'There is nothing in it.',
  unreadable: '',
  text: '',
} as const satisfies Record<Content['state'], string>

const whereOf = ({ kind, path, step_id, attempt }: AttachedPart): string =>
  plain(`${kind === 'log' ? 'the log' : path} of ${step_id}, attempt ${attempt}`, 200)

async function contentOf(file: File, { kind }: AttachedPart): Promise<Content> {
  const lines = linesOf(kind, [new Uint8Array(await file.arrayBuffer())])
  if (lines === null) return { state: 'no text' }
  return lines.count === 0 ? { state: 'empty' } : { state: 'text', lines }
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
