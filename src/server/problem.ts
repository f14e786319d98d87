import { PROBLEM, type ProblemCode } from '#contract/problem.ts'

/**
 * What an asker did wrong, or what keeps the server from doing it. `detail` reaches the asker: it says what and where,
 * and never holds a path, a secret or a stack.
 */
export class ProblemError extends Error {
  readonly code: ProblemCode
  readonly detail: string
  readonly retryAfterSeconds: number | null
  constructor(code: ProblemCode, detail: string, retryAfterSeconds: number | null = null) {
    super(`${PROBLEM[code].title}: ${detail}`)
    this.name = 'ProblemError'
    this.code = code
    this.detail = detail
    this.retryAfterSeconds = retryAfterSeconds
  }
}
