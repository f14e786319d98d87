import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Opening } from '#contract/envelope.ts'

/** The commit that `root` is checked out at; undefined where there is none, or where git does not answer in time. */
export async function sourceOf(root: string): Promise<Opening['source']> {
  try {
    const commit = (await git(root, ['rev-parse', '--verify', 'HEAD'])).trim()
    const status = await git(root, ['status', '--porcelain', '--untracked-files=normal'])
    return { commit, dirty: status !== '' }
  } catch {
    // No git, no repository, no commit, or too slow: the record then says nothing of a source.
    return undefined
  }
}

async function git(cwd: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('git', args, {
    cwd,
    timeout: 3000,
    maxBuffer: 16 * 1024 * 1024,
    // Reading must not take the lock that somebody else's commit needs.
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], GIT_OPTIONAL_LOCKS: '0' },
  })
  return stdout
}
