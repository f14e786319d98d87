import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { makeDataFolder } from '#server/data-folder.ts'

const root = mkdtempSync(join(tmpdir(), 'runseal-folder-'))
afterAll(() => rmSync(root, { recursive: true }))

it('[P17] a new data folder is for its owner alone, and git leaves it alone', () => {
  execFileSync('git', ['init', '-q', root])
  const folder = join(root, 'a', 'b')
  makeDataFolder(folder)
  writeFileSync(join(folder, 'key.pem'), 'secret')
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  const seen = execFileSync('git', ['-C', root, 'status', '--short', '-uall'], { encoding: 'utf8' })
  expect(seen).toBe('')
})

it('[P17] a .gitignore that is there is left as it is', () => {
  const file = join(root, '.gitignore')
  writeFileSync(file, 'mine')
  makeDataFolder(root)
  expect(readFileSync(file, 'utf8')).toBe('mine')
})

it('[P17] where no folder can be made, that is said and does not hang', (context) => {
  if (!existsSync('/proc/self')) context.skip('no /proc on this machine')
  expect(() => makeDataFolder('/proc/x/y')).toThrow(/cannot be made: E\w+ at \/proc\/x$/)
})

it('[P17] a file is no data folder', () => {
  writeFileSync(join(root, 'file'), '')
  expect(() => makeDataFolder(join(root, 'file'))).toThrow('is no folder')
  expect(() => makeDataFolder(join(root, 'file', 'x'))).toThrow(/cannot be made: ENOTDIR/)
})
