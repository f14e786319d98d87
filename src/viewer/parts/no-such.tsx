import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { Notice } from './notice.tsx'

/** At an address of something that is not there: what, and where all of them are. */
export function NoSuch({
  what,
  href,
  all,
  children,
}: {
  what: string
  href: string
  all: string
  children: ReactNode
}) {
  return (
    <Notice
      title={`No such ${what}`}
      action={
        <Link href={href} className="button">
          Go to the {all}
        </Link>
      }
    >
      {children}
    </Notice>
  )
}
