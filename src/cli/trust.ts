import { administering } from './administering.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'

export const trust: Command = {
  help: `Usage: runseal trust export [--data DIR]

Prints a trust file with the server's key on stdout. Carry it to a reader by a way that does not
lead through the server, and compare the key's fingerprint there.

${DATA_HELP}`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      { data: { type: 'string' }, project: { type: 'string' } },
      [1, 1],
    )
    if (positionals[0] !== 'export') throw new UsageError('the only word here is export')
    const folder = dataFolderOf(values.data, values.project)
    return await administering(folder, async (administration) => {
      console.log(JSON.stringify(await administration.trustFile(), null, 2))
    })
  },
}
