import { ACT } from '#contract/people.ts'
import { administering } from './administering.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'
import { inOneLine } from './defuse.ts'

export const journal: Command = {
  help: `Usage: runseal journal [--last 50]

Who did what, a line each, the latest last: starts, aborts, answers, sign-ins and their refusals,
and every change to people, sessions and tokens. Nobody's reading is in it. Nothing in it can be
changed or removed by Runseal. Works beside a running server.

  --last COUNT     how many; default 50
${DATA_HELP}`,
  usageExit: 2,
  async run(argv) {
    const { values } = readLine(
      argv,
      { last: { type: 'string' }, data: { type: 'string' }, project: { type: 'string' } },
      [0, 0],
    )
    const last = values.last ?? '50'
    if (!/^[1-9]\d{0,5}$/.test(last)) throw new UsageError('--last is a number')
    const folder = dataFolderOf(values.data, values.project)
    return await administering(folder, async (administration) => {
      const { items } = await administration.journal.list({ cursor: null, limit: Number(last) })
      for (const { n, at, actor, act, about, detail } of items.toReversed())
        console.log(
          inOneLine(
            [n, at, actor ?? 'somebody', ACT[act].label, about, detail && `(${detail})`]
              .filter((word) => word !== null && word !== '')
              .join(' '),
          ),
        )
    })
  },
}
