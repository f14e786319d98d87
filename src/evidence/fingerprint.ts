import type { TrustedApprover } from '#contract/trust.ts'
import { decodeBase64 } from './base64.ts'
import { sha256 } from './digest.ts'

/**
 * What two people compare of a passkey that is in a trust file: hex SHA-256 of the bytes of its public key, as SPKI. Of
 * a file that was read; a key in no strict base64 throws.
 */
export const passkeyFingerprint = ({ public_key }: Pick<TrustedApprover, 'public_key'>): string =>
  sha256(decodeBase64(public_key))
