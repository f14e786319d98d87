import { administering } from './administering.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'
import { listing } from './listing.ts'
import { localActor } from './local-actor.ts'
import { serverOf } from './port.ts'
import { roleOf, ROLES } from './role.ts'

export const user: Command = {
  help: `Usage: runseal user add NAME --role ROLE
       runseal user link NAME
       runseal user role NAME --role ROLE
       runseal user disable NAME
       runseal user enable NAME
       runseal user list

People. add and link print a sign-in link on stdout: good for one sign-in within ten minutes.
Who gets another role keeps no token that may do more; who is disabled is signed out at once.
Works beside a running server, and the link leads to that server.

  --role ROLE      ${ROLES}
${DATA_HELP}`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      { role: { type: 'string' }, data: { type: 'string' }, project: { type: 'string' } },
      [1, 2],
    )
    const [word = '', name = ''] = positionals
    if (!WORDS.includes(word)) throw new UsageError(`the words here are ${WORDS.join(', ')}`)
    if ((name === '') !== (word === 'list'))
      throw new UsageError(word === 'list' ? 'list takes no name' : 'name the person')
    const role = word === 'add' || word === 'role' ? roleOf(values.role) : undefined
    const folder = dataFolderOf(values.data, values.project)
    const by = localActor()
    return await administering(folder, async (administration) => {
      const { people } = administration
      if (role !== undefined && word === 'add') await people.addUser(name, role, by)
      if (role !== undefined && word === 'role') await people.changeUser(name, { role }, by)
      if (word === 'disable' || word === 'enable')
        await people.changeUser(name, { disabled: word === 'disable' }, by)
      if (word === 'add' || word === 'link')
        console.log(await administration.linkFor(name, serverOf(undefined), by))
      if (word === 'list')
        console.log(
          listing([
            ['NAME', 'ROLE', 'SINCE', 'DISABLED'],
            ...(await people.users()).map((one) => [
              one.name,
              one.role,
              one.created_at,
              one.disabled_at,
            ]),
          ]),
        )
    })
  },
}

const WORDS = ['add', 'link', 'role', 'disable', 'enable', 'list']
