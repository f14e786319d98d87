import type { PageRequest } from '#server/storage/storage.ts'

const DEFAULT_LIMIT = 50

/** The page that a query asks for; its schema has held `limit` to 1 to 200. */
export function pageOf(query: {
  cursor?: string | undefined
  limit?: string | undefined
}): PageRequest {
  return { cursor: query.cursor || null, limit: Number(query.limit ?? DEFAULT_LIMIT) }
}
