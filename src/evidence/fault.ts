/** Why something handed to this folder cannot be evidence. */
export type FaultCode =
  | 'too-large'
  | 'not-utf8'
  | 'byte-order-mark'
  | 'not-json'
  | 'not-an-envelope'
  | 'too-deep'
  | 'key-not-allowed'
  | 'key-escaped'
  | 'not-canonical'
  | 'schema-violated'
  | 'over-limit'
  | 'coverage-broken'
  | 'not-writable'
  | 'not-base64'
  | 'signer-mismatch'

/** Says what disagreed. `where` is a JSON pointer into the document, '' for the whole of it. */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError'
  readonly code: FaultCode
  readonly where: string

  constructor(code: FaultCode, message: string, where = '') {
    super(message)
    this.code = code
    this.where = where
  }
}
