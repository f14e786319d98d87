import { createHmac, hash } from 'node:crypto'

/** SHA-256 of a value in its RFC 8785 form; of a private one under a key, so that nobody can guess it. */
export type ValueDigest = (canonical: string, isPrivate: boolean) => string

export function valueDigest(key: Uint8Array): ValueDigest {
  return (canonical, isPrivate) =>
    isPrivate
      ? createHmac('sha256', key).update(canonical).digest('hex')
      : hash('sha256', canonical, 'hex')
}
