import { parse } from 'csv-parse/sync'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import * as z from 'zod/mini'

/*
 * The classes of risk that there are, against those that are known: written down in classes.json, or accepted here by
 * an approver. `list` writes all of them down, known or new; `check` does, and fails where one is new. `news` writes the
 * new ones down for a gate to show, and fails where there are none; `keep` makes known what the gate showed.
 */

const FOLDER = 'examples/licences'
const PACKAGES = `${FOLDER}/out/packages.jsonl`
const ACCEPTED = `${FOLDER}/out/accepted.json`
const NEWS = `${FOLDER}/out/news.csv`
/** Packages that a class is shown with. */
const SHOWN = 10

const Classes = z.array(z.string())
/** A field that failed is not there. */
const Package = z.object({
  path: z.string(),
  licence: z.optional(z.string()),
  risk: z.optional(z.string()),
})
type Found = { name: string; packages: z.infer<typeof Package>[]; isKnown: boolean }

const [, , verb = '', again = ''] = process.argv
const VERB: Readonly<Record<string, () => void>> = { list, check, news, keep }
const act = VERB[verb]
if (act === undefined)
  throw new RangeError(`${JSON.stringify(verb)} is none of ${Object.keys(VERB).join(', ')}`)
act()

function list(): Found[] {
  const found = classes()
  write(`${FOLDER}/out/classes.csv`, table(found))
  for (const { name, packages, isKnown } of found)
    console.log(`${isKnown ? 'known' : 'NEW  '}  ${name}: ${packages.length}`)
  return found
}

function check(): void {
  if (list().every(({ isKnown }) => isKnown)) return
  console.error('A class is new. Start the run "accept", and have an approver answer its gate.')
  process.exitCode = 1
}

function news(): void {
  const found = classes().filter(({ name, isKnown }) => !isKnown || name === again)
  write(NEWS, table(found))
  for (const { name } of found) console.log(name)
  if (found.length > 0) return
  console.error('Every class is known: there is nothing to ask.')
  process.exitCode = 1
}

// Attacker: whoever writes another file over the one that the approver saw. What is read is what was approved, or nothing.
function keep(): void {
  const shown = readFileSync(NEWS)
  const line = `${createHash('sha256').update(shown).digest('hex')}  ${NEWS}`
  if (!(process.env['RUNSEAL_APPROVED'] ?? '').split('\n').includes(line))
    throw new Error(`${NEWS} is not what was approved: start the run again`)
  const asked = z.array(z.object({ class: z.string() })).parse(parse(shown, { columns: true }))
  const all = new Set([...read(ACCEPTED), ...asked.map((row) => row.class)])
  write(ACCEPTED, `${JSON.stringify([...all].toSorted(), null, 2)}\n`)
  console.log(`${all.size} accepted beside those of classes.json`)
}

function classes(): Found[] {
  const known = new Set([...read(`${FOLDER}/classes.json`), ...read(ACCEPTED)])
  const packages = readFileSync(PACKAGES, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Package.parse(JSON.parse(line)))
  return [...Map.groupBy(packages, ({ risk = 'not-derived' }) => risk)]
    .map(([name, packages]) => ({ name, packages, isKnown: known.has(name) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function read(file: string): string[] {
  return existsSync(file) ? Classes.parse(JSON.parse(readFileSync(file, 'utf8'))) : []
}

function table(found: readonly Found[]): string {
  const rows = found.map(({ name, packages, isKnown }) => [
    name,
    isKnown ? 'known' : 'new',
    String(packages.length),
    [...new Set(packages.map(({ licence = 'not derived' }) => licence))].toSorted().join(' '),
    packages
      .slice(0, SHOWN)
      .map(({ path }) => path.replace(/^.*node_modules\//, ''))
      .join(' '),
  ])
  return [['class', 'is', 'packages', 'licences', 'such as'], ...rows]
    .map((row) => `${row.map(cell).join(',')}\n`)
    .join('')
}

// Attacker: a package whose name or licence is a formula. A spreadsheet must read it as text.
function cell(text: string): string {
  const inert = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return `"${inert.replaceAll('"', '""')}"`
}

function write(file: string, text: string): void {
  mkdirSync(`${FOLDER}/out`, { recursive: true })
  writeFileSync(file, text)
}
