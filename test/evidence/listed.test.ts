import { expect, it } from 'vitest'
import { allListed } from '#evidence/listed.ts'

const items = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => ({ evidence_id: `ev-${from + n}`, at: from + n }))

it('[W8] each is there once, in the order of the list, and once more where it is listed otherwise', async () => {
  const otherwise = { evidence_id: 'ev-1', at: 9 }
  const pages = new Map([
    ['', { items: items(0, 3), next_cursor: 'b' }],
    ['b', { items: [otherwise, ...items(1, 4)], next_cursor: null }],
  ])
  const known: number[] = []
  const listed = await allListed(
    async (cursor) => pages.get(cursor) ?? { items: [], next_cursor: null },
    (count) => known.push(count),
  )
  expect(listed).toEqual([...items(0, 3), otherwise, ...items(3, 4)])
  expect(known).toEqual([3, 5])
  expect(await allListed(async () => ({ items: [], next_cursor: null }))).toEqual([])
})

it('[W8] a page has more than a call takes arguments', async () => {
  const page = { items: items(0, 200_000), next_cursor: null }
  expect(await allListed(async () => page)).toHaveLength(200_000)
})

it.each([
  ['nothing, for ever', []],
  ['the same, for ever', items(0, 2)],
])('[W8] a list that does not end is left: %s', async (_, again) => {
  let asked = 0
  const endless = allListed(async () => {
    asked += 1
    return { items: again, next_cursor: 'again' }
  })
  await expect(endless).rejects.toThrow('does not end')
  expect(asked).toBeLessThanOrEqual(2)
})

it('[W8] one that always has a next one is left too', async () => {
  let asked = 0
  const endless = allListed(async () => {
    asked += 1
    return { items: items(asked, asked + 1), next_cursor: 'more' }
  })
  await expect(endless).rejects.toThrow('more than')
})
