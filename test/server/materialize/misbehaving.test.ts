import { expect, it } from 'vitest'
import { AnswerReader } from '#server/materialize/read-answers.ts'
import { answering, tableShop, valuesOf, type TableShop } from './tables.ts'

const ROWS = 'id,n\n' + [1, 2, 3, 4].map((n) => `${n},${n}\n`).join('')

/** Cells of a field that this Node program derives, four records in one batch; and the field made from it. */
async function derivedBy(
  program: string,
  more = '',
  options = {},
  meanwhile: (shop: TableShop) => Promise<void> = async () => {},
) {
  const argv = JSON.stringify([process.execPath, '-e', program])
  const shop = await tableShop(
    `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      a: { from: [n], argv: ${argv}${more} }
      b: { from: [a], argv: ${answering('{ value: i.a }')} }
`,
    { 't.csv': ROWS },
    options,
  )
  const [{ run, envelope }] = await Promise.all([shop.materialize(), meanwhile(shop)])
  expect(run.ended).toMatchObject({ outcome: 'succeeded' })
  return { shop, envelope, a: await valuesOf(shop, 't', 'a'), b: await valuesOf(shop, 't', 'b') }
}

const READ = `let t='';process.stdin.on('data',(d)=>t+=d).on('end',()=>{const rows=t.trim().split('\\n').map((l)=>JSON.parse(l));const say=(r,x)=>console.log(JSON.stringify({record_id:r.record_id,...x}));`
const of = (body: string) => `${READ}${body}})`

const CASES = [
  [
    'dies',
    `say(rows[0],{value:1});process.exit(3)`,
    'its process exited with 3 before it answered',
  ],
  [
    'is killed',
    `say(rows[0],{value:1});process.kill(process.pid,'SIGKILL')`,
    'its process was ended by SIGKILL before it answered',
  ],
  ['says nothing more', `say(rows[0],{value:1})`, 'its process ended without an answer'],
  [
    'writes garbage',
    `say(rows[0],{value:1});console.log('Traceback:');for(const r of rows.slice(1))say(r,{value:1})`,
    'line 2 of its output is not JSON: "Traceback:"',
  ],
  [
    'writes NaN',
    `say(rows[0],{value:1});console.log('{"record_id":"2","value":NaN}')`,
    'line 2 of its output is not JSON: "{\\"record_id\\":\\"2\\",\\"value\\":NaN}"',
  ],
  [
    'answers for another',
    `say(rows[0],{value:1});say({record_id:'9'},{value:1})`,
    'line 2 of its output is about "9", which it was not asked for',
  ],
  [
    'writes no UTF-8',
    `say(rows[0],{value:1});process.stdout.write(Buffer.from([0xff,10]))`,
    'line 2 of its output is not UTF-8',
  ],
  [
    'nests without end',
    `say(rows[0],{value:1});console.log('['.repeat(1e6))`,
    `line 2 of its output nests deeper than 32: "${'['.repeat(79)}…"`,
  ],
] as const

it('[MT7] a process fails the cells that it did not answer before it misbehaved, and nothing else', async () => {
  const tables = CASES.map(
    ([, body], at) => `
  t${at}:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      a: { from: [n], argv: ${JSON.stringify([process.execPath, '-e', of(body)])} }
      b: { from: [a], argv: [cat] }
`,
  )
  const shop = await tableShop(tables.join(''), { 't.csv': ROWS })
  const { run } = await shop.materialize()
  expect(run.ended).toMatchObject({ outcome: 'succeeded' })
  for (const [at, [what, , why]] of CASES.entries()) {
    const a = await valuesOf(shop, `t${at}`, 'a')
    expect([what, a['1'], a['4']]).toEqual([what, 1, why])
    const b = await valuesOf(shop, `t${at}`, 'b')
    expect(b['4']).toBe(`not tried: t${at}/4/a failed`)
  }
})

it('[MT7] half a line of a process that dies is no answer', async () => {
  const { a } = await derivedBy(
    of(
      `say(rows[0],{value:1});process.stdout.write('{"record_id":"2","value":12',()=>process.exit(1))`,
    ),
  )
  expect([a['1'], a['2']]).toEqual([1, 'its process exited with 1 before it answered'])
})

it('[MT7] a process that hangs, or floods, is ended', async () => {
  const hung = await derivedBy(
    of(`say(rows[0],{value:1});setInterval(()=>{},1000)`),
    ', timeout: 500ms',
  )
  expect(hung.a).toMatchObject({ 1: 1, 4: 'its process timed out after 500 ms' })
  const flood = await derivedBy(
    of(
      `say(rows[0],{value:1});const s='x'.repeat(1e6);const w=()=>{while(process.stdout.write(s));process.stdout.once('drain',w)};w()`,
    ),
    '',
    { maxOutputBytes: 3_000_000 },
  )
  expect(String(flood.a['4'])).toMatch(/wrote more than a batch may|longer than/)
})

it('[MT7] [R22] ends of lines that are none in JSON end no runner', async () => {
  const ends = 'a\u2028b\u2029c'
  const { a, b } = await derivedBy(
    of(`for(const r of rows)say(r,{value:${JSON.stringify(ends)}.replace('a',process.env.A)})`),
    `, env: { A: ${JSON.stringify('\u2028')} }`,
  )
  expect([a['1'], b['1']]).toEqual(Array(2).fill(ends.replace('a', '\u2028')))
})

it('[MT6] [MT7] [MT13] a second answer fails a cell that is on record by the first, and both are paid for', async () => {
  const first = `process.stdout.write(rows.map((r)=>JSON.stringify({record_id:r.record_id,value:1,cost:0.25})+'\\n').slice(0,3).join(''))`
  const { shop, envelope, a, b } = await derivedBy(
    of(
      `${first};const fs=require('fs');const on=setInterval(()=>{if(!fs.existsSync('go'))return;clearInterval(on);say(rows[0],{value:2,cost:0.5});say(rows[0],{value:3});say(rows[3],{value:4})},5)`,
    ),
    '',
    {},
    async ({ storage: { cells }, write }) => {
      const field = () => cells.field('t', 'a')
      await expect.poll(async () => (await field()).cells.fresh, { timeout: 60_000 }).toBe(3)
      write('go', '')
    },
  )
  expect(a).toEqual({ 1: 'its process answered twice', 2: 1, 3: 1, 4: 4 })
  expect(b).toMatchObject({ 1: 'not tried: t/1/a failed', 2: 1, 4: 4 })
  // What such a cell roughly costs is said by four cells, though five versions were made.
  expect(await shop.storage.cells.field('t', 'a')).toMatchObject({ cost: '1.25', made: 4 })
  const cells = envelope.execution.steps.flatMap((step) => step.cells ?? [])
  expect(cells.filter(({ field }) => field === 'a').map(({ record_id }) => record_id)).toEqual([
    '2',
    '3',
    '4',
    '1',
  ])
  expect(envelope.closing.totals).toEqual({
    materialized: 6,
    skipped: 0,
    failures: 2,
    total_cost: '1.25',
  })
})

it('[MT7] a program that is not there fails its cells', async () => {
  const shop = await tableShop(
    '  t:\n    source: { kind: csv, path: t.csv }\n    key: id\n    derive: { a: { from: [n], argv: [/no/such] } }\n',
    { 't.csv': ROWS },
  )
  await shop.materialize()
  expect(await valuesOf(shop, 't', 'a')).toMatchObject({
    1: 'its process could not be started: no such program: /no/such',
  })
})

it('[MT8] [MT13] a cell that fails is tried again, alone, but where that would hide what it cost, and its dependants say whose failure it is', async () => {
  const program = of(
    `const fs=require('fs');fs.appendFileSync('tries.txt',rows.map((r)=>r.record_id).join('')+' ');for(const r of rows)say(r,r.record_id==='2'?{error:'no two',cost:0.5}:{value:r.inputs.n,cost:r.record_id==='3'?'1e3':1})`,
  )
  const { shop, envelope, a, b } = await derivedBy(program, ', retries: 2')
  expect(a).toEqual({ 1: '1', 2: 'no two', 3: NO_AMOUNT, 4: '4' })
  expect(b).toMatchObject({ 1: '1', 2: 'not tried: t/2/a failed' })
  expect(envelope.closing.totals).toMatchObject({ materialized: 4, failures: 4, total_cost: '3.5' })
  const { readFileSync } = await import('node:fs')
  expect(readFileSync(`${shop.root}/tries.txt`, 'utf8')).toBe('1234 2 2 ')
})

const ask = (
  text: string,
  type: 'json' | 'text' | 'number' = 'json',
  { isPrivate = false, isFlood = false } = {},
) => {
  const reader = new AnswerReader(['1', '2'], { type, isPrivate })
  const end = reader.end({ text, invalid: [], unanswered: 'gone', isWhole: true, isFlood })
  return new Map([...end.missing, ...end.answers])
}

const NOT_KEPT = 'its value has a number of more digits than are kept: say it as text'
const NO_AMOUNT =
  'its cost is no amount: from 0 on, below a million millions, of at most 18 decimal places'

it.each([
  ['{"record_id":"1","value":1e999}', NOT_KEPT],
  ['{"record_id":"1","value":{"n":[9007199254740993]}}', NOT_KEPT],
  [
    '{"record_id":"1","value":1,"cost":0.1234567890123456789}',
    'its cost is a number of more digits than are kept: say it as text',
  ],
  ['{"record_id":"1","value":"\\ud800"}', 'its value: half a surrogate pair has no JSON form'],
  ['{"record_id":"1"}', 'its answer has neither value nor error'],
  ['{"record_id":"1","value":1,"error":"x"}', 'its answer has a value and an error'],
  ['{"record_id":"1","error":7}', 'its error is no text'],
  ['{"record_id":"1","value":1,"cost":-1}', NO_AMOUNT],
  ['{"record_id":"1","value":1,"cost":"1e3"}', NO_AMOUNT],
  // Less than a decimal tells, or so much that a sum of them is none.
  ['{"record_id":"1","value":1,"cost":1e-19}', NO_AMOUNT],
  ['{"record_id":"1","value":1,"cost":1e21}', NO_AMOUNT],
  ['{"record_id":"1","value":1,"cost":"1000000000000"}', NO_AMOUNT],
  ['{"record_id":"1","value":1,"extra":1}', 'its answer has a member "extra"'],
  ['{"record_id":"1","value":1}\n{"record_id":"1","value":1}', 'its process answered twice'],
  [
    '{"record_id":"1","value":1,"value":2}',
    'line 1 of its output has a member twice: "{\\"record_id\\":\\"1\\",\\"value\\":1,\\"value\\":2}"',
  ],
])('[MT7] the answer %s', (text, error) => {
  expect(ask(text).get('1')).toMatchObject({ ok: false, error })
})

it('[MT7] a value has the type of its field, and a cost is a decimal', () => {
  expect(ask('{"record_id":"1","value":1}', 'text').get('1')).toMatchObject({
    error: 'its value is no text',
  })
  expect(ask('{"record_id":"1","value":null}', 'number').get('1')).toMatchObject({
    ok: true,
    value: 'null',
  })
  expect(ask('{"record_id":"1","value":{"b":1,"a":2.50},"cost":1e-7}').get('1')).toEqual({
    ok: true,
    value: '{"a":2.5,"b":1}',
    cost: '0.0000001',
  })
})

it('[MT7] [MT13] what each answer of several to one record cost was spent', () => {
  const answers = (...costs: (string | null)[]) =>
    costs.map((cost) => JSON.stringify({ record_id: '1', value: 1, cost })).join('\n')
  const costOf = (text: string) => ask(text).get('1')?.cost
  expect(costOf(answers('0.1', '0.2'))).toBe('0.3')
  expect(costOf(answers('0.1', null, '2'))).toBe('2.1')
  expect(costOf(answers(null, null))).toBeNull()
})

it('[MT7] [MT13] where a cost cannot be read, a cell says that it is not known', () => {
  const long = `{"record_id":"2","value":"${'x'.repeat(1024 * 1024)}","cost":1}`
  const first = '{"record_id":"1","error":"no","cost":1}'
  expect(ask(`${first}\n${long}`).get('2')).toMatchObject({
    error: 'line 2 of its output is longer than 1048576 characters: what it cost is not known',
    isCostLost: true,
  })
  expect(ask(first, 'json', { isFlood: true })).toEqual(
    new Map([
      ['1', { ok: false, error: 'no', cost: '1', isCostLost: false }],
      ['2', { ok: false, error: 'gone', cost: null, isCostLost: true }],
    ]),
  )
  expect(ask(`${first}\n{"record_id":"1","value":1,"cost":-1}`).get('1')).toMatchObject({
    error: `its process answered twice, and once ${NO_AMOUNT}`,
    cost: '1',
    isCostLost: true,
  })
  // No answer, and what comes after it is not believed: neither says what anything cost.
  expect(ask(`Traceback:\n${first}`).get('1')).toMatchObject({ isCostLost: false })
})

it('[MT14] words of a process are withheld where a value is private', () => {
  expect(
    JSON.stringify([...ask('{"record_id":"1","error":"hush"}', 'json', { isPrivate: true })]),
  ).not.toContain('hush')
  expect(JSON.stringify([...ask('hush', 'json', { isPrivate: true })])).not.toContain('hush')
})

it('[MT6] [R10] a secret is in no value and no error, also as JSON writes it', async () => {
  const tells = of(
    `const key=process.env.KEY;say(rows[0],{value:'it is '+key});say(rows[1],{error:'401 for '+key});console.log('using '+key)`,
  )
  const { a, envelope } = await derivedBy(
    tells,
    `, env: { KEY: { value: 'pass"word-17', secret: true } }`,
  )
  expect(a['1']).toBe('it is ***')
  expect(JSON.stringify([a, envelope])).not.toContain('word-17')
})

it('[MT6] [R10] no line of a secret of several is in a value, as JSON writes it', async () => {
  const { a, envelope } = await derivedBy(
    of(
      `say(rows[0],{value:'it is '+process.env.KEY.split('\\n')[1].trim()});say(rows[1],{value:1})`,
    ),
    String.raw`, env: { KEY: { value: "{\n  \"key\": \"word-17\"\n}", secret: true } }`,
  )
  expect(a['1']).toBe('it is ***')
  expect(JSON.stringify([a, envelope])).not.toContain('word-17')
})
