import { ENDPOINT } from '#contract/api.ts'
import type { RunResource } from '#contract/run.ts'
import { ask } from '#viewer/api.ts'

/** One run as the server has it on record, and the stream position that it is at least as new as. */
export async function fetchRun(run_id: string, signal: AbortSignal): Promise<RunResource> {
  return await ask(ENDPOINT.run, { params: { run_id }, signal })
}
