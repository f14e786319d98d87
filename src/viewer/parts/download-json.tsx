import type { ReactNode } from 'react'
import { saveFile } from './save-file.ts'

/** A button that hands the reader a file made here. */
export function DownloadJson({
  name,
  value,
  children,
}: {
  name: string
  value: object
  children: ReactNode
}) {
  return (
    <button
      type="button"
      className="button mt-3"
      onClick={() => {
        saveFile(
          name,
          new Blob([`${JSON.stringify(value, null, 2)}\n`], { type: 'application/json' }),
        )
      }}
    >
      {children}
    </button>
  )
}
