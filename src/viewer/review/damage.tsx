import { FAILING, failingOf } from '#evidence/advice.ts'
import { type Claim, fails } from '#evidence/claims.ts'
import { counted } from '#evidence/counted.ts'
import type { Place, Remaining } from '#evidence/remaining.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import type { Verdict } from '#viewer/verifier.ts'

/**
 * Where a damaged file breaks first, every entry that is another than the one that was linked, and what can still be
 * said: for finding out what happened to it. Nothing of the file is drawn as evidence [U5].
 */
export function Damage({ found: { verdict, claims, remaining } }: { found: Found }) {
  const first = claims.find(fails)
  if (first === undefined) return null
  const failing = failingOf(claims)
  const { title, isWhole, advice } = FAILING[failing]
  return (
    <section aria-label="Where it breaks" className="card flex flex-col gap-3 border-broken p-4">
      <div>
        <h2 className="text-base font-semibold">{title}</h2>
        <p className="max-w-prose">
          <RunText text={first.message} max={600} />
        </p>
        <Where claim={first} />
        {first.claim === 'chain' && failing === 'file' && (
          <p className="mt-1 max-w-prose text-ink-2">
            What stands there is not what the chain was made of. The file was changed since, or
            something of it was left out or put in.
          </p>
        )}
      </div>
      {remaining && <StillSaid remaining={remaining} isWhole={isWhole} />}
      {verdict === 'does not verify' && <p className="max-w-prose text-ink-2">{advice}</p>}
    </section>
  )
}

type Found = Pick<Verdict, 'verdict' | 'claims' | 'remaining'>

/** Every entry that is another than was linked, and what can still be said. */
export function StillSaid({
  remaining,
  isWhole = false,
}: {
  remaining: Remaining
  /** Nothing happened to the file: what fails is something else. */
  isWhole?: boolean
}) {
  const { changed, breaks, missing, added, beside, sentences } = remaining
  return (
    <>
      <Entries places={changed} title={['changed entry', 'changed entries']} />
      <Entries places={breaks} title={['break of the chain', 'breaks of the chain']} />
      <Entries places={beside} title={['entry with another link', 'entries with another link']} />
      <Entries places={missing} title={['entry not there', 'entries not there']} />
      <Entries places={added} title={['part without a link', 'parts without a link']} />
      <div>
        <h3 className="font-semibold">What can still be said</h3>
        <p className="max-w-prose text-ink-2">
          {isWhole
            ? 'None of it makes the file a record to rely on.'
            : 'For finding out what happened to the file. It makes no part of it a record to rely on.'}
        </p>
        <ul className="mt-1 flex max-w-prose list-disc flex-col gap-1 pl-5">
          {sentences.map((sentence) => (
            <li key={sentence}>
              <RunText text={sentence} max={4000} />
            </li>
          ))}
        </ul>
      </div>
    </>
  )
}

function Entries({
  places,
  title: [one, many],
}: {
  places: readonly (Omit<Place, 'seq'> & { readonly seq?: number })[]
  title: readonly [string, string]
}) {
  if (places.length === 0) return null
  return (
    <div>
      <h3 className="font-semibold">{counted(places.length, one, many)}</h3>
      <ul className="mt-1 max-h-64 divide-y divide-line overflow-auto rounded-md border border-line">
        {places.slice(0, MOST_DRAWN).map(({ seq, kind, where, step_id, isOrLink }) => (
          <li key={where} className="flex flex-wrap gap-x-3 px-3 py-1.5">
            {seq !== undefined && <span className="w-12 text-ink-3">{seq}</span>}
            <span>{kind}</span>
            {step_id !== undefined && (
              <span className="text-ink-2">
                calls itself <RunText text={step_id} max={140} />
              </span>
            )}
            {isOrLink && <span className="text-ink-2">or its link was changed</span>}
            <code className="ml-auto font-mono break-all text-ink-2">{where}</code>
          </li>
        ))}
      </ul>
      {places.length > MOST_DRAWN && (
        <p className="text-ink-2">
          {(places.length - MOST_DRAWN).toLocaleString('en')} more are not drawn here.
        </p>
      )}
    </div>
  )
}

const MOST_DRAWN = 1000

function Where({ claim: { where } }: { claim: Claim }) {
  if (where === '') return null
  return (
    <p className="text-ink-2">
      at{' '}
      <code className="font-mono break-all">
        <RunText text={where} max={300} />
      </code>
    </p>
  )
}
