import { administering } from './administering.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'
import { roleOf, ROLES } from './role.ts'

export const token: Command = {
  help: `Usage: runseal token create --role ROLE [--user NAME] [--data DIR]

Makes a token and prints it, alone, on stdout. It is told once and kept as a digest.
Use it as: Authorization: Bearer TOKEN. Works beside a running server.

  --role ROLE      ${ROLES}
  --user NAME      the person it belongs to; default nobody
${DATA_HELP}`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      {
        role: { type: 'string' },
        user: { type: 'string' },
        data: { type: 'string' },
        project: { type: 'string' },
      },
      [1, 1],
    )
    if (positionals[0] !== 'create') throw new UsageError('the only word here is create')
    const role = roleOf(values.role)
    const folder = dataFolderOf(values.data, values.project)
    return await administering(folder, async ({ people }) => {
      console.log(await people.makeToken(role, values.user ?? null))
    })
  },
}
