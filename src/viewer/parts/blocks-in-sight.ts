import { useCallback, useState } from 'react'

/**
 * Which blocks of so many rows are needed, for a list whose rows come by the block: those in sight, and that of the row
 * that exists also out of sight.
 */
export function useBlocksInSight(blockRows: number) {
  const [blocks, setBlocks] = useState<readonly number[]>([0])
  const onRange = useCallback(
    (from: number, to: number, kept?: number) => {
      const first = Math.floor(from / blockRows)
      const last = Math.floor(Math.max(from, to - 1) / blockRows)
      const next = new Set(Array.from({ length: last - first + 1 }, (_, n) => first + n))
      if (kept !== undefined) next.add(Math.floor(kept / blockRows))
      setBlocks((now) =>
        now.length === next.size && now.every((block) => next.has(block)) ? now : [...next],
      )
    },
    [blockRows],
  )
  return { blocks, onRange }
}
