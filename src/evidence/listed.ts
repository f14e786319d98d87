import { counted } from './counted.ts'

/** A page of what a server says that it has. */
export type ListPage<T> = { readonly items: readonly T[]; readonly next_cursor: string | null }

/**
 * Everything that a server lists, in its order, each once, and what it says otherwise of one once more. It is not trusted to come to an end: rejects where a page brings
 * nothing new and names a next one, and beyond what a person would have audited in one go. `onProgress` is told how many
 * there are.
 */
export async function allListed<T extends { readonly evidence_id: string }>(
  pageAt: (cursor: string) => Promise<ListPage<T>>,
  onProgress: (known: number) => void = () => {},
): Promise<T[]> {
  const listed = new Map<string, T>()
  for (let cursor: string | null = '', pages = 0; cursor !== null; pages += 1) {
    const page: ListPage<T> = await pageAt(cursor)
    const before = listed.size
    // One by one: a page may have more than a call takes arguments.
    for (const item of page.items) {
      const said = JSON.stringify(item)
      if (!listed.has(said)) listed.set(said, item)
    }
    cursor = page.next_cursor
    if (cursor !== null && listed.size === before)
      throw new Error(
        'the list of records does not end: a page brings nothing new, and names a next one',
      )
    if (listed.size > MOST_LISTED || pages > MOST_PAGES)
      throw new Error(
        `the list has more than ${counted(MOST_LISTED, 'record')}, or is in more than ${counted(MOST_PAGES, 'page')}`,
      )
    onProgress(listed.size)
  }
  return [...listed.values()]
}

export const MOST_LISTED = 1_000_000
const MOST_PAGES = 10_000
