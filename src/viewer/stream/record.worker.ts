import { ENDPOINT } from '#contract/api.ts'
import type { RunResource } from '#contract/run.ts'
import { ask, ApiError } from '#viewer/api.ts'
import type { FromRecord, ToRecord } from './ask-run.ts'

/* Reads records of runs, so that the page does not have to. */

/** Most steps that the page takes in one go, so that it stays quick. */
const STEPS_AT_ONCE = 500
/** Most runs that it is known of what the page has. */
const MAX_KNOWN = 4

/** What the page has of a run: each part as JSON, by its name. */
type Known = { as_of: string; parts: ReadonlyMap<string, string> }

const known = new Map<string, Known>()
const asking = new Map<number, AbortController>()

addEventListener('message', ({ data }: MessageEvent<ToRecord>) => {
  if (data.say === 'stop') return asking.get(data.id)?.abort()
  void answer(data)
})

async function answer({ id, run_id, have }: ToRecord & { say: 'ask' }): Promise<void> {
  const stopped = new AbortController()
  asking.set(id, stopped)
  try {
    const { signal } = stopped
    const resource = await ask(ENDPOINT.run, { params: { run_id }, signal })
    const before = known.get(run_id)
    tell(id, run_id, resource, before?.as_of === have ? before : undefined)
  } catch (error) {
    const refused =
      error instanceof ApiError
        ? { code: error.code, status: error.status, detail: error.message }
        : { code: 'unreadable' as const, status: 0, detail: String(error) }
    if (!stopped.signal.aborted) postMessage({ id, refused } satisfies FromRecord)
  } finally {
    asking.delete(id)
  }
}

function tell(id: number, run_id: string, resource: RunResource, before: Known | undefined): void {
  const parts = new Map<string, string>()
  const isNew = (name: string, part: unknown): boolean => {
    const text = JSON.stringify(part)
    parts.set(name, text)
    return before?.parts.get(name) !== text
  }
  const steps = resource.steps.filter((step) => isNew(`step ${step.step_id}`, step))
  for (let from = 0; from < steps.length; from += STEPS_AT_ONCE)
    postMessage({ id, steps: steps.slice(from, from + STEPS_AT_ONCE) } satisfies FromRecord)
  const plan = isNew('plan', resource.plan) ? resource.plan : null
  postMessage({ id, rest: { ...resource, steps: [], plan } } satisfies FromRecord)
  known.delete(run_id)
  known.set(run_id, { as_of: resource.as_of, parts })
  for (const oldest of [...known.keys()].slice(0, -MAX_KNOWN)) known.delete(oldest)
}
