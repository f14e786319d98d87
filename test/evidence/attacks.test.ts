import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { keysOf } from '#contract/status.ts'
import { CODE } from '#evidence/claims.ts'
import { ATTACKS, readAttack, readAttackTable, readerOf } from './attacks.ts'
import { judge, remainingSaid, rowOf } from './portable.ts'

const table = readAttackTable()

describe('frozen files', () => {
  it.each(table.attacks.map((attack) => [attack.file, attack.what, attack] as const))(
    '[V1] %s: %s',
    async (_file, _what, attack) => {
      const found = await judge(readAttack(attack), readerOf(attack, table))
      const { verdict, envelope, remaining } = found
      expect({ verdict, claims: rowOf(found) }).toEqual({
        verdict: attack.verdict,
        claims: attack.claims,
      })
      if (attack.remaining !== undefined) expect(remainingSaid(remaining)).toEqual(attack.remaining)
      expect(envelope === null).toBe(verdict === 'does not verify' || verdict === 'not an envelope')
    },
  )

  it('those that README.md names are there, and it names them all', () => {
    const [text = ''] = readFileSync(new URL('README.md', import.meta.url), 'utf8').split(
      '\n# Series\n',
    )
    const rows = text.split('\n').filter((line) => line.startsWith('|'))
    const named = rows.flatMap((row) => row.split('|')[2]?.match(/(?<=`)[a-z0-9-]+(?=`)/g) ?? [])
    const files = new Set(table.attacks.map(({ file }) => file))
    expect([...new Set(named)].filter((name) => !files.has(name))).toEqual([])
    expect([...files].filter((file) => file !== 'honest' && !named.includes(file))).toEqual([])
  })

  it('[V1] each code of the table is what is expected of some file', () => {
    const expected = new Set(
      table.attacks.flatMap(({ claims }) => claims.map((claim) => claim.split(' ')[0])),
    )
    expect(keysOf(CODE).filter((code) => !expected.has(code))).toEqual([])
  })

  it('each has its row', () => {
    const files = readdirSync(ATTACKS).filter((name) => name.endsWith('.envelope'))
    expect(files.toSorted()).toEqual(table.attacks.map(({ file }) => `${file}.envelope`).toSorted())
  })
})
