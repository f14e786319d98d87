import type { ReactNode } from 'react'

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
        const text = `${JSON.stringify(value, null, 2)}\n`
        const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
        const link = document.createElement('a')
        link.href = url
        link.download = name
        link.click()
        URL.revokeObjectURL(url)
      }}
    >
      {children}
    </button>
  )
}
