import type { RunResource } from '#contract/run.ts'
import { ApiError } from '#viewer/api.ts'
import type { FromRecord, ToRecord } from './ask-run.ts'
import { fetchRun } from './fetch-run.ts'
import { type Known, newsOf } from './record-news.ts'

/* Reads records of runs, so that the page does not have to. */

/** Most steps that the page takes in one go, so that it stays quick. */
const STEPS_AT_ONCE = 500
/** Most runs that it is known of what the page has. */
const MAX_KNOWN = 4

const pages = new Map<string, { as_of: string; known: Known }>()
const asking = new Map<number, AbortController>()

addEventListener('message', ({ data }: MessageEvent<ToRecord>) => {
  if (data.say === 'stop') return asking.get(data.id)?.abort()
  void answer(data)
})

async function answer({ id, run_id, have }: ToRecord & { say: 'ask' }): Promise<void> {
  const stopped = new AbortController()
  asking.set(id, stopped)
  try {
    const resource = await fetchRun(run_id, stopped.signal)
    const page = pages.get(run_id)
    // An answer that did not reach the page told it nothing.
    const { news, known } = newsOf(resource, page?.as_of === have ? page.known : null)
    tell({ id, rest: { ...news, steps: [] } }, news.steps)
    pages.delete(run_id)
    pages.set(run_id, { as_of: resource.as_of, known })
    for (const oldest of [...pages.keys()].slice(0, -MAX_KNOWN)) pages.delete(oldest)
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

function tell(last: FromRecord & { rest: RunResource }, steps: RunResource['steps']): void {
  for (let from = 0; from < steps.length; from += STEPS_AT_ONCE)
    postMessage({
      id: last.id,
      steps: steps.slice(from, from + STEPS_AT_ONCE),
    } satisfies FromRecord)
  postMessage(last)
}
