import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Content, DSSE_PAYLOAD_TYPE, Statement } from '#contract/envelope.ts'
import { pointer } from '#contract/parse.ts'
import { keysOf } from '#contract/status.ts'
import { encodeBase64 } from '#evidence/base64.ts'
import { utf8 } from '#evidence/canonical.ts'
import { CLAIM, CODE } from '#evidence/claims.ts'
import { sha256 } from '#evidence/digest.ts'
import { preAuthEncoding } from '#evidence/dsse.ts'
import { type Verification } from '#evidence/verify.ts'
import { AIM, ASSERTION_AIM, FORM, PLACE_AIM, STATEMENT_AIM } from './aimed.ts'
import { verifyBothWays } from './both-ways.ts'
import {
  approvedRun,
  bytesOf,
  newSigner,
  pinned,
  sealContent,
  type Sealed,
  SHAPES,
} from './fixture.ts'
import { newPasskey } from './passkey.ts'
import { LONG_MS, SEED } from './seed.ts'

/*
 * Files that nobody thought of. `npm run test:fuzz` tries a hundred thousand. What is changed anywhere mostly breaks two
 * things, of which the verifier needs to see one: so some are aimed at one thing each, often enough that a few hundred
 * show where it is not looked at.
 */

const MUTANTS = Number(process.env['MUTANTS'] ?? 900)
const signer = await newSigner()
const thief = await newSigner(2)
const [ann, ben] = [newPasskey('ann'), newPasskey('ben', { seed: 8, alg: 'EdDSA' })]
const gate = {
  step_id: 'ship',
  quorum: 1,
  four_eyes: false,
  sign: 'passkey',
  question: null,
  roles: null,
} as const
const approvers = [ann.approver, ben.approver]
const trust = [pinned(signer, { approvers })]
const honest = await Promise.all(Object.values(SHAPES).map((seal) => seal(signer)))
const texts = honest.map(({ bytes }) => new TextDecoder().decode(bytes))
const genuine = new Set(texts)

/** A change of a document, wherever it turns out to be: places are counted, and taken by the remainder. */
const change = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('near' as const), at: fc.nat(), by: fc.nat(7) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('copy' as const), at: fc.nat(), from: fc.nat() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('take' as const), at: fc.nat(), other: fc.nat() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), at: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('swap' as const), at: fc.nat(), from: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      at: fc.nat(),
      value: fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      at: fc.nat(),
      key: fc.oneof(
        fc.constantFrom('__proto__', 'constructor', 'note', 'schema', '\u202e', 'toString'),
        fc.string(),
      ),
    }),
  },
)
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/** Every place in a document. */
function placesOf(value: unknown, path: readonly string[] = []): string[][] {
  if (!isObject(value)) return [[...path]]
  const below = Object.keys(value).flatMap((key) => placesOf(value[key], [...path, key]))
  return path.length === 0 ? below : [[...path], ...below]
}

function valueAt(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    document,
  )
}

function put(document: unknown, path: readonly string[], value: unknown): void {
  const parent = valueAt(document, path.slice(0, -1))
  const key = path.at(-1) ?? ''
  if (!isObject(parent)) return
  if (value === undefined && Array.isArray(parent)) parent.splice(Number(key), 1)
  // A list has no names: it gets one element more.
  else if (Array.isArray(parent) && !/^\d+$/.test(key)) parent.push(value)
  else if (value === undefined) Reflect.deleteProperty(parent, key)
  else
    Object.defineProperty(parent, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
}

function apply(document: unknown, change: Change): void {
  const places = placesOf(document)
  const path = places[change.at % places.length] ?? []
  const value = valueAt(document, path)
  switch (change.kind) {
    case 'near':
      return put(document, path, near(value, change.by))
    case 'copy': {
      const from = places[change.from % places.length] ?? []
      return put(document, path, structuredClone(valueAt(document, from)))
    }
    case 'take': {
      // The same place of another honest document: what an attacker has at hand.
      const other = honest[change.other % honest.length]?.envelope
      return put(document, path, structuredClone(valueAt(other, path)))
    }
    case 'drop':
      return put(document, path, undefined)
    case 'swap': {
      const parent = path.slice(0, -1)
      const siblings = places.filter(
        (place) => place.length === path.length && pointer(place.slice(0, -1)) === pointer(parent),
      )
      const other = siblings[change.from % siblings.length] ?? path
      const swapped = valueAt(document, other)
      put(document, other, value)
      return put(document, path, swapped)
    }
    case 'set':
      return put(document, path, change.value)
    case 'add':
      return put(document, [...path.slice(0, -1), change.key], value)
  }
}

/** What a careless reader would take for the same. */
function near(value: unknown, by: number): unknown {
  if (typeof value === 'number')
    return [value + 1, -value, 0, value + 0.5, String(value), 2 ** 53, null, value - 1][by]
  if (typeof value === 'boolean') return !value
  if (value === null) return [0, '', false, [], {}, 'null', 'x', -1][by]
  if (typeof value !== 'string') return Array.isArray(value) ? value.toReversed() : [value]
  return [
    `${value} `,
    value.slice(1),
    value.toUpperCase(),
    value.replace(/[0-9a-f]/, (digit) => (digit === '0' ? '1' : '0')),
    `${value}\u202e`,
    '',
    value.replace('T', ' '),
    value.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
  ][by]
}

const shape = fc.nat(honest.length - 1)
const aimed = fc.record({ aim: fc.constantFrom(...keysOf(AIM)), at: fc.nat(), other: shape })
const ofAssertion = fc.record({
  aim: fc.constantFrom(...keysOf(ASSERTION_AIM)),
  at: fc.nat(),
})
const formed = fc.record({
  form: fc.constantFrom(...keysOf(FORM)),
  at: fc.nat(),
  which: fc.nat(),
})
const ofStatement = fc.record({
  kind: fc.constantFrom('near', 'take', 'drop'),
  at: fc.nat(),
  by: fc.nat(7),
  other: shape,
})

const edit = fc.record({
  at: fc.nat(),
  drop: fc.nat(4),
  put: fc.oneof(
    fc.constantFrom(
      '"',
      '\\',
      '\\u0061',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '0',
      '1e0',
      '-0',
      ' ',
      '\n',
      '\ufeff',
      '\0',
    ),
    fc.constantFrom('null', '{}', '"__proto__":0,', '\u2028', '\ud83d\ude00'),
    fc.string({ maxLength: 3 }),
    fc.constant(''),
  ),
})

/** No exception, no envelope, nothing proven; and what is printed is what may be printed. */
function expectRefused({ verdict, envelope, claims }: Verification): void {
  expect(['does not verify', 'not an envelope']).toContain(verdict)
  expect(envelope).toBeNull()
  for (const { claim, code, shell = '' } of claims) {
    expect(CODE[code].claim).toBe(claim)
    expect(CLAIM).toHaveProperty(claim)
    // A person pastes these into a shell, which acts on nothing within quotes.
    for (const [index, text] of shell.split("'").entries())
      expect(text).toMatch(
        index % 2 === 1
          ? /^[\w\s%.,:;=+/"|<>(){}[\]@$!*^\\-]*$/
          : /^(?:[\w\s%.,:;=+/"|<>(){}-]|\$[\w(]|&&)*$/,
      )
  }
}

const random = { seed: SEED, numRuns: MUTANTS }
// Those that are sealed again cost ten times as much.
const sealedAgain = { seed: SEED, numRuns: MUTANTS / 10 }
const sealHeld = { seed: SEED, numRuns: MUTANTS / 20 }
const ofEach = { seed: SEED, numRuns: Math.ceil(MUTANTS / 450) }

describe(`${MUTANTS} mutants`, { timeout: LONG_MS }, () => {
  it('[V1] no document that was changed without the key verifies', async () => {
    let tried = 0
    const anywhere = fc.array(change, { minLength: 1, maxLength: 3 })
    const mutant = fc.oneof({ weight: 5, arbitrary: anywhere }, { weight: 1, arbitrary: aimed })
    await fc.assert(
      fc.asyncProperty(shape, mutant, async (index, mutant) => {
        const text = canonicalText(
          Array.isArray(mutant) ? documentChanged(index, mutant) : documentAimed(index, mutant),
        )
        fc.pre(!genuine.has(text))
        tried += 1
        expectRefused(await verifyBothWays(utf8(text), { trust }))
      }),
      random,
    )
    console.log(`${tried} documents`)
  })

  it('[V1] no bytes that were changed verify', async () => {
    let tried = 0
    const anywhere = fc.array(edit, { minLength: 1, maxLength: 3 })
    const mutant = fc.oneof({ weight: 5, arbitrary: anywhere }, { weight: 1, arbitrary: formed })
    await fc.assert(
      fc.asyncProperty(shape, mutant, shape, async (index, mutant, other) => {
        let text = texts[index] ?? ''
        if (!Array.isArray(mutant)) text = FORM[mutant.form](text, mutant.at, mutant.which)
        else
          for (const { at, drop, put } of mutant) {
            const place = at % text.length
            // Sometimes the rest of another file.
            if (drop === 4) text = text.slice(0, place) + (texts[other] ?? '').slice(place)
            else text = text.slice(0, place) + put + text.slice(place + drop)
          }
        fc.pre(!genuine.has(text))
        tried += 1
        expectRefused(await verifyBothWays(utf8(text), { trust }))
      }),
      random,
    )
    console.log(`${tried} texts`)
  })

  it('[V8] no record that was changed and chained again is under the seal that it had', async () => {
    let tried = 0
    const changes = fc.array(change, { minLength: 1, maxLength: 2 })
    await fc.assert(
      fc.asyncProperty(shape, changes, async (index, changes) => {
        const { content, envelope } = honestOf(index)
        const sealed = await sealedOrNull(changedContent(content, changes), signer)
        fc.pre(sealed !== null)
        const { integrity } = sealed.envelope
        const text = canonicalText({
          ...sealed.envelope,
          integrity: { ...integrity, seal: envelope.integrity.seal },
        })
        fc.pre(!genuine.has(text))
        tried += 1
        expectRefused(await verifyBothWays(utf8(text), { trust }))
      }),
      sealHeld,
    )
    console.log(`${tried} chained again`)
  })

  it('[V8] no other statement seals a record, also not by the server’s own key', async () => {
    let tried = 0
    const seal = async (index: number, statement: unknown) => {
      const forged = bytesOf(statement)
      fc.pre(!honest.some(({ statement }) => Buffer.compare(statement, forged) === 0))
      tried += 1
      const sig = await signer.sign(preAuthEncoding(DSSE_PAYLOAD_TYPE, forged))
      const copy = structuredClone(honestOf(index).envelope)
      copy.integrity.seal.payload = encodeBase64(forged)
      copy.integrity.seal.signatures = [{ keyid: signer.key_id, sig: encodeBase64(sig) }]
      expectRefused(await verifyBothWays(bytesOf(copy), { trust }))
    }
    // Each member some times, so that none is by chance never tried.
    for (const aim of keysOf(STATEMENT_AIM))
      await fc.assert(
        fc.asyncProperty(shape, fc.nat(), async (index, at) => {
          const document = Statement.parse(parsed(honestOf(index).statement))
          STATEMENT_AIM[aim](document, at)
          await seal(index, document)
        }),
        ofEach,
      )
    await fc.assert(
      fc.asyncProperty(shape, ofStatement, async (index, { kind, at, by, other }) => {
        const document = parsed(honestOf(index).statement)
        // When it was sealed is whatever the key's holder says.
        const places = placesOf(document).filter((place) => place.at(-1) !== 'sealed_at')
        const path = places[at % places.length] ?? []
        const others = valueAt(parsed(honestOf(other).statement), path)
        const value = { near: near(valueAt(document, path), by), take: others, drop: undefined }
        put(document, path, value[kind])
        await seal(index, document)
      }),
      sealHeld,
    )
    console.log(`${tried} statements`)
  })

  it('[V14] nothing that the server seals is in a place which is another’s', async () => {
    let tried = 0
    const verified = async (
      index: number,
      aim: (both: Parameters<(typeof PLACE_AIM)['its run']>[0]) => void,
    ) => {
      const content = structuredClone(honestOf(index).content)
      const previous = { evidence_id: 'ev-held', head: sha256('held') }
      const held = { ...previous, server: signer.key_id, run_id: 'run-held', seal_seq: 7 }
      Object.assign(content.closing, { seal_seq: 8, previous })
      aim({ content, held, previous })
      const { bytes } = await sealContent(content, signer)
      return await verifyBothWays(bytes, { trust, previous: [held] })
    }
    for (const index of honest.keys()) {
      const { verdict, claims } = await verified(index, () => {})
      expect(verdict).not.toBe('does not verify')
      expect(claims).toContainEqual(expect.objectContaining({ code: 'follows-held' }))
    }
    for (const aim of keysOf(PLACE_AIM))
      await fc.assert(
        fc.asyncProperty(shape, fc.nat(), async (index, at) => {
          tried += 1
          expectRefused(await verified(index, (both) => PLACE_AIM[aim](both, at)))
        }),
        ofEach,
      )
    console.log(`${tried} in another place`)
  })

  it('[V7] nothing that another key sealed is proven', async () => {
    let tried = 0
    const changes = fc.array(change, { maxLength: 2 })
    const named = fc.constantFrom('the record its server', 'the seal its key', 'none of both')
    await fc.assert(
      fc.asyncProperty(shape, changes, named, async (index, changes, named) => {
        const content = changedContent(honestOf(index).content, changes)
        if (named === 'the record its server') put(content, ['opening', 'server'], thief.key_id)
        const sealed = await sealedOrNull(content, thief)
        fc.pre(sealed !== null)
        const { envelope } = sealed
        if (named === 'the seal its key')
          for (const signature of envelope.integrity.seal.signatures)
            signature.keyid = signer.key_id
        tried += 1
        const { verdict } = await verifyBothWays(bytesOf(envelope), { trust })
        expect(['does not verify', 'not proven']).toContain(verdict)
      }),
      sealedAgain,
    )
    console.log(`${tried} sealed by another key`)
  })

  it('[V20] what a passkey froze is rewritten not even by the server’s own key', async () => {
    const requiring = [
      pinned(signer, { approvers, required: [{ name: 'release', sha256: null, gates: [gate] }] }),
    ]
    const approved = await Promise.all(
      [ann, ben].map(async ({ approver: { id: approver }, sign }) => {
        const run = (comment: string) =>
          approvedRun(signer, {}, { sign: 'passkey' }, [{ approver, sign, comment }]).seal()
        const [{ content, links }, other] = [await run('Looks right.'), await run('Looks better.')]
        const said = canonicalText(content.gates[0]?.decisions)
        return { content, links, said, other: other.content.gates[0]?.decisions[0]?.assertion }
      }),
    )
    let tried = 0
    let proven = 0
    const who = fc.nat(approved.length - 1)
    const anywhere = fc.array(change, { minLength: 1, maxLength: 2 })
    const mutant = fc.oneof(
      { weight: 1, arbitrary: anywhere },
      { weight: 1, arbitrary: ofAssertion },
    )
    await fc.assert(
      fc.asyncProperty(who, mutant, async (who, mutant) => {
        const { content, links, said, other } = approved[who] ?? raise(who)
        const forged = changedContent(content, Array.isArray(mutant) ? mutant : [])
        if (!Array.isArray(mutant))
          for (const { assertion } of forged.gates.flatMap(({ decisions }) => decisions))
            if (assertion && other) ASSERTION_AIM[mutant.aim](assertion, mutant.at, other)
        const sealed = await sealedOrNull(forged, signer)
        fc.pre(sealed !== null)
        tried += 1
        const found = await verifyBothWays(sealed.bytes, { trust: requiring })
        if (!Array.isArray(mutant)) return expectRefused(found)
        const { verdict, envelope } = found
        if (verdict !== 'proven' || envelope?.gates.length === 0) return
        proven += 1
        expect(canonicalText(envelope?.gates[0]?.decisions)).toBe(said)
        expect(envelope?.integrity.hash_chain.links.slice(0, 2)).toEqual(links.slice(0, 2))
      }),
      sealedAgain,
    )
    console.log(`${tried} sealed by the server’s key, ${proven} of them runs that can have been`)
  })
})

const honestOf = (index: number) => honest[index] ?? raise(index)

function raise(index: number): never {
  throw new RangeError(`no record ${index}`)
}

const parsed = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes))

function documentChanged(index: number, changes: readonly Change[]): unknown {
  const document: unknown = JSON.parse(texts[index] ?? '')
  for (const change of changes) apply(document, change)
  return document
}

function documentAimed(
  index: number,
  { aim, at, other }: { aim: keyof typeof AIM; at: number; other: number },
): unknown {
  const copy = structuredClone(honestOf(index).envelope)
  AIM[aim](copy, at, honestOf(other).envelope)
  return copy
}

function canonicalText(document: unknown): string {
  // What has no canonical form is written as the engine writes it.
  return JSON.stringify(sorted(document)) ?? ''
}

function sorted(value: unknown): unknown {
  if (!isObject(value)) return value
  if (Array.isArray(value)) return value.map(sorted)
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value).toSorted()) put(copy, [key], sorted(value[key]))
  return copy
}

function changedContent(content: Content, changes: readonly Change[]): Content {
  const copy = structuredClone(content)
  for (const change of changes) apply(copy, change)
  return copy
}

/** null where the change left no document that can be sealed: no key makes those. */
async function sealedOrNull(content: Content, by: typeof signer): Promise<Sealed | null> {
  try {
    return await sealContent(content, by)
  } catch {
    return null
  }
}
