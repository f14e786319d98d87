import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CommandError } from './command.ts'

/** The verifier as it was built with this Runseal: one page, without anything of a run in it. */
export async function readVerifier(): Promise<string> {
  const file = join(packageFolder(import.meta.dirname), 'dist', 'verifier.html')
  return await readFile(file, 'utf8').catch((error: unknown) => {
    throw new CommandError('the verifier is not built. Run: npm run build:viewer', NOT_BUILT, {
      cause: error,
    })
  })
}

const NOT_BUILT = 2

// From a checkout's sources as from what was built of them.
function packageFolder(from: string): string {
  return existsSync(join(from, 'package.json')) ? from : packageFolder(dirname(from))
}
