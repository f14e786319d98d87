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

/** A trust file beside what is verified. `isConfirmed`: the reader compared its keys with what they got elsewhere. */
export type Brought = {
  readonly path: string
  readonly read: ReadTrust
  readonly isConfirmed: boolean
}

/**
 * Those that came now beside those that were here. The same file once more is that file. Where another export is given, what
 * a former one offered, and nobody said yes to, has gone with it.
 */
export function withTrust(
  brought: readonly Brought[],
  more: readonly Pick<Brought, 'path' | 'read'>[],
  isOtherExport: boolean,
): readonly Brought[] {
  const stays = isOtherExport
    ? brought.filter((one) => one.isConfirmed || !isOfExport(one))
    : brought
  const known = new Set(stays.map(wordsOf))
  return [
    ...stays,
    ...more.flatMap((one) => {
      const words = wordsOf(one)
      if (known.has(words)) return []
      known.add(words)
      return [{ ...one, isConfirmed: false }]
    }),
  ]
}

const wordsOf = ({ path, read }: Pick<Brought, 'path' | 'read'>): string =>
  `${path}\n${read.ok ? canonicalize(read.file) : read.why}`

/** What a verifier is given of them. Of several files everything counts: what one does not require another may. */
export const trustedOf = (brought: readonly Brought[]): Trusted[] =>
  brought.flatMap(({ path, read, isConfirmed }) =>
    read.ok
      ? [{ file: read.file, source: isConfirmed ? ('pinned' as const) : 'offered', name: path }]
      : [],
  )

/**
 * Why trust files of the reader's own are none: what they require is not known. What an export brings offers keys and
 * requires nothing, so that whoever damages it keeps no verdict back.
 */
export const refusedOf = (brought: readonly Brought[]): string[] =>
  brought.flatMap((one) => (one.read.ok || isOfExport(one) ? [] : [one.read.why]))

/** Nobody's word but the exporter's: it came in a page, or a folder, of an export. */
export const isOfExport = ({ path }: Pick<Brought, 'path'>): boolean =>
  path.endsWith('/offered-trust.json')

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
          <RunText text={one.path} max={160} />:{' '}
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
                  name={one.path}
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
      aria-label={`Take away ${plain(one.path, 80)}`}
      onClick={() => onChange(brought.filter((other) => other !== one))}
    >
      Take away
    </button>
  )
}
