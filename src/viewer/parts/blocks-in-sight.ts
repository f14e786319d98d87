import { useCallback, useState } from 'react'

/** Which blocks of so many rows are in sight, for a list whose rows come by the block. */
export function useBlocksInSight(blockRows: number) {
  const [blocks, setBlocks] = useState<readonly number[]>([0])
  const onRange = useCallback(
    (from: number, to: number) =>
      setBlocks((now) => {
        const first = Math.floor(from / blockRows)
        const last = Math.floor(Math.max(from, to - 1) / blockRows)
        return now[0] === first && now.at(-1) === last
          ? now
          : Array.from({ length: last - first + 1 }, (_, n) => first + n)
      }),
    [blockRows],
  )
  return { blocks, onRange }
}
