import { expect, it } from 'vitest'
import { mostOpenFiles, roomFor } from '#server/room.ts'

it('[S12] streams leave half of the files that a process may open to everything else', () => {
  expect(roomFor(Number.POSITIVE_INFINITY)).toEqual({ connections: 10_240, streams: 8192 })
  expect(roomFor(1_048_576)).toEqual({ connections: 10_240, streams: 8192 })
  expect(roomFor(4096)).toEqual({ connections: 2048, streams: 1638 })
  expect(roomFor(256)).toEqual({ connections: 128, streams: 102 })
})

it('[S12] how many files may be open is what the system says', () => {
  expect(mostOpenFiles('/nowhere')).toBe(Number.POSITIVE_INFINITY)
  expect(mostOpenFiles()).toBeGreaterThan(0)
})
