import { JsonFault, strictJson } from '#contract/strict-json.ts'
import { MAX_TRUST_BYTES, readTrustFile, type ReadTrust } from '#evidence/trust-file.ts'

/** One byte beyond the limit is enough to be refused. */
export async function readTrustOf(file: Blob): Promise<ReadTrust> {
  return readTrustFile(new Uint8Array(await file.slice(0, MAX_TRUST_BYTES + 1).arrayBuffer()))
}

/**
 * Is it meant to be a trust file? A bad one is refused as what it is: a requirement with a comma too many, taken for
 * something else, would be a requirement that nobody asks for. What an envelope quotes of one does not make it one.
 */
export async function isTrustFile(file: File): Promise<boolean> {
  const value = file.size <= MAX_TRUST_BYTES ? valueOf(await file.text()) : undefined
  if (value !== undefined)
    return typeof value === 'object' && value !== null && !Array.isArray(value) && isMeant(value)
  // Not read as one value: by what stands at its beginning and its end.
  const [head, tail] = [
    await textOf(file.slice(0, LOOK_BYTES)),
    await textOf(file.slice(-LOOK_BYTES)),
  ]
  return !/^\s*\{\s*"closing"/.test(head) && (SAYS_SO.test(head) || SAYS_SO.test(tail))
}

const LOOK_BYTES = 1024
const SAYS_SO = /"schema"\s*:\s*"runseal\/trust\//

function isMeant(value: object): boolean {
  if ('schema' in value && typeof value.schema === 'string' && value.schema.startsWith(SCHEMA))
    return true
  // By what it has, where its schema is written wrongly or not at all.
  return 'server_keys' in value && ('required' in value || 'approvers' in value)
}

const SCHEMA = 'runseal/trust/'
const MAX_DEPTH = 64

/** undefined where it is no JSON of one meaning. */
function valueOf(text: string): unknown {
  try {
    return strictJson(text, MAX_DEPTH)
  } catch (fault) {
    if (fault instanceof JsonFault) return undefined
    throw fault
  }
}

/** UTF-16, as some editors write it, is text with a NUL beside each letter. */
const textOf = async (blob: Blob): Promise<string> => (await blob.text()).replaceAll('\0', '')
