import { Notice } from '#viewer/parts/notice.tsx'
import type { ReactNode } from 'react'
import { Link } from 'wouter'

/** What was seen here before is not here as it was [U12]. */
export function ChangedHistory({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Notice
      tone="bad"
      title={title}
      action={
        <Link href="/evidence/chain" className="button">
          Walk the chain
        </Link>
      }
    >
      {children}
    </Notice>
  )
}
