import { readFileSync, realpathSync, statSync, type Stats } from 'node:fs'
import { basename, dirname, join, posix, resolve } from 'node:path'
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type ErrorCode,
  type Pair,
  type YAMLMap,
} from 'yaml'
import type * as z from 'zod/mini'
import {
  type DefinedGate,
  type DefinedInput,
  type DefinedRun,
  type DefinedStep,
  durationMs,
  Project,
} from '#contract/definition.ts'
import { ArtifactPath, LIMITS, type PlanGate, type PlanStep } from '#contract/envelope.ts'
import { parse } from '#contract/parse.ts'
import { digestOf } from '#evidence/digest.ts'
import { MAX_INTERRUPTIONS } from '#evidence/summarise.ts'
import {
  checkTables,
  digestOfTables,
  fieldsOf,
  unsecretEnv,
  type Tables,
} from '#server/materialize/table-definition.ts'
import { cyclesIn, reachableFrom } from './needs.ts'

/** The project's definitions as they are written now. */
export type ProjectReader = {
  /** Reads the file again if it has changed. A `DefinitionError` while it is broken. */
  now(): LoadedProject
  /** The last one without a fault: what a run that goes on goes on with. */
  lastGood(): LoadedProject
}

/** Refuses a project that is broken from the start. */
export function openProject(path: string): ProjectReader {
  let good = loadProject(path)
  let read = stampOf(good.file)
  const now = () => {
    const stamp = stampOf(good.file)
    if (stamp !== read) {
      good = loadProject(path)
      read = stamp
    }
    return good
  }
  return { now, lastGood: () => good }
}

function stampOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false })
  return found === undefined ? 'missing' : `${found.ino} ${found.size} ${found.mtimeMs}`
}

/**
 * The project at `path`: a folder with a `runseal.yaml`, or such a file. Every fault of the file at once, each as
 * `file:line:column: message` [D1].
 */
export function loadProject(path: string): LoadedProject {
  const file = projectFile(path)
  const bytes = readOrFail(file)
  const name = basename(file)
  if (bytes.length > MAX_BYTES)
    throw new DefinitionError([`${name}:1:1: is larger than ${MAX_BYTES} bytes`])
  const source = decode(name, bytes)
  const { doc, value, fault } = readYaml(name, source)
  const shape = Project.safeParse(value)
  if (!shape.success) {
    for (const { path: at, key, message } of faultsOf(shape.error.issues, value))
      fault(at, message, key)
    throw new DefinitionError(doc.faults)
  }
  const named = posix.normalize(shape.data.root ?? '.').replace(/(?<=.)\/$/, '')
  const tables = checkTables(
    shape.data.tables ?? {},
    (run, faultOfRun) => new RunCheck('tables', named, run, new Map(), faultOfRun).definition(),
    (at, message) => fault(['tables', ...at], message),
  )
  const definitions = new Map<string, Definition>()
  for (const [run, defined] of Object.entries(shape.data.runs ?? {})) {
    const check = new RunCheck(run, named, defined, tables, (at, message) =>
      fault(['runs', run, ...at], message),
    )
    definitions.set(run, check.definition())
  }
  const root = rootOf(file, named, (message) => fault(['root'], message))
  if (doc.faults.length > 0) throw new DefinitionError(doc.faults)
  return { file, root, rootNamed: named, definitions, tables }
}

export type LoadedProject = {
  file: string
  /** Real path of the folder that cwd and artifacts stay inside. */
  root: string
  /** As the file names that folder, from its own. */
  rootNamed: string
  definitions: ReadonlyMap<string, Definition>
  tables: Tables
}

/**
 * Real path of the root that a run was started with, also when the project names another one by now; null where it is
 * not there any more.
 */
export function rootFrozen(known: LoadedProject, named = known.rootNamed): string | null {
  if (named === known.rootNamed) return known.root
  let isThere = true
  const path = rootOf(known.file, named, () => {
    isThere = false
  })
  return isThere ? path : null
}

/** A run as it is written, with every default resolved and no input filled in. */
export type Definition = {
  name: string
  title: string
  root: string
  /** SHA-256 of the canonical form of all the rest; no secret value is in it [D5]. */
  sha256: string
  inputs: Readonly<Record<string, DefinedInput>>
  steps: readonly DefinitionStep[]
  gates: readonly PlanGate[]
}
export type DefinitionStep = Omit<PlanStep, 'env'> & { env: Readonly<Record<string, EnvSource>> }
export type EnvSource = { value: string; secret: boolean } | { from: string; secret: boolean }

/** What is wrong with the project's file, a line each, in the file's order. */
export class DefinitionError extends Error {
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.name = 'DefinitionError'
    this.faults = faults
  }
}

/** A whole argv element, or a part of a question. */
export const INPUT_REFERENCE = /\{\{inputs\.([a-z][a-z0-9_]*)\}\}/g

// Reading a file of this size takes about a second, in which the server does nothing else.
const MAX_BYTES = 512 * 1024
const MAX_FAULTS = 50
const MAX_DEPTH = 64
const MAX_ALIASES = 500
// A file is as large as what its aliases make of it.
const MAX_SHARED = 100_000
// A timer of Node holds 2^31 - 1 ms.
const MAX_TIMEOUT_MS = 24 * 86_400_000
const MAX_EXPIRY_MS = 3650 * 86_400_000

type Path = readonly PropertyKey[]
type Fault = (at: Path, message: string, key?: string) => void

function projectFile(path: string): string {
  const found = statOf(path)
  if (found === undefined) throw new DefinitionError([`${path}: no such project`])
  return found.isDirectory() ? join(path, 'runseal.yaml') : path
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (cause) {
    throw new DefinitionError([`${path}: ${messageOf(cause)}`])
  }
}

function readOrFail(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new DefinitionError([`${file}: cannot be read: ${messageOf(cause)}`])
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

function decode(name: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new DefinitionError([`${name}:1:1: is not UTF-8`])
  }
}

function readYaml(
  name: string,
  source: string,
): { doc: { faults: string[] }; value: unknown; fault: Fault } {
  const lines = new LineCounter()
  const found: { offset: number; message: string }[] = []
  const at = (offset: number, message: string) => {
    found.push({ offset, message })
  }
  const doc = {
    get faults(): string[] {
      return found
        .toSorted((a, b) => a.offset - b.offset)
        .slice(0, MAX_FAULTS)
        .map(({ offset, message }) => {
          const { line, col } = lines.linePos(offset)
          return `${name}:${line}:${col}: ${message}`
        })
    },
  }
  const parsed = parseDocument(source, {
    lineCounter: lines,
    prettyErrors: false,
    version: '1.2',
    schema: 'core',
    resolveKnownTags: false,
    stringKeys: true,
    // The parser compares each key with all before it, which takes minutes for a file of keys alone.
    uniqueKeys: false,
    merge: true,
  })
  // A tag that is not of the core schema is only a warning to the parser; it would change what a value means.
  for (const { pos, code, message } of [...parsed.errors, ...parsed.warnings])
    at(pos[0], IN_OUR_WORDS[code] ?? lowerCased(unquoted(message, code)))
  if (found.length === 0) refuseOddStructure(parsed, at)
  if (found.length > 0) throw new DefinitionError(doc.faults)
  const value = toValue(name, parsed)
  const fault: Fault = (path, message, key) => at(offsetOf(parsed, path, key), message)
  refuseOddText(value, [], fault)
  if (found.length > 0) throw new DefinitionError(doc.faults)
  return { doc, value, fault }
}

// Who may start runs is told what is wrong with the file, and where; what stands there may be a secret, written where
// none is looked for.
const IN_OUR_WORDS: Partial<Record<ErrorCode, string>> = {
  RESOURCE_EXHAUSTION: 'is nested too deep',
  TAG_RESOLVE_FAILED: 'unresolved tag',
  BAD_COLLECTION_TYPE: 'a tag of another kind of value',
  BAD_DIRECTIVE: 'a directive that is none',
  BAD_DQ_ESCAPE: 'invalid escape sequence',
}

function unquoted(message: string, code: ErrorCode): string {
  return code === 'UNEXPECTED_TOKEN' ? message.replace(/: [^]*/, '') : message
}

/**
 * What is well-formed and would still be read as something else, or for ever: a key twice, an alias of
 * nothing or inside of what it names, and more aliases or levels, or values by aliases, than a definition has a use for.
 */
function refuseOddStructure(doc: Document.Parsed, fault: (at: number, message: string) => void) {
  const anchors = new Map<string, unknown>()
  const sizes = new Map<unknown, number>()
  let aliases = 0
  let shared = 0
  visit(doc, (_, node, path) => {
    const offset = startOf(node) ?? 0
    if (path.length > MAX_DEPTH) {
      fault(offset, 'is nested too deep')
      return visit.BREAK
    }
    if (isMap(node)) refuseRepeatedKeys(node, fault)
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined)
      anchors.set(node.anchor, node)
    if (!isAlias(node)) return undefined
    if (!anchors.has(node.source)) fault(offset, 'this alias names nothing before it')
    if (path.some((holder) => (isMap(holder) || isSeq(holder)) && holder.anchor === node.source))
      fault(offset, 'this alias is inside of what it names')
    aliases += 1
    const size = sizeOf(anchors.get(node.source), sizes)
    sizes.set(node, size)
    shared += size
    if (aliases > MAX_ALIASES) fault(offset, `there are more than ${MAX_ALIASES} aliases`)
    else if (shared > MAX_SHARED) fault(offset, `aliases name more than ${MAX_SHARED} values`)
    else return undefined
    return visit.BREAK
  })
}

/** How many values there are in a node, also by aliases, which are known already where they stand before. */
function sizeOf(node: unknown, sizes: Map<unknown, number>): number {
  const known = sizes.get(node)
  if (known !== undefined) return known
  let size = 1
  if (isSeq(node)) for (const item of node.items) size += sizeOf(item, sizes)
  if (isMap(node))
    for (const { key, value } of node.items) size += sizeOf(key, sizes) + sizeOf(value, sizes)
  sizes.set(node, size)
  return size
}

function refuseRepeatedKeys(map: YAMLMap, fault: (at: number, message: string) => void): void {
  const known = new Set<unknown>()
  for (const { key } of map.items) {
    if (!isScalar(key)) continue
    if (known.has(key.value))
      fault(startOf(key) ?? 0, `map keys must be unique: ${String(key.value)} is there twice`)
    known.add(key.value)
  }
}

function toValue(name: string, parsed: Document.Parsed): unknown {
  try {
    return parsed.toJS({ maxAliasCount: 100 })
  } catch (cause) {
    if (cause instanceof Error)
      throw new DefinitionError([
        `${name}:1:1: ${cause.message.replace(/: [^]*/, '').toLowerCase()}`,
      ])
    throw cause
  }
}

// What no process can be given (NUL) or no canonical text can hold (half a surrogate pair) is refused where it is written.
function refuseOddText(value: unknown, path: Path, fault: Fault): void {
  if (typeof value === 'string') {
    if (value.includes('\0')) fault(path, 'holds a NUL character')
    if (!value.isWellFormed()) fault(path, 'holds half a surrogate pair')
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, child] of Object.entries(value)) {
      // An assignment to this key would change an object's prototype instead.
      if (key === '__proto__') fault(path, '__proto__ is no name')
      refuseOddText(child, [...path, key], fault)
    }
  }
}

/** Where the value at `path` is written, or the nearest that holds it; with `key`, where that key is. */
function offsetOf(doc: Document.Parsed, path: Path, key?: string): number {
  let node: unknown = doc.contents
  let offset = startOf(node) ?? 0
  for (const segment of path) {
    if (isAlias(node)) node = node.resolve(doc)
    const held = isMap(node) ? pairsOf(node).get(String(segment)) : undefined
    if (isSeq(node)) node = node.items[Number(segment)]
    else if (held !== undefined) {
      offset = startOf(held.key) ?? offset
      node = held.value
    } else return offset
    offset = startOf(node) ?? offset
  }
  if (key === undefined) return offset
  return offsetOfKey(isAlias(node) ? node.resolve(doc) : node, key) ?? offset
}

function offsetOfKey(node: unknown, name: string): number | undefined {
  return isMap(node) ? startOf(pairsOf(node).get(name)?.key) : undefined
}

// Kept: a file may have a hundred thousand faults in one mapping.
const PAIRS = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>()

function pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
  const known = PAIRS.get(map)
  if (known !== undefined) return known
  const pairs = new Map(
    map.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : '', pair]),
  )
  PAIRS.set(map, pairs)
  return pairs
}

function startOf(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined
}

type ShapeFault = { path: Path; key?: string; message: string }

function faultsOf(issues: readonly z.core.$ZodIssue[], value: unknown): ShapeFault[] {
  return issues.flatMap((issue): ShapeFault[] => {
    const { path } = issue
    if (isMissing(value, path)) return [{ path, message: `"${String(path.at(-1))}" is missing` }]
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => ({ path, key, message: `unknown member ${key}` }))
      case 'invalid_union':
        return [
          {
            path,
            message:
              path.at(-2) === 'from'
                ? 'must be a field, {field, as} or {table, field, by, as}'
                : 'must be text in quotes, {value, secret} or {from, secret}',
          },
        ]
      case 'invalid_key':
        return [{ path, message: issue.issues[0]?.message ?? issue.message }]
      case 'invalid_type':
        return [
          {
            path,
            message:
              issue.expected === 'string'
                ? 'must be text: put it in quotes'
                : lowerCased(issue.message),
          },
        ]
      case 'invalid_format':
      case 'invalid_value':
      case 'invalid_element':
      case 'too_big':
      case 'too_small':
      case 'not_multiple_of':
      case 'custom':
        return [{ path, message: lowerCased(issue.message) }]
    }
    return []
  })
}

function isMissing(value: unknown, path: Path): boolean {
  const inside = path.slice(0, -1).reduce<unknown>(memberOf, value)
  return (
    path.length > 0 && inside !== undefined && memberOf(inside, path.at(-1) ?? '') === undefined
  )
}

function memberOf(value: unknown, name: PropertyKey): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined
}

function lowerCased(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1)
}

function rootOf(file: string, root: string, fault: (message: string) => void): string {
  const path = resolve(dirname(file), root)
  try {
    const real = realpathSync(path)
    if (statSync(real).isDirectory()) return real
    fault(`is no folder: ${root}`)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    fault(code === 'ENOENT' ? `no such folder: ${root}` : `cannot be entered (${code})`)
  }
  return path
}

/** The meaning of one run of the file, beyond its shape. */
class RunCheck {
  readonly #name: string
  readonly #root: string
  readonly #run: DefinedRun
  readonly #gates: readonly DefinedGate[]
  readonly #inputs: Readonly<Record<string, DefinedInput>>
  readonly #tables: Tables
  readonly #fault: Fault
  readonly #needs = new Map<string, readonly string[]>()

  constructor(name: string, root: string, run: DefinedRun, tables: Tables, fault: Fault) {
    this.#name = name
    this.#root = root
    this.#run = run
    this.#tables = tables
    this.#gates = run.gates ?? []
    this.#inputs = run.inputs ?? {}
    this.#fault = fault
  }

  definition(): Definition {
    this.#checkInputs()
    this.#checkNames()
    this.#checkAttempts()
    const steps = this.#run.steps.map((step, index) => this.#step(step, ['steps', index]))
    const gates = this.#gates.map((gate, index) => this.#gate(gate, ['gates', index]))
    const resolved = { title: this.#run.title ?? this.#name, inputs: this.#inputs, steps, gates }
    this.#noReferences(resolved.title, ['title'])
    const [name, root] = [this.#name, this.#root]
    return {
      name,
      root,
      ...resolved,
      sha256: digestOf({
        name,
        // What has none of its own is known by the digest that it had before a root was a part of it.
        ...(root !== '.' && { root }),
        ...resolved,
        steps: steps.map(unsecret),
        ...this.#derivations(),
      }),
    }
  }

  /** What a run derives is a part of what it is. */
  #derivations(): { derivations?: string } {
    const targets = this.#run.steps.flatMap(({ materialize }) => materialize ?? [])
    if (targets.length === 0) return {}
    const { fields } = fieldsOf(this.#tables, targets)
    return { derivations: digestOfTables(this.#tables, fields ?? []) }
  }

  #checkInputs(): void {
    for (const [name, { default: value, options }] of Object.entries(this.#inputs))
      if (value !== undefined && options !== undefined && !options.includes(value))
        this.#fault(['inputs', name, 'default'], `is none of the options ${options.join(', ')}`)
  }

  #checkNames(): void {
    const places = new Map<string, Path>()
    const placed = [
      ...this.#run.steps.map((node, index) => ({ node, path: ['steps', index] })),
      ...this.#gates.map((node, index) => ({ node, path: ['gates', index] })),
    ]
    for (const { node, path } of placed) {
      if (places.has(node.id))
        this.#fault([...path, 'id'], `"${node.id}" is already the id of a step or gate of this run`)
      places.set(node.id, path)
      this.#needs.set(node.id, node.needs ?? [])
    }
    for (const { node, path } of placed)
      for (const [index, need] of (node.needs ?? []).entries()) {
        const at = [...path, 'needs', index]
        if (!places.has(need)) this.#fault(at, `no step or gate "${need}" in this run`)
        else if (node.needs?.indexOf(need) !== index) this.#fault(at, `${need} is there twice`)
      }
    for (const cycle of cyclesIn(this.#needs))
      this.#fault([...(places.get(cycle[0] ?? '') ?? []), 'needs'], `cycle: ${cycle.join(' → ')}`)
  }

  // A run must not be able to grow past what a verifier reads: it would deny its own evidence.
  #checkAttempts(): void {
    const attempts = this.#run.steps.reduce(
      (sum, { retries = 0 }) => sum + 1 + retries + MAX_INTERRUPTIONS,
      this.#gates.length,
    )
    if (attempts > LIMITS.entries)
      this.#fault(['steps'], `may have ${attempts} attempts; an envelope holds ${LIMITS.entries}`)
  }

  #step(step: DefinedStep, path: Path): DefinitionStep {
    const cwd = this.#inside(step.cwd ?? '.', [...path, 'cwd'])
    const artifacts = (step.artifacts ?? []).map((artifact, index) =>
      this.#artifact(cwd, artifact, [...path, 'artifacts', index]),
    )
    for (const [index, artifact] of artifacts.entries())
      if (artifacts.indexOf(artifact) !== index)
        this.#fault([...path, 'artifacts', index], `${artifact} is there twice`)
    return {
      step_id: step.id,
      kind: this.#kind(step, path),
      needs: step.needs ?? [],
      argv: this.#argv(step, path),
      cwd,
      env: this.#env(step, path),
      retries: step.retries ?? 0,
      timeout_ms: this.#duration(step.timeout, [...path, 'timeout'], MAX_TIMEOUT_MS),
      artifacts,
    }
  }

  #kind({ kind, materialize }: DefinedStep, path: Path): string {
    if (kind === 'materialize' || (kind !== undefined && materialize !== undefined))
      this.#fault([...path, 'kind'], 'materialize is the kind of the steps that derive tables')
    return materialize === undefined ? (kind ?? 'command') : 'materialize'
  }

  #materialize(step: DefinedStep, targets: readonly string[], path: Path): string[] {
    for (const name of ['run', 'argv', 'env', 'cwd', 'timeout'] as const)
      if (step[name] !== undefined)
        this.#fault([...path, name], `a step that derives tables has no ${name} of its own`)
    const [artifact, second] = step.artifacts ?? []
    const tables = new Set(targets.map((target) => target.split('.')[0]))
    if (second !== undefined || (artifact !== undefined && tables.size > 1))
      this.#fault([...path, 'artifacts'], 'a step that derives one table may write it to one file')
    for (const [index, target] of targets.entries())
      if (fieldsOf(this.#tables, [target]).fields === null)
        this.#fault([...path, 'materialize', index], `no table derives ${target}`)
    return ['runseal', 'materialize', ...targets]
  }

  #argv(step: DefinedStep, path: Path): string[] {
    const { run, argv, materialize } = step
    if (materialize !== undefined) return this.#materialize(step, materialize, path)
    if (run !== undefined && argv !== undefined) this.#fault(path, 'has both run and argv')
    if (run !== undefined) {
      for (const name of looseReferences(run))
        this.#fault(
          [...path, 'run'],
          `an input never becomes shell text: write "$INPUT_${name.toUpperCase()}"`,
        )
      return ['/bin/sh', '-c', run]
    }
    if (argv === undefined) {
      this.#fault(path, 'has neither run nor argv')
      return ['']
    }
    for (const [index, element] of argv.entries()) {
      const whole = /^\{\{inputs\.([a-z][a-z0-9_]*)\}\}$/.exec(element)?.[1]
      const at = [...path, 'argv', index]
      if (whole !== undefined) this.#knownInput(whole, at)
      else if (looseReferences(element).length > 0)
        this.#fault(at, 'an input is a whole element, written {{inputs.NAME}}')
      if (index === 0 && element === '') this.#fault(at, 'names no program')
    }
    return argv
  }

  #env(step: DefinedStep, path: Path): Record<string, EnvSource> {
    const env: Record<string, EnvSource> = {}
    for (const [name, given] of Object.entries(step.env ?? {})) {
      const at = [...path, 'env', name]
      const source = typeof given === 'string' ? { value: given } : given
      if ('value' in source) this.#noReferences(source.value, at)
      else if (source.from.startsWith('RUNSEAL_'))
        this.#fault(at, "RUNSEAL_* is the server's own and reaches no step")
      env[name] = { ...source, secret: source.secret ?? false }
    }
    return env
  }

  #gate(gate: DefinedGate, path: Path): PlanGate {
    for (const name of looseReferences(gate.question)) this.#knownInput(name, [...path, 'question'])
    if (gate.question.replaceAll(INPUT_REFERENCE, '').match(LOOSE_REFERENCE))
      this.#fault([...path, 'question'], 'an input is written {{inputs.NAME}}')
    if (gate.sign === 'passkey')
      this.#fault([...path, 'sign'], 'passkeys are not supported yet: write session')
    return {
      step_id: gate.id,
      needs: gate.needs ?? [],
      question: gate.question,
      policy: {
        roles: gate.roles ?? ['approver'],
        users: gate.users ?? [],
        quorum: gate.quorum ?? 1,
        four_eyes: gate.four_eyes ?? false,
        expires_ms: this.#duration(gate.expires, [...path, 'expires'], MAX_EXPIRY_MS),
        sign: gate.sign ?? 'session',
        inputs: (gate.inputs ?? []).map(({ name, label, required }) => ({
          name,
          label: label ?? name,
          required: required ?? false,
        })),
      },
      show: this.#shown(gate, path),
    }
  }

  // Named as the step names it; known from then on by its path from the root, as it is recorded.
  #shown(gate: DefinedGate, path: Path): string[] {
    const before = reachableFrom(this.#needs, gate.id)
    return (gate.show ?? []).map((shown, index) => {
      const at = [...path, 'show', index]
      const [step_id = '', ...rest] = shown.split('/')
      const step = this.#run.steps.find(({ id }) => id === step_id)
      const artifact = rest.join('/')
      if (step === undefined) this.#fault(at, `no step "${step_id}": write STEP_ID/path`)
      else if (!(step.artifacts ?? []).includes(artifact))
        this.#fault(at, `"${artifact}" is no artifact of step "${step_id}"`)
      else if (!before.has(step_id))
        this.#fault(at, `the gate does not need step "${step_id}", so it may open before it`)
      return posix.join(step_id, posix.normalize(step?.cwd ?? '.'), artifact)
    })
  }

  #duration(written: string | undefined, at: Path, max: number): number | null {
    if (written === undefined) return null
    const ms = durationMs(written)
    if (ms > max) this.#fault(at, `is longer than ${max / 86_400_000} days`)
    return ms
  }

  #artifact(cwd: string, artifact: string, at: Path): string {
    this.#noReferences(artifact, at)
    const path = this.#inside(posix.join(cwd, artifact), at)
    if (artifact.endsWith('/') || !parse(ArtifactPath, path).ok) this.#fault(at, 'names no file')
    if (posix.isAbsolute(artifact)) this.#fault(at, 'must be a path from cwd')
    return path
  }

  #inside(written: string, at: Path): string {
    const path = posix.normalize(written).replace(/(?<=.)\/$/, '')
    if (posix.isAbsolute(path) || path === '..' || path.startsWith('../'))
      this.#fault(at, `${written} is outside of the root`)
    this.#noReferences(written, at)
    return path
  }

  #knownInput(name: string, at: Path): void {
    if (!Object.hasOwn(this.#inputs, name)) this.#fault(at, `no input "${name}" in this run`)
  }

  #noReferences(text: string, at: Path): void {
    if (looseReferences(text).length > 0)
      this.#fault(at, 'inputs are replaced in argv and questions only')
  }
}

const LOOSE_REFERENCE = /\{\{\s*inputs\s*\.\s*(\w*)\s*\}?\}?/g

function looseReferences(text: string): string[] {
  return Array.from(text.matchAll(LOOSE_REFERENCE), (match) => match[1] ?? '')
}

function unsecret(step: DefinitionStep): unknown {
  return { ...step, env: unsecretEnv(step) }
}
