import type { ReactNode } from 'react'
import { arriveAt } from '#viewer/parts/arrive-at.ts'
import { Glyph } from '#viewer/parts/glyph.tsx'
import { onEscape } from '#viewer/parts/on-escape.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { plain } from '#viewer/parts/visible.ts'
import type { Verdict } from '#viewer/verifier.ts'
import { type ProofSentence, proofSentence, type Whence } from './proof-sentence.ts'
import { VERDICT_LOOK } from './verdict-card.tsx'

/** One of several files: what is to be said of it, or why it cannot be read. */
export type ListedVerdict = {
  id: number
  name: string
  /** From others of that name, as `toldApart` has it. */
  apart: string
  found: { sentence: ProofSentence; isUnsealed: boolean } | { unreadable: string }
}

/** `isUnsealed`: by no key at hand, so that it says nothing of the others. */
export const foundOf = (
  found: Pick<Verdict, 'verdict' | 'claims' | 'sealed_by' | 'unread' | 'remaining'>,
  seen: string | null,
  from: Whence,
): Extract<ListedVerdict['found'], { sentence: unknown }> => ({
  sentence: proofSentence(found, seen, from),
  isUnsealed: found.verdict === 'not proven' && found.sealed_by === null,
})

/** The worst first, by a key that has ended before others: who drops many files is told of the one that matters. */
export function worstFirst(listed: readonly ListedVerdict[]): ListedVerdict[] {
  const rankOf = (one: ListedVerdict) => 2 * RANK[toneOf(one)] - (restsOf(one) === '' ? 0 : 1)
  return listed.toSorted((a, b) => rankOf(a) - rankOf(b))
}

/** Each of several files with its verdict. One is open below, whole, until its row is pressed again. */
export function VerdictList({
  listed,
  opened,
  onOpen,
}: {
  listed: readonly ListedVerdict[]
  opened: number | null
  onOpen: (id: number | null) => void
}) {
  const unsealed = listed.filter(({ found }) => 'sentence' in found && found.isUnsealed).length
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- a quicker way than its rows, which are for all
    <section
      aria-label="Files that were judged"
      className="card overflow-hidden"
      onKeyDown={onEscape(() => onOpen(null))}
    >
      <div className="border-b border-line px-4 py-2">
        <h2 className="font-semibold">
          {listed.length.toLocaleString('en')} files, each judged by itself
          {unsealed < listed.length && ' and held against the others'}
        </h2>
        {unsealed > 0 && (
          <p className="text-ink-2">
            {unsealed === listed.length
              ? 'No key at hand has sealed any of them, so that none is held against another.'
              : `No key at hand has sealed ${unsealed.toLocaleString('en')} of them: ${unsealed === 1 ? 'it says' : 'they say'} nothing of the others.`}
          </p>
        )}
      </div>
      <ul className="max-h-96 divide-y divide-line overflow-auto">
        {listed.map((one) => (
          <li key={one.id}>
            <button
              id={rowOf(one.id)}
              type="button"
              aria-expanded={one.id === opened}
              className="group grid w-full grid-cols-[auto_minmax(0,1fr)_auto] items-center gap-x-3 px-4 py-2 text-left hover:bg-hover focus-visible:-outline-offset-2 aria-expanded:bg-hover md:grid-cols-[auto_minmax(0,2fr)_minmax(0,3fr)_auto]"
              onClick={() => onOpen(one.id === opened ? null : one.id)}
            >
              <span className={VERDICT_LOOK[toneOf(one)].text}>
                <Glyph family="evidence" tone={VERDICT_LOOK[toneOf(one)].glyph} />
              </span>
              <span className="min-w-0">
                <span className="block truncate font-medium">
                  <RunText text={one.name} max={160} />
                </span>
                <Apart text={one.apart} />
              </span>
              <span className="text-ink-2 max-md:col-start-2">
                {'sentence' in one.found ? (
                  one.found.sentence.title
                ) : (
                  <RunText text={one.found.unreadable} max={300} />
                )}
                {restsOf(one) !== '' && (
                  <span className="block font-medium text-ink">{restsOf(one)}</span>
                )}
              </span>
              <span
                aria-hidden="true"
                className="text-ink-3 transition-transform group-aria-expanded:rotate-90 before:content-['›'] max-md:col-start-3 max-md:row-span-2 max-md:row-start-1"
              />
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** The one of them that is open. The focus goes to its name, and back to its row. */
export function OpenedFile({
  id,
  name,
  apart,
  onClose,
  children,
}: {
  id: number
  name: string
  apart: string
  onClose: () => void
  children: ReactNode
}) {
  const leave = () => {
    document.getElementById(rowOf(id))?.focus()
    onClose()
  }
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- a quicker way than its button, which is for all
    <section
      aria-label={plain(apart === '' ? name : `${name}, ${apart}`, 160)}
      className="flex flex-col gap-4"
      onKeyDown={onEscape(leave)}
    >
      <div className="flex items-center gap-x-3">
        <h2 className="min-w-0 scroll-mb-80 text-base" tabIndex={-1} ref={arriveAt}>
          <span className="block truncate font-semibold">
            <RunText text={name} max={160} />
          </span>
          <Apart text={apart} />
        </h2>
        <button type="button" className="button ml-auto" data-look="quiet" onClick={leave}>
          Close
        </button>
      </div>
      {children}
    </section>
  )
}

const Apart = ({ text }: { text: string }) =>
  text !== '' && (
    <span className="block text-sm font-normal break-all text-ink-2">
      <RunText text={text} max={160} />
    </span>
  )

const rowOf = (id: number): string => `judged-${id}`

const toneOf = ({ found }: ListedVerdict): ProofSentence['tone'] =>
  'sentence' in found ? found.sentence.tone : 'refused'

const restsOf = ({ found }: ListedVerdict): string =>
  'sentence' in found ? found.sentence.rests : ''

const RANK = { refused: 0, read: 1, part: 2, proven: 3 } as const satisfies Record<
  ProofSentence['tone'],
  number
>
