import { administering } from './administering.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'
import { listing } from './listing.ts'
import { localActor } from './local-actor.ts'

export const session: Command = {
  help: `Usage: runseal session list [--user NAME]
       runseal session end ID
       runseal session end --user NAME

Who is signed in. Ending a session, or all of a person's, signs them out at once; a stream of theirs
ends within 15 seconds. Works beside a running server.

  --user NAME      one person's
${DATA_HELP}`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      { user: { type: 'string' }, data: { type: 'string' }, project: { type: 'string' } },
      [1, 2],
    )
    const [word, id] = positionals
    const { user } = values
    if (word !== 'list' && word !== 'end') throw new UsageError('the words here are list, end')
    if (word === 'list' && id !== undefined) throw new UsageError('list takes no id')
    if (word === 'end' && (id === undefined) === (user === undefined))
      throw new UsageError('name one session by its id, or one person by --user')
    const folder = dataFolderOf(values.data, values.project)
    return await administering(folder, async ({ people }) => {
      if (word === 'list')
        console.log(
          listing([
            ['ID', 'USER', 'SINCE', 'SEEN', 'EXPIRES'],
            ...(await people.sessions(user ?? null, null)).map((one) => [
              one.session_id,
              one.user,
              one.created_at,
              one.seen_at,
              one.expires_at,
            ]),
          ]),
        )
      else if (id !== undefined) await people.endSession(id, null, localActor())
      else if (user !== undefined)
        console.log(`${await people.endSessions(user, localActor())} ended`)
    })
  },
}
