import { isKept } from '#contract/kept-number.ts'
import type { Tables } from './table-definition.ts'

/** Is a text one that CSV has for a number? */
export function isNumber(text: string): boolean {
  return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)
}

/**
 * The key of a table's record that a value means, whoever has it: a field of another record, a request, a path. Where the
 * key is declared a number, one number is one key, however it is written. null: none.
 */
export function keyIn(tables: Tables, table: string, value: unknown): string | null {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string' || value === '') return null
  const { key, fields } = tables.get(table) ?? { key: '', fields: null }
  const isOne = fields?.[key] === 'number' && isNumber(value) && isKept(value)
  return isOne ? String(Number(value)) : value
}
