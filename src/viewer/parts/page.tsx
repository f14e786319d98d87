import type { ReactNode } from 'react'

/** A place: its title also in the tab, the width that its content needs, and where "skip to the page" lands. */
export function Page({
  title,
  heading = title,
  actions,
  wide = false,
  children,
}: {
  title: string
  heading?: ReactNode
  actions?: ReactNode
  wide?: boolean
  children: ReactNode
}) {
  return (
    <main
      id="main"
      tabIndex={-1}
      className={`@container mx-auto flex w-full flex-col gap-4 px-3 py-4 outline-none sm:px-6 sm:py-5 ${wide ? 'max-w-[120rem]' : 'max-w-6xl'}`}
    >
      <title>{`${title} · Runseal`}</title>
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h1 className="min-w-0 text-xl font-semibold">{heading}</h1>
        {actions}
      </div>
      {children}
    </main>
  )
}
