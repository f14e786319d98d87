import type { FrameName } from '#contract/frame.ts'
import type { QueryClient } from '@tanstack/react-query'

/** Which answers a frame makes old. The first word of a query's key is what it is about. */
const MAKES_OLD = {
  run_started: ['runs', 'status'],
  step_started: [],
  step_finished: ['runs'],
  step_output: [],
  needs_input: ['runs', 'gates', 'status'],
  gate_resolved: ['runs', 'gates', 'status'],
  run_failed: ['runs', 'gates', 'status'],
  run_aborted: ['runs', 'gates', 'status'],
  run_finalized: ['runs', 'gates', 'envelopes', 'status', 'tables'],
  seal_failed: ['runs', 'status'],
  'materialize.start': ['status', 'tables'],
  'materialize.end': ['status', 'tables'],
  'materialize.error': ['status', 'tables'],
  'stream.gap': ['runs', 'gates', 'envelopes', 'status', 'tables'],
  'stream.end': [],
} as const satisfies Record<FrameName, readonly string[]>

const ALL = ['runs', 'gates', 'envelopes', 'status', 'tables', 'session', 'trust'] as const
const SPREAD_MS = 250

/**
 * Asks again what frames made old: the first at once, then at most four times a second, so that a busy server is not
 * asked for its list by every tab at every step.
 */
export function createRefresh(client: QueryClient): {
  changed: (names: ReadonlySet<FrameName> | 'all') => void
  stop: () => void
} {
  const old = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined

  const flush = (): void => {
    timer = undefined
    if (old.size === 0) return
    const about = new Set(old)
    old.clear()
    timer = setTimeout(flush, SPREAD_MS)
    void client.invalidateQueries({
      predicate: ({ queryKey: [first] }) => typeof first === 'string' && about.has(first),
    })
  }

  return {
    changed: (names) => {
      const about = names === 'all' ? ALL : [...names].flatMap((name) => MAKES_OLD[name])
      for (const what of about) old.add(what)
      if (timer === undefined) flush()
    },
    stop: () => clearTimeout(timer),
  }
}
