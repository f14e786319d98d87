import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { DefinitionError, loadProject, openProject } from '#server/runs/project.ts'

function written(source: string | Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'runseal.yaml'), source)
  return folder
}

function faultsOf(source: string | Uint8Array): readonly string[] {
  try {
    loadProject(written(source))
    return []
  } catch (error) {
    if (error instanceof DefinitionError) return error.faults
    throw error
  }
}

/** The one run `a`, each line indented below it. */
function run(body: string): string {
  return `runs:\n  a:\n${body.replaceAll(/^(?=.)/gm, '    ')}`
}

const OK = 'steps: [{ id: one, run: exit 0 }]'

describe('a fault in runseal.yaml', () => {
  it.each([
    ['no YAML', 'runs: [', '1:8: '],
    ['no mapping', 'hello', '1:1: invalid input: expected object'],
    ['nothing at all', '', '1:1: invalid input: expected object'],
    ['an unknown member', `x: 1\n${run(OK)}`, '1:1: unknown member x'],
    [
      'a misspelt member of a step',
      run('steps: [{ id: one, runn: x }]'),
      '3:24: unknown member runn',
    ],
    ['a member that is missing', run('steps: [{ run: x }]'), '3:13: "id" is missing'],
    ['a key twice', `${run(OK)}\n  a:\n    ${OK}`, '4:3: map keys must be unique'],
    ['a tag', run('steps: [{ id: one, run: !!js/function x }]'), '3:29: unresolved tag'],
    ['a timestamp tag', run('title: !!timestamp 2001-01-01\nsteps: []'), '3:12: unresolved tag'],
    [
      'a bad type',
      run('steps: [{ id: one, run: x, retries: many }]'),
      '3:41: invalid input: expected number',
    ],
    [
      'a number for text',
      run('steps: [{ id: one, argv: [sleep, 5] }]'),
      '3:38: must be text: put it in quotes',
    ],
    [
      'a number in env',
      run('steps: [{ id: one, run: x, env: { PORT: 1 } }]'),
      '3:45: must be text in quotes, {value, secret} or {from, secret}',
    ],
    [
      'a reserved variable',
      run('steps: [{ id: one, run: x, env: { RUNSEAL_X: a } }]'),
      '3:50: is no name for a variable',
    ],
    [
      'a variable that is none',
      run('steps: [{ id: one, run: x, env: { A-B: a } }]'),
      '3:44: is no name for a variable',
    ],
    [
      "the server's own variable",
      run('steps: [{ id: one, run: x, env: { X: { from: RUNSEAL_T } } }]'),
      '3:42: RUNSEAL_* is the server',
    ],
    ['no steps', run('title: x'), '3:5: "steps" is missing'],
    ['an empty list of steps', run('steps: []'), '3:12: too small'],
    ['run and argv', run('steps: [{ id: one, run: x, argv: [y] }]'), '3:13: has both run and argv'],
    ['neither', run('steps: [{ id: one }]'), '3:13: has neither run nor argv'],
    ['no program', run("steps: [{ id: one, argv: ['', x] }]"), '3:31: names no program'],
    [
      'two steps of one id',
      run('steps: [{ id: one, run: x }, { id: one, run: x }]'),
      '3:40: "one" is already the id',
    ],
    [
      'a gate with the id of a step',
      run('steps: [{ id: one, run: x }]\ngates: [{ id: one, question: x }]'),
      '4:19: "one" is already the id',
    ],
    [
      'an unknown need',
      run('steps: [{ id: one, run: x, needs: [two] }]'),
      '3:40: no step or gate "two" in this run',
    ],
    ['itself', run('steps: [{ id: one, run: x, needs: [one] }]'), '3:39: cycle: one → one'],
    [
      'one need twice',
      run('steps: [{ id: one, run: x }, { id: two, run: x, needs: [one, one] }]'),
      '3:66: one is there twice',
    ],
    [
      'a circle',
      run(
        'steps: [{ id: a, run: x, needs: [c] }, { id: b, run: x, needs: [a] }]\ngates: [{ id: c, question: x, needs: [b] }]',
      ),
      '3:37: cycle: a → c → b → a',
    ],
    [
      'cwd outside',
      run('steps: [{ id: one, run: x, cwd: ../x }]'),
      '3:37: ../x is outside of the root',
    ],
    [
      'cwd outside in the end',
      run('steps: [{ id: one, run: x, cwd: a/../../x }]'),
      '3:37: a/../../x is outside of the root',
    ],
    [
      'an absolute cwd',
      run('steps: [{ id: one, run: x, cwd: /tmp }]'),
      '3:37: /tmp is outside of the root',
    ],
    [
      'an artifact outside',
      run('steps: [{ id: one, run: x, cwd: sub, artifacts: [../../x] }]'),
      '3:54: ../x is outside of the root',
    ],
    [
      'an absolute artifact',
      run('steps: [{ id: one, run: x, artifacts: [/etc/passwd] }]'),
      '3:44: must be a path from cwd',
    ],
    [
      'an artifact that is a folder',
      run('steps: [{ id: one, run: x, artifacts: [x/] }]'),
      '3:44: names no file',
    ],
    [
      'an artifact twice',
      run('steps: [{ id: one, run: x, artifacts: [x, ./x] }]'),
      '3:47: x is there twice',
    ],
    [
      'no duration',
      run('steps: [{ id: one, run: x, timeout: 5 minutes }]'),
      '3:41: must be a duration',
    ],
    [
      'too long a timeout',
      run('steps: [{ id: one, run: x, timeout: 25d }]'),
      '3:41: is longer than 24 days',
    ],
    [
      'an input in shell text',
      run("inputs: { v: {} }\nsteps: [{ id: one, run: 'echo {{inputs.v}}' }]"),
      '4:29: an input never becomes shell text: write "$INPUT_V"',
    ],
    [
      'a part of an argument',
      run("inputs: { v: {} }\nsteps: [{ id: one, argv: [echo, 'v={{inputs.v}}'] }]"),
      '4:37: an input is a whole element',
    ],
    [
      'a reference with spaces',
      run("inputs: { v: {} }\nsteps: [{ id: one, argv: [echo, '{{ inputs.v }}'] }]"),
      '4:37: an input is a whole element',
    ],
    [
      'an unknown input',
      run("steps: [{ id: one, argv: [echo, '{{inputs.w}}'] }]"),
      '3:37: no input "w" in this run',
    ],
    [
      'an unknown input in a question',
      run(`${OK}\ngates: [{ id: g, question: 'Ship {{inputs.w}}?' }]`),
      '4:32: no input "w" in this run',
    ],
    [
      'an input in env',
      run("inputs: { v: {} }\nsteps: [{ id: one, run: x, env: { X: '{{inputs.v}}' } }]"),
      '4:42: inputs are replaced in argv and questions only',
    ],
    [
      'a default that is no option',
      run(`inputs: { v: { default: c, options: [a, b] } }\n${OK}`),
      '3:29: is none of the options a, b',
    ],
    [
      'a passkey',
      run(`${OK}\ngates: [{ id: g, question: x, sign: passkey }]`),
      '4:41: passkeys are not supported yet',
    ],
    [
      'shown of no step',
      run(`${OK}\ngates: [{ id: g, question: x, show: [two/x] }]`),
      '4:42: no step "two"',
    ],
    [
      'shown and not kept',
      run(`${OK}\ngates: [{ id: g, question: x, show: [one/x] }]`),
      '4:42: "x" is no artifact of step "one"',
    ],
    [
      'shown too early',
      run(
        'steps: [{ id: one, run: x, artifacts: [x] }]\ngates: [{ id: g, question: x, show: [one/x] }]',
      ),
      '4:42: the gate does not need step "one"',
    ],
    [
      'a root that no folder can be named',
      `root: ${'x'.repeat(5000)}\n${run(OK)}`,
      '1:7: cannot be entered (ENAMETOOLONG)',
    ],
    ['a root that is a file', `root: runseal.yaml\n${run(OK)}`, '1:7: is no folder: runseal.yaml'],
    ['a root that is not there', `root: nowhere\n${run(OK)}`, '1:7: no such folder: nowhere'],
    [
      'too many attempts',
      run(
        `steps: [${Array.from({ length: 9700 }, (_, i) => `{ id: s${i}, run: x, retries: 100 }`).join(', ')}]`,
      ),
      '3:12: may have 1008800 attempts',
    ],
    ['NUL', run('steps: [{ id: one, run: "a\\0b" }]'), '3:29: holds a NUL character'],
    [
      'half a character',
      run('steps: [{ id: one, run: "\\uD800" }]'),
      '3:29: holds half a surrogate pair',
    ],
    ['a name that is none', `runs:\n  __proto__:\n    ${OK}`, '2:3: __proto__ is no name'],
    [
      'a bomb of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]`,
      '1:1: excessive alias count',
    ],
  ])('[D1] is told with its place: %s', (_, source, fault) => {
    const [first = ''] = faultsOf(source)
    expect(first).toContain(`runseal.yaml:${fault}`)
  })

  it('[D1] is told together with the others, in the order of the file', () => {
    const source = run(
      'steps:\n  - { id: one, run: x, argv: [x] }\n  - { id: two, run: x, needs: [three] }',
    )
    expect(faultsOf(source)).toEqual([
      'runseal.yaml:4:9: has both run and argv',
      'runseal.yaml:5:36: no step or gate "three" in this run',
    ])
  })

  it('[D1] is each circle of needs that shares nothing with another', () => {
    const needs = { a: 'b', b: 'a', c: 'd', d: 'c', e: 'a', f: 'f' }
    const steps = Object.entries(needs).map(
      ([id, need]) => `{ id: ${id}, run: x, needs: [${need}] }`,
    )
    expect(faultsOf(run(`steps: [${steps.join(', ')}]`)).map((one) => one.split(': ')[2])).toEqual([
      'a → b → a',
      'c → d → c',
      'f → f',
    ])
  })

  it('[D1] is nesting without end', () => {
    // How deep that is depends on the stack.
    expect(faultsOf('['.repeat(200_000))).toContainEqual(
      expect.stringMatching(/^runseal.yaml:1:\d+: is nested too deep$/),
    )
  })

  it('[D2] is a file that is too large, or no UTF-8, or not there', () => {
    expect(faultsOf(`# ${'x'.repeat(1024 * 1024)}`)).toEqual([
      'runseal.yaml:1:1: is larger than 524288 bytes',
    ])
    expect(faultsOf(Uint8Array.of(0xff, 0xfe))).toEqual(['runseal.yaml:1:1: is not UTF-8'])
    expect(() => loadProject('/nowhere')).toThrow(/^\/nowhere: no such project$/)
    const folder = written('')
    rmSync(join(folder, 'runseal.yaml'))
    expect(() => loadProject(folder)).toThrow(/runseal.yaml: cannot be read/)
  })
})

describe('a definition', () => {
  it('[D3] has every default, and paths from the root', () => {
    const folder = written(`
root: ..
runs:
  a:
    inputs: { v: { default: '1' } }
    steps:
      - { id: one, run: make, cwd: sub/, artifacts: [../x/y.txt], timeout: 90s }
    gates:
      - { id: g, needs: [one], question: Ship?, show: [one/../x/y.txt], expires: 2h }
`)
    const { definitions, root } = loadProject(folder)
    expect(root).toBe(tmpdir())
    expect(definitions.get('a')).toMatchObject({
      title: 'a',
      steps: [
        {
          kind: 'command',
          argv: ['/bin/sh', '-c', 'make'],
          cwd: 'sub',
          retries: 0,
          timeout_ms: 90_000,
          artifacts: ['x/y.txt'],
        },
      ],
      gates: [
        {
          policy: { roles: ['approver'], quorum: 1, expires_ms: 7_200_000, sign: 'session' },
          show: ['one/x/y.txt'],
        },
      ],
    })
  })

  it('[D4] may share parts by aliases and merge keys', () => {
    const { definitions } = loadProject(
      written(run('steps:\n  - &one { id: one, run: x, retries: 2 }\n  - { <<: *one, id: two }')),
    )
    expect(definitions.get('a')?.steps.map(({ step_id, retries }) => [step_id, retries])).toEqual([
      ['one', 2],
      ['two', 2],
    ])
  })

  it('[D5] has a digest that says whether two are the same, and betrays no secret', () => {
    const digest = (body: string) => loadProject(written(run(body))).definitions.get('a')?.sha256
    const secret = (value: string) =>
      digest(`steps: [{ id: one, run: x, env: { K: { value: ${value}, secret: true } } }]`)
    expect(digest(OK)).toBe(digest(`title: a\n${OK}\ngates: []`))
    expect(digest(OK)).not.toBe(digest('steps: [{ id: one, run: exit 1 }]'))
    expect(secret('hunter2')).toBe(secret('hunter3'))
  })

  it('[D5] has a digest that the root is a part of', () => {
    const digest = (root: string) => {
      const folder = written(`${run(OK)}\nroot: ${root}\n`)
      for (const name of ['A', 'B']) mkdirSync(join(folder, name), { recursive: true })
      return loadProject(folder).definitions.get('a')?.sha256
    }
    expect(digest('A')).not.toBe(digest('B'))
    expect(digest('A')).toBe(digest('./A/'))
    expect(digest('.')).toBe(loadProject(written(run(OK))).definitions.get('a')?.sha256)
  })

  it('[D6] is read again when its file has changed, and stays as it was while that is broken', () => {
    const folder = written(run(OK))
    const file = join(folder, 'runseal.yaml')
    const project = openProject(folder)
    expect(project.now()).toBe(project.now())
    writeFileSync(file, run('steps: []'))
    expect(() => project.now()).toThrow(DefinitionError)
    expect(() => project.now()).toThrow(DefinitionError)
    expect(project.lastGood().definitions.has('a')).toBe(true)
    writeFileSync(file, run(OK).replace('  a:', '  b:'))
    utimesSync(file, 1, 1)
    expect([...project.now().definitions.keys()]).toEqual(['b'])
  })

  it('[D7] takes a chain of steps of any length', () => {
    const steps = Array.from({ length: 2000 }, (_, i) =>
      i === 0 ? `{id: s0, run: x}` : `{id: s${i}, run: x, needs: [s${i - 1}]}`,
    )
    expect(loadProject(written(run(`steps: [${steps.join(',')}]`))).definitions.size).toBe(1)
    steps[0] = '{id: s0, run: x, needs: [s1999]}'
    expect(faultsOf(run(`steps: [${steps.join(',')}]`))).toHaveLength(1)
  })
})
