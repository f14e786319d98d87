import { CsvError, parse as parseCsv } from 'csv-parse'
import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { fstatSync, readdirSync, readSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { isKept, notKeptIn } from '#contract/kept-number.ts'
import { parseJson } from '#contract/parse.ts'
import { SOURCE_KIND, type FieldType } from '#contract/status.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { EvidenceError } from '#evidence/fault.ts'
import { JsonFault, strictJson } from '#contract/strict-json.ts'
import { jsonLine } from '#server/json-line.ts'
import { lineOfJsonFault } from './line-of-json-fault.ts'
import { isNumber } from './record-key.ts'
import { compareKeys, SOURCE_LIMITS, SourceRequest, type SourceEnd } from './source-request.ts'

/*
 * Reads one source, whole, and only then says a record of it: what is broken at its end has no beginning either.
 * Records are said in the order of their keys, so that the server compares them with those it has as they come.
 */

/** Begins with the place. */
class SourceFault extends Error {}

const WATCH = new URL('./end-with-server.ts', import.meta.url)
const STDIN = 0
const FILE = 3
const WRITE_CHARS = 64 * 1024
// For whoever writes it at the moment.
const LOCKED_MS = 5000
const DATABASE_HEAP_BYTES = 1024 * 1024 * 1024
const NOT_KEPT = 'has a number of more digits than are kept'
const LIST = 'list under fields those that are to be read'
const FIELD_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/

type Row = Readonly<Record<string, unknown>>
type Placed = readonly [place: string, row: Row]
type Said = { place: string; body: string }

try {
  const asked = parseJson<SourceRequest>(SourceRequest, lineOf(STDIN))
  if (!asked.ok) throw new Error(`request ${asked.error.at} ${asked.error.message}`)
  // What follows on stdin is its end, with the server's.
  await once(new Worker(WATCH), 'message')
  await read(asked.value)
} catch (cause) {
  if (cause instanceof SourceFault) await end({ end: 'fault', message: cause.message })
  else console.error(cause)
}
// To exit would be to wait for the thread that waits for the server.
process.kill(process.pid, 'SIGKILL')

function lineOf(fd: number): string {
  const read: Buffer[] = []
  for (let line = Buffer.alloc(0); !line.includes('\n');) {
    line = Buffer.alloc(WRITE_CHARS)
    line = line.subarray(0, readSync(fd, line))
    if (line.length === 0) break
    read.push(line)
  }
  return Buffer.concat(read).toString('utf8')
}

async function read(request: SourceRequest): Promise<void> {
  const digest = createHash('sha256').update(JSON.stringify({ ...request, known: null }))
  let records: Map<string, Said>
  const fields = new Set(Object.keys(request.fields ?? {}))
  if (request.kind === 'sqlite') {
    records = await recordsOf(request, fields, rowsOfDatabase(request))
    for (const [record_id, { body }] of records) digest.update(`${record_id}\t${body}\n`)
  } else {
    const bytes = wholeFile(request.name)
    if (digest.update(bytes).copy().digest('hex') === request.known)
      return await end({ end: 'same' })
    records = await recordsOf(request, fields, rowsOf(request, bytes))
  }
  const sha256 = digest.digest('hex')
  if (sha256 === request.known) return await end({ end: 'same' })
  let lines = ''
  for (const record_id of [...records.keys()].toSorted(compareKeys)) {
    lines += `${jsonLine(record_id)}\t${jsonLine(records.get(record_id)?.body)}\n`
    if (lines.length < WRITE_CHARS) continue
    await write(lines)
    lines = ''
  }
  await write(lines)
  await end({ end: 'read', sha256, records: records.size, fields: [...fields] })
}

async function write(lines: string): Promise<void> {
  await new Promise((written) => process.stdout.write(lines, written))
}

async function end(said: SourceEnd): Promise<void> {
  await write(`${jsonLine(said)}\n`)
}

function wholeFile(name: string): Buffer {
  const before = fstatSync(FILE)
  if (before.size > SOURCE_LIMITS.bytes)
    throw new SourceFault(`${name}: is larger than ${SOURCE_LIMITS.bytes} bytes`)
  const bytes = Buffer.alloc(before.size)
  let filled = 0
  for (let count = -1; count !== 0 && filled < bytes.length; filled += count)
    count = readSync(FILE, bytes, filled, bytes.length - filled, filled)
  const after = fstatSync(FILE)
  if (filled !== before.size || after.size !== before.size || after.mtimeMs !== before.mtimeMs)
    throw new SourceFault(`${name}: changed while it was read`)
  if (!isUtf8(bytes)) throw new SourceFault(`${name}:${lineOfFault(bytes)}: is not UTF-8`)
  return bytes
}

function lineOfFault(bytes: Buffer): number {
  let from = 0
  for (let line = 1; ; line += 1) {
    const at = bytes.indexOf(10, from)
    if (at === -1 || !isUtf8(bytes.subarray(from, at))) return line
    from = at + 1
  }
}

function rowsOf(request: SourceRequest, bytes: Buffer): AsyncIterable<Placed> | Iterable<Placed> {
  switch (request.kind) {
    case 'csv':
      return rowsOfCsv(request, bytes)
    case 'jsonl':
      return rowsOfLines(request, bytes)
    case 'json':
      return rowsOfDocument(request, bytes)
    case 'sqlite':
      return rowsOfDatabase(request)
  }
}

async function* rowsOfCsv({ name }: SourceRequest, bytes: Buffer): AsyncGenerator<Placed> {
  const parser = Readable.from(slices(bytes)).pipe(
    parseCsv({
      bom: true,
      info: true,
      skip_empty_lines: true,
      max_record_size: SOURCE_LIMITS.recordBytes,
    }),
  )
  let columns: readonly string[] | null = null
  try {
    for await (const parsed of parser) {
      const { record, line } = csvRow(parsed)
      const place = `${name}:${line}`
      if (columns === null) {
        columns = record
        refuseRepeated(columns, place)
        continue
      }
      yield [place, Object.fromEntries(columns.map((column, at) => [column, record[at]]))]
    }
  } catch (cause) {
    if (cause instanceof CsvError)
      throw new SourceFault(`${name}:${String(cause['lines'])}: ${csvWords(cause.code)}`)
    throw cause
  }
  if (columns === null)
    throw new SourceFault(`${name}:1: has no line with the names of its columns`)
}

/** With `info`, a record comes with the place where it ended. */
function csvRow(parsed: unknown): { record: string[]; line: number } {
  if (typeof parsed === 'object' && parsed !== null && 'record' in parsed && 'info' in parsed) {
    const { record, info } = parsed
    if (Array.isArray(record) && typeof info === 'object' && info !== null && 'lines' in info)
      return { record: record.map(String), line: Number(info.lines) }
  }
  throw new TypeError('a record without its place')
}

function csvWords(code: string): string {
  switch (code) {
    case 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH':
      return 'has another number of columns than the first line'
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'opens a quote that is not closed'
    case 'CSV_MAX_RECORD_SIZE':
      return `is longer than ${SOURCE_LIMITS.recordBytes} bytes`
    default:
      return `is no CSV (${code.replace(/^CSV_/, '').toLowerCase().replaceAll('_', ' ')})`
  }
}

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += WRITE_CHARS) yield bytes.subarray(at, at + WRITE_CHARS)
}

function refuseRepeated(columns: readonly string[], place: string): void {
  for (const [at, column] of columns.entries())
    if (columns.indexOf(column) !== at)
      throw new SourceFault(`${place}: there are two columns ${JSON.stringify(column)}`)
}

function* rowsOfLines(request: SourceRequest, bytes: Buffer): Generator<Placed> {
  const { name } = request
  let from = 0
  for (let line = 1; from < bytes.length; line += 1) {
    const next = bytes.indexOf(10, from)
    const to = next === -1 ? bytes.length : next
    const place = `${name}:${line}`
    if (to - from > SOURCE_LIMITS.recordBytes)
      throw new SourceFault(`${place}: is longer than ${SOURCE_LIMITS.recordBytes} bytes`)
    const written = bytes.toString('utf8', from, to)
    from = to + 1
    if (written.trim() === '') continue
    const row = rowOf(json(written, SOURCE_LIMITS.depth, place), place)
    for (const [field] of notKeptIn(written)) refuseNotKept(request, field, place)
    yield [place, row]
  }
}

function* rowsOfDocument(request: SourceRequest, bytes: Buffer): Generator<Placed> {
  const { name, key, at } = request
  const path = (at ?? '').split('/').slice(1)
  const written = bytes.toString('utf8')
  const document = json(written, SOURCE_LIMITS.depth + 1 + path.length, name, lineOfJsonFault)
  const where = at === null ? name : `${name}${at}`
  for (const found of notKeptIn(written)) {
    const isInside = path.every((step, level) => String(found[level]) === memberName(step))
    const [record, field] = found.slice(path.length)
    if (isInside && record !== '') refuseNotKept(request, field, placeOf(record ?? '', where))
  }
  const value = path.reduce((inside, step) => memberOf(inside, step, where), document)
  if (Array.isArray(value))
    for (const [index, element] of value.entries()) {
      const place = placeOf(index, where)
      yield [place, rowOf(element, place)]
    }
  else if (typeof value === 'object' && value !== null)
    for (const [member, element] of Object.entries(value)) {
      const place = placeOf(member, where)
      // As the project itself is in a package-lock.json.
      if (member === '') continue
      const row = rowOf(element, place)
      if (Object.hasOwn(row, key))
        throw new SourceFault(`${place}: has a "${key}" of its own, and its name is the key`)
      yield [place, { ...row, [key]: member }]
    }
  else throw new SourceFault(`${where}: is neither an array of objects nor an object of objects`)
}

function placeOf(record: string | number, where: string): string {
  return typeof record === 'number'
    ? `${where}: element ${record + 1}`
    : `${where}: member ${JSON.stringify(record)}`
}

/** As RFC 6901 writes it in a path. */
function memberName(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}

function memberOf(value: unknown, step: string, where: string): unknown {
  const name = memberName(step)
  const isThere = typeof value === 'object' && value !== null && Object.hasOwn(value, name)
  if (!isThere) throw new SourceFault(`${where}: there is nothing`)
  return Object.getOwnPropertyDescriptor(value, name)?.value
}

function json(
  written: string,
  depth: number,
  place: string,
  lineOf: (written: string) => number | null = () => null,
): unknown {
  try {
    return strictJson(written, depth)
  } catch (cause) {
    if (!(cause instanceof JsonFault)) throw cause
    const line = cause.message.startsWith('nests') ? null : lineOf(written)
    throw new SourceFault(`${place}${line === null ? '' : `:${line}`}: ${cause.message}`)
  }
}

/** In a field that is read. Which number it is is not told: it may be private. */
function refuseNotKept(
  { key, fields }: SourceRequest,
  field: string | number | undefined,
  place: string,
): void {
  if (typeof field !== 'string') return
  if (field === key || fields === null || Object.hasOwn(fields, field))
    throw new SourceFault(`${place}: field "${field}" ${NOT_KEPT}: write it as text`)
}

function rowOf(value: unknown, place: string): Row {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SourceFault(`${place}: is no object`)
  return Object.fromEntries(Object.entries(value))
}

function* rowsOfDatabase({ name, database, query }: SourceRequest): Generator<Placed> {
  let rows: Iterable<unknown>
  let opened: DatabaseSync
  try {
    opened = new DatabaseSync(database ?? '', { readOnly: true, timeout: LOCKED_MS })
    refuseAnother(name)
    // Its schema is as hostile as its rows.
    opened.exec(`PRAGMA trusted_schema = OFF; PRAGMA hard_heap_limit = ${DATABASE_HEAP_BYTES}`)
    const statement = opened.prepare(query ?? '')
    refuseMore(opened, (query ?? '').slice(statement.sourceSQL.length), name)
    refuseRepeated(
      statement.columns().map((column) => column.name),
      `${name}: query`,
    )
    rows = statement.iterate()
  } catch (cause) {
    if (cause instanceof SourceFault) throw cause
    throw new SourceFault(`${name}: ${messageOf(cause)}`)
  }
  const iterator = rows[Symbol.iterator]()
  for (let n = 1; ; n += 1) {
    const place = `${name}: row ${n}`
    let next: IteratorResult<unknown>
    try {
      next = iterator.next()
    } catch (cause) {
      throw new SourceFault(`${place}: ${rowWords(cause)}`)
    }
    if (next.done === true) break
    yield [place, rowOf(next.value, place)]
  }
  opened.close()
}

/** What follows the first statement would not be run. */
function refuseMore(opened: DatabaseSync, rest: string, name: string): void {
  try {
    opened.prepare(rest)
  } catch (cause) {
    // Where there is none in it, Node says so, and not SQLite.
    if (!(cause instanceof Error && 'errcode' in cause)) return
  }
  throw new SourceFault(`${name}: query: is more than one statement`)
}

/*
 * A database is opened by its name. What was found to be a file that no link leads to may be a link by then, so it is
 * looked at again once it is open. What stands beside a database is never opened through a link.
 */
function refuseAnother(name: string): void {
  const meant = fstatSync(FILE)
  const isOpened = readdirSync('/proc/self/fd').some((fd) => {
    const found = statSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false })
    return Number(fd) !== FILE && found?.dev === meant.dev && found.ino === meant.ino
  })
  if (!isOpened)
    throw new SourceFault(`${name}: is behind a link, or was put in place while it was opened`)
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** The words of Node and of SQLite's functions quote values, which may be private; those for a code quote none. */
function rowWords(cause: unknown): string {
  if (!(cause instanceof Error)) return 'cannot be read'
  if ('code' in cause && cause.code === 'ERR_OUT_OF_RANGE')
    return 'has an integer beyond what a number holds: cast it to text in the query'
  return 'errstr' in cause && typeof cause.errstr === 'string'
    ? `cannot be read (${cause.errstr})`
    : 'cannot be read'
}

/** By key, each in the form that it is stored and digested in. Their fields are added to `fields`. */
async function recordsOf(
  request: SourceRequest,
  fields: Set<string>,
  rows: AsyncIterable<Placed> | Iterable<Placed>,
): Promise<Map<string, Said>> {
  const records = new Map<string, Said>()
  for await (const [place, row] of rows) {
    const record_id = keyOf(row, request, place)
    const known = records.get(record_id)
    if (known !== undefined)
      throw new SourceFault(
        `${place}: the key ${JSON.stringify(record_id)} is already at ${known.place}`,
      )
    if (records.size >= SOURCE_LIMITS.records)
      throw new SourceFault(`${place}: there are more than ${SOURCE_LIMITS.records} records`)
    records.set(record_id, { place, body: bodyOf(row, request, fields, place) })
  }
  const misspelt = request.private.find((field) => !fields.has(field))
  if (misspelt !== undefined && records.size > 0)
    throw new SourceFault(
      `${request.name}: no record has the field "${misspelt}", which is private`,
    )
  return records
}

function keyOf(row: Row, request: SourceRequest, place: string): string {
  const { key, fields } = request
  if (!Object.hasOwn(row, key))
    throw new SourceFault(`${place}: has no field "${key}", which is the key`)
  const value = valueOf(row[key], fields?.[key] ?? null, request, `${place}: field "${key}"`)
  const isKey = typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))
  const record_id = isKey ? String(value) : ''
  if (record_id === '')
    throw new SourceFault(`${place}: the key is empty, or neither text nor number`)
  if (Buffer.byteLength(record_id) > SOURCE_LIMITS.keyBytes)
    throw new SourceFault(`${place}: the key is longer than ${SOURCE_LIMITS.keyBytes} bytes`)
  if (record_id.includes('\0') || !record_id.isWellFormed())
    throw new SourceFault(`${place}: the key holds what is no text`)
  return record_id
}

function bodyOf(row: Row, request: SourceRequest, fields: Set<string>, place: string): string {
  const names = Object.keys(request.fields ?? row)
  for (const name of names) if (!fields.has(name)) fields.add(newField(name, request, place))
  if (fields.size > SOURCE_LIMITS.fields)
    throw new SourceFault(`${place}: there are more than ${SOURCE_LIMITS.fields} fields; ${LIST}`)
  const values = names.map((name) => {
    const value = Object.hasOwn(row, name) ? row[name] : undefined
    const type = request.fields?.[name] ?? null
    return [name, valueOf(value, type, request, `${place}: field "${name}"`)] as const
  })
  for (const name of request.needed)
    if (!values.some(([known]) => known === name))
      // A member that a line leaves out is null; a column that is nowhere is a mistake.
      if (request.kind === 'jsonl' || request.kind === 'json') values.push([name, null])
      else
        throw new SourceFault(`${place}: has no field "${name}", which something is derived from`)
  const body = canonical(Object.fromEntries(values), place)
  if (Buffer.byteLength(body) > SOURCE_LIMITS.recordBytes)
    throw new SourceFault(`${place}: is longer than ${SOURCE_LIMITS.recordBytes} bytes`)
  return body
}

/** A field that no record before had, and the definition does not name. */
function newField(name: string, { derived }: SourceRequest, place: string): string {
  if (!FIELD_NAME.test(name))
    throw new SourceFault(`${place}: ${JSON.stringify(name)} is no name of a field; ${LIST}`)
  if (derived.includes(name))
    throw new SourceFault(`${place}: has the field "${name}", which is also derived; ${LIST}`)
  return name
}

function canonical(value: unknown, place: string): string {
  try {
    return canonicalize(value)
  } catch (cause) {
    // Which one is not told: it may be private.
    if (cause instanceof EvidenceError)
      throw new SourceFault(`${place}: has a value without a JSON form`)
    throw cause
  }
}

function valueOf(
  value: unknown,
  type: FieldType | null,
  { kind }: SourceRequest,
  place: string,
): unknown {
  if (value === undefined || value === null) {
    if (value === undefined && kind === 'csv')
      throw new SourceFault(`${place}: there is no such column`)
    return null
  }
  if (value instanceof Uint8Array)
    throw new SourceFault(`${place}: holds bytes, which are no value`)
  if (type === null) return value
  const meant =
    typeof value === 'string' && !SOURCE_KIND[kind].typed ? written(value, type, place) : value
  const found = kind === 'sqlite' && type === 'boolean' ? truth(meant) : meant
  if (found === null || type === 'json') return found
  const is = type === 'text' ? 'string' : type
  if (typeof found !== is || (type === 'number' && !Number.isFinite(found)))
    // The value is not told: it may be private, and what is told of a source is told to everybody.
    throw new SourceFault(`${place} is no ${type}`)
  return found
}

/** What a text means by its type. One that means nothing stays text. Nothing at all is no number. */
function written(value: string, type: FieldType, place: string): unknown {
  switch (type) {
    case 'text':
      return value
    case 'number':
      if (value === '') return null
      if (!isNumber(value)) return value
      if (!isKept(value)) throw new SourceFault(`${place} ${NOT_KEPT}: declare it as text`)
      return Number(value)
    case 'boolean':
      return value === '' ? null : ({ true: true, false: false }[value] ?? value)
    case 'json':
      if (value === '') return null
      return strictOr(value, place)
  }
}

function strictOr(value: string, place: string): unknown {
  try {
    const found = strictJson(value, SOURCE_LIMITS.depth)
    const [lost] = notKeptIn(value)
    if (lost !== undefined) throw new SourceFault(`${place} ${NOT_KEPT}: write it as text`)
    return found
  } catch (cause) {
    if (cause instanceof JsonFault) return value
    throw cause
  }
}

function truth(value: unknown): unknown {
  return value === 0 ? false : value === 1 ? true : value
}
