import type { TrustFile } from '#contract/trust.ts'
import { counted } from '#evidence/counted.ts'
import type { ReadTrust } from '#evidence/trust-file.ts'
import { FileDrop } from '#viewer/parts/file-drop.tsx'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { type ReactNode, useState } from 'react'
import { readTrustOf } from './read-trust-file.ts'

/** A trust file that the reader has from elsewhere: shown first, and used when the reader says so. */
export function TrustFileDrop({ onUse }: { onUse: (file: TrustFile) => void }) {
  const [read, setRead] = useState<(ReadTrust & { name: string; used: boolean }) | null>(null)
  return (
    <>
      <FileDrop
        title="Use a trust file"
        button="Choose a trust file"
        onFiles={([file]) => {
          if (file)
            void readTrustOf(file).then((found) =>
              setRead({ ...found, name: file.name, used: false }),
            )
        }}
      >
        Drop one here that you got from somebody you trust, not from this server. It takes the place
        of everything you pinned and require, and stays in this browser.
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
              <button
                type="button"
                className="button self-start"
                data-look="main"
                onClick={() => {
                  onUse(read.file)
                  setRead({ ...read, used: true })
                }}
              >
                Trust what {plain(read.name, 60)} says
              </button>
            </Offered>
          )}
        </output>
      )}
    </>
  )
}

/** What is in a trust file, before anything of it counts. */
export function Offered({
  name,
  file: { server_keys, approvers, required },
  children,
}: {
  name: string
  file: TrustFile
  children: ReactNode
}) {
  return (
    <div className="flex flex-col gap-3">
      <p>
        <strong>
          <RunText text={name} max={120} />
        </strong>{' '}
        has {counted(server_keys.length, 'server key')}, {counted(approvers.length, 'approver')} and{' '}
        {counted(required.length, 'required definition')}. Nothing of it counts yet.
      </p>
      {server_keys.map(({ key_id, name: of, status }) => (
        <div key={key_id}>
          <p className="text-xs text-ink-2">
            {of === undefined ? 'Server key' : <RunText text={of} max={120} />}
            {status !== 'active' && `, ${status}`}
          </p>
          <Fingerprint hex={key_id} />
        </div>
      ))}
      {children}
    </div>
  )
}
