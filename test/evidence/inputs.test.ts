import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { answerTo } from './answered.ts'
import { askedOf, INPUTS, readInputTable } from './frozen-inputs.ts'

const table = readInputTable()

it.each(table.inputs.map((input) => [input.rule, input.file, input.what, input] as const))(
  '[%s] frozen: %s, %s',
  async (_rule, _file, _what, input) => {
    expect(await answerTo(askedOf(input))).toEqual(input.found)
  },
)

it('[V17] each frozen input has its row', () => {
  const files = readdirSync(INPUTS).filter((name) => name.endsWith('.input'))
  const named = [...new Set(table.inputs.map(({ file }) => `${file}.input`))]
  expect(files.toSorted()).toEqual(named.toSorted())
})

it('those that README.md names are there, and it names them all', () => {
  const [, text = ''] = readFileSync(new URL('README.md', import.meta.url), 'utf8').split(
    '\n# Inputs\n',
  )
  const rows = text.split('\n').filter((line) => line.startsWith('|'))
  const named = rows.flatMap((row) => row.split('|')[2]?.match(/(?<=`)[a-z0-9-]+(?=`)/g) ?? [])
  expect(named.toSorted()).toEqual([...new Set(table.inputs.map(({ file }) => file))].toSorted())
})
