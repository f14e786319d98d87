import type { Server } from './ask.ts'
import { serverOf } from './port.ts'

/** Options of a command that asks a server. */
export const SERVER_OPTIONS = {
  server: { type: 'string' },
  token: { type: 'string' },
} as const

export const SERVER_HELP = `  --server URL     default RUNSEAL_SERVER, else http://localhost at RUNSEAL_PORT or 3000
  --token TOKEN    default RUNSEAL_TOKEN; see runseal token --help`

/** The server that a line names, and as whom it is asked. */
export function serverNamed(options: {
  [option in keyof typeof SERVER_OPTIONS]?: string | undefined
}): Server {
  return {
    url: serverOf(options.server),
    token: options.token ?? process.env['RUNSEAL_TOKEN'],
  }
}
