import { resolve } from 'node:path'
import { restore as restoreFrom } from '#server/main.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { localActor } from './local-actor.ts'
import { saidPlainly } from './said-plainly.ts'

export const restore: Command = {
  help: `Usage: runseal restore FILE --data DIR

Makes the data folder DIR of a backup. DIR must be empty or not there. Every envelope is compared
with what was sealed, and nothing is left where one differs. A log or an artifact that differs from
what is on record is named (exit 1), and restored as it is. Runs that were going on when the backup
was made go on when a server is started with --data DIR. People sign in again.

Two servers with one key make two series of envelopes that contradict each other: start the
restored one only when the other is gone for good.

  --data DIR       the data folder to be made`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(argv, { data: { type: 'string' } }, [1, 1])
    const [file = ''] = positionals
    const folder = values.data
    if (folder === undefined) throw new UsageError('--data DIR is missing')
    return await saidPlainly(async () => {
      const { runs, envelopes, differing } = await restoreFrom(
        resolve(file),
        resolve(folder),
        localActor(),
      )
      console.log(`${folder} has ${runs} runs and ${envelopes} envelopes, each as it was sealed.`)
      for (const what of differing) console.error(`not what is on record: ${what}`)
      return differing.length === 0 ? 0 : 1
    })
  },
}
