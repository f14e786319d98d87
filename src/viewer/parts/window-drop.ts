import { useEffect, useEffectEvent, useState } from 'react'
import { droppedFiles, type Giving } from './dropped-files.ts'

/**
 * Files dropped anywhere on the page are the page's: beside its boxes the browser would open one in its place. Answers
 * whether files are held over the page.
 */
export function useWindowDrop(onGiven: (giving: Giving) => void): boolean {
  const [isOver, setOver] = useState(false)
  const give = useEffectEvent(onGiven)
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return
      event.preventDefault()
      setOver(true)
    }
    const left = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false)
    }
    const dropped = (event: DragEvent) => {
      setOver(false)
      // A box took it.
      if (event.defaultPrevented || event.dataTransfer === null || !hasFiles(event)) return
      event.preventDefault()
      give(droppedFiles(event.dataTransfer))
    }
    addEventListener('dragover', over)
    addEventListener('dragleave', left)
    addEventListener('drop', dropped)
    return () => {
      removeEventListener('dragover', over)
      removeEventListener('dragleave', left)
      removeEventListener('drop', dropped)
    }
  }, [])
  return isOver
}

const hasFiles = ({ dataTransfer }: DragEvent): boolean =>
  dataTransfer?.types.includes('Files') ?? false
