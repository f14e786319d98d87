import { parsePosition } from '#contract/frame.ts'

/** What a liar has seen pass: true names make better lies. Bounded, the oldest are forgotten. */
export type Seen = {
  epoch: string
  seq: number
  /** True events, newest last. */
  events: string[]
  runs: Set<string>
  steps: Set<string>
  gates: Set<string>
  evidence: Set<string>
}

export function nothingSeen(): Seen {
  return {
    epoch: 'none',
    seq: 0,
    events: [],
    runs: new Set(),
    steps: new Set(),
    gates: new Set(),
    evidence: new Set(),
  }
}

const MAX_EVENTS = 64
const MAX_NAMES = 64
/** Longer ones are not said again. */
const MAX_CHARS = 65_536

export function see(seen: Seen, event: string): void {
  const at = parsePosition(/^id: (.*)$/m.exec(event)?.[1] ?? '')
  if (at === null || event.length > MAX_CHARS) return
  seen.epoch = at.epoch
  seen.seq = at.seq
  seen.events.push(event)
  if (seen.events.length > MAX_EVENTS) seen.events.shift()
  for (const [, member, id] of event.matchAll(/"(run|step|gate|evidence)_id":"([\w.-]{1,128})"/g)) {
    if (id === undefined) continue
    if (member === 'run') remember(seen.runs, id)
    else if (member === 'step') remember(seen.steps, id)
    else if (member === 'gate') remember(seen.gates, id)
    else remember(seen.evidence, id)
  }
}

function remember(names: Set<string>, name: string): void {
  names.add(name)
  const [oldest] = names
  if (names.size > MAX_NAMES && oldest !== undefined) names.delete(oldest)
}
