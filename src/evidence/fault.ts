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

/** In our words and numbers: nothing of a file that is refused is in it. */
export type Compared = { readonly expected: string; readonly actual: string }

/** Says what disagreed. `where` is a JSON pointer into the document, '' for the whole of it. */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError'
  readonly code: FaultCode
  readonly where: string
  readonly compared: Compared | undefined

  constructor(code: FaultCode, message: string, where = '', compared?: Compared) {
    super(message)
    this.code = code
    this.where = where
    this.compared = compared
  }
}
