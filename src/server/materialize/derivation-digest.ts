import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalize } from '#evidence/canonical.ts'
import { digestOf } from '#evidence/digest.ts'
import { openInside } from '#server/runs/artifact.ts'
import type { DefinitionStep } from '#server/runs/project.ts'
import { valueOf, type Environment } from '#server/runs/plan.ts'
import { isPrivateInput, unsecretEnv, type DerivedField, type Tables } from './table-definition.ts'

/** What derives a field, as it is told and digested. */
export type Derivation = {
  command: readonly string[]
  version: string | null
  files: readonly { path: string; sha256: string }[]
  sha256: string
  /** All that the digest is of, and what the inputs were taken from, as JSON. */
  body: string
}

/** A declared file that cannot be read, in words. */
export class DeclaredFileError extends Error {}

/** Digests of the files that definitions declare, read again when they have changed. */
export type DeclaredFiles = (root: string, path: string) => Promise<string>

export function createDeclaredFiles(now: () => Date): DeclaredFiles {
  const known = new Map<string, { stamp: string; sha256: string }>()
  return async (root, path) => {
    const file = join(root, path)
    const found = await stat(file).catch(() => null)
    const stamp =
      found === null ? '' : `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`
    const before = known.get(file)
    if (before !== undefined && before.stamp === stamp && stamp !== '') return before.sha256
    const sha256 = await digestOfFile(root, path)
    // One that was written a moment ago can be written again within the same instant.
    const isOld =
      found !== null && now().getTime() - Math.max(found.mtimeMs, found.ctimeMs) > RACY_MS
    known.set(file, { stamp: isOld ? stamp : '', sha256 })
    return sha256
  }
}

const RACY_MS = 2000
const MAX_FILE_BYTES = 256 * 1024 * 1024

async function digestOfFile(root: string, path: string): Promise<string> {
  const allowance = { bytes: MAX_FILE_BYTES, owner: null }
  const file = await openInside(root, path, allowance, 'declared file').catch((cause: unknown) => {
    throw new DeclaredFileError(cause instanceof Error ? cause.message : String(cause))
  })
  try {
    const digest = createHash('sha256')
    for await (const chunk of file.createReadStream({ autoClose: false }))
      if (Buffer.isBuffer(chunk)) digest.update(chunk)
    return digest.digest('hex')
  } finally {
    await file.close()
  }
}

/** A `DeclaredFileError` where a declared file is not to be read. */
export async function derivationOf(
  field: DerivedField,
  { tables, root }: { tables: Tables; root: string },
  digestOfDeclared: DeclaredFiles,
  environment: Environment,
): Promise<Derivation> {
  const { step, version, type, from } = field
  const files: Derivation['files'][number][] = []
  for (const path of field.files) files.push({ path, sha256: await digestOfDeclared(root, path) })
  const what = {
    command: step.argv,
    cwd: step.cwd,
    env: variablesOf(step, environment),
    type,
    version,
    files,
    // By a key or not: digests of before it was private are of other cells.
    ...(field.private && { private: true }),
  }
  const made = from.map((one) => ({ ...one, keyed: isPrivateInput(tables, field.table, one) }))
  return {
    command: step.argv,
    version,
    files,
    sha256: digestOf(what),
    body: canonicalize({ ...what, from: made, private: field.private }),
  }
}

/** As its process gets them, wherever they are from; of a secret its source alone. */
function variablesOf(step: DefinitionStep, environment: Environment): Record<string, unknown> {
  const variables = unsecretEnv(step)
  for (const [name, source] of Object.entries(step.env))
    if (!source.secret) variables[name] = { value: valueOf(source, environment), secret: false }
  return variables
}
