import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { parseSync, Visitor } from 'vite'

/** What each folder of src may import of ours. */
export const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  contract: [],
  evidence: ['contract'],
  live: ['contract'],
  viewer: ['contract', 'evidence', 'live'],
  server: ['contract', 'evidence', 'live'],
  cli: ['contract', 'evidence', 'server'],
}

/** One folder of the viewer for each audience, and one for the tables, which are everybody's. */
const AUDIENCES = ['operate', 'review', 'approve', 'tables'] as const

/** An import from a file that matches `from` never reaches one that matches `to`: a path in src or a package. */
const APART: readonly { from: RegExp; to: RegExp; why: string }[] = [
  ...AUDIENCES.map((own) => ({
    from: new RegExp(`^src/viewer/${own}/`),
    to: new RegExp(`^src/viewer/(${AUDIENCES.filter((other) => other !== own).join('|')})/`),
    why: 'operate, review, approve and tables never import each other',
  })),
  {
    from: /^src\/viewer\/parts\//,
    to: /^(src\/viewer\/(operate|review|approve|tables|stream|queries)\b|@tanstack\/react-query$)/,
    why: 'parts are shared by all and fetch nothing',
  },
  {
    from: /^src\/(?!server\/(http\/|main\.ts$))/,
    to: /^src\/server\/http\//,
    why: 'http calls the rest and only server/main.ts mounts it',
  },
  {
    from: /^src\/(?!server\/(storage\/|main\.ts$))/,
    to: /^src\/server\/storage\/sqlite/,
    why: 'only server/main.ts names a concrete storage',
  },
  {
    from: /^src\/(?!server\/storage\/)/,
    to: /^(better-sqlite3|kysely)$/,
    why: 'the database is known in server/storage only',
  },
  {
    from: /^src\/(contract|evidence|live|viewer)\//,
    to: /^node:/,
    why: 'what runs in a browser has no node:*',
  },
  {
    from: /^src\/(contract|evidence|live|viewer)\//,
    to: /^zod$/,
    why: 'what reaches the browser takes zod/mini',
  },
  {
    from: /^src\/(?!viewer\/)/,
    to: /^react(-dom)?(\/|$)/,
    why: 'only the viewer knows React',
  },
]

const PURE = /^src\/(contract|evidence|live)\//
const IMPURE = [
  'Date.now',
  'Math.random',
  'performance.now',
  'crypto.getRandomValues',
  'crypto.randomUUID',
]
const EFFECTS = ['useEffect', 'useLayoutEffect', 'useInsertionEffect']
const MAY_HAVE_EFFECTS = /^src\/viewer\/(stream|parts)\//

// The brand of evidence that this reader's own browser has checked: the one cast in the house.
const BRAND = { path: 'src/evidence/verify.ts', type: 'VerifiedEnvelope' }

/** Everything that the file at `path` (from the top, with /) does against the house, a line each. */
export function complaints(path: string, source: string): string[] {
  const found: string[] = []
  const { program, module, comments, errors } = parseSync(path, source)
  const complain = (at: number, what: string) => {
    found.push(`${path}:${source.slice(0, at).split('\n').length}: ${what}`)
  }
  const imports = (at: number, specifier: string) => {
    for (const what of importComplaints(path, specifier)) complain(at, what)
  }

  for (const error of errors) complain(0, error.message)
  if (!Object.hasOwn(FOLDERS, folderOf(path))) complain(0, 'is in no folder of the house')
  if (/^(index|utils?|helpers?|types?)\.tsx?$/.test(posix.basename(path)))
    complain(0, 'a file is named for the question it answers')

  for (const { moduleRequest, start } of module.staticImports) imports(start, moduleRequest.value)
  for (const { moduleRequest, exportName, start } of module.staticExports.flatMap(
    (e) => e.entries,
  )) {
    if (moduleRequest !== null) complain(start, 'no barrels: export what is written here')
    if (exportName.kind === 'Default' || exportName.name === 'default')
      complain(start, 'named exports only')
  }
  for (const { value, start } of comments)
    if (
      /@ts-|(oxlint|eslint)-disable/.test(value) &&
      !/^ oxlint-disable-next-line \S+ -- \S/.test(value)
    )
      complain(
        start,
        'a check is switched off for one line and one rule, with its reason, or not at all',
      )

  let brands = 0
  new Visitor({
    ImportExpression({ source: specifier, start }) {
      if (specifier.type === 'Literal' && typeof specifier.value === 'string')
        imports(start, specifier.value)
      else complain(start, 'an import names its file')
    },
    TSImportType({ source: specifier, start }) {
      imports(start, specifier.value)
    },
    NewExpression({ callee, arguments: [first, second], start }) {
      if (callee.type !== 'Identifier') return
      if (callee.name === 'Date' && first === undefined && PURE.test(path))
        complain(start, 'the clock is an argument here')
      // A worker is started from its file's URL: that is an import too.
      if (callee.name !== 'URL' || second === undefined) return
      if (first?.type !== 'Literal' || typeof first.value !== 'string') return
      if (/\.tsx?$/.test(first.value)) imports(start, first.value)
    },
    MemberExpression({ object, property, start }) {
      if (object.type !== 'Identifier' || property.type !== 'Identifier') return
      if (PURE.test(path) && IMPURE.includes(`${object.name}.${property.name}`))
        complain(start, `${object.name}.${property.name}: clock and randomness are arguments here`)
      if (object.name === 'React') effect(property.name, start)
    },
    ImportSpecifier({ imported, start }) {
      effect(imported.type === 'Identifier' ? imported.name : imported.value, start)
    },
    TSAsExpression({ typeAnnotation: type, start }) {
      const name =
        type.type === 'TSTypeReference' && type.typeName.type === 'Identifier'
          ? type.typeName.name
          : ''
      if (name === 'const') return
      if (path === BRAND.path && name === BRAND.type && brands++ === 0) return
      complain(start, 'no cast: parse it, or give the data another shape')
    },
    TSTypeAssertion({ start }) {
      complain(start, 'no cast: parse it, or give the data another shape')
    },
    TSNonNullExpression({ start }) {
      complain(start, 'no !: the type says what may be absent')
    },
    VariableDeclarator({ definite, start }) {
      if (definite === true) complain(start, 'no !: the type says what may be absent')
    },
    PropertyDefinition({ definite, start }) {
      if (definite === true) complain(start, 'no !: the type says what may be absent')
    },
    TSAnyKeyword({ start }) {
      complain(start, 'no any')
    },
    TSEnumDeclaration({ start }) {
      complain(start, 'no enum: a closed set is a table')
    },
  }).visit(program)
  return found

  function effect(name: string, at: number): void {
    if (EFFECTS.includes(name) && !MAY_HAVE_EFFECTS.test(path))
      complain(at, `${name} only in viewer/stream and viewer/parts`)
  }
}

function importComplaints(path: string, specifier: string): string[] {
  if (specifier.split('/').includes('..'))
    return [`${specifier}: across folders by name, #folder/file.ts; beside you ./file.ts`]
  const target = resolve(path, specifier)
  const found = APART.filter(({ from, to }) => from.test(path) && to.test(target)).map(
    ({ why }) => `${specifier}: ${why}`,
  )
  const [own, other] = [folderOf(path), folderOf(target)]
  if (specifier.startsWith('#') && other === '') found.push(`${specifier}: is not in src`)
  if (other !== '' && other !== own && FOLDERS[own]?.includes(other) !== true)
    found.push(`${specifier}: ${own} does not import ${other}`)
  return found
}

/** A path in src or test, or the name of a package; Node's own always with their prefix. */
function resolve(path: string, specifier: string): string {
  if (specifier.startsWith('./')) return posix.join(posix.dirname(path), specifier)
  if (specifier.startsWith('#test/')) return specifier.slice(1)
  if (specifier.startsWith('#')) return `src/${specifier.slice(1)}`
  return isBuiltin(specifier) ? `node:${specifier.replace(/^node:/, '')}` : specifier
}

function folderOf(path: string): string {
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? ''
}
