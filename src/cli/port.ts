import { UsageError } from './command.ts'

export const DEFAULT_PORT = 3000

/** `--port`, or RUNSEAL_PORT, or 3000. 0: any that is free. */
export function portOf(option: string | undefined): number {
  const text = option ?? (process.env['RUNSEAL_PORT'] || String(DEFAULT_PORT))
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new UsageError(`${JSON.stringify(text)} is no port`)
  return port
}

/** `--server`, or RUNSEAL_SERVER, or this machine at the port. */
export function serverOf(option: string | undefined): string {
  const text = option ?? (process.env['RUNSEAL_SERVER'] || `http://localhost:${portOf(undefined)}`)
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new UsageError(`${JSON.stringify(text)} is no address of a server`)
  return new URL(text).origin
}
