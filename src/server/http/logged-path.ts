/**
 * The path of a request as the log has it: as it came, or read as whoever decodes the log would read it, with all that
 * may be a secret masked. Whoever puts a token or a link into a path, by mistake or in disguise, finds it there no more.
 */
export function loggedPath(path: string): string {
  let read = path
  for (let left = MOST_DISGUISES; decoded(read) !== read; left -= 1) {
    if (left === 0) return '/***'
    read = decoded(read)
  }
  const masked = read
    .replaceAll(/runseal_[\w-]+/gi, 'runseal_***')
    .replaceAll(/[\w-]{43,}/g, (run) => (/^[0-9a-f]{64}$/.test(run) ? run : '***'))
  return masked === read ? path : masked
}

const MOST_DISGUISES = 8

// What ASCII can be read without acting on a terminal. The rest is no part of a secret.
function decoded(path: string): string {
  return path.replaceAll(/%([2-6][0-9a-f]|7[0-9a-e])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
