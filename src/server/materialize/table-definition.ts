import { posix } from 'node:path'
import type { DefinedDerivation, DefinedRun, DefinedTable } from '#contract/definition.ts'
import { ArtifactPath } from '#contract/envelope.ts'
import { parse } from '#contract/parse.ts'
import type { FieldType, SourceKind } from '#contract/status.ts'
import { digestOf } from '#evidence/digest.ts'
import { inOrderOf } from '#server/runs/needs.ts'
import type { Definition, DefinitionStep } from '#server/runs/project.ts'

/** A table as it is written, with every default resolved. */
export type TableDefinition = {
  name: string
  source: { kind: SourceKind; path: string; query: string | null; at: string | null }
  key: string
  /** null: whatever the records have. */
  fields: Readonly<Record<string, FieldType>> | null
  private: ReadonlySet<string>
  /** Each after those that it is made from. */
  derived: readonly DerivedField[]
}

export type DerivedField = {
  table: string
  field: string
  type: FieldType
  from: readonly From[]
  /** The process, as the step of a run has it; its id is `TABLE.FIELD`, and its needs are the derived fields it is made from. */
  step: DefinitionStep
  batch: number
  concurrency: number
  retries: number
  version: string | null
  files: readonly string[]
  private: boolean
}

/** An input: a field of the record itself, or of the one of `table` whose key is in the record's field `by`. */
export type From = { name: string; table: string; field: string; by: string | null }

export type Tables = ReadonlyMap<string, TableDefinition>

/** Is a field of a table, derived or not, one that never leaves the server? */
export function isPrivateField(tables: Tables, table: string, field: string): boolean {
  const found = tables.get(table)
  const derived = found?.derived.find((one) => one.field === field)
  return derived?.private ?? found?.private.has(field) ?? false
}

/** Is the key that a field of table `own` looks an input up by one? Then nothing may tell which record it led to. */
export function isPrivateLookup(tables: Tables, own: string, by: string | null): boolean {
  return by !== null && isPrivateField(tables, own, by)
}

/** Is an input one, or what it was looked up by? A value that was found may tell where. */
export function isPrivateInput(tables: Tables, own: string, { table, field, by }: From): boolean {
  return isPrivateField(tables, table, field) || isPrivateLookup(tables, own, by)
}

export function isDerivedIn(tables: Tables): (table: string, field: string) => boolean {
  return (table, field) => tables.get(table)?.derived.some((one) => one.field === field) ?? false
}

/** The step that derives a field. */
export function stepIdOf({ table, field }: { table: string; field: string }): string {
  return `${table}.${field}`
}

/** Derived fields of all tables, each after those that it is made from. */
export function derivedOf(tables: Tables): DerivedField[] {
  const fields = new Map<string, DerivedField>()
  for (const { derived } of tables.values())
    for (const field of derived) fields.set(stepIdOf(field), field)
  const needs = new Map(Array.from(fields, ([id, { step }]) => [id, step.needs]))
  return inOrderOf(needs).flatMap((id) => fields.get(id) ?? [])
}

/**
 * The derived fields that targets mean (`TABLE` or `TABLE.FIELD`; null: all), with all that they are made from, in an
 * order to derive them in. The first target that means nothing is answered instead.
 */
export function fieldsOf(
  tables: Tables,
  targets: readonly string[] | null,
): { fields: DerivedField[]; unknown: null } | { fields: null; unknown: string } {
  const all = derivedOf(tables)
  const wanted = new Set<string>()
  for (const target of targets ?? tables.keys()) {
    const meant = all.filter((one) => one.table === target || stepIdOf(one) === target)
    if (meant.length === 0 && !tables.has(target)) return { fields: null, unknown: target }
    for (const one of meant) wanted.add(stepIdOf(one))
  }
  // From the last to the first, so that what one needs is met after it.
  const needed = all
    .toReversed()
    .filter((one) => {
      const isWanted = wanted.has(stepIdOf(one))
      if (isWanted) for (const need of one.step.needs) wanted.add(need)
      return isWanted
    })
    .toReversed()
  return { fields: needed, unknown: null }
}

/** Of what derives these fields, as the file says it; no secret value is in it [D5]. */
export function digestOfTables(tables: Tables, fields: readonly DerivedField[]): string {
  const named = new Set(
    fields.flatMap(({ table, from }) => [table, ...from.map((one) => one.table)]),
  )
  return digestOf({
    tables: Array.from(tables.values())
      .filter(({ name }) => named.has(name))
      .map(({ name, source, key, fields: types, private: hidden }) => ({
        name,
        source,
        key,
        fields: types,
        private: [...hidden],
      })),
    fields: fields.map(({ step, ...field }) => ({ ...field, step: plain(step) })),
  })
}

function plain(step: DefinitionStep): unknown {
  return { ...step, env: unsecretEnv(step) }
}

/** Variables of a step as they may be digested: a digest of a short secret can be guessed. */
export function unsecretEnv({ env }: DefinitionStep): Record<string, unknown> {
  const sources: Record<string, unknown> = {}
  for (const [name, source] of Object.entries(env))
    sources[name] = source.secret && 'value' in source ? { secret: true } : source
  return sources
}

type Path = readonly PropertyKey[]
type Fault = (at: Path, message: string) => void

/** The meaning of the file's tables, beyond their shape. `checkRun` judges what they have in common with a run's steps. */
export function checkTables(
  defined: Readonly<Record<string, DefinedTable>>,
  checkRun: (run: DefinedRun, fault: Fault) => Definition,
  fault: Fault,
): Tables {
  const check = new TableCheck(defined, fault)
  return check.tables(checkRun)
}

class TableCheck {
  readonly #defined: ReadonlyMap<string, DefinedTable>
  readonly #fault: Fault

  constructor(defined: Readonly<Record<string, DefinedTable>>, fault: Fault) {
    this.#defined = new Map(Object.entries(defined))
    this.#fault = fault
  }

  tables(checkRun: (run: DefinedRun, fault: Fault) => Definition): Tables {
    const places: Path[] = []
    const steps: DefinedRun['steps'] = []
    for (const [table, { derive = {} }] of this.#defined)
      for (const [field, derivation] of Object.entries(derive)) {
        places.push([table, 'derive', field])
        const { run, argv, env, cwd, timeout } = derivation
        const needs = this.#needs(table, derivation)
        const id = stepIdOf({ table, field })
        steps.push({ id, run, argv, env, cwd, timeout, needs })
      }
    const { steps: checked } = checkRun({ steps }, ([, index, ...at], message) => {
      const place = places[Number(index)] ?? []
      this.#fault([...place, ...(at[0] === 'needs' ? ['from'] : at)], message)
    })
    const stepOf = new Map(checked.map((step) => [step.step_id, step]))
    return new Map(
      Array.from(this.#defined, ([name, table]) => [name, this.#table(name, table, stepOf)]),
    )
  }

  #needs(table: string, { from }: DefinedDerivation): string[] {
    const inputs = from.map((one) => fromOf(table, one))
    return [...new Set(inputs.filter((one) => this.#isDerived(one)).map(stepIdOf))]
  }

  #isDerived({ table, field }: { table: string; field: string }): boolean {
    return Object.hasOwn(this.#defined.get(table)?.derive ?? {}, field)
  }

  #table(
    name: string,
    { source, key, fields, private: hidden = [], derive = {} }: DefinedTable,
    stepOf: ReadonlyMap<string, DefinitionStep>,
  ): TableDefinition {
    if ((source.kind === 'sqlite') !== (source.query !== undefined))
      this.#fault(
        [name, 'source'],
        source.kind === 'sqlite' ? 'a sqlite source needs a query' : 'only sqlite has a query',
      )
    if (source.at !== undefined && source.kind !== 'json')
      this.#fault([name, 'source', 'at'], 'only json has a place inside of it')
    if (fields !== undefined && !Object.hasOwn(fields, key))
      this.#fault([name, 'key'], `no field "${key}" in this table`)
    for (const [index, field] of hidden.entries()) {
      const at = [name, 'private', index]
      if (field === key) this.#fault(at, 'a key names its record everywhere: it cannot be private')
      else this.#known(name, field, at)
    }
    const derived = Object.entries(derive).map(([field, derivation]) =>
      this.#field(name, field, derivation, stepOf),
    )
    const needs = new Map(derived.map(({ step }) => [step.step_id, step.needs]))
    return {
      name,
      source: {
        kind: source.kind,
        path: this.#file(source.path, [name, 'source', 'path']),
        query: source.query ?? null,
        at: source.at ?? null,
      },
      key,
      fields: fields ?? null,
      private: new Set(hidden),
      derived: inOrderOf(needs).flatMap(
        (id) => derived.find(({ step }) => step.step_id === id) ?? [],
      ),
    }
  }

  #field(
    table: string,
    field: string,
    derivation: DefinedDerivation,
    stepOf: ReadonlyMap<string, DefinitionStep>,
  ): DerivedField {
    const at = [table, 'derive', field]
    const { key, fields } = this.#defined.get(table) ?? {}
    if (field === key || Object.hasOwn(fields ?? {}, field))
      this.#fault(at, `"${field}" is already a field of the source`)
    const from = derivation.from.map((one, index) => {
      const input = fromOf(table, one)
      this.#input(table, input, [...at, 'from', index])
      return input
    })
    for (const [index, { name }] of from.entries())
      if (from.findIndex((other) => other.name === name) !== index)
        this.#fault([...at, 'from', index], `two inputs are called "${name}": name one by as`)
    const step = stepOf.get(stepIdOf({ table, field }))
    if (step === undefined) throw new TypeError(`${table}.${field} was not checked as a step`)
    return {
      table,
      field,
      type: derivation.type ?? 'json',
      from,
      step: { ...step, kind: 'materialize' },
      batch: derivation.batch ?? 100,
      concurrency: derivation.concurrency ?? 1,
      retries: derivation.retries ?? 0,
      version: derivation.version ?? null,
      files: (derivation.files ?? []).map((file, index) =>
        this.#file(file, [...at, 'files', index]),
      ),
      private: derivation.private ?? false,
    }
  }

  #input(table: string, { table: other, field, by }: From, at: Path): void {
    if (!this.#defined.has(other)) this.#fault(at, `no table "${other}" in this project`)
    else if (!this.#isDerived({ table: other, field })) this.#known(other, field, at)
    if (by === null) return
    if (this.#isDerived({ table, field: by }))
      this.#fault(at, `"${by}" is derived: a lookup goes by a field of the source`)
    else this.#known(table, by, at)
  }

  /** Where a table does not say what its source has, the source will. */
  #known(table: string, field: string, at: Path): void {
    const { fields } = this.#defined.get(table) ?? {}
    if (fields !== undefined && !Object.hasOwn(fields, field))
      this.#fault(at, `no field "${field}" in table "${table}"`)
  }

  #file(written: string, at: Path): string {
    const path = posix.normalize(written)
    if (posix.isAbsolute(path) || path === '..' || path.startsWith('../'))
      this.#fault(at, `${written} is outside of the root`)
    else if (!parse(ArtifactPath, path).ok || written.endsWith('/'))
      this.#fault(at, 'names no file')
    return path
  }
}

function fromOf(table: string, written: DefinedDerivation['from'][number]): From {
  if (typeof written === 'string') return { name: written, table, field: written, by: null }
  const { field, as = field } = written
  if ('by' in written) return { name: as, table: written.table, field, by: written.by }
  return { name: as, table, field, by: null }
}
