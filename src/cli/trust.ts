import type { TrustFile } from '#contract/trust.ts'
import { counted } from '#evidence/counted.ts'
import { FINGERPRINT, groupsOf, passkeyFingerprint } from '#evidence/fingerprint.ts'
import {
  leftOpenBy,
  mayOf,
  requirementSaid,
  validitySaid,
  withinQuotes,
} from '#evidence/trust-said.ts'
import { lookAtOffer } from '#server/look-in.ts'
import { wordsOf } from './ask.ts'
import { CommandError, readLine, UsageError, type Command } from './command.ts'
import { DATA_HELP, dataFolderOf } from './data-folder.ts'
import { inOneLine } from './defuse.ts'
import { readTrust } from './evidence-file.ts'

export const trust: Command = {
  help: `Usage: runseal trust export [--data DIR]
       runseal trust show FILE

export prints a trust file with the server's key on stdout, and on stderr the key's fingerprint in the
groups in which the viewer shows it. Carry either to a reader by a way that does not lead through the server.

show reads a trust file and says all that it holds, as the viewer does: server keys and the passkeys of
approvers, each with its fingerprint to be compared aloud and with what it counts for, and what is required.
Exit code 2 where the file cannot be read or is no trust file, with what is wrong in it.

${DATA_HELP}`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      { data: { type: 'string' }, project: { type: 'string' } },
      [1, 2],
    )
    const [word, file] = positionals
    const isHere = values.data === undefined && values.project === undefined
    if (word === 'show' && file !== undefined && isHere) {
      console.log(contentsOf((await readTrust(file)).file).join('\n'))
      return 0
    }
    if (word !== 'export' || file !== undefined)
      throw new UsageError('it is either export, or show and a file')
    const folder = dataFolderOf(values.data, values.project)
    const offered = await lookAtOffer(folder).catch((error: unknown) => {
      throw new CommandError(wordsOf(error), 1, { cause: error })
    })
    console.log(JSON.stringify(offered, null, 2))
    for (const { key_id } of offered.server_keys)
      console.error(fingerprintLines('server', key_id).join('\n'))
    return 0
  },
}

/** As the viewer draws it: sixteen groups of four in numbered lines of four, to be compared aloud. */
function fingerprintLines(of: keyof typeof FINGERPRINT, hex: string): string[] {
  const groups = groupsOf(hex)
  const lines = [0, 4, 8, 12].map(
    (from) => `  ${from / 4 + 1}  ${groups.slice(from, from + 4).join(' ')}`,
  )
  return [FINGERPRINT[of], ...lines]
}

/** A name as long as the file likes would look like lines of ours, and one without quotes like words of ours. */
const quoted = (name: string): string =>
  name.length > MOST_OF_A_NAME
    ? `“${withinQuotes(name.slice(0, MOST_OF_A_NAME))}…” (${counted(name.length, 'character')})`
    : `“${withinQuotes(name)}”`
const MOST_OF_A_NAME = 60

/** The page of a trust file, line by line. Names in it are whatever somebody wrote. */
function contentsOf({ server_keys, approvers, required }: TrustFile): string[] {
  const indented = (lines: readonly string[]) => lines.map((line) => `  ${inOneLine(line)}`)
  const part = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [title, ...indented(lines)]
  const parts = [
    part(
      'Server keys',
      server_keys.flatMap(({ key_id, name, ...key }) => [
        `${name === undefined ? 'Without a name' : quoted(name)}${key.status === 'active' ? '' : `, ${validitySaid(key)}`}`,
        ...fingerprintLines('server', key_id),
      ]),
    ),
    part(
      'Approvers',
      approvers.flatMap((approver) => [
        `${quoted(approver.name)} as ${approver.id}: may approve ${mayOf(approver)}`,
        ...fingerprintLines('passkey', passkeyFingerprint(approver)),
      ]),
    ),
    part(
      'Required',
      required.flatMap((definition) => [
        `Of ${definition.name}`,
        ...requirementSaid(definition).map((said) => `- ${said}`),
        ...leftOpenBy(definition).map((said) => `- left open to each run: ${said}`),
      ]),
    ),
  ].filter((lines) => lines.length > 0)
  return parts.length === 0
    ? ['It holds nothing: no key, no approver and no requirement.']
    : parts.flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]))
}
