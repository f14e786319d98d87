import type { Dice } from './dice.ts'
import type { Seen } from './seen.ts'

/** What is done with the socket of a stream, in this order. */
export type Act =
  | { act: 'send'; bytes: Uint8Array }
  | { act: 'wait'; ms: number }
  | { act: 'end' }
  | { act: 'reset' }
  /** Sent only when the next true event has come. */
  | { act: 'later'; bytes: Uint8Array }

/** What a lie is made of. */
export type Material = {
  /** The true event: its lines and the blank one. */
  event: string
  seen: Seen
  dice: Dice
  longestMs: number
}

/**
 * Every lie about one event of the stream. All that a network, a proxy, or a server that means it can do to a reader.
 */
export const FRAME_LIE = {
  drop: () => [],
  repeat: ({ event, dice }) => Array.from({ length: 2 + dice.roll(3) }, () => send(event)),
  reorder: ({ event }) => [{ act: 'later', bytes: encoded(event) }],
  delay: ({ event, dice, longestMs }) => [wait(dice.roll(longestMs / 4)), send(event)],
  stall: ({ event, longestMs }) => [wait(longestMs), send(event)],
  rewind: ({ event, seen, dice }) => [
    send(event),
    ...seen.events.slice(-1 - dice.roll(32)).map(send),
  ],
  end: () => [{ act: 'end' }],
  reset: () => [{ act: 'reset' }],

  truncate: ({ event, dice }) => [send(event.slice(0, dice.roll(event.length))), { act: 'end' }],
  // Without its end: what comes next is read as its going on.
  merge: ({ event, dice }) => [send(event.slice(0, dice.roll(event.length)))],
  // Anywhere, so also within a character.
  split: ({ event, dice }) => split(encoded(event), dice),
  carriage: ({ event, dice }) => split(encoded(event.replaceAll('\n', '\r\n')), dice),
  // Half of a line end, and the other half later or never.
  halfLineEnd: ({ event, dice }) => [
    send(`${event.trimEnd()}\r`),
    wait(dice.roll(200)),
    send(dice.pick(['\n\r\n', '\n\n', '\r'], '\r')),
  ],
  notUtf8: ({ event }) => [{ act: 'send', bytes: Buffer.from(spoilt(event, 'ÿþ'), 'latin1') }],
  mark: ({ event }) => [send(`\u{FEFF}${event}`)],
  nul: ({ event }) => [send(spoilt(event, '\0'))],

  oversize: ({ event }) => [send(spoilt(event, 'x'.repeat(70_000)))],
  // No line end ever comes. Longer than what any reader may wait for.
  endless: ({ event }) => [
    ...Array.from({ length: 24 }, () => send(`data: ${'x'.repeat(65_536)}`)),
    send(event),
  ],
  noJson: ({ event, dice }) => [
    send(withData(event, dice.pick(['{"type":"run_st', 'undefined', '[1,2', '{]}', ''], ''))),
  ],
  wrongType: ({ event, dice }) => [send(withWrongType(event, dice))],
  misnamed: ({ event, dice }) => [
    send(event.replace(/^event: .*$/m, `event: ${dice.pick(NAMES, 'run_failed')}`)),
  ],
  unknownKind: ({ event }) => [
    frame('run_teleported', { type: 'run_teleported', run_id: 'run_x' }),
    send(event),
  ],

  noId: ({ event }) => [send(event.replace(/^id: .*\n/m, ''))],
  oddId: ({ event, dice }) => [
    send(withId(event, dice.pick(['', '-1', 'e-1e9', 'é-1', '9'.repeat(4000), 'a b\tc'], '?'))),
  ],
  // Newer than whatever comes, and of this very server start.
  farAhead: ({ event, seen }) => [send(withId(event, `${seen.epoch}-9007199254740991`))],
  behind: ({ event, seen }) => [send(withId(event, `${seen.epoch}-1`))],
  anotherEpoch: ({ event, dice }) => [
    send(withId(event, `lie${dice.roll(1000)}-${dice.roll(1000)}`)),
  ],
  gap: ({ event, seen }) => [
    frame('stream.gap', {
      kind: 'stream.gap',
      ts: AT,
      from: null,
      to: `${seen.epoch}-9007199254740991`,
    }),
    send(event),
  ],
  draining: ({ event }) => [goodbye('draining'), send(event)],
  signedOut: () => [goodbye('signed_out'), { act: 'end' }],
  hastyRetry: ({ event }) => [send('retry: 0\n\n'), send(event)],
  lateRetry: ({ event }) => [send('retry: 1000000000000\n\n'), send(event)],

  // The envelope does not exist, or is another run's.
  forgedSeal: ({ event, seen, dice }) => [
    send(event),
    forged(seen, dice, 'run_finalized', {
      evidence_id: dice.pick([...seen.evidence], 'ev_that_is_not_there'),
      ...(dice.isLucky(0.5) && {
        outcome: dice.pick(['succeeded', 'failed', 'aborted'], 'failed'),
      }),
    }),
  ],
  forgedEnd: ({ event, seen, dice }) => [
    send(event),
    dice.isLucky(0.5)
      ? forged(seen, dice, 'run_failed', { reason: LIE, status: 'failed' })
      : forged(seen, dice, 'run_aborted', { reason: LIE, status: 'aborted', actor: 'user:nobody' }),
  ],
  forgedStart: ({ event, seen, dice }) => [
    send(event),
    forged(seen, dice, 'run_started', {
      title: LIE,
      actor: 'user:nobody',
      timestamp: '2001-01-01T00:00:00.000Z',
    }),
  ],
  forgedStep: ({ event, seen, dice }) => [
    send(event),
    forged(seen, dice, 'step_finished', {
      step_id: dice.pick([...seen.steps], 'no_such_step'),
      kind: 'test',
      attempt: dice.pick([1, 1, 2, 99], 1),
      exit_code: dice.pick([0, 1, 137, -1], 0),
    }),
  ],
  forgedGate: ({ event, seen, dice }) => {
    const gate_id = dice.pick([...seen.gates, 'gate_that_is_not_there'], 'gate_that_is_not_there')
    return [
      send(event),
      dice.isLucky(0.5)
        ? forged(seen, dice, 'needs_input', { gate_id, reason: LIE })
        : forged(seen, dice, 'gate_resolved', {
            gate_id,
            outcome: dice.pick(['approved', 'rejected', 'expired'], 'approved'),
            actor: 'user:nobody',
          }),
    ]
  },
  forgedSealFailure: ({ event, seen, dice }) => [
    send(event),
    forged(seen, dice, 'seal_failed', { reason: LIE }),
  ],
  strangers: ({ event, dice }) => [
    send(event),
    ...Array.from({ length: 50 }, () =>
      frame('run_started', { type: 'run_started', run_id: `run_stranger_${dice.roll(1e9)}` }),
    ),
  ],
} as const satisfies Record<string, (material: Material) => readonly Act[]>

const LIE = 'this never happened'
const AT = '2001-01-01T00:00:00.000Z'
const NAMES = [
  'run_started',
  'step_started',
  'run_failed',
  'needs_input',
  'materialize.end',
  'message',
]

const encoded = (text: string): Uint8Array => Buffer.from(text)
const send = (text: string): Act => ({ act: 'send', bytes: encoded(text) })
const wait = (ms: number): Act => ({ act: 'wait', ms })
const frame = (name: string, body: object): Act =>
  send(`event: ${name}\ndata: ${JSON.stringify(body)}\n\n`)
const goodbye = (reason: string) => frame('stream.end', { kind: 'stream.end', ts: AT, reason })

function forged(seen: Seen, dice: Dice, type: string, rest: object): Act {
  const run_id = dice.pick([...seen.runs], 'run_that_is_not_there')
  const id = dice.pick(
    [`id: ${seen.epoch}-${seen.seq}\n`, `id: ${seen.epoch}-${seen.seq + 1}\n`, ''],
    '',
  )
  return send(
    `event: ${type}\ndata: ${JSON.stringify({ type, run_id, timestamp: AT, ...rest })}\n${id}\n`,
  )
}

function split(bytes: Uint8Array, dice: Dice): Act[] {
  const acts: Act[] = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + dice.roll(48)
    acts.push({ act: 'send', bytes: bytes.subarray(at, end) }, wait(dice.roll(4)))
    at = end
  }
  return acts
}

// `what` in the middle of the data.
function spoilt(event: string, what: string): string {
  const at = Math.max(0, event.indexOf('data: ')) + 10
  return event.slice(0, at) + what + event.slice(at)
}

const withData = (event: string, data: string) =>
  event.replace(/^data: .*$/m, () => `data: ${data}`)
const withId = (event: string, id: string) => event.replace(/^id: .*$/m, () => `id: ${id}`)

function withWrongType(event: string, dice: Dice): string {
  const wrong = dice.pick(['7', 'null', '[]', '{"a":{}}', 'true', '-1.5', '1e400'], 'null')
  const members = [...event.matchAll(/"(\w+)":("[^"\\]*"|\d+)/g)]
  const [whole, name] = dice.pick(members, members[0]) ?? []
  return whole === undefined ? event : event.replace(whole, () => `"${name}":${wrong}`)
}
