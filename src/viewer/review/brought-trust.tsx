import type { ServerKey } from '#contract/trust.ts'
import { canonicalize } from '#evidence/canonical.ts'
import type { Trusted } from '#evidence/trust.ts'
import type { ReadTrust } from '#evidence/trust-file.ts'
import { Check } from '#viewer/parts/check.tsx'
import { Notice } from '#viewer/parts/notice.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { plain } from '#viewer/parts/visible.ts'
import type { ReactNode } from 'react'
import { comparedSaid } from './trust-contents.tsx'
import { Offered } from './trust-file.tsx'

/**
 * A trust file beside what is verified. Where several files have the same words it is one: their keys are compared once.
 * `isConfirmed`: the reader compared its keys with what they got elsewhere.
 */
export type Brought = {
  readonly paths: readonly [string, ...string[]]
  readonly read: ReadTrust
  readonly isConfirmed: boolean
}

/**
 * Those that came now beside those that were here. Where another export is given, what a former one offered, and nobody said
 * yes to, has gone with it.
 */
export function withTrust(
  brought: readonly Brought[],
  more: readonly { readonly path: string; readonly read: ReadTrust }[],
  isOtherExport: boolean,
): readonly Brought[] {
  const stays = isOtherExport ? brought.flatMap(withoutOffered) : brought
  const byWords = new Map(stays.map((one) => [wordsOf(one), one]))
  for (const { path, read } of more) {
    const one: Brought = { paths: [path], read, isConfirmed: false }
    const words = wordsOf(one)
    const { paths, ...same } = byWords.get(words) ?? one
    byWords.set(words, { ...same, paths: paths.includes(path) ? paths : [...paths, path] })
  }
  return [...byWords.values()]
}

function withoutOffered({ paths, ...one }: Brought): Brought[] {
  const [first, ...others] = one.isConfirmed ? paths : paths.filter((path) => !isOffered(path))
  return first === undefined ? [] : [{ ...one, paths: [first, ...others] }]
}

const wordsOf = ({ paths, read }: Brought): string =>
  read.ok ? canonicalize(read.file) : `${paths[0]}\n${read.why}`

/** What a verifier is given of them. Of several files everything counts: what one does not require another may. */
export const trustedOf = (brought: readonly Brought[]): Trusted[] =>
  brought.flatMap(({ paths: [name], read, isConfirmed }) =>
    read.ok
      ? [{ file: read.file, source: isConfirmed ? ('pinned' as const) : 'offered', name }]
      : [],
  )

/**
 * Why trust files of the reader's own are none: what they require is not known. What an export brings offers keys and
 * requires nothing, so that whoever damages it keeps no verdict back.
 */
export const refusedOf = (brought: readonly Brought[]): string[] =>
  brought.flatMap((one) => (one.read.ok || isOfExport(one) ? [] : [one.read.why]))

/** Nobody's word but the exporter's: in a page, in a folder, or chosen out of one, it has the name that an export gives it. */
export const isOfExport = ({ paths }: Brought): boolean => paths.every(isOffered)
const isOffered = (path: string): boolean => /(^|\/)offered-trust\.json$/.test(path)

export const TRUST_BOX = 'brought-trust'

/** Until the reader has compared them, the keys are only offered, wherever a file came from. */
export function BroughtTrust({
  brought,
  isRefused = () => false,
  renderSaid,
  onChange,
}: {
  brought: readonly Brought[]
  /** By the reader in this browser, which no file overrules. */
  isRefused?: (key: ServerKey) => boolean
  /** What there is to say of a key, whichever file has it. */
  renderSaid?: (key: ServerKey) => ReactNode
  onChange: (brought: readonly Brought[]) => void
}) {
  const refused = brought.filter(({ read }) => !read.ok)
  return (
    <>
      {refused.map((one) => (
        <Notice
          key={wordsOf(one)}
          tone={isOfExport(one) ? 'waiting' : 'bad'}
          title={
            isOfExport(one)
              ? 'The keys that the export offers cannot be read, and nothing of them is used'
              : 'The trust file is refused, and nothing of it is used'
          }
          action={<TakeAway one={one} brought={brought} onChange={onChange} />}
        >
          <RunText text={one.paths[0]} max={160} />:{' '}
          <RunText text={one.read.ok ? '' : one.read.why} max={400} />.{' '}
          {isOfExport(one)
            ? 'It could have offered keys alone: the verdict goes by what you trust and require yourself.'
            : 'What it requires is not known.'}
        </Notice>
      ))}
      {refused.length < brought.length && (
        <section
          id={TRUST_BOX}
          tabIndex={-1}
          aria-label="Trust for this file"
          className="card flex flex-col gap-4 p-4"
        >
          {brought.map(
            (one) =>
              one.read.ok && (
                <Offered
                  key={wordsOf(one)}
                  names={one.paths}
                  file={one.read.file}
                  counts={countsOf(
                    one.isConfirmed,
                    one.read.file.server_keys.filter(isRefused).length,
                  )}
                  renderSaid={renderSaid}
                >
                  <Check
                    checked={one.isConfirmed}
                    onChange={(isConfirmed) =>
                      onChange(
                        brought.map((other) => (other === one ? { ...one, isConfirmed } : other)),
                      )
                    }
                  >
                    {comparedSaid(one.read.file)} with ones that I did not get with the envelope
                  </Check>
                  <TakeAway one={one} brought={brought} onChange={onChange} />
                </Offered>
              ),
          )}
        </section>
      )}
    </>
  )
}

function countsOf(isConfirmed: boolean, refused: number): string {
  if (!isConfirmed) return 'Nothing of it counts yet.'
  const but =
    refused === 0 ? '' : `, but for the ${refused === 1 ? 'key' : 'keys'} that you refused`
  return `You confirmed it: for what is verified here its keys are pinned${but}, and what it requires is asked.`
}

function TakeAway({
  one,
  brought,
  onChange,
}: {
  one: Brought
  brought: readonly Brought[]
  onChange: (brought: readonly Brought[]) => void
}) {
  return (
    <button
      type="button"
      className="button self-start"
      aria-label={`Take away ${plain(one.paths[0], 80)}`}
      onClick={() => onChange(brought.filter((other) => other !== one))}
    >
      Take away
    </button>
  )
}
