import { createHash } from 'node:crypto'
import { ENDPOINT } from '#contract/api.ts'
import type { Companion } from './companion.ts'
import { pageOf } from './page.ts'
import { queryOf, route } from './route.ts'

export const envelopeRoutes = ({ storage, sealer, serverKey }: Companion) => ({
  listEnvelopes: route(
    ENDPOINT.listEnvelopes,
    async (call) => await storage.seals.list(pageOf(queryOf(ENDPOINT.listEnvelopes, call))),
  ),

  envelope: route(ENDPOINT.envelope, async ({ id, context }) => {
    const { bytes } = await sealer.read(id('evidence_id'))
    // Of the bytes that are on the disk now, and asked again each time: a reader is to see what became of the file.
    const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
    const headers = { etag, 'cache-control': 'private, no-cache' }
    return context.req.header('if-none-match') === etag
      ? new Response(null, { status: 304, headers })
      : new Response(new Uint8Array(bytes), {
          headers: { ...headers, 'content-type': ENDPOINT.envelope.answer },
        })
  }),

  trust: route(ENDPOINT.trust, async () => ({ server_keys: [serverKey], approvers: [] })),
})
