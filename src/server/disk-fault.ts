/**
 * What failed, for everybody who may read the run: a system's error by its code, in words where it is the disk's, and
 * never with the path that its message would name.
 */
export function faultWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = systemCode(error)
  return diskFault(error) ?? code ?? error.message
}

/** null where it is not the disk that failed. */
export function diskFault(error: unknown): string | null {
  const code = systemCode(error)
  const words = DISK.find(({ codes }) => codes.test(code ?? ''))?.words
  return words === undefined ? null : `${words} (${code})`
}

const DISK = [
  { codes: /^(ENOSPC|SQLITE_FULL)$/, words: 'the disk is full' },
  { codes: /^EDQUOT$/, words: 'the disk quota is used up' },
  { codes: /^(EROFS|SQLITE_READONLY.*|SQLITE_CANTOPEN.*)$/, words: 'the disk cannot be written' },
  { codes: /^(EIO|SQLITE_IOERR.*)$/, words: 'the disk fails' },
]

// Those of this house are in lower case.
function systemCode(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null
  return typeof code === 'string' && /^[A-Z]/.test(code) ? code : null
}
