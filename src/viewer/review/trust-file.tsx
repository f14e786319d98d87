import type { ServerKey, TrustFile } from '#contract/trust.ts'
import { counted, fewOf } from '#evidence/counted.ts'
import type { ReadTrust } from '#evidence/trust-file.ts'
import { Check } from '#viewer/parts/check.tsx'
import { type Given, type Giving, type Unread, whyUnread } from '#viewer/parts/dropped-files.ts'
import { FileDrop } from '#viewer/parts/file-drop.tsx'
import { GIVEN_UP, Looking, NO_FILE, useLooking } from '#viewer/parts/looking.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { SoMany } from '#viewer/parts/so-many.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { useWindowDrop } from '#viewer/parts/window-drop.ts'
import { type ReactNode, useState } from 'react'
import { LeftAside } from './left-aside.tsx'
import { readTrustOf } from './read-trust-file.ts'
import { trustChange } from './trust-change.ts'
import { comparedSaid, MOST_DRAWN, TrustContents } from './trust-contents.tsx'

/**
 * Trust files that the reader has from elsewhere: all of each is shown first, with what it would change, and it is used
 * once they say that they compared its fingerprints [U16]. One counts at a time: another takes its place.
 */
export function TrustFileDrop({
  pinned,
  isRefused = () => false,
  onUse,
}: {
  /** What a file would take the place of. */
  pinned: TrustFile
  isRefused?: (key: ServerKey) => boolean
  /** `done`: once it is kept. */
  onUse: (file: TrustFile, done: () => void) => void
}) {
  const [{ read, left }, setGiven] = useState<Taken>({ read: [], left: [] })
  const [used, setUsed] = useState<number | null>(null)
  const { looked, look, stop } = useLooking()
  const give = (giving: Giving) => {
    void look(async (how) => await takeTrust(await giving(how))).then((taken) => {
      setGiven(taken ?? { read: [], left: [GIVEN_UP] })
      setUsed(null)
    })
  }
  const isOver = useWindowDrop(give)
  const good = read.filter(({ found }) => found.ok).length
  return (
    <>
      <FileDrop
        title="Use a trust file"
        button="Choose a trust file"
        isOver={isOver}
        onGiven={give}
      >
        Drop one anywhere on this page that you got from somebody you trust, not from this server.
        You see what is in it before it takes the place of what you pinned and require. It stays in
        this browser.
      </FileDrop>
      {looked && <Looking looked={looked} onStop={stop} />}
      {good > 1 && (
        <p className="max-w-prose text-ink-2">
          These are {good} trust files. One counts at a time: what you say yes to takes the place of
          what was pinned and required before it.
        </p>
      )}
      {read.map(({ path, found }, index) => (
        <output
          key={index}
          aria-label={plain(path, 120)}
          className={`card block p-4 ${found.ok ? 'border-line-strong' : 'border-bad'}`}
        >
          {!found.ok ? (
            <>
              <strong className="text-bad">
                <RunText text={path} max={120} /> is refused
              </strong>
              : <RunText text={found.why} max={400} />. Nothing of it is used, and what you trusted
              before still stands.
            </>
          ) : used === index ? (
            <>
              <RunText text={path} max={120} /> is what you trust now.
            </>
          ) : (
            <Offered names={[path]} file={found.file}>
              <Use
                name={path}
                compared={comparedSaid(found.file)}
                changes={trustChange(pinned, found.file, isRefused)}
                onUse={() => onUse(found.file, () => setUsed(index))}
              />
            </Offered>
          )}
        </output>
      ))}
      <LeftAside left={left} />
    </>
  )
}

type Taken = {
  readonly read: readonly { readonly path: string; readonly found: ReadTrust }[]
  readonly left: readonly Unread[]
}

/** Each is meant to be compared by a person. */
const MOST_READ = 20

/** Every file that was given is read or named. */
async function takeTrust({ files, unread }: Given): Promise<Taken> {
  const read: Taken['read'][number][] = []
  const left = [
    ...unread,
    ...files
      .slice(MOST_READ)
      .map(({ path }) => ({ path, why: `These are more than ${MOST_READ} files` })),
    ...(files.length + unread.length === 0 ? [NO_FILE] : []),
  ]
  for (const { path, file } of files.slice(0, MOST_READ))
    try {
      read.push({ path, found: await readTrustOf(file) })
    } catch (error) {
      left.push({ path, why: whyUnread(error) })
    }
  return { read, left }
}

function Use({
  name,
  compared,
  changes,
  onUse,
}: {
  name: string
  compared: string
  changes: readonly string[]
  onUse: () => void
}) {
  const [hasCompared, setCompared] = useState(false)
  return (
    <div className="flex flex-col gap-3 border-t border-line pt-3">
      <div>
        <h3 className="font-semibold">What it would change</h3>
        {changes.length === 0 ? (
          <p className="text-ink-2">Nothing: it says what you pinned and require already.</p>
        ) : (
          <SoMany all={changes} step={MOST_DRAWN}>
            {(some) => (
              <ul className="mt-1 flex max-w-prose list-disc flex-col gap-1 pl-5">
                {some.map((said) => (
                  <li key={said}>
                    <RunText text={said} max={2000} />
                  </li>
                ))}
              </ul>
            )}
          </SoMany>
        )}
      </div>
      <Check checked={hasCompared} onChange={setCompared}>
        {compared} with ones that I did not get from this server
      </Check>
      <button
        type="button"
        className="button self-start"
        data-look="main"
        disabled={!hasCompared}
        onClick={onUse}
      >
        Trust what {plain(name, 60)} says
      </button>
    </div>
  )
}

/** What is in a trust file, for the reader to compare. */
export function Offered({
  names: [name, ...others],
  file,
  counts = 'Nothing of it counts yet.',
  renderSaid,
  children,
}: {
  /** Of the files that have these words. */
  names: readonly [string, ...string[]]
  file: TrustFile
  /** What of it counts by now. */
  counts?: string
  renderSaid?: ((key: ServerKey) => ReactNode) | undefined
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
      {others.length > 0 && (
        <p className="text-ink-2">
          The same stands in <RunText text={fewOf(others)} max={600} />.
        </p>
      )}
      <TrustContents file={file} renderSaid={renderSaid} />
      {children}
    </div>
  )
}
