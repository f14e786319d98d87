import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { workshop, type Workshop } from '#test/server/runs/workshop.ts'

/** A process that answers each record by an expression over its inputs `i`. */
export function answering(expression: string): string {
  const program = `let t='';process.stdin.on('data',(d)=>t+=d).on('end',()=>{for(const l of t.split('\\n'))if(l){const {record_id,inputs:i}=JSON.parse(l);console.log(JSON.stringify({record_id,...(${expression})}))}})`
  return JSON.stringify([process.execPath, '-e', program])
}

/** A workshop over a project of tables (YAML) and files, by their paths. */
export async function tableShop(
  tables: string,
  files: Readonly<Record<string, string>>,
  options: Parameters<typeof workshop>[1] & { runs?: string } = {},
): Promise<TableShop> {
  const runs = options.runs ?? '  none:\n    steps: [{ id: no, run: "true" }]\n'
  const shop = await workshop(`${runs}\ntables:\n${tables.replace(/^\n/, '')}`, options)
  const write = (path: string, text: string) => writeFileSync(join(shop.root, path), text)
  for (const [path, text] of Object.entries(files)) write(path, text)
  return { ...shop, write }
}
export type TableShop = Workshop & { write: (path: string, text: string) => void }

/** Values of the cells of a field by record: what was derived, or the state where nothing was. */
export async function valuesOf(
  { storage: { cells } }: Workshop,
  table: string,
  field: string,
): Promise<Record<string, unknown>> {
  const { field_id } = await cells.field(table, field)
  const rows = await cells.cells(field_id, { after: null, limit: 100_000 })
  return Object.fromEntries(
    rows.map(({ record_id, state, version }): [string, unknown] => [
      record_id,
      state === 'fresh' ? JSON.parse(version?.value ?? '') : (version?.error ?? state),
    ]),
  )
}
