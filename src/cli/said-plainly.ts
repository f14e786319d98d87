import { BackupError } from '#server/backup.ts'
import { diskFault } from '#server/disk-fault.ts'
import { StartError } from '#server/main.ts'
import { ProblemError } from '#server/problem.ts'
import { StorageError } from '#server/storage/storage.ts'
import { wordsOf } from './ask.ts'
import { CommandError, FaultsError } from './command.ts'

/** What a person can mend is one line, and `exitCode`; anything else keeps its stack. */
export async function saidPlainly(act: () => Promise<number>, exitCode = 1): Promise<number> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof StartError || error instanceof BackupError)
      throw new FaultsError(error.message, exitCode, { cause: error })
    if (error instanceof ProblemError)
      throw new CommandError(error.detail, exitCode, { cause: error })
    const disk = diskFault(error) ?? (error instanceof StorageError ? diskFault(error.cause) : null)
    if (disk !== null)
      throw new CommandError(`${disk}: ${wordsOf(error)}`, exitCode, { cause: error })
    throw error
  }
}
