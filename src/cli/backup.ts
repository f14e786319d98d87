import { resolve } from 'node:path'
import { backUp } from '#server/main.ts'
import { readLine, type Command } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'
import { localActor } from './local-actor.ts'
import { saidPlainly } from './said-plainly.ts'

export const backup: Command = {
  help: `Usage: runseal backup FILE [--data DIR]

Writes all that is on record by now to FILE, a tar archive: runs, envelopes, logs, artifacts, people
and the sealing key, without which no restored server could go on with the same series of envelopes.
So whoever can read FILE can seal as this server: it is made for its owner alone, keep it so. The
server may run meanwhile. FILE must not be there before.

${DATA_HELP}`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      { data: { type: 'string' }, project: { type: 'string' } },
      [1, 1],
    )
    const [file = ''] = positionals
    const folder = dataFolderOf(values.data, values.project)
    return await saidPlainly(async () => {
      const { runs, envelopes } = await backUp(folder, resolve(file), localActor())
      console.log(`${file} has ${runs} runs and ${envelopes} envelopes, and the sealing key.`)
      return 0
    })
  },
}
