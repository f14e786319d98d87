import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { told } from '#live/told.ts'

describe('told', () => {
  it('[L5] calls nothing recorded or verified that only the stream said', () => {
    expect(told({ hint: 0, recorded: null, verified: null })).toEqual({ by: 'hint', value: 0 })
  })

  it('[L5] is silent where nobody has said', () => {
    expect(told({ hint: null, recorded: undefined, verified: null })).toBeNull()
  })

  it('[L5] keeps both values where the stream contradicts the record', () => {
    expect(told({ hint: 0, recorded: 1, verified: null })).toEqual({
      by: 'contradicted',
      value: 1,
      stands: 'recorded',
      instead: 0,
      insteadBy: 'hint',
    })
  })

  it('[L5] keeps both values where the server contradicts the envelope', () => {
    expect(told({ hint: 1, recorded: 0, verified: 1 })).toEqual({
      by: 'contradicted',
      value: 1,
      stands: 'verified',
      instead: 0,
      insteadBy: 'recorded',
    })
  })

  it('[L5] believes the strongest that speaks, for any values', () => {
    const value = fc.option(fc.constantFrom(0, 1, 2))
    fc.assert(
      fc.property(value, value, value, (hint, recorded, verified) => {
        expect(told({ hint, recorded, verified })?.value ?? null).toBe(verified ?? recorded ?? hint)
      }),
    )
  })

  it('[L5] compares values, not the order of their members', () => {
    expect(told({ hint: { a: 1, b: 2 }, recorded: { b: 2, a: 1 }, verified: null })?.by).toBe(
      'recorded',
    )
  })
})
