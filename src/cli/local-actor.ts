import { userInfo } from 'node:os'

/** Who sits at this command line, for the journal: `local:NAME`, by the name that the system has for them. */
export function localActor(): `local:${string}` {
  return `local:${nameOf()}`
}

function nameOf(): string {
  try {
    return userInfo().username
  } catch {
    // A user id without a name, as containers have it.
    return String(process.getuid?.() ?? 'unknown')
  }
}
