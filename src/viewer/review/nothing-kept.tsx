import { ErrorWords } from '#viewer/parts/failure.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { CHANGE_TRUST, keptQuery } from '#viewer/queries.ts'
import type { StoreFault } from '#viewer/trust-store.ts'
import { useMutationState, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useLocation } from 'wouter'

/**
 * A browser that keeps nothing, or nothing new: on every page, since what warns on every page of a changed key cannot, and
 * nobody would miss it.
 */
export function NothingKept({
  fault: { kind, why },
  isInHand,
}: {
  fault: StoreFault
  /** This page had read what is kept, and goes by that. */
  isInHand: boolean
}) {
  const client = useQueryClient()
  const [path] = useLocation()
  // The page of keys says it where it is answered.
  if (kind === 'foreign' && path === '/evidence/trust') return null
  return (
    <section aria-label="What this browser keeps" className="border-y border-waiting bg-raised">
      <div className="mx-auto flex max-w-6xl flex-wrap items-center justify-between gap-x-8 gap-y-2 px-3 py-3 sm:px-6">
        <div className="min-w-0 max-w-3xl flex-1 basis-96 wrap-anywhere">
          <h2 className="text-base font-semibold">{TITLE[kind]}</h2>
          <p className="text-ink-2">{kind !== 'unkept' && isInHand ? IN_HAND : TEXT[kind]}</p>
          <p className="text-xs text-ink-3">
            The browser says: <RunText text={why} max={300} />
          </p>
        </div>
        {kind === 'foreign' ? (
          <Link href="/evidence/trust" className="button">
            Save it, or begin anew
          </Link>
        ) : (
          <button
            type="button"
            className="button"
            onClick={() => void client.invalidateQueries({ queryKey: keptQuery.queryKey })}
          >
            Try again
          </button>
        )}
      </div>
    </section>
  )
}

const TITLE = {
  unread: 'This browser keeps nothing for Runseal here',
  foreign: 'What this browser keeps for Runseal here cannot be read',
  unkept: 'This browser keeps nothing new for Runseal here',
} as const satisfies Record<StoreFault['kind'], string>

const TEXT = {
  unread:
    'No key and no record is remembered, and no change of key or history can be told. What you may have pinned, required or refused here is not known, so that nothing is called proven.',
  foreign:
    'It is of another version of Runseal, or of something else. Whom you pinned and refused, and what you required, is not known, so that nothing is called proven; no key and no record is remembered, and no change of key or history can be told.',
  unkept:
    'What it kept before counts. No further key or record is remembered, and a change of what was first met since then cannot be told. What you pin, require or refuse is not kept.',
} as const satisfies Record<StoreFault['kind'], string>

const IN_HAND =
  'It cannot be read any more: this page warns by what it had read. No further key or record is remembered, and what you have pinned, required or refused since is not known, so that nothing is called proven.'

/** What the reader said last of whom they trust, and was not kept: in sight wherever they said it. */
export function NotKept() {
  const said = useMutationState({ filters: { mutationKey: CHANGE_TRUST } }).at(-1)
  const [read, setRead] = useState(0)
  if (said?.status !== 'error' || said.submittedAt === read) return null
  return (
    <section
      aria-label="What was not kept"
      className="fixed inset-x-0 bottom-0 z-40 border-t-2 border-bad bg-raised"
    >
      <div className="mx-auto flex max-w-6xl flex-wrap items-center gap-x-4 gap-y-2 px-3 py-3 sm:px-6">
        <ErrorWords error={said.error} className="max-w-prose" />
        <button type="button" className="button ml-auto" onClick={() => setRead(said.submittedAt)}>
          I have read this
        </button>
      </div>
    </section>
  )
}
