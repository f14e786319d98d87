import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CommandError, UsageError } from './command.ts'

/**
 * The project that is meant when none is named: the folder one stands in, or, in a checkout of Runseal itself, the
 * example that `npm start` serves. So `token create` finds the data folder of the server that `npm start` started.
 */
export function projectOf(named: string | undefined, exitCode = 1): string {
  if (named !== undefined) return resolve(named)
  for (const folder of ['.', 'examples/release'])
    if (existsSync(join(folder, 'runseal.yaml'))) return resolve(folder)
  throw new CommandError('there is no runseal.yaml here; name the project', exitCode)
}

/** `--data`, or RUNSEAL_DATA, or `.runseal` in the project. `exitCode`: of a command where none is to be found. */
export function dataFolderOf(
  option: string | undefined,
  project: string | undefined,
  exitCode = 1,
): string {
  // A variable of a script that is not set: another folder than was meant is none to fall back on.
  if (option === '') throw new UsageError('--data names no folder')
  const named = option ?? process.env['RUNSEAL_DATA']
  if (named) return resolve(named)
  const folder = projectOf(project, exitCode)
  // A project may be named by its file too.
  return folder.endsWith('.yaml') ? resolve(folder, '..', '.runseal') : join(folder, '.runseal')
}

export const DATA_HELP = `  --data DIR       the server's data folder; default RUNSEAL_DATA, else .runseal in the project
  --project DIR    the project; default the folder one stands in, in a checkout of Runseal
                   examples/release`
