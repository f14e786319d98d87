import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { DefinitionError, loadProject, type Definition } from '#server/runs/project.ts'

function read(source: string | Uint8Array): {
  definitions: ReadonlyMap<string, Definition> | null
  faults: readonly string[]
} {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'runseal.yaml'), source)
  try {
    return { definitions: loadProject(folder).definitions, faults: [] }
  } catch (error) {
    if (error instanceof DefinitionError) return { definitions: null, faults: error.faults }
    throw error
  }
}

// For a busy machine; what hangs takes minutes.
vi.setConfig({ testTimeout: 60_000 })

const many = (count: number, line: (index: number) => string, by = '\n') =>
  Array.from({ length: count }, (_, index) => line(index)).join(by)
const steps = (body: string) => `runs:\n  a:\n    steps: [${body}]\n`
const OK = steps('{ id: one, run: exit 0 }')

// Each of them took minutes or memory of some YAML reader.
it.each([
  [
    'a bomb of merges',
    `${many(12, (i) => `a${i}: &a${i}\n  <<: [${i === 0 ? '{ k: 1 }' : many(10, () => `*a${i - 1}`, ', ')}]`)}\n`,
    /:12:8: aliases name more than 100000 values$/,
  ],
  [
    'more aliases than a definition has a use for',
    `x: &s hi\n${many(20_000, (i) => `c${i}: *s`)}\n`,
    /:502:\d+: there are more than 500 aliases$/,
  ],
  [
    'many anchors, each with its alias',
    many(10_000, (i) => `a${i}: &b${i} y\nc${i}: *b${i}`),
    /:1002:\d+: there are more than 500 aliases$/,
  ],
  ['a list inside of itself', 'runs: &a [*a]\n', /:1:11: this alias is inside of what it names$/],
  [
    'a mapping inside of itself',
    'runs: &a { b: *a }\n',
    /:1:15: this alias is inside of what it names$/,
  ],
  [
    'a mapping merged into itself',
    'runs: &a { <<: *a }\n',
    /:1:16: this alias is inside of what it names$/,
  ],
  [
    'a run among its own steps',
    'runs:\n  a: &x\n    steps: [*x]\n',
    /:3:13: this alias is inside of what it names$/,
  ],
  [
    'an alias for a key',
    'x: &a runs\n*a : 1\n',
    /:2:1: with stringKeys, all keys must be strings$/,
  ],
  ['an alias of nothing', 'runs: *a\n', /:1:7: this alias names nothing before it$/],
  ['lists in lists', '['.repeat(100_000), /:1:\d+: is nested too deep$/],
  ['mappings in mappings', '{a: '.repeat(100_000), /:1:\d+: is nested too deep$/],
  ['blocks in blocks', many(700, (i) => `${' '.repeat(i)}a:`), /:\d+:\d+: is nested too deep$/],
  ['dashes in dashes', '- '.repeat(5_000), /:1:\d+: is nested too deep$/],
  [
    'deeper than a definition has a use for',
    `runs: ${'['.repeat(100)}${']'.repeat(100)}`,
    /:1:\d+: is nested too deep$/,
  ],
  ['keys without end', many(60_000, (i) => `k${i}: 1`), /:1:1: /],
  ['one key without end', many(80_000, () => 'k: 1'), /:2:1: map keys must be unique/],
  [
    'a key twice in a flow',
    steps('{ id: one, run: x, id: two }'),
    /:3:32: map keys must be unique/,
  ],
  [
    'one large part merged again and again',
    `x: &a { ${many(18_000, (i) => `k${i}: 1`, ', ')} }\ny: [${many(98, () => '{ <<: *a }', ', ')}]`,
    /:2:\d+: aliases name more than 100000 values$/,
  ],
  [
    'aliases of aliases',
    `x: [&a [${many(12, () => '1', ', ')}], &b [${many(12, () => '*a', ', ')}], &c [${many(12, () => '*b', ', ')}], &d [${many(12, () => '*c', ', ')}], [${many(12, () => '*d', ', ')}]]`,
    /:1:\d+: aliases name more than 100000 values$/,
  ],
  ['anchors on anchors', '&a '.repeat(45_000), /:1:4: a node can have at most one anchor$/],
  ['tags on tags', '!!a '.repeat(45_000), /:1:5: a node can have at most one tag$/],
  ['documents without end', '---\n'.repeat(45_000), /:2:1: source contains multiple documents/],
  [
    'faults without end',
    steps(many(14_000, (i) => `{ id: s${i}, x: x }`, ', ')),
    /:3:\d+: unknown member x$/,
  ],
  [
    'a hundred thousand steps',
    steps(many(100_000, (i) => `{ id: s${i}, run: x }`, ', ')),
    /:1:1: is larger than 524288 bytes$/,
  ],
  ['ten megabytes', `# ${'x'.repeat(10_000_000)}`, /:1:1: is larger than 524288 bytes$/],
  ['a number that is none', `runs: 1${'0'.repeat(500_000)}`, /:1:7: /],
  [
    'a number for text',
    steps('{ id: one, argv: [1e400] }'),
    /:3:31: must be text: put it in quotes$/,
  ],
  [
    'more retries than a number holds',
    steps(`{ id: one, run: x, retries: 9${'9'.repeat(400)} }`),
    /:3:41: /,
  ],
  [
    'a prototype by merge',
    'runs:\n  a:\n    <<: { __proto__: { x: 1 } }\n    steps: []',
    /__proto__ is no name$/,
  ],
  [
    'a prototype as a variable',
    steps('{ id: one, run: x, env: { __proto__: a } }'),
    /:3:37: __proto__ is no name$/,
  ],
  [
    'a need that every object has',
    steps('{ id: one, run: x, needs: [toString] }'),
    /:3:40: no step or gate "toString"/,
  ],
  [
    'an input that every object has',
    steps("{ id: one, argv: ['{{inputs.constructor}}'] }"),
    /:3:31: no input "constructor" in this run$/,
  ],
  ['tabs for spaces', 'runs:\n\ta: 1', /:2:1: tabs are not allowed as indentation$/],
  ['a NUL', 'runs:\0', /:1:1: /],
  ['UTF-16', Buffer.from(OK, 'utf16le'), /:\d+:\d+: /],
  [
    'half a character',
    Buffer.concat([Buffer.from('runs: "'), Buffer.of(0xc3), Buffer.from('"')]),
    /:1:1: is not UTF-8$/,
  ],
  [
    'a code point too large',
    Buffer.concat([Buffer.from('runs: '), Buffer.of(0xf4, 0x90, 0x80, 0x80)]),
    /:1:1: is not UTF-8$/,
  ],
])('[D1] [D2] [D9] tells the place of %s', (_, source, fault) => {
  const { faults } = read(source)
  expect(faults[0]).toMatch(fault)
  expect(faults.length).toBeLessThanOrEqual(50)
  for (const line of faults) expect(line).toMatch(/^runseal\.yaml:\d+:\d+: \S/)
})

it.each([
  ['a byte order mark', `\uFEFF${OK}`],
  ['CRLF', OK.replaceAll('\n', '\r\n')],
  ['a run named constructor', OK.replace('a:', 'constructor:')],
  [
    'an input named constructor',
    `runs:\n  a:\n    inputs: { constructor: { default: x } }\n    ${OK.slice(15)}`,
  ],
  [
    'a variable named constructor',
    steps('{ id: one, run: x, env: { constructor: a, NODE_OPTIONS: b, LD_PRELOAD: c } }'),
  ],
  [
    'a block of fifty thousand lines',
    `runs:\n  a:\n    steps:\n      - id: one\n        argv: [x]\n        env:\n          X: |\n${'            \n'.repeat(30_000)}            end\n`,
  ],
  ['as many steps as fit', steps(many(14_000, (i) => `{ id: s${i}, run: x }`, ', '))],
])('[D9] reads %s as it is meant', (_, source) => {
  const { definitions, faults } = read(source)
  expect(faults).toEqual([])
  expect(definitions?.size).toBe(1)
})

it.each([
  '*hunter2secret',
  '!hunter2secret',
  '!hunter2secret x',
  '!<hunter2secret> x',
  '!a!hunter2secret x',
  '"hunter2secret',
  "'hunter2secret",
  '"\\hunter2secret"',
  '@hunter2secret',
  '`hunter2secret',
  '%hunter2secret',
  '|hunter2secret',
  '>- hunter2secret',
  '[hunter2secret',
  'hunter2secret]',
  'x: hunter2secret',
  '&hunter2secret',
  '{hunter2secret}',
  '- hunter2secret',
])('[D1] no fault quotes a value that may be a secret: %s', (value) => {
  const places = [
    `{ TOKEN: { value: ${value}, secret: true } }`,
    `{ TOKEN: ${value} }`,
    `\n          TOKEN: ${value}`,
    `\n          TOKEN:\n            secret: true\n            value: ${value}`,
  ]
  for (const env of places)
    expect(
      read(
        `runs:\n  a:\n    steps:\n      - id: one\n        run: x\n        env: ${env}\n`,
      ).faults.join(),
    ).not.toContain('hunter2secret')
})
