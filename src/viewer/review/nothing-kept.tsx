import { ErrorWords } from '#viewer/parts/failure.tsx'
import { Notice } from '#viewer/parts/notice.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { CHANGE_TRUST, keptQuery } from '#viewer/queries.ts'
import type { StoreFault } from '#viewer/trust-store.ts'
import { useMutationState, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

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
  return (
    <section
      aria-label="What this browser keeps"
      className="mx-auto w-full max-w-6xl px-3 pt-4 sm:px-6"
    >
      <Notice
        tone="waiting"
        title={TITLE[kind]}
        action={
          kind === 'unread' && (
            <button
              type="button"
              className="button"
              onClick={() => void client.invalidateQueries({ queryKey: keptQuery.queryKey })}
            >
              Try again
            </button>
          )
        }
      >
        {kind === 'unread' && isInHand ? IN_HAND : TEXT[kind]} The browser says:{' '}
        <RunText text={why} max={300} />.
      </Notice>
    </section>
  )
}

const TITLE = {
  unread: 'This browser keeps nothing for Runseal here',
  unkept: 'This browser keeps nothing new for Runseal here',
} as const satisfies Record<StoreFault['kind'], string>

const TEXT = {
  unread:
    'No key and no record is remembered, and no change of key or history can be told. What you may have pinned, required or refused here is not known, so that nothing is called proven.',
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
