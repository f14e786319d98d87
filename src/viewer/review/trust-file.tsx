import type { TrustFile } from '#contract/trust.ts'
import { counted } from '#evidence/counted.ts'
import type { ReadTrust } from '#evidence/trust-file.ts'
import { Check } from '#viewer/parts/check.tsx'
import { FileDrop } from '#viewer/parts/file-drop.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { type ReactNode, useState } from 'react'
import { readTrustOf } from './read-trust-file.ts'
import { trustChange } from './trust-change.ts'
import { TrustContents } from './trust-contents.tsx'

/**
 * A trust file that the reader has from elsewhere: all of it is shown first, with what it would change, and it is used
 * once they say that they compared its fingerprints [U16].
 */
export function TrustFileDrop({
  pinned,
  onUse,
}: {
  /** What the file would take the place of. */
  pinned: TrustFile
  onUse: (file: TrustFile) => void
}) {
  const [read, setRead] = useState<(ReadTrust & { name: string; used: boolean }) | null>(null)
  return (
    <>
      <FileDrop
        title="Use a trust file"
        button="Choose a trust file"
        multiple={false}
        onGiven={({ files: [first] }) => {
          if (first)
            void readTrustOf(first.file).then((found) =>
              setRead({ ...found, name: first.path, used: false }),
            )
        }}
      >
        Drop one here that you got from somebody you trust, not from this server. You see what is in
        it before it takes the place of what you pinned and require. It stays in this browser.
      </FileDrop>
      {read && (
        <output className={`card block p-4 ${read.ok ? 'border-line-strong' : 'border-bad'}`}>
          {!read.ok ? (
            <>
              <strong className="text-bad">
                <RunText text={read.name} max={120} /> is refused
              </strong>
              : <RunText text={read.why} max={400} />. Nothing of it is used, and what you trusted
              before still stands.
            </>
          ) : read.used ? (
            <>
              <RunText text={read.name} max={120} /> is what you trust now.
            </>
          ) : (
            <Offered name={read.name} file={read.file}>
              <Use
                name={read.name}
                changes={trustChange(pinned, read.file)}
                onUse={() => {
                  onUse(read.file)
                  setRead({ ...read, used: true })
                }}
              />
            </Offered>
          )}
        </output>
      )}
    </>
  )
}

function Use({
  name,
  changes,
  onUse,
}: {
  name: string
  changes: readonly string[]
  onUse: () => void
}) {
  const [compared, setCompared] = useState(false)
  return (
    <div className="flex flex-col gap-3 border-t border-line pt-3">
      <div>
        <h3 className="font-semibold">What it would change</h3>
        {changes.length === 0 ? (
          <p className="text-ink-2">Nothing: it says what you pinned and require already.</p>
        ) : (
          <ul className="mt-1 flex max-w-prose list-disc flex-col gap-1 pl-5">
            {changes.map((said) => (
              <li key={said}>
                <RunText text={said} max={2000} />
              </li>
            ))}
          </ul>
        )}
      </div>
      <Check checked={compared} onChange={setCompared}>
        I compared these fingerprints with ones that I did not get from this server
      </Check>
      <button
        type="button"
        className="button self-start"
        data-look="main"
        disabled={!compared}
        onClick={onUse}
      >
        Trust what {plain(name, 60)} says
      </button>
    </div>
  )
}

/** What is in a trust file, for the reader to compare. */
export function Offered({
  name,
  file,
  counts = 'Nothing of it counts yet.',
  children,
}: {
  name: string
  file: TrustFile
  /** What of it counts by now. */
  counts?: string
  children: ReactNode
}) {
  const { server_keys, approvers, required } = file
  return (
    <div className="flex flex-col gap-3">
      <p>
        <strong>
          <RunText text={name} max={120} />
        </strong>{' '}
        has {counted(server_keys.length, 'server key')}, {counted(approvers.length, 'approver')} and{' '}
        {counted(required.length, 'required definition')}. {counts}
      </p>
      <TrustContents file={file} />
      {children}
    </div>
  )
}
