import { Component, type ReactNode } from 'react'
import { wordsOf } from '#viewer/api.ts'
import { OutdatedPageError } from './part.ts'
import { Notice } from './notice.tsx'

/** A request that gave no answer: what, why, and the way on. */
export function Failure({
  error,
  again,
  way = 'Try again',
}: {
  error: unknown
  again: () => unknown
  way?: string
}) {
  const { title, detail } = wordsOf(error)
  return (
    <Notice
      tone="bad"
      title={title}
      action={
        <button type="button" className="button" onClick={() => void again()}>
          {way}
        </button>
      }
    >
      {detail}
    </Notice>
  )
}

/** The same in the place of what was asked for, where there is no room for more. */
export function ErrorWords({ error, className = '' }: { error: unknown; className?: string }) {
  const { title, detail } = wordsOf(error)
  return (
    <p role="alert" className={`text-bad ${className}`}>
      {title}: {detail}
    </p>
  )
}

/** A fault of ours in one page leaves the rest standing. `page` changes with the address: another page begins anew. */
export class PageBoundary extends Component<
  { page: string; children: ReactNode },
  { failed: { error: unknown; page: string } | null }
> {
  override state: { failed: { error: unknown; page: string } | null } = { failed: null }

  static getDerivedStateFromError(error: unknown) {
    return { failed: { error, page: location.pathname } }
  }

  override render() {
    const { failed } = this.state
    if (failed === null || failed.page !== this.props.page) return this.props.children
    const { error } = failed
    const isOutdated = error instanceof OutdatedPageError
    return (
      <main className="mx-auto w-full max-w-3xl p-4">
        <Failure
          error={error}
          way={isOutdated ? 'Load the page anew' : 'Try again'}
          again={() => (isOutdated ? location.reload() : this.setState({ failed: null }))}
        />
      </main>
    )
  }
}
