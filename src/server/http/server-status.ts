import { ENDPOINT } from '#contract/api.ts'
import { keysOf } from '#contract/status.ts'
import type { Companion } from './companion.ts'
import { openerOf, route } from './route.ts'

export const statusRoutes = ({
  storage,
  engine,
  bus,
  streams,
  serverKey,
  about,
  now,
}: Companion) => ({
  status: route(ENDPOINT.status, async ({ context }) => {
    const position = bus.position()
    const opener = openerOf(context.var)
    const [runs, gates] = await Promise.all([storage.runs.counts(), storage.gates.counts()])
    return {
      server: {
        ...about,
        now: now().toISOString(),
        key_id: serverKey.key_id,
      },
      stream: {
        position,
        ...bus.counts(),
        yours: opener === null ? null : streams.openedBy(opener),
      },
      runs: runs.status,
      seal_failed: runs.seal.seal_failed,
      gates,
      tables: [],
    }
  }),

  definitions: route(ENDPOINT.definitions, async () => ({
    items: engine.definitions(),
    next_cursor: null,
  })),

  healthz: route(ENDPOINT.healthz, async ({ context }) => context.text('ok\n')),

  readyz: route(ENDPOINT.readyz, async ({ context }) => {
    await storage.check(now().toISOString())
    return context.text('ready\n')
  }),

  metrics: route(ENDPOINT.metrics, async ({ context }) => {
    const { status, seal } = await storage.runs.counts()
    const { open } = await storage.gates.counts()
    const { subscribers, frames, dropped, gaps } = bus.counts()
    const lines = [
      ...metric('runseal_runs', 'gauge', 'Runs by status.', byLabel('status', status)),
      ...metric('runseal_seals', 'gauge', 'Runs by state of their seal.', byLabel('state', seal)),
      ...metric('runseal_gates_open', 'gauge', 'Gates that wait for a person.', [['', open]]),
      ...metric('runseal_stream_subscribers', 'gauge', 'Open streams.', [['', subscribers]]),
      ...metric('runseal_stream_frames_total', 'counter', 'Frames published.', [['', frames]]),
      ...metric('runseal_stream_dropped_total', 'counter', 'Frames that slow readers lost.', [
        ['', dropped],
      ]),
      ...metric('runseal_stream_gaps_total', 'counter', 'Gaps told to readers.', [['', gaps]]),
    ]
    return context.text(`${lines.join('\n')}\n`, 200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    })
  }),
})

type Sample = readonly [labels: string, value: number]

function metric(name: string, type: 'gauge' | 'counter', help: string, samples: Sample[]) {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([labels, value]) => `${name}${labels} ${value}`),
  ]
}

function byLabel<K extends string>(label: string, values: Readonly<Record<K, number>>): Sample[] {
  return keysOf(values).map((key) => [`{${label}="${key}"}`, values[key]])
}
