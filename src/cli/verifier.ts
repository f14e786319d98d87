import { createHash } from 'node:crypto'
import { readLine, type Command } from './command.ts'
import { readVerifier } from './verifier-file.ts'

export const verifier: Command = {
  help: `Usage: runseal verifier > verifier.html
       runseal verifier --digest

Writes one HTML file that verifies an envelope in a browser, opened from disk: no server, no network,
nothing stored. The same version of Runseal writes the same bytes, wherever it was built.

  --digest         its SHA-256 alone: compare with sha256sum verifier.html

Exit codes: 0 written; 74 the output could not be written.`,
  usageExit: 2,
  async run(argv) {
    const { values } = readLine(argv, { digest: { type: 'boolean' } }, [0, 0])
    const page = await readVerifier()
    process.stdout.write(
      values.digest === true ? `${createHash('sha256').update(page).digest('hex')}\n` : page,
    )
    return 0
  },
}
