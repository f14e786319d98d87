#!/usr/bin/env node
import { CommandError, UsageError, type Command } from './command.ts'
import { defuse } from './defuse.ts'
import { run } from './run.ts'
import { serve } from './serve.ts'
import { token } from './token.ts'
import { trust } from './trust.ts'
import { user } from './user.ts'
import { verify } from './verify.ts'
import { watch } from './watch.ts'

const COMMANDS = new Map<string, Command>(
  Object.entries({ serve, run, watch, verify, token, user, trust }),
)

process.exitCode = await main(process.argv.slice(2))

async function main([name, ...argv]: string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    console.log(overview())
    return 0
  }
  const command = COMMANDS.get(name)
  if (command === undefined) {
    console.error(`runseal: there is no command ${JSON.stringify(name)}\n\n${overview()}`)
    return 2
  }
  if (argv.includes('--help') || argv.includes('-h')) {
    console.log(command.help)
    return 0
  }
  try {
    return await command.run(argv)
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`runseal ${name}: ${defuse(error.message)}\nMore: runseal ${name} --help`)
      return command.usageExit
    }
    if (!(error instanceof CommandError)) throw error
    console.error(`runseal ${name}: ${defuse(error.message)}`)
    return error.exitCode
  }
}

function overview(): string {
  const lines = [...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`)
  return `Usage: runseal COMMAND [--help]\n\n${lines.join('\n')}`
}
