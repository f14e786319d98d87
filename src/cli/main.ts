#!/usr/bin/env node
import { inspect } from 'node:util'
import { keepCompiled } from '#server/compile-cache.ts'
import { CommandError, FaultsError, UsageError, type Command } from './command.ts'
import { defuse, inOneLine } from './defuse.ts'
import { writeWhole } from './whole-output.ts'

type Entry = { summary: string; load: () => Promise<Command> }

// Loaded when it is named: `verify` waits for no database.
const COMMANDS = new Map<string, Entry>(
  Object.entries({
    serve: {
      summary: 'Start the companion server over a project',
      load: async () => (await import('./serve.ts')).serve,
    },
    run: { summary: 'Start a run', load: async () => (await import('./run.ts')).run },
    watch: {
      summary: 'Print what the stream says, readable',
      load: async () => (await import('./watch.ts')).watch,
    },
    status: {
      summary: 'What the server answers now: runs, gates, tables',
      load: async () => (await import('./status.ts')).status,
    },
    materialize: {
      summary: 'Derive the cells of tables that are not fresh',
      load: async () => (await import('./materialize.ts')).materialize,
    },
    provenance: {
      summary: 'Where the value of a derived cell is from',
      load: async () => (await import('./provenance.ts')).provenance,
    },
    verify: {
      summary: 'Check an evidence envelope, offline',
      load: async () => (await import('./verify.ts')).verify,
    },
    audit: {
      summary: 'Walk all envelopes: what is missing, forked, sealed anew',
      load: async () => (await import('./audit.ts')).audit,
    },
    export: {
      summary: 'Hand over a run: envelope, logs, artifacts, verifier',
      load: async () => (await import('./export.ts')).exportRun,
    },
    verifier: {
      summary: 'Write the verifier as one HTML file',
      load: async () => (await import('./verifier.ts')).verifier,
    },
    user: {
      summary: 'People: add, list, role',
      load: async () => (await import('./user.ts')).user,
    },
    backup: {
      summary: 'Write a backup, also while the server runs',
      load: async () => (await import('./backup.ts')).backup,
    },
    restore: {
      summary: 'Make a data folder from a backup',
      load: async () => (await import('./restore.ts')).restore,
    },
    token: {
      summary: 'Bearer tokens: create, list, revoke',
      load: async () => (await import('./token.ts')).token,
    },
    session: {
      summary: 'Who is signed in: list, end',
      load: async () => (await import('./session.ts')).session,
    },
    journal: {
      summary: 'Who did what',
      load: async () => (await import('./journal.ts')).journal,
    },
    trust: {
      summary: "Export the server's key as a trust file, or say what one holds",
      load: async () => (await import('./trust.ts')).trust,
    },
  }),
)

/** No other exit has it (it is EX_IOERR): 1 would say of a record that it does not verify. */
const UNWRITTEN = 74

/** A fault of this program (EX_SOFTWARE). Node would exit with 1 for it. */
const UNFORESEEN = 70

keepCompiled()
writeWhole(process.stdout)
// The console passes over it: a full disk would be a success with half a file. Who stops to read has what was wanted.
process.stdout.on('error', (error) => {
  if ('code' in error && error.code === 'EPIPE') return
  console.error(`runseal: the output could not be written: ${error.message}`)
  process.once('exit', () => {
    process.exitCode ||= UNWRITTEN
  })
})
process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(defuse(inspect(error)))
  return UNFORESEEN
})

async function main([name, ...argv]: string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    console.log(overview())
    return 0
  }
  const entry = COMMANDS.get(name)
  if (entry === undefined) {
    console.error(`runseal: there is no command ${JSON.stringify(name)}\n\n${overview()}`)
    return 2
  }
  const command = await entry.load()
  if (argv.includes('--help') || argv.includes('-h')) {
    console.log(command.help)
    return 0
  }
  try {
    return await command.run(argv)
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`runseal ${name}: ${inOneLine(error.message)}\nMore: runseal ${name} --help`)
      return command.usageExit
    }
    if (!(error instanceof CommandError)) throw error
    const said = error instanceof FaultsError ? defuse(error.message) : inOneLine(error.message)
    console.error(`runseal ${name}: ${said}`)
    return error.exitCode
  }
}

function overview(): string {
  const lines = [...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(11)} ${summary}`)
  return `Usage: runseal COMMAND [--help]\n\n${lines.join('\n')}`
}
