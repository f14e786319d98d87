import { link, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StepEntry, Totals } from '#contract/envelope.ts'
import type { Run } from '#contract/run.ts'
import { entryDigest } from '#evidence/chain.ts'
import { flush, makeFolder } from '#server/seal/durable-file.ts'
import type { RecordedFact } from '#server/storage/storage.ts'
import { indexFile, logFile } from './log.ts'

/**
 * By step: the entry that a rerun records instead of running the step. Its salt is still that of the source; `totals`
 * are those of what it derived.
 */
export type Takeovers = Map<string, StepEntry & { from: Source; totals?: Totals | undefined }>
type Source = { run_id: string; attempt: number }

/** What a rerun from the failed steps takes over of a sealed run. */
export function takeoversOf(facts: readonly RecordedFact[]): Takeovers {
  const takeovers: Takeovers = new Map()
  // Link 0 is the opening.
  let seq = 0
  let evidence_id = ''
  for (const { fact } of facts) {
    if (fact.type === 'run_started') evidence_id = fact.evidence_id
    if (fact.type === 'gate_resolved') seq += 1
    if (fact.type !== 'step_finished') continue
    seq += 1
    const { entry, run_id, totals } = fact
    if (entry.outcome === 'succeeded')
      takeovers.set(entry.step_id, {
        ...entry,
        attempt: 1,
        taken_over: { evidence_id, seq, entry: entryDigest('step', entry) },
        from: { run_id, attempt: entry.attempt },
        totals,
      })
  }
  return takeovers
}

/** The log of a step that was taken over is the source's own file, under a second name, which is on stable storage. */
export async function linkLogs(logs: string, run_id: string, takeovers: Takeovers): Promise<void> {
  if (takeovers.size === 0) return
  const folder = join(logs, run_id)
  await makeFolder(folder)
  for (const [step_id, { from }] of takeovers) {
    const source = logFile(logs, from.run_id, step_id, from.attempt)
    const target = logFile(logs, run_id, step_id, 1)
    // A log that held nothing is none after a power loss, and has no index.
    await link(source, target).catch(async (cause: unknown) => {
      if (!isMissing(cause)) throw cause
      await writeFile(target, '', { flag: 'wx', mode: 0o600 })
    })
    await link(indexFile(source), indexFile(target)).catch((cause: unknown) => {
      if (!isMissing(cause)) throw cause
    })
  }
  await flush(folder)
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
}

/** What was still to be taken over when the server died: its log is linked, and no attempt of it is on record. */
export async function pendingTakeovers(
  logs: string,
  run: Run,
  source: readonly RecordedFact[],
): Promise<Takeovers> {
  const pending: Takeovers = new Map()
  const begun = new Set(run.steps.map(({ step_id }) => step_id))
  for (const [step_id, entry] of takeoversOf(source)) {
    const linked = await stat(logFile(logs, run.run_id, step_id, 1)).catch(() => null)
    if (linked !== null && !begun.has(step_id)) pending.set(step_id, entry)
  }
  return pending
}
