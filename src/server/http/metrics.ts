import { ENDPOINT } from '#contract/api.ts'
import { keysOf } from '#contract/status.ts'
import type { HistogramReading } from '#server/events/histogram.ts'
import type { Companion } from './companion.ts'
import { route } from './route.ts'

export const metricsRoutes = ({ storage, bus }: Companion) => ({
  metrics: route(ENDPOINT.metrics, async ({ context }) => {
    const { status, seal } = await storage.runs.counts()
    const { open } = await storage.gates.counts()
    const { subscribers, frames, dropped, gaps } = bus.counts()
    const waiting = bus.waiting()
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
      ...metric('runseal_stream_slow_readers', 'gauge', 'Readers whose socket refuses writes.', [
        ['', waiting.readers],
      ]),
      ...metric('runseal_stream_queued_frames', 'gauge', 'Frames in the queues of slow readers.', [
        ['', waiting.frames],
      ]),
      ...histogram(
        'runseal_stream_publish_to_write_seconds',
        'From the publishing of a frame until it was written to every reader that takes writes.',
        bus.latency.read(),
      ),
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

function histogram(name: string, help: string, { buckets, count, sum }: HistogramReading) {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} histogram`,
    ...buckets.map(({ upTo, count }) => `${name}_bucket{le="${upTo}"} ${count}`),
    `${name}_bucket{le="+Inf"} ${count}`,
    `${name}_sum ${sum}`,
    `${name}_count ${count}`,
  ]
}

function byLabel<K extends string>(label: string, values: Readonly<Record<K, number>>): Sample[] {
  return keysOf(values).map((key) => [`{${label}="${key}"}`, values[key]])
}
