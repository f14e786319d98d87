import { describe, expect, it } from 'vitest'
import { CODE, type ClaimCode, claimOf, fails } from '#evidence/claims.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { optionsFor, readAttack, readAttackTable } from './attacks.ts'

/** Where nothing is compared with anything, or with what is said beside it. */
const NOT_COMPARED: readonly ClaimCode[] = [
  'signature-wrong',
  'statement-unreadable',
  'decision-signature-wrong',
  'expectation-fails',
]
const STRUCTURE = ['bytes', 'canonical', 'schema', 'coverage']

describe('what was expected, and what is there', () => {
  it('[V27] stands at each claim that does not verify, and differs, but where nothing is compared', async () => {
    const table = readAttackTable()
    const met = new Set<ClaimCode>()
    for (const attack of table.attacks) {
      const { claims } = await verifyEnvelope(readAttack(attack), optionsFor(attack, table))
      for (const { code, expected, actual, message } of claims.filter(fails)) {
        if (NOT_COMPARED.includes(code) || STRUCTURE.includes(CODE[code].claim)) continue
        // A text of the run that is no client data, and a signature that is right and of another gate.
        if (/client data of no one reading|is not about what this record has/.test(message))
          continue
        met.add(code)
        expect({ file: attack.file, code, message, differs: expected !== actual }).toMatchObject({
          differs: true,
        })
        expect([expected, actual], `${attack.file} ${message}`).not.toContain(undefined)
      }
    }
    expect(met.size).toBeGreaterThan(40)
  })

  it('[V27] of two long texts that begin as one, it is where they differ', () => {
    const same = 'x'.repeat(65_000)
    const { expected = '', actual = '' } = claimOf('plan-differs', {
      message: '',
      expected: `${same}left`,
      actual: `${same}right`,
    })
    expect([expected, actual]).toEqual([`…${'x'.repeat(100)}left`, `…${'x'.repeat(100)}right`])
  })
})
