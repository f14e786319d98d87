import * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import type { Materialize } from '#contract/provenance.ts'
import { ProblemError } from '#server/problem.ts'

/** What somebody asked to be derived, with every default resolved. */
export type MaterializeRequest = {
  targets: readonly string[] | null
  record_ids: readonly string[] | null
  force: boolean
  lock_timeout_ms: number
}

const LOCK_TIMEOUT_MS = 60_000

export function requestOf({
  targets,
  record_ids,
  force,
  lock_timeout_ms,
}: Materialize): MaterializeRequest {
  return {
    targets: targets ?? null,
    record_ids: record_ids ?? null,
    force: force ?? false,
    lock_timeout_ms: lock_timeout_ms ?? LOCK_TIMEOUT_MS,
  }
}

/** As the inputs of a run, where texts have a bound: keys of many records are many inputs. */
export function inputsOfRequest(request: MaterializeRequest): Record<string, string> {
  const { targets, record_ids, force, lock_timeout_ms } = request
  const inputs: Record<string, string> = {
    force: String(force),
    lock_timeout_ms: String(lock_timeout_ms),
  }
  if (targets !== null) inputs['targets'] = fitting(JSON.stringify(targets))
  for (const [at, part] of partsOf(record_ids ?? []).entries())
    inputs[`record_ids.${at + 1}`] = fitting(JSON.stringify(part))
  if (record_ids?.length === 0) inputs['record_ids.1'] = '[]'
  return inputs
}

/** The other way. */
export function requestIn(inputs: Readonly<Record<string, string>>): MaterializeRequest {
  const record_ids: string[] = []
  let at = 1
  for (; inputs[`record_ids.${at}`] !== undefined; at += 1)
    record_ids.push(...namesIn(inputs[`record_ids.${at}`]))
  return {
    targets: inputs['targets'] === undefined ? null : namesIn(inputs['targets']),
    record_ids: at === 1 ? null : record_ids,
    force: inputs['force'] === 'true',
    lock_timeout_ms: Number(inputs['lock_timeout_ms'] ?? LOCK_TIMEOUT_MS),
  }
}

const PART_CHARS = 16_384
const MAX_TEXT_BYTES = 65_536

function partsOf(record_ids: readonly string[]): string[][] {
  const parts: string[][] = []
  let chars = 0
  for (const record_id of record_ids) {
    if (parts.length === 0 || chars + record_id.length > PART_CHARS) {
      parts.push([])
      chars = 0
    }
    parts.at(-1)?.push(record_id)
    chars += record_id.length + 3
  }
  return parts
}

function fitting(text: string): string {
  if (Buffer.byteLength(text) > MAX_TEXT_BYTES)
    throw new ProblemError('too_large', 'the names of targets or records are too long')
  return text
}

const Names = z.array(z.string())

function namesIn(text: string | undefined): string[] {
  const parsed = parseJson(Names, text ?? '[]')
  return parsed.ok ? parsed.value : []
}
