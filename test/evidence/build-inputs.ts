import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Envelope } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { type TrustFile } from '#contract/trust.ts'
import { encodeBase64 } from '#evidence/base64.ts'
import { canonicalize, utf8 } from '#evidence/canonical.ts'
import { sha256 } from '#evidence/digest.ts'
import { keyIdOf } from '#evidence/key.ts'
import { MAX_TRUST_BYTES } from '#evidence/trust-file.ts'
import { ATTACKS } from './attacks.ts'
import {
  LOW_ORDER,
  newSigner,
  planGate,
  planStep,
  requiring,
  serverKeyOf,
  startRun,
  trustFileOf,
} from './fixture.ts'
import { INPUTS, type InputTable } from './frozen-inputs.ts'
import { newPasskey } from './passkey.ts'

/*
 * Writes test/evidence/inputs: `node test/evidence/build-inputs.ts`. What stands there is frozen: a file is written anew
 * only where it is meant to be another one, and what is expected of it is decided here, by hand.
 */

const [signer, second, third] = [await newSigner(), await newSigner(2), await newSigner(3)]
const [ann, ben] = [
  newPasskey('ann', { user: 'ann' }).approver,
  newPasskey('ben', { user: 'ben', seed: 8, alg: 'EdDSA' }).approver,
]
const key = serverKeyOf(signer)
const fingerprint = ({ key_id }: { key_id: string }) => key_id.slice(0, 8)

const inputs: InputTable['inputs'] = []
function expectOf(
  rule: string,
  of: InputTable['inputs'][number]['of'],
  file: string,
  what: string,
  input: Uint8Array | string | object,
  found: readonly string[],
  padded?: number,
): void {
  const text = typeof input === 'string' ? input : JSON.stringify(input, null, 2)
  writeFileSync(new URL(`${file}.input`, INPUTS), input instanceof Uint8Array ? input : utf8(text))
  inputs.push({ file, rule, of, what, ...(padded !== undefined && { padded }), found: [...found] })
}
mkdirSync(INPUTS, { recursive: true })

// Trust files: what is none.
const honest: TrustFile = trustFileOf(signer, {
  approvers: [ann],
  required: [{ name: 'release', sha256: null, gates: [] }],
})
const text = JSON.stringify(honest, null, 2)
const instead = (from: string, to: string): string => {
  if (!text.includes(from)) throw new RangeError(`nothing to replace: ${from}`)
  return text.replace(from, to)
}
const NOT_JSON = 'it is not JSON'
const TWICE = 'it has a member twice'
for (const [file, what, input, why] of [
  ['bom', 'a byte order mark', `\ufeff${text}`, 'it begins with a byte order mark'],
  [
    'not-utf8',
    'a byte that is no UTF-8',
    Uint8Array.from([...utf8(text), 0xff]),
    'it is not UTF-8',
  ],
  ['utf16', 'UTF-16', new Uint8Array(Buffer.from(`\ufeff${text}`, 'utf16le')), 'it is not UTF-8'],
  ['empty', 'nothing', '', NOT_JSON],
  ['truncated', 'half of it', text.slice(0, text.length / 2), NOT_JSON],
  ['concatenated', 'two files in one', text + text, NOT_JSON],
  ['comma', 'a comma too many', instead('"required": [', '"required": [,'), NOT_JSON],
  ['comment', 'a comment', `// mine\n${text}`, NOT_JSON],
  ['member-twice', 'what is required twice', instead('{', '{"required": [],'), TWICE],
  [
    'member-twice-escaped',
    'a status twice, once written with an escape',
    instead('"status"', String.raw`"st\u0061tus": "revoked", "status"`),
    TWICE,
  ],
  ['proto', 'a member __proto__', instead('{', '{"__proto__": {},'), 'it has a member __proto__'],
  [
    'deep',
    'deeper than any is',
    instead('"required": [', `"x": ${'['.repeat(16)}${']'.repeat(16)}, "required": [`),
    'it nests deeper than 16',
  ],
  [
    'array',
    'a list of files',
    [honest],
    'it does not fit: Invalid input: expected object, received array',
  ],
  ['null', 'null', 'null', 'it does not fit: Invalid input: expected object, received null'],
  [
    'next-version',
    'another version',
    { ...honest, schema: 'runseal/trust/2' },
    'its member /schema does not fit: Invalid input: expected "runseal/trust/1"',
  ],
  [
    'member-more',
    'a member more',
    { ...honest, note: 'x' },
    'it does not fit: Unrecognized key: "note"',
  ],
  [
    'member-more-in-a-key',
    'a member more in a key',
    { ...honest, server_keys: [{ ...key, comment: 'x' }] },
    'its member /server_keys/0 does not fit: Unrecognized key: "comment"',
  ],
  [
    'member-less',
    'a key without a status',
    instead('"status": "active",', ''),
    'its member /server_keys/0/status does not fit: Invalid option: expected one of "active"|"retired"|"revoked"',
  ],
  [
    'quorum-none',
    'a gate that nobody has to approve',
    { ...honest, required: [requiring({ quorum: 0 })] },
    'its member /required/0/gates/0/quorum does not fit: Too small: expected number to be >=1',
  ],
  [
    'origins-none',
    'an approver without an origin',
    { ...honest, approvers: [{ ...ann, origins: [] }] },
    'its member /approvers/0/origins does not fit: Too small: expected array to have >=1 items',
  ],
  [
    'last-below-nothing',
    'a key that counts up to a number below 0',
    { ...honest, server_keys: [{ ...key, status: 'retired', last_seal_seq: -1 }] },
    'its member /server_keys/0/last_seal_seq does not fit: Too small: expected number to be >=0',
  ],
  [
    'key-id-of-another',
    'a key under the fingerprint of another',
    { ...honest, server_keys: [{ ...key, key_id: second.key_id }] },
    `${second.key_id} is not the id of its key`,
  ],
  [
    'key-short',
    'a key of 31 bytes',
    {
      ...honest,
      server_keys: [{ ...key, public_key: encodeBase64(signer.public_key.subarray(1)) }],
    },
    `${key.key_id} is no Ed25519 public key`,
  ],
  ...[
    ['key-low-order', 'a key of low order', LOW_ORDER] as const,
    ['key-not-canonical', 'a key whose point has another encoding', notCanonical()] as const,
  ].map(
    ([file, what, raw]) =>
      [
        file,
        what,
        {
          ...honest,
          server_keys: [{ ...key, key_id: keyIdOf(raw), public_key: encodeBase64(raw) }],
        },
        `${keyIdOf(raw)} is no Ed25519 public key`,
      ] as const,
  ),
  [
    'key-base64',
    'a key with bits left over in base64',
    { ...honest, server_keys: [{ ...key, public_key: key.public_key.replace(/.=$/, '/=') }] },
    `${key.key_id} is no Ed25519 public key`,
  ],
  [
    'key-algorithm',
    'a key of another algorithm',
    { ...honest, server_keys: [{ ...key, alg: 'RS256' }] },
    'its member /server_keys/0/alg does not fit: Invalid input: expected "Ed25519"',
  ],
  [
    'key-twice',
    'one key twice',
    { ...honest, server_keys: [key, key] },
    `${key.key_id} is there twice`,
  ],
  [
    'approver-algorithm',
    'a passkey of another algorithm than it says',
    { ...honest, approvers: [{ ...ann, alg: 'EdDSA' }] },
    'ann has no EdDSA public key',
  ],
  [
    'approver-off-curve',
    'a passkey whose point is not on the curve',
    { ...honest, approvers: [{ ...ann, public_key: offCurve(ann.public_key) }] },
    'ann has no ES256 public key',
  ],
  [
    'approver-credential',
    'a credential id with bits left over',
    { ...honest, approvers: [{ ...ann, credential_id: 'AB' }] },
    'ann has no strict base64url as credential',
  ],
  [
    'approver-key-twice',
    'one passkey under two ids',
    { ...honest, approvers: [ann, { ...ann, id: 'ann.old' }] },
    'ann.old has the public key of ann',
  ],
  [
    'approver-id-twice',
    'two passkeys under one id',
    { ...honest, approvers: [ann, { ...ben, id: 'ann' }] },
    'ann is there twice',
  ],
  [
    'approver-seals',
    'the server’s key as an approver’s',
    { ...honest, approvers: [newPasskey('sealer', { seed: 1, alg: 'EdDSA' }).approver] },
    `sealer has the public key of ${key.key_id}`,
  ],
  [
    'approver-as-key',
    'an approver by the id of a key',
    { ...honest, approvers: [{ ...ann, id: key.key_id }] },
    `${key.key_id} is there twice`,
  ],
  [
    'definition-twice',
    'a definition that is required twice',
    { ...honest, required: [requiring(), requiring()] },
    'release is required twice',
  ],
  [
    'gate-twice',
    'a gate that is required twice',
    {
      ...honest,
      required: [{ ...requiring(), gates: [...requiring().gates, ...requiring().gates] }],
    },
    'release has one gate required twice',
  ],
] as const)
  expectOf('V17', 'trust file', `trust-${file}`, what, input, [why])

// Trust files: what they say.
const KEY = `key ${fingerprint(key)}: active`
const MAY = `any definition, any gate, from runs.example, https://runs.example, https://runs.example:8443, pinned as the user ann, by the ES256 credential ${ann.credential_id.slice(0, 12)}…`
const HONEST = [KEY, `approver ann: ${MAY}`, 'of release: any version', 'of release: no gate']
expectOf('V17', 'trust file', 'trust', 'a trust file', honest, HONEST)
expectOf(
  'V17',
  'trust file',
  'trust-depth',
  'a member that is as deep as one may be, and is none of it',
  instead('"required": [', `"x": ${'['.repeat(15)}${']'.repeat(15)}, "required": [`),
  ['it does not fit: Unrecognized key: "x"'],
)
expectOf(
  'V17',
  'trust file',
  'trust-longest',
  'as long as one may be',
  honest,
  HONEST,
  MAX_TRUST_BYTES,
)
expectOf(
  'V17',
  'trust file',
  'trust-too-long',
  'a byte longer than one may be',
  honest,
  ['it is too long to be a trust file'],
  MAX_TRUST_BYTES + 1,
)
expectOf(
  'V17',
  'trust file',
  'trust-ended',
  'keys and people that count no more, or up to a number',
  {
    ...honest,
    server_keys: [
      key,
      serverKeyOf(second, { status: 'retired', last_seal_seq: 3 }),
      serverKeyOf(third, { status: 'revoked' }),
    ],
    approvers: [
      { ...ann, may: { definitions: ['release', 'nightly'], gates: [] } },
      {
        ...newPasskey('ben', { seed: 8, alg: 'EdDSA' }).approver,
        may: { definitions: [], gates: ['ship'] },
        status: 'revoked',
        last_seal_seq: 7,
      },
    ],
    required: [],
  },
  [
    KEY,
    `key ${fingerprint(second)}: retired, counts up to #3`,
    `key ${fingerprint(third)}: revoked, counts for nothing`,
    `approver ann: ${MAY.replace('any definition, any gate', 'of release, nightly, at no gate')}`,
    `approver ben: of no definition, at ship, from runs.example, https://runs.example, https://runs.example:8443, pinned as no user of the server, by the EdDSA credential ${ben.credential_id.slice(0, 12)}…, revoked, counts up to #7`,
  ],
)
const plan = { sha256: sha256('plan'), kind: 'pipeline', inputs: [], input_names: [] } as const
const PLAN = `${sha256('plan').slice(0, 8)}…`
const asked = { name: 'ticket', label: 'Ticket', required: true }
expectOf(
  'V15',
  'trust file',
  'trust-required',
  'versions, plans and gates that are required, each otherwise',
  {
    ...honest,
    approvers: [],
    required: [
      { name: 'a', sha256: sha256('a'), gates: [] },
      { name: 'b', sha256: sha256('a'), plan, gates: [] },
      { name: 'c', sha256: null, plan: { sha256: sha256('plan'), inputs: [] }, gates: [] },
      {
        name: 'd',
        sha256: null,
        plan: {
          ...plan,
          inputs: Array.from({ length: 22 }, (_, element) => ({
            step_id: 'build',
            element,
            input: 'version',
          })),
          input_names: ['version', 'to'],
        },
        gates: [],
      },
      {
        name: 'e',
        sha256: null,
        gates: [
          { ...requiring().gates[0], step_id: 'one' },
          {
            ...requiring().gates[0],
            step_id: 'two',
            quorum: 2,
            four_eyes: false,
            sign: 'session',
            question: 'Go on?',
            roles: null,
            users: ['ann', 'ben'],
            expires_ms: 3_600_000,
            inputs: [asked, { ...asked, name: 'note', label: 'Note' }],
          },
          {
            ...requiring().gates[0],
            step_id: 'three',
            question: 'Go on?',
            roles: [],
            users: [],
            inputs: [],
          },
          { ...requiring().gates[0], step_id: 'four', question: 'Go on?', roles: null },
        ],
      },
    ],
  },
  [
    KEY,
    `of a: only the version ${sha256('a').slice(0, 8)}…`,
    'of a: no gate',
    `of b: only the version ca978112…, and only the plan ${PLAN}, pipeline`,
    'of b: no gate',
    `of c: only the plan ${PLAN}`,
    'of c: no gate',
    'open in c: Which inputs a run has, and so what each command reads in INPUT_ variables',
    'open in c: Whether it is a run of a pipeline, or one that derives tables',
    `of d: only the plan ${PLAN}, pipeline`,
    'of d: no gate',
    ...Array.from(
      { length: 20 },
      (_, element) =>
        `open in d: Element ${element} of the command of build, which is the input version`,
    ),
    'open in d: 2 more elements that are inputs',
    'open in d: What each command reads in INPUT_ variables: version, to',
    'of e: any version',
    'of e: gate one, 1 approves, each by a passkey, four eyes, decided by approver',
    'of e: gate two, 2 approve, asks “Go on?”, decided by any role or ann or ben, answered within 1 h, asks for “Ticket”, “Note”',
    'of e: gate three, 1 approves, each by a passkey, four eyes, asks “Go on?”, decided by nobody',
    'of e: gate four, 1 approves, each by a passkey, four eyes, asks “Go on?”',
    'open in e: What the gate one asks: an input of this run may be part of its question',
  ],
)
expectOf(
  'V15',
  'trust file',
  'trust-required-many',
  'more gates and inputs than are named',
  {
    ...honest,
    approvers: [],
    required: [
      {
        name: 'f',
        sha256: null,
        plan: {
          ...plan,
          inputs: Array.from({ length: 20 }, (_, element) => ({
            step_id: 'build',
            element,
            input: 'version',
          })),
        },
        gates: Array.from({ length: 21 }, (_, nth) => ({
          ...requiring().gates[0],
          step_id: `g${nth}`,
        })),
      },
    ],
  },
  [
    KEY,
    `of f: only the plan ${PLAN}, pipeline`,
    ...Array.from(
      { length: 21 },
      (_, nth) =>
        `of f: gate g${nth}, 1 approves, each by a passkey, four eyes, decided by approver`,
    ),
    ...Array.from(
      { length: 20 },
      (_, element) =>
        `open in f: Element ${element} of the command of build, which is the input version`,
    ),
    ...Array.from(
      { length: 20 },
      (_, nth) =>
        `open in f: What the gate g${nth} asks: an input of this run may be part of its question`,
    ),
    'open in f: What 1 more gates ask',
  ],
)

// What a server offers.
const offered = { server_keys: [key], approvers: [ann] }
for (const [file, what, input, found] of [
  ['offer', 'keys and people', offered, HONEST.slice(0, 2)],
  [
    'offer-requiring',
    'requirements, which bind nobody',
    { ...offered, schema: 'runseal/trust/1', required: [requiring()] },
    HONEST.slice(0, 2),
  ],
  [
    'offer-member-twice',
    'keys twice',
    JSON.stringify(offered).replace('{', '{"server_keys":[],'),
    [TWICE],
  ],
  [
    'offer-list',
    'a list',
    [offered],
    ['it does not fit: Invalid input: expected object, received array'],
  ],
  [
    'offer-null',
    'null',
    'null',
    ['it does not fit: Invalid input: expected object, received null'],
  ],
  [
    'offer-text',
    'a text',
    '"hello"',
    ['it does not fit: Invalid input: expected object, received string'],
  ],
  [
    'offer-more',
    'a member that a later server may have',
    { ...offered, motto: 'x' },
    ['it does not fit: Unrecognized key: "motto"'],
  ],
  [
    'offer-key-id-of-another',
    'a key under the fingerprint of another',
    { ...offered, server_keys: [{ ...key, key_id: second.key_id }] },
    [`${second.key_id} is not the id of its key`],
  ],
] as const)
  expectOf('V17', 'offer', file, what, input, found)

// Lists of servers.
const page = (nth: number, from: number, to: number, next_cursor: string | null) => ({
  items: Array.from({ length: to - from }, (_, n) => ({
    evidence_id: `ev-${from + n}`,
    page: nth,
  })),
  next_cursor,
})
const ENDLESS =
  'Error: the list of records does not end: a page brings nothing new, and names a next one'
for (const [file, what, input, found] of [
  ['list', 'one page', { '': page(1, 1, 3, null) }, ['ev-1 of page 1', 'ev-2 of page 1']],
  [
    'list-again',
    'a record on two pages, listed otherwise on the second, which is there once more',
    { '': page(1, 1, 3, 'b'), b: page(2, 2, 4, null) },
    ['ev-1 of page 1', 'ev-2 of page 1', 'ev-2 of page 2', 'ev-3 of page 2'],
  ],
  ['list-empty', 'nothing', { '': page(1, 1, 1, null) }, []],
  [
    'list-nothing-at-last',
    'a last page that brings nothing new',
    { '': page(1, 1, 2, 'b'), b: page(1, 1, 2, null) },
    ['ev-1 of page 1'],
  ],
  [
    'list-of-nothing',
    'a page of nothing that names a next one',
    { '': page(1, 1, 1, '') },
    [ENDLESS],
  ],
  [
    'list-endless',
    'a page that brings nothing new and names a next one',
    { '': page(1, 1, 3, 'b'), b: page(2, 1, 3, 'b') },
    [ENDLESS],
  ],
] as const)
  expectOf('W8', 'list', file, what, input, found)

// Texts, and what of others they hold.
for (const [file, what, texts, parts, found] of [
  [
    'texts',
    'one that holds a part, and one that holds none',
    ['Ship 1.0.0?', 'Ship?'],
    ['1.0.0'],
    ['true', 'false'],
  ],
  [
    'texts-behind',
    'a part that begins in what looked like another',
    ['aab', 'aac'],
    ['ab', 'aaaa'],
    ['true', 'false'],
  ],
  ['texts-within', 'a part that ends within a longer one', ['abcd'], ['abcx', 'bc'], ['true']],
  [
    'texts-whole',
    'the very text, and one a letter longer',
    ['abc', 'ab'],
    ['abc'],
    ['true', 'false'],
  ],
  ['texts-empty', 'an empty part, which is in each', ['a', ''], [''], ['true', 'true']],
  ['texts-none', 'no part at all', ['a'], [], ['false']],
] as const)
  expectOf('V22', 'texts', file, what, { texts, parts }, found)

// Records, as models of what is required.
const signedGate = {
  step_id: 'ship',
  quorum: 1,
  four_eyes: true,
  sign: 'passkey',
  question: 'Go on with ship?',
  roles: ['approver'],
  users: [],
  expires_ms: 3_600_000,
  inputs: [],
} as const
{
  const bytes = new Uint8Array(readFileSync(new URL('honest.envelope', ATTACKS)))
  const read = parseJson(Envelope, new TextDecoder().decode(bytes))
  if (!read.ok) throw new RangeError(read.error.message)
  const { opening } = read.value
  const pinned = {
    sha256: sha256(
      canonicalize({
        ...opening.plan,
        gates: opening.plan.gates.map((gate) => ({ ...gate, question: '' })),
      }),
    ),
    kind: 'pipeline',
    inputs: [],
    input_names: ['version'],
  }
  const { sha256: digest } = opening.definition
  expectOf('V22', 'record', 'record', 'a run with a gate', bytes, [
    canonicalize({ name: 'release', sha256: digest, plan: pinned, gates: [signedGate] }),
    canonicalize({ name: 'release', sha256: null, plan: null, gates: [signedGate] }),
  ])
}
{
  const argv = ['1.0.0', '1.0.0', '--to', 'live', 'live']
  const step = planStep('put', { argv })
  const gates = [
    planGate('one', { question: 'Put 1.0.0?' }),
    planGate('two', { question: 'Put it?' }),
  ]
  const root = 'tools'
  const definition = { name: 'put', sha256: sha256('put') }
  const inputs = { version: '1.0.0', to: 'live', as: 'live' }
  const run = startRun(signer, { root, steps: [step], gates }, { definition, inputs })
  run.step('put')
  const { bytes } = await run.seal()
  const gateOf = (step_id: string, question: string | null) => ({
    ...signedGate,
    step_id,
    four_eyes: false,
    sign: 'session',
    expires_ms: null,
    question,
  })
  const required = [gateOf('one', null), gateOf('two', 'Put it?')]
  const pinned = {
    sha256: sha256(
      canonicalize({
        root,
        steps: [{ ...step, argv: ['1.0.0', '{{input}}', '--to', '{{input}}', '{{input}}'] }],
        gates: gates.map((gate) => ({ ...gate, question: '' })),
      }),
    ),
    kind: 'pipeline',
    inputs: [
      { step_id: 'put', element: 1, input: 'version' },
      { step_id: 'put', element: 3, input: 'as' },
      { step_id: 'put', element: 3, input: 'to' },
      { step_id: 'put', element: 4, input: 'as' },
      { step_id: 'put', element: 4, input: 'to' },
    ],
    input_names: ['as', 'to', 'version'],
  }
  expectOf(
    'V15',
    'record',
    'record-of-inputs',
    'a run in a root, with inputs in its command and its question',
    bytes,
    [
      canonicalize({ name: 'put', sha256: sha256('put'), plan: pinned, gates: required }),
      canonicalize({ name: 'put', sha256: null, plan: null, gates: required }),
    ],
  )
}
{
  const step = planStep('derive', { kind: 'materialize' })
  const definition = { name: 'people', sha256: sha256('people') }
  const inputs = { 'people.age': 'r1' }
  const kind = 'materialize'
  const run = startRun(signer, { root: '.', steps: [step] }, { kind, definition, inputs })
  const { bytes } = await run.seal()
  const pinned = { sha256: sha256(canonicalize({ steps: [step], gates: [] })), kind, inputs: [] }
  expectOf(
    'V15',
    'record',
    'record-of-cells',
    'a run that derives cells, in the project’s own folder',
    bytes,
    [
      canonicalize({ name: 'people', sha256: sha256('people'), plan: pinned, gates: [] }),
      canonicalize({ name: 'people', sha256: null, plan: null, gates: [] }),
    ],
  )
}

writeFileSync(new URL('table.json', INPUTS), `${JSON.stringify({ inputs }, null, 2)}\n`)
console.log(`${inputs.length} inputs`)

/** y = p + 3, which is read as 3. */
function notCanonical(): Uint8Array {
  return Uint8Array.from([0xf0, ...new Uint8Array(30).fill(0xff), 0x7f])
}

function offCurve(spki: string): string {
  const bytes = Buffer.from(spki, 'base64')
  return encodeBase64(bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1))
}
