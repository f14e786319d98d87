import { ENDPOINT } from '#contract/api.ts'
import type { Companion } from './companion.ts'
import { askedBy, route } from './route.ts'

export const statusRoutes = ({
  tables,
  storage,
  engine,
  bus,
  streams,
  serverKey,
  about,
  chaos,
  now,
}: Companion) => ({
  status: route(ENDPOINT.status, async ({ context }) => {
    const position = bus.position()
    tables.look()
    const id = askedBy(context.var)
    const [runs, gates] = await Promise.all([storage.runs.counts(), storage.gates.counts()])
    return {
      server: {
        ...about,
        now: now().toISOString(),
        key_id: serverKey.key_id,
        chaos: chaos(),
      },
      stream: {
        position,
        ...bus.counts(),
        yours: id === null ? null : streams.openedBy(id),
      },
      runs: runs.status,
      seal_failed: runs.seal.seal_failed,
      gates,
      tables: await tables.status(),
      waiting: tables.waits(),
    }
  }),

  definitions: route(ENDPOINT.definitions, async () => ({
    items: engine.definitions(),
    next_cursor: null,
  })),

  healthz: route(ENDPOINT.healthz, async ({ context }) => context.text('ok\n')),

  readyz: route(ENDPOINT.readyz, async ({ context }) => {
    await storage.check(now().toISOString())
    engine.check()
    return context.text('ready\n')
  }),
})
