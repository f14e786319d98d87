import { administering } from './administering.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'
import { serverOf } from './port.ts'
import { roleOf, ROLES } from './role.ts'

export const user: Command = {
  help: `Usage: runseal user add NAME --role ROLE [--data DIR]

Adds a person and prints a sign-in link on stdout: good for one sign-in within ten minutes.
Works beside a running server, and the link leads to that server.

  --role ROLE      ${ROLES}
${DATA_HELP}`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      { role: { type: 'string' }, data: { type: 'string' }, project: { type: 'string' } },
      [2, 2],
    )
    const [word, name = ''] = positionals
    if (word !== 'add') throw new UsageError('the only word here is add')
    const role = roleOf(values.role)
    const folder = dataFolderOf(values.data, values.project)
    return await administering(folder, async (administration) => {
      await administration.people.addUser(name, role)
      console.log(await administration.linkFor(name, serverOf(undefined)))
    })
  },
}
