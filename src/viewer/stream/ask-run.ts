import type { RunResource } from '#contract/run.ts'
import { ApiError } from '#viewer/api.ts'
import type { RecordsRim, TakeSteps } from './records.ts'

/*
 * The page's side of record.worker.ts. The record of a long run is megabytes: reading and parsing it would stop the
 * page for longer than a picture takes, so a worker does, and says only what the page does not know yet.
 */

/** `have`: the position of the record that the page took last from here; null: of none. */
export type ToRecord =
  | { say: 'ask'; id: number; run_id: string; have: string | null }
  | { say: 'stop'; id: number }

/** Steps come first, some at a time; then the rest. What is unchanged since `have` is left out, which says the same. */
export type FromRecord = { id: number } & (
  | { steps: RunResource['steps'] }
  | { rest: RunResource }
  | { refused: { code: ApiError['code']; status: number; detail: string } }
)

type Waiting = {
  /** Takes steps as they come; without it they are in the answer. */
  take: TakeSteps | undefined
  steps: RunResource['steps']
  resolve: (resource: RunResource) => void
  reject: (error: unknown) => void
}

/** One run as the server has it on record, less what an earlier answer has said, and its stream position. */
export function askRun(): RecordsRim['ask'] {
  const waiting = new Map<number, Waiting>()
  /** Position of the newest answer about each run. */
  const have = new Map<string, string>()
  let worker: Worker | null = null
  let asked = 0

  const start = (): Worker => {
    const started = new Worker(new URL('./record.worker.ts', import.meta.url), { type: 'module' })
    started.addEventListener('message', ({ data }: MessageEvent<FromRecord>) => {
      const asker = waiting.get(data.id)
      if (asker === undefined) return
      if ('steps' in data)
        return asker.take ? asker.take(data.steps) : void asker.steps.push(...data.steps)
      waiting.delete(data.id)
      if ('refused' in data) {
        const { code, status, detail } = data.refused
        return asker.reject(new ApiError(code, status, detail))
      }
      asker.resolve({ ...data.rest, steps: asker.steps })
    })
    started.addEventListener('error', () => {
      for (const { reject } of waiting.values()) reject(new Error('records cannot be read'))
      waiting.clear()
      have.clear()
      worker = null
    })
    return started
  }

  return async (run_id, signal, take) => {
    const id = ++asked
    const reader = (worker ??= start())
    const stop = (): void => {
      waiting.get(id)?.reject(signal.reason)
      waiting.delete(id)
      reader.postMessage({ say: 'stop', id } satisfies ToRecord)
    }
    signal.addEventListener('abort', stop)
    try {
      const resource = await new Promise<RunResource>((resolve, reject) => {
        waiting.set(id, { take, steps: [], resolve, reject })
        reader.postMessage({
          say: 'ask',
          id,
          run_id,
          have: have.get(run_id) ?? null,
        } satisfies ToRecord)
      })
      have.set(run_id, resource.as_of)
      return resource
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
}
