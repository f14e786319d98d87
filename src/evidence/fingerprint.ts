import type { TrustedApprover } from '#contract/trust.ts'
import { decodeBase64 } from './base64.ts'
import { sha256 } from './digest.ts'

/**
 * What two people compare of a passkey that is in a trust file: hex SHA-256 of the bytes of its public key, as SPKI. Of
 * a file that was read; a key in no strict base64 throws.
 */
export const passkeyFingerprint = ({ public_key }: Pick<TrustedApprover, 'public_key'>): string =>
  sha256(decodeBase64(public_key))

/** What two people compare, and of what it is. */
export const FINGERPRINT = {
  server: 'Fingerprint · SHA-256 of the Ed25519 key',
  passkey: 'Fingerprint · SHA-256 of the passkey’s public key',
} as const

/** A digest in groups of four, sixteen of them, so that two people can compare it aloud. */
export const groupsOf = (hex: string): readonly string[] => hex.match(/.{1,4}/g) ?? []
