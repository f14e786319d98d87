import { administering } from './administering.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'
import { listing } from './listing.ts'
import { localActor } from './local-actor.ts'
import { roleOf, ROLES } from './role.ts'

export const token: Command = {
  help: `Usage: runseal token create --role ROLE [--user NAME] [--expires 30d]
       runseal token list
       runseal token revoke ID

create makes a token and prints it, alone, on stdout. It is told once and kept as a digest.
Use it as: Authorization: Bearer TOKEN. Works beside a running server.

  --role ROLE      what it may do: ${ROLES}
  --user NAME      the person it belongs to; default nobody
  --expires TIME   after so many minutes, hours or days (90m, 12h, 30d); default never
${DATA_HELP}`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      {
        role: { type: 'string' },
        user: { type: 'string' },
        expires: { type: 'string' },
        data: { type: 'string' },
        project: { type: 'string' },
      },
      [1, 2],
    )
    const [word = '', id = ''] = positionals
    if (!WORDS.includes(word)) throw new UsageError(`the words here are ${WORDS.join(', ')}`)
    if ((id !== '') !== (word === 'revoke'))
      throw new UsageError(word === 'revoke' ? 'name the token by its id' : `${word} takes no name`)
    const wanted =
      word === 'create'
        ? {
            role: roleOf(values.role),
            owner: values.user ?? null,
            expires_at: values.expires === undefined ? null : instantIn(values.expires),
          }
        : null
    const folder = dataFolderOf(values.data, values.project)
    return await administering(folder, async ({ people }) => {
      if (wanted !== null) console.log((await people.makeToken(wanted, localActor())).token)
      if (word === 'revoke') await people.revokeToken(id, localActor())
      if (word === 'list')
        console.log(
          listing([
            ['ID', 'ROLE', 'USER', 'SINCE', 'EXPIRES', 'REVOKED'],
            ...(await people.tokens()).map((one) => [
              one.token_id,
              one.role,
              one.owner,
              one.created_at,
              one.expires_at,
              one.revoked_at,
            ]),
          ]),
        )
    })
  },
}

const WORDS = ['create', 'list', 'revoke']

const UNIT_MS = new Map([
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

function instantIn(text: string): string {
  const [, count, unit = ''] = /^([1-9]\d{0,6})([mhd])$/.exec(text) ?? []
  const unitMs = UNIT_MS.get(unit)
  if (unitMs === undefined)
    throw new UsageError(`--expires ${JSON.stringify(text)} is not like 30d`)
  return new Date(Date.now() + Number(count) * unitMs).toISOString()
}
