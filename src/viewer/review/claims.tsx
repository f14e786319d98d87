import { CLAIM_STATE, type ClaimState, keysOf } from '#contract/status.ts'
import { CLAIM, type Claim } from '#evidence/claims.ts'
import { Copy } from '#viewer/parts/copy.tsx'
import { LongText } from '#viewer/parts/long-text.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { SoMany } from '#viewer/parts/so-many.tsx'
import { Evidence } from '#viewer/parts/state.tsx'
import { useState } from 'react'

/** Every claim by itself, in one of the four words. Never a score, never one tick over all. */
export function Claims({ claims, title = 'Claims' }: { claims: readonly Claim[]; title?: string }) {
  // Of a great many not all are drawn at once: what is proven can wait, what fails cannot.
  const all =
    claims.length > MOST_DRAWN ? claims.toSorted((a, b) => RANK[a.state] - RANK[b.state]) : claims
  const firstFailing = all.findIndex(({ state }) => state === 'does not verify')
  return (
    <section aria-label={title} className="card overflow-hidden">
      <h2 className="flex flex-wrap items-baseline justify-between gap-x-4 border-b border-line px-4 py-2 font-semibold">
        {title}
        <span className="text-xs font-normal text-ink-2">
          {keysOf(CLAIM_STATE)
            .map(
              (state) => [state, claims.filter((claim) => claim.state === state).length] as const,
            )
            .filter(([, count]) => count > 0)
            .map(([state, count]) => `${count} ${count > 1 ? MANY[state] : state}`)
            .join(' · ')}
        </span>
      </h2>
      <SoMany all={all} step={MOST_DRAWN}>
        {(some) => (
          <ul className="divide-y divide-line">
            {some.map((claim, index) => (
              <li key={index}>
                <Row claim={claim} open={index === firstFailing} />
              </li>
            ))}
          </ul>
        )}
      </SoMany>
    </section>
  )
}

/** More at a time would stop the page while they are drawn. */
const MOST_DRAWN = 200

const RANK = {
  'does not verify': 0,
  'not present': 1,
  'not checked': 2,
  proven: 3,
} as const satisfies Record<ClaimState, number>

const MANY = {
  proven: 'proven',
  'not present': 'not present',
  'not checked': 'not checked',
  'does not verify': 'do not verify',
} as const satisfies Record<ClaimState, string>

/** What was held against something has something digested, or says that it has not. */
const COMPARES: ReadonlySet<ClaimState> = new Set(['proven', 'does not verify'])

const Digested = ({ text }: { text: string }) => (
  <div className="font-mono text-xs break-all">
    <LongText text={text} max={2000} what="what the digest is of" />
  </div>
)

/** Of a file that does not verify nothing is drawn that nobody asked for. */
function Unproven({ text }: { text: string }) {
  const [isShown, setIsShown] = useState(false)
  return (
    <div className="flex flex-col items-start gap-2">
      <span className="text-ink-2">In this file, and no evidence.</span>
      <button
        type="button"
        className="button min-h-7 text-xs"
        aria-expanded={isShown}
        onClick={() => setIsShown(!isShown)}
      >
        {isShown ? 'Hide what the digest is of' : 'Show what the digest is of'}
      </button>
      {isShown && <Digested text={text} />}
    </div>
  )
}

function Row({ claim, open }: { claim: Claim; open: boolean }) {
  const { title, proves } = CLAIM[claim.claim]
  return (
    <details className="group" open={open}>
      <summary className="grid list-none grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-0.5 px-4 py-2 hover:bg-hover focus-visible:-outline-offset-2 md:grid-cols-[9rem_11rem_minmax(0,1fr)_auto]">
        <span data-claim={claim.claim} className="max-md:row-start-1">
          <Evidence of={CLAIM_STATE[claim.state]} />
        </span>
        <span className="font-medium max-md:col-start-1">{title}</span>
        <span className="text-ink-2 max-md:col-span-2">
          <RunText text={claim.message} max={600} />
        </span>
        <span
          aria-hidden="true"
          className="text-ink-3 group-open:rotate-90 max-md:col-start-2 max-md:row-start-1"
        >
          ›
        </span>
      </summary>
      <dl className="grid grid-cols-[minmax(0,1fr)] gap-x-4 gap-y-2 px-4 pt-1 pb-4 sm:grid-cols-[8rem_minmax(0,1fr)] md:grid-cols-[11rem_minmax(0,1fr)] md:pl-44">
        <dt className="text-ink-3">{claim.state === 'proven' ? 'Means' : 'If it held'}</dt>
        <dd>{proves}</dd>
        <dt className="text-ink-3">Does not prove</dt>
        <dd>{claim.proves_not}</dd>
        {(claim.where !== '' || claim.step_id !== undefined) && (
          <>
            <dt className="text-ink-3">Where</dt>
            <dd>
              {claim.step_id !== undefined && (
                <>
                  <RunText text={claim.step_id} max={140} />{' '}
                </>
              )}
              <code className="font-mono break-all">
                <RunText text={claim.where} max={300} />
              </code>
            </dd>
          </>
        )}
        {claim.expected !== undefined && (
          <>
            <dt className="text-ink-3">Expected</dt>
            <dd className="font-mono break-all">
              <RunText text={claim.expected} max={600} />
            </dd>
          </>
        )}
        {claim.actual !== undefined && (
          <>
            <dt className="text-ink-3">Actual</dt>
            <dd className="font-mono break-all">
              <RunText text={claim.actual} max={600} />
            </dd>
          </>
        )}
        {claim.preimage === undefined && COMPARES.has(claim.state) && (
          <>
            <dt className="text-ink-3">The digest is of</dt>
            <dd className="text-ink-2">
              Nothing by itself: what is there is compared with what has to be there.
            </dd>
          </>
        )}
        {claim.preimage !== undefined && (
          <>
            <dt className="text-ink-3">The digest is of</dt>
            <dd>
              {claim.state === 'does not verify' ? (
                <Unproven text={claim.preimage} />
              ) : (
                <Digested text={claim.preimage} />
              )}
            </dd>
          </>
        )}
        {claim.shell !== undefined && (
          <>
            <dt className="text-ink-3">
              By hand
              <Copy text={claim.shell} />
            </dt>
            <dd>
              <section
                // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable by keyboard
                tabIndex={0}
                aria-label={`Shell lines for ${claim.code} ${claim.where}`}
                className="overflow-x-auto rounded-md bg-sunken p-2"
              >
                <pre className="font-mono text-xs">{claim.shell}</pre>
              </section>
              <p className="mt-1 text-ink-3">
                In a shell, beside the file, saved as <code>envelope.json</code>.
              </p>
            </dd>
          </>
        )}
      </dl>
    </details>
  )
}
