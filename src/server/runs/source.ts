import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Opening } from '#contract/envelope.ts'

/** The commit that `root` is checked out at; undefined where there is none, or where git does not answer in time. */
export async function sourceOf(root: string, isShared: boolean): Promise<Opening['source']> {
  // What a repository configures, git runs. Where others may write the root, one of theirs is not asked at all.
  const ours = isShared ? ['-c', 'safe.directory='] : []
  try {
    const commit = (await git(root, [...ours, 'rev-parse', '--verify', 'HEAD'])).trim()
    const status = await git(root, [...ours, 'status', '--porcelain', '--untracked-files=normal'])
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
