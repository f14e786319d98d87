import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import * as z from 'zod/mini'
import { answerEach } from './json-lines.ts'
import { filesOf, isInstalled } from './package-folder.ts'

/*
 * The newest year that a package claims for itself: in a copyright line of its licence, notice or readme, or as a date
 * in its changelog. "2014-present" claims nothing. It is no proof of age, but it is on the disk and the same everywhere:
 * an installed file has the time of its installation, and a registry answers differently tomorrow.
 */

const STATES_A_COPYRIGHT = /^(licen[cs]e|copying|notice|readme)\b/i
const STATES_DATES = /^(changelog|changes|history)\b/i
const LARGEST_READ = 2 ** 20

await answerEach(z.unknown(), (_, path) => {
  if (!isInstalled(path)) return { value: 'not installed' }
  const years = filesOf(path)
    .filter((file) => dirname(file.path) === path && file.bytes <= LARGEST_READ)
    .flatMap((file) => yearsIn(basename(file.path), () => readFileSync(file.path, 'utf8')))
  return { value: years.length === 0 ? 'not stated' : String(Math.max(...years)) }
})

function yearsIn(name: string, read: () => string): number[] {
  if (STATES_A_COPYRIGHT.test(name))
    return [...read().matchAll(/copyright(?!.*present).*/gi)].flatMap(([line]) =>
      [...line.matchAll(/\b(?:19[89]|20[0-4])\d\b/g)].map(([year]) => Number(year)),
    )
  if (STATES_DATES.test(name))
    return [...read().matchAll(/\b(20[0-4]\d)-[01]\d-[0-3]\d\b/g)].map(([, year]) => Number(year))
  return []
}
