import { useSyncExternalStore } from 'react'

/** Is the page as narrow as a telephone? Where a row's height has to be known before it is laid out. */
export function useNarrow(): boolean {
  return useSyncExternalStore(listen, () => innerWidth < 640)
}

function listen(changed: () => void): () => void {
  addEventListener('resize', changed)
  return () => removeEventListener('resize', changed)
}
