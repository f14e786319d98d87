import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'

/** One command of the line: a file each. */
export type Command = {
  /** Whole text of `--help`. */
  help: string
  /** Exit code when the line itself is wrong. */
  usageExit: number
  /** Answers the exit code. */
  run: (argv: string[]) => Promise<number>
}

/** The line is wrong: said with a hint at `--help`. */
export class UsageError extends Error {}

/** One clear line for a person, without a stack, whatever text of others is in it. */
export class CommandError extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode = 1, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** A line for each fault of a file that is the reader's own. */
export class FaultsError extends CommandError {}

/** Options and at most `most` positionals of a line; at least `least`. */
export function readLine<O extends ParseArgsOptionsConfig>(
  argv: string[],
  options: O,
  [least, most]: readonly [number, number],
) {
  const line = parsed(argv, options)
  if (line.positionals.length < least) throw new UsageError('something is missing')
  const extra = line.positionals[most]
  if (extra !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(extra)}`)
  return line
}

function parsed<O extends ParseArgsOptionsConfig>(args: string[], options: O) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (error) {
    // Node's own words: unknown option, missing value.
    if (error instanceof TypeError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}
