import { administering } from './administering.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'

export const trust: Command = {
  help: `Usage: runseal trust export [--data DIR]

Prints a trust file with the server's key on stdout, and on stderr the key's fingerprint in the groups
in which the viewer shows it. Carry either to a reader by a way that does not lead through the server.

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
      const file = await administration.trustFile()
      console.log(JSON.stringify(file, null, 2))
      for (const { key_id } of file.server_keys) console.error(fingerprintLines(key_id))
    })
  },
}

/** As the viewer draws it: sixteen groups of four in numbered lines of four, to be compared aloud. */
function fingerprintLines(hex: string): string {
  const groups = hex.match(/.{1,4}/g) ?? []
  const lines = [0, 4, 8, 12].map(
    (from) => `  ${from / 4 + 1}  ${groups.slice(from, from + 4).join(' ')}`,
  )
  return ['Fingerprint, SHA-256 of the Ed25519 key:', ...lines].join('\n')
}
