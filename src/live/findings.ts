import type { Counts } from './board.ts'
import { type Connection, CONNECTION } from './connection.ts'
import type { Gap } from './gaps.ts'
import type { Trial } from './trial.ts'

/** What is known of a view that does not show what one expects. Times of the server as it said them. */
export type Facts = {
  /** By this device's clock, as `heardAt` and the trial's start. */
  now: number
  connection: Connection
  trial: Trial | null
  /** Last sign of life of the server. */
  heardAt: number | null
  counts: Counts
  gaps: readonly Gap[]
  /** How the newest question beside the stream was answered; null: none was yet. `status` 0: not at all. */
  api: { ok: true } | { ok: false; status: number } | null
  /** Ended runs without an envelope, oldest first. `why`: sealing failed. */
  unsealed: readonly { run_id: string; waitedMs: number; why: string | null }[]
  /** Questions that nobody has answered, oldest first. `who`: roles and people who may. */
  gates: readonly {
    gate_id: string
    run_id: string
    waitedMs: number
    who: readonly string[]
    quorum: number
  }[]
}

/** The four troubles of a live view, in the order in which one asks. */
export const TROUBLE = {
  'no-envelope': { asks: 'Success, but no envelope' },
  'no-events': { asks: 'No events arrive' },
  'needs-input': { asks: 'Stuck in needs_input' },
  'out-of-order': { asks: 'Events out of order' },
} as const satisfies Record<string, { asks: string }>
export type Trouble = keyof typeof TROUBLE

/** `well`: not so. `known`: so, and nothing is wrong. `wrong`: so, with a cause that somebody has to mend. */
export type Finding = {
  trouble: Trouble
  is: 'well' | 'known' | 'wrong'
  /** A plain sentence: what was found. */
  cause: string
  /** What to do; null where there is nothing to do. */
  todo: string | null
  /** What it was found from. */
  from: readonly string[]
}

/** One finding for each trouble, from facts alone [L10]. */
export function findingsOf(facts: Facts): Finding[] {
  return [envelopeFinding(facts), eventsFinding(facts), gatesFinding(facts), orderFinding(facts)]
}

function envelopeFinding({ unsealed }: Facts): Finding {
  const trouble = 'no-envelope'
  const failed = unsealed.find(({ why }) => why !== null)
  if (failed)
    return {
      trouble,
      is: 'wrong',
      cause: 'A run ended and sealing it failed.',
      todo: 'Mend what it names (a full disk, a folder that cannot be written), then press “Seal again” on the run. Nothing that is on record is lost; the server’s log has more.',
      from: unsealed.map(({ run_id, why }) => `${run_id}: ${why ?? 'being sealed'}`),
    }
  const [oldest] = unsealed
  if (oldest === undefined)
    return {
      trouble,
      is: 'well',
      cause: 'Every run that ended has its envelope.',
      todo: null,
      from: [],
    }
  const slow = oldest.waitedMs > SEALING_MS
  return {
    trouble,
    is: slow ? 'wrong' : 'known',
    cause: slow
      ? `A run ended ${seconds(oldest.waitedMs)} ago and is still not sealed, though no failure is on record.`
      : 'A run has just ended and is being sealed.',
    todo: slow
      ? 'Look at the server’s log: it may be stopped in the middle, or its disk may hang.'
      : null,
    from: unsealed.map(({ run_id, waitedMs }) => `${run_id}: ended ${seconds(waitedMs)} ago`),
  }
}

function gatesFinding({ gates }: Facts): Finding {
  const trouble = 'needs-input'
  const [oldest] = gates
  if (oldest === undefined)
    return {
      trouble,
      is: 'well',
      cause: 'No question waits for an answer.',
      todo: null,
      from: [],
    }
  const many = gates.length === 1 ? 'One question waits' : `${gates.length} questions wait`
  const who = oldest.who.length > 0 ? oldest.who.join(', ') : 'nobody'
  return {
    trouble,
    is: 'known',
    cause: `${many} for an answer, the oldest for ${seconds(oldest.waitedMs)}. A run goes on when a person has decided, not before.`,
    todo: `Ask ${oldest.quorum > 1 ? `${oldest.quorum} of` : 'one of'}: ${who}. It is under Gates.`,
    from: gates.map(({ gate_id, run_id, who }) => `${gate_id} of ${run_id}: ${who.join(', ')}`),
  }
}

function orderFinding({ counts, gaps }: Facts): Finding {
  const { outOfOrder, repeated, malformed, unknown } = counts
  const from = [
    `${counts.frames} frames, ${outOfOrder} out of order, ${repeated} repeated`,
    `${malformed} not readable, ${unknown} of an unknown kind`,
    `${gaps.length} gaps`,
  ]
  const trouble = 'out-of-order'
  if (malformed > 0)
    return {
      trouble,
      is: 'wrong',
      cause: `${malformed} events could not be read.`,
      todo: 'Something between rewrites the stream, or server and page are of different versions: reload the page, and let the stream pass unchanged.',
      from,
    }
  if (outOfOrder + repeated + gaps.length + unknown > 0)
    return {
      trouble,
      is: 'known',
      cause:
        'Some frames came late, twice, or not at all. That is harmless: in any order they make the same picture, and the record fills what is missing.',
      todo: null,
      from,
    }
  return { trouble, is: 'well', cause: 'Every frame came once and in order.', todo: null, from }
}

function eventsFinding(facts: Facts): Finding {
  return { trouble: 'no-events', ...streamFinding(facts), from: streamFacts(facts) }
}

type Found = Pick<Finding, 'is' | 'cause' | 'todo'>

/** Why no events arrive, by how the connection is and how its newest attempt went. */
function streamFinding(facts: Facts): Found {
  const { connection, trial, api } = facts
  switch (connection.state) {
    case 'live':
      return liveFinding(trial)
    case 'silent':
      return wrong(
        'The connection is open, but for 20 s not even a heartbeat came: the server hangs, or something between holds its bytes back.',
        UNBUFFER,
      )
    case 'connecting':
      return trial !== null && trial.headMs !== null && trial.ended === null
        ? wrong(
            'The answer began, but not a byte of the stream has come: something between holds it back.',
            UNBUFFER,
          )
        : known('The server is being asked for its stream.')
    case 'retrying':
    case 'polling':
      return lostFinding(trial, api)
    case 'signed-out':
      return wrong(
        'The server answers 401: it shows its runs to signed-in people only, and nobody is signed in here.',
        'Open a sign-in link. An administrator makes one with `runseal user link NAME`.',
      )
    case 'refused':
      return refusedFinding(connection.status)
    case 'drained':
      return known('The server said that it is stopping. It is asked again when it wished to be.')
    case 'offline':
      return wrong('This device has no network.', 'Connect it. The stream is tried at once.')
    case 'hidden':
      return known('Nobody looked at a page of this server for a while. The stream goes on now.')
  }
}

function liveFinding(trial: Trial | null): Found {
  if (trial !== null && trial.held > 0)
    return wrong(
      `Events arrive in bursts: what was sent up to ${seconds(trial.heldMs)} apart came together, ${times(trial.held)}. A proxy collects the answer before it passes it on.`,
      UNBUFFER,
    )
  if (trial !== null && trial.firstByteMs !== null && trial.firstByteMs > SLOW_START_MS)
    return wrong(
      `Events arrive, but the first byte took ${seconds(trial.firstByteMs)}: something between holds the beginning back.`,
      UNBUFFER,
    )
  if (trial !== null && !trial.connected)
    return known(
      'Events arrive, but the server’s first words did not: something between changes the stream.',
    )
  return { is: 'well', cause: 'The stream is live.', todo: null }
}

function lostFinding(trial: Trial | null, api: Facts['api']): Found {
  const status = trial?.status ?? null
  if (status === 429 || status === 503)
    return wrong(
      `The server answers ${status}: it has as many streams as it takes, is starting, or is stopping.`,
      'Close pages or programs that read the stream, or wait: it is tried again by itself.',
    )
  if (status !== null && status >= 500)
    return wrong(
      `The answer is ${status}: the server failed, or a proxy before it does not reach it.`,
      'Look at the server’s log, then at the proxy’s.',
    )
  if (trial?.givenUp === true && api?.ok === true)
    return wrong(
      trial.firstByteMs === null
        ? 'The server answers questions, but for 20 s not a byte of its stream came: something between collects the answer before it passes it on.'
        : 'The server answers questions, but its stream fell silent: something between holds it back, or has let go of it without a word.',
      UNBUFFER,
    )
  if (status === 200)
    return wrong(
      'The stream begins and is cut off again.',
      'The server may just have been stopped. If it happens again and again after the same time, a proxy ends long answers: raise its read timeout for /events.',
    )
  if (api?.ok === true)
    return wrong(
      'The server answers questions, but the stream cannot be had: something refuses just that. A blocker in this browser, a proxy, or a rule against other origins (CORS).',
      'Allow /events in extensions and proxies. A page of another origin has to be named to the server: `--allow-origin`.',
    )
  return wrong(
    'The server cannot be reached.',
    'Is it running, and is this address still its own? It is tried again by itself.',
  )
}

function refusedFinding(status: number): Found {
  if (status === 0)
    return wrong(
      'The answer leads to another address: something between wants a sign-in of its own, or the server has moved.',
      'Open this address in a new tab and do what it asks, or go to the new address.',
    )
  if (status === 200 || status === 204)
    return wrong(
      status === 204
        ? 'The answer is empty (204): something before the server answers in its place.'
        : 'The answer is a page and no event stream: something before the server answers in its place.',
      'Open this address in a new tab: a network’s sign-in page or a proxy’s own error shows itself there.',
    )
  if (status === 403 || status === 421)
    return wrong(
      `The answer is ${status}: the server does not take this name or origin, or a proxy forbids the stream.`,
      'Open the server by the address that it printed. Behind a proxy it has to be told: `--origin`.',
    )
  return wrong(
    `The answer is ${status}: nothing here knows of a stream.`,
    'Is this address the server’s own? A proxy has to pass /events on.',
  )
}

function streamFacts({ now, connection, trial, heardAt, api }: Facts): string[] {
  const { label } = CONNECTION[connection.state]
  const facts = [
    `${label}${'attempt' in connection ? `, ${connection.attempt} failures in a row` : ''}`,
  ]
  if (heardAt !== null) facts.push(`last sign of life ${seconds(now - heardAt)} ago`)
  if ('why' in connection) facts.push(`last failure: ${connection.why}`)
  if (trial !== null) {
    facts.push(
      `answer ${trial.status ?? 'none'}, head after ${milliseconds(trial.headMs)}, first byte after ${milliseconds(trial.firstByteMs)}`,
      `": connected" ${trial.connected ? 'seen' : 'not seen'}, ${trial.keepalives} heartbeats, ${trial.held} bursts`,
    )
  }
  if (api !== null)
    facts.push(`other questions: ${api.ok ? 'answered' : `not answered (${api.status})`}`)
  return facts
}

/** What one pastes into a question to somebody else: ids, counts and findings; no key, token, name or text of a run. */
export function reportOf(
  facts: Facts,
  about: { at: string; page: string; version: string },
): string {
  const found = findingsOf(facts).flatMap(({ trouble, is, cause, todo, from }) => [
    `${TROUBLE[trouble].asks}: ${is === 'well' ? 'no' : 'yes'}`,
    `  ${cause}`,
    // Who may answer is a name.
    ...(todo === null || trouble === 'needs-input' ? [] : [`  To do: ${todo}`]),
    ...(trouble === 'no-envelope'
      ? facts.unsealed.map(({ run_id, why }) => `${run_id}: ${why === null ? 'open' : 'failed'}`)
      : trouble === 'needs-input'
        ? facts.gates.map(({ gate_id, run_id }) => `${gate_id} of ${run_id}`)
        : from
    ).map((fact) => `  - ${fact}`),
    '',
  ])
  return [`Runseal ${about.version}, ${about.page}, ${about.at}`, '', ...found].join('\n')
}

/** A run is sealed within moments; this is long. */
const SEALING_MS = 60_000
/** A stream's first byte is on its way at once. */
const SLOW_START_MS = 5000
const UNBUFFER =
  'Switch off buffering of the answer to /events where it passes (nginx: `proxy_buffering off`), or let the server’s header `X-Accel-Buffering: no` through.'

const wrong = (cause: string, todo: string): Found => ({ is: 'wrong', cause, todo })
const known = (cause: string): Found => ({ is: 'known', cause, todo: null })

const milliseconds = (ms: number | null): string => (ms === null ? '—' : `${Math.round(ms)} ms`)
const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)

function seconds(ms: number): string {
  const whole = Math.max(0, Math.round(ms / 1000))
  if (whole === 0) return 'under 1 s'
  if (whole < 120) return `${whole} s`
  return whole < 7200 ? `${Math.round(whole / 60)} min` : `${Math.round(whole / 3600)} h`
}
