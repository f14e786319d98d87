import { describe, expect, it } from 'vitest'
import { type Envelope, LIMITS, type Link } from '#contract/envelope.ts'
import { failingOf } from '#evidence/advice.ts'
import { canonicalize, utf8 } from '#evidence/canonical.ts'
import { sha256 } from '#evidence/digest.ts'
import { requirementOf } from '#evidence/keep.ts'
import { heldOf } from '#evidence/standing.ts'
import { requiredPlanOf } from '#evidence/plan.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { readAttack } from './attacks.ts'
import {
  approvedRun,
  bytesOf,
  newSigner,
  pinned,
  planGate,
  planStep,
  sealContent,
  serverKeyOf,
  SHAPES,
  startRun,
  trustFileOf,
} from './fixture.ts'
import { newPasskey } from './passkey.ts'
import { workOf } from './work.ts'

const signer = await newSigner()
const ann = newPasskey('ann')
const trust = [pinned(signer, { approvers: [ann.approver] })]
const signed = [{ approver: 'ann', sign: ann.sign }]
const honest = await approvedRun(signer, {}, { sign: 'passkey' }, signed).seal()

async function remainingOf(change: (document: Envelope) => void, by = trust) {
  const document = structuredClone(honest.envelope)
  change(document)
  const { verdict, remaining, envelope } = await verifyEnvelope(bytesOf(document), { trust: by })
  expect([verdict, envelope]).toEqual(['does not verify', null])
  return remaining
}

const renamed = (step_id: string) => (document: Envelope) => {
  for (const step of document.execution.steps) if (step.step_id === step_id) step.duration_ms = 1
}

const bend = (link: Link | undefined, member: 'entry' | 'link') => {
  if (link) link[member] = sha256('x')
}

const FROZEN = { step_id: 'ship', approver: 'ann', decision: 'approved', upTo: 1 }
const SENTENCE = {
  sealed: (others: number) =>
    `A key that you pinned has sealed this chain: the other ${others} of 5 entries are as they were then.`,
  all: 'A key that you pinned has sealed this chain: all 5 entries are as they were then.',
  unsealed: 'No key that you pinned has sealed this chain as it stands: anyone can have made it.',
  frozen:
    'The passkey of ann that you pinned signed “approved” at gate ship: everything up to entry 1 is as it was then.',
}

describe('of a file that does not verify', () => {
  it('[V21] the first break, every changed entry, and what the seal and a passkey still hold', async () => {
    expect(await remainingOf(renamed('publish'))).toEqual({
      bytes: null,
      entries: 5,
      intact: 3,
      broken: { seq: 3, kind: 'step', where: '/execution/steps/1', step_id: 'publish' },
      changed: [{ seq: 3, kind: 'step', where: '/execution/steps/1', step_id: 'publish' }],
      beside: [],
      breaks: [],
      missing: [],
      added: [],
      lost: 0,
      sealed: true,
      frozen: [FROZEN],
      sentences: [
        'Up to entry 2 the chain is intact; it breaks first at entry 3 (step publish).',
        'Changed since they were linked: entry 3 (step publish).',
        SENTENCE.sealed(4),
        SENTENCE.frozen,
      ],
    })
  })

  it('[V21] what was signed is not frozen once it was changed', async () => {
    const remaining = await remainingOf(renamed('build'))
    expect(remaining).toMatchObject({ intact: 1, sealed: true, frozen: [] })
    expect(remaining?.sentences).toHaveLength(3)
  })

  it('[V21] the opening', async () => {
    const remaining = await remainingOf(({ opening }) => (opening.title = 'Another'))
    expect(remaining).toMatchObject({ intact: 0, frozen: [], sealed: true })
    expect(remaining?.sentences[0]).toBe(
      'The chain breaks at its first entry alone, which is another than was linked: what is behind it, 4 entries, is as it was linked.',
    )
  })

  const linkBent = ({ integrity }: Envelope) => {
    for (const link of integrity.hash_chain.links) if (link.seq === 2) link.link = sha256('x')
  }

  it('[V21] a link, where no pinned key has sealed what comes out of the entries: then nothing says whose they are', async () => {
    const { server_keys, ...people } = trustFileOf(signer, { approvers: [ann.approver] })
    const remaining = await remainingOf(linkBent, [
      { file: { ...people, server_keys: [] }, source: 'pinned' },
      { file: { ...people, approvers: [], server_keys }, source: 'offered' },
    ])
    expect(remaining).toMatchObject({ intact: 2, changed: [], sealed: false, frozen: [FROZEN] })
    expect(remaining?.sentences).toEqual([
      'Up to entry 1 the chain is intact; it breaks first at entry 2 (gate ship).',
      'Another link or digest is written beside entry 2 (gate ship) than comes out of what stands there.',
      SENTENCE.unsealed,
      SENTENCE.frozen,
    ])
    // Nor where the document is another, however whole its chain.
    const changed = await remainingOf((document) => {
      linkBent(document)
      renamed('publish')(document)
    })
    expect(changed).toMatchObject({ changed: [{ seq: 3 }], beside: [{ seq: 2 }], sealed: false })
  })

  it.each<[string, (chain: Envelope['integrity']['hash_chain']) => void, number[], RegExp]>([
    ['a link', ({ links }) => bend(links[2], 'link'), [2], /beside entry 2 \(gate ship\) than/],
    [
      'a digest',
      ({ links }) => bend(links[3], 'entry'),
      [3],
      /beside entry 3 \(step publish\) than/,
    ],
    [
      'each link',
      ({ links }) => links.forEach((one) => bend(one, 'link')),
      [0, 1, 2, 3, 4],
      /than/,
    ],
    ['the head', (chain) => (chain.head = sha256('x')), [], /^Another head is written/],
    [
      'the last link and the head alike',
      (chain) => {
        chain.head = sha256('x')
        bend(chain.links[4], 'link')
      },
      [4],
      /beside entry 4 \(closing\) than/,
    ],
  ])(
    '[V21] %s, under a seal by a pinned key over what comes out of the entries: each is as it was sealed',
    async (_what, change, beside, said) => {
      const document = structuredClone(honest.envelope)
      change(document.integrity.hash_chain)
      const { claims, remaining } = await verifyEnvelope(bytesOf(document), { trust })
      expect(remaining).toMatchObject({ intact: 5, broken: null, changed: [], sealed: true })
      expect(remaining?.beside.map(({ seq }) => seq)).toEqual(beside)
      const sentences = remaining?.sentences ?? []
      expect(sentences[0]).toBe(
        'Every entry is as it was sealed: what is written beside them is not.',
      )
      expect(sentences[1]).toMatch(said)
      expect(sentences.some((one) => one.startsWith('Another head is written'))).toBe(
        document.integrity.hash_chain.head !== honest.envelope.integrity.hash_chain.head,
      )
      expect(sentences.slice(-2)).toEqual([SENTENCE.all, SENTENCE.frozen])
      expect(failingOf(claims)).toBe('beside')
    },
  )

  it('[V21] nothing that was changed: all entries are as they were sealed', async () => {
    const asked = { evidence_id: 'ev-other' }
    const { remaining } = await verifyEnvelope(honest.bytes, { trust, asked })
    expect(remaining?.sentences).toContain(SENTENCE.all)
  })

  it.each([
    ['retired', 0],
    ['revoked', null],
  ] as const)('[V21] a key that is %s is said to be so', async (status, last_seal_seq) => {
    const server_keys = [serverKeyOf(signer, { status, last_seal_seq })]
    const lapsed = [pinned(signer, { server_keys })]
    const { verdict, remaining } = await verifyEnvelope(honest.bytes, { trust: lapsed })
    expect(verdict).toBe('does not verify')
    expect(remaining).toMatchObject({ sealed: false, broken: null })
    expect(remaining?.sentences[1]).toContain(
      `by a key that is ${status} and does not count for this envelope`,
    )
  })

  it.each(['retired', 'revoked'] as const)(
    '[V21] what rests on a key or a passkey that is %s and still counts is said to',
    async (status) => {
      const ended = { status, last_seal_seq: 1 }
      const approvers = [{ ...ann.approver, ...ended }]
      const by = [pinned(signer, { approvers, server_keys: [serverKeyOf(signer, ended)] })]
      const remaining = await remainingOf(renamed('publish'), by)
      expect(remaining?.frozen).toEqual([{ ...FROZEN, ended: status }])
      expect(remaining?.sentences.slice(2)).toEqual([
        `${SENTENCE.sealed(4)} That key is ${status}: whoever has it now can have sealed them too.`,
        `${SENTENCE.frozen} That passkey is ${status}: whoever has it now can have signed it too.`,
      ])
    },
  )

  it('[V21] no number that was changed makes a key count that has ended', async () => {
    const server_keys = [serverKeyOf(signer, { status: 'revoked', last_seal_seq: 7 })]
    const remaining = await remainingOf(
      ({ closing }) => (closing.seal_seq = 6),
      [pinned(signer, { server_keys })],
    )
    expect(remaining).toMatchObject({ sealed: false, changed: [{ seq: 4, kind: 'closing' }] })
    expect(remaining?.sentences).toContain(
      'The seal of this chain is by a key that is revoked, and counts by a number that is not the one that was linked: whoever has that key now can have made all of it.',
    )
    expect(remaining?.sentences.join()).not.toContain('that you pinned is over')
  })

  it('[V21] the head', async () => {
    const remaining = await remainingOf(
      ({ integrity }) => (integrity.hash_chain.head = sha256('x')),
      [],
    )
    expect(remaining).toMatchObject({ intact: 5, broken: { kind: 'closing' }, sealed: false })
    expect(remaining?.sentences[0]).toContain('the head is not the last link')
  })

  it('[V21] a chain that was made again by somebody else: the passkey holds what it signed', async () => {
    const content = structuredClone(honest.content)
    for (const step of content.execution.steps)
      if (step.step_id === 'publish') step.salt = '0'.repeat(32)
    const { envelope } = await sealContent(content, await newSigner(2))
    const bytes = bytesOf(envelope)
    const { remaining } = await verifyEnvelope(bytes, { trust })
    expect(remaining).toMatchObject({ intact: 5, broken: null, sealed: false, frozen: [FROZEN] })
    expect(remaining?.sentences).toEqual([
      'The chain is intact to its end: what does not verify is something else.',
      SENTENCE.unsealed,
      SENTENCE.frozen,
    ])
  })

  it('[V21] whose key nobody pinned: nothing is held', async () => {
    const remaining = await remainingOf(renamed('publish'), [])
    expect(remaining).toMatchObject({ intact: 3, sealed: false, frozen: [] })
  })

  it('[V21] what was sealed too early, or under another key than it was recorded under, is whole: no other copy says anything else', async () => {
    const thief = await newSigner(2)
    const early = await sealContent(honest.content, signer, '2026-11-12T09:30:00.000Z')
    const { opening } = honest.content
    const other = { ...honest.content, opening: { ...opening, server: thief.key_id } }
    for (const [{ bytes }, code] of [
      [early, 'sealed-early'],
      [await sealContent(other, signer), 'server-differs'],
    ] as const) {
      const { claims, remaining } = await verifyEnvelope(bytes, { trust })
      expect(claims.map((claim) => claim.code)).toContain(code)
      expect(remaining).toMatchObject({ intact: 5, sealed: true })
      expect(failingOf(claims)).toBe('record')
      // By a key that is only offered anyone can have made it.
      const offered = trust.map(({ file }) => ({ file, source: 'offered' as const }))
      expect(failingOf((await verifyEnvelope(bytes, { trust: offered })).claims)).toBe('unsealed')
    }
  })

  it('[V21] many changed entries are all listed, and some named', async () => {
    const { envelope } = await SHAPES['a step that succeeds when tried again'](signer)
    const document = structuredClone(envelope)
    for (const step of document.execution.steps) step.salt = '0'.repeat(32)
    const { remaining } = await verifyEnvelope(bytesOf(document), { trust })
    expect(remaining?.changed.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
  })

  it('[V21] of one in which nothing fails there is nothing to say', async () => {
    expect(await verifyEnvelope(honest.bytes, { trust })).toMatchObject({
      verdict: 'proven',
      remaining: null,
    })
  })
})

describe('what a reader keeps', () => {
  const verified = async (bytes: Uint8Array) => {
    const { envelope } = await verifyEnvelope(bytes, { trust })
    if (envelope === null) throw new Error('does not verify')
    return envelope
  }

  it('[V22] the place and the decisions of an envelope', async () => {
    const held = heldOf(await verified(honest.bytes))
    expect(held).toMatchObject({ server: signer.key_id, evidence_id: 'ev-1', seal_seq: 1 })
    expect(held.decisions).toHaveLength(1)
    const { verdict } = await verifyEnvelope(honest.bytes, { trust, previous: [held] })
    expect(verdict).toBe('proven')
  })

  it('[V22] "require this definition, these gates" holds for it, and not for less', async () => {
    const envelope = await verified(honest.bytes)
    const requirement = requirementOf(envelope, 'this version')
    expect(requirement).toEqual({
      name: 'release',
      sha256: envelope.opening.definition.sha256,
      plan: requiredPlanOf(envelope.opening),
      gates: [
        {
          step_id: 'ship',
          quorum: 1,
          four_eyes: false,
          sign: 'passkey',
          question: 'Go on with ship?',
          roles: ['approver'],
          users: [],
          expires_ms: null,
          inputs: [],
        },
      ],
    })
    const verdictWith = async (bytes: Uint8Array, required = requirement) => {
      const requiring = pinned(signer, { approvers: [ann.approver], required: [required] })
      return (await verifyEnvelope(bytes, { trust: [requiring] })).verdict
    }
    expect(await verdictWith(honest.bytes)).toBe('proven')
    const session = await approvedRun(signer).seal()
    expect(await verdictWith(session.bytes)).toBe('does not verify')
    expect(await verdictWith(session.bytes, requirementOf(envelope, 'any version'))).toBe(
      'does not verify',
    )
  })

  it('[V22] pins no question that repeats an input, and whom the policy names', async () => {
    const run = approvedRun(signer, { inputs: { what: 'ship' } }, { roles: [], users: ['ann'] })
    const [gate] = requirementOf(await verified((await run.seal()).bytes), 'any version').gates
    expect(gate).toMatchObject({ question: null, roles: [], users: ['ann'] })
  })

  it('[V22] pins no question in which an input can have stood that was empty', async () => {
    const asking = async (note: string) => {
      const policy = { sign: 'passkey' } as const
      const gates = [planGate('ok', { question: `Deploy to prod?${note}`, policy })]
      const steps = [planStep('deploy', { needs: ['ok'] })]
      const definition = { name: 'release', sha256: sha256('the definition') }
      const run = startRun(signer, { steps, gates }, { inputs: { note }, definition })
      run.gate('ok', { decisions: signed })
      run.step('deploy')
      return (await run.seal()).bytes
    }
    const required = [requirementOf(await verified(await asking('')), 'this version')]
    expect(required[0]?.gates[0]?.question).toBeNull()
    const requiring = [pinned(signer, { approvers: [ann.approver], required })]
    for (const note of ['', ' (hotfix)']) {
      const { verdict } = await verifyEnvelope(await asking(note), { trust: requiring })
      expect(verdict).toBe('proven')
    }
  })
})

describe('of a file that cannot be read as a record', () => {
  const text = new TextDecoder().decode(honest.bytes)
  const said = async (bytes: Uint8Array, by = trust) => {
    const { verdict, claims, envelope, entries, remaining } = await verifyEnvelope(bytes, {
      trust: by,
    })
    expect(['does not verify', 'not an envelope']).toContain(verdict)
    expect([claims.length, envelope, entries]).toEqual([1, null, null])
    return remaining
  }
  const place = (of: string, behind = 0) => text.indexOf(of, behind)
  const replaced = (of: string, by: string) => utf8(text.replace(of, by))
  const document = (change: (document: Envelope) => void) => {
    const changed = structuredClone(honest.envelope)
    change(changed)
    return bytesOf(changed)
  }
  const zeroed = (from: number, to: number) => honest.bytes.slice().fill(0, from, to)
  const publish = place('"argv"', place('"step_id":"build"'))
  const links = place('"links":[')

  const BUILD = { seq: 1, kind: 'step', where: '/execution/steps/0', step_id: 'build' }
  const PUBLISH = { seq: 3, kind: 'step', where: '/execution/steps/1', step_id: 'publish' }
  const whole = {
    intact: 5,
    broken: null,
    changed: [],
    missing: [],
    sealed: true,
    frozen: [FROZEN],
  }
  const inBuild = { intact: 1, broken: BUILD, changed: [BUILD], sealed: true, frozen: [] }
  const inPublish = { intact: 3, broken: PUBLISH, changed: [PUBLISH], frozen: [FROZEN] }

  it.each<[string, Uint8Array, object, RegExp | null]>([
    [
      'a space more',
      replaced('"exit_code":0', '"exit_code": 0'),
      whole,
      /exit_code: what RFC 8785 writes \(byte 0x[0-9a-f]{2}\) was expected/,
    ],
    ['lines and spaces', utf8(JSON.stringify(JSON.parse(text), null, 2)), whole, /after 1 byte /],
    [
      'a line more',
      utf8(`${text}\n`),
      whole,
      /the end of the file was expected, and something else/,
    ],
    ['a number made a text', replaced('"exit_code":0', '"exit_code":"0"'), inBuild, null],
    ['a member more', replaced('"exit_code":0', '"exit_code":0,"exit_codf":1'), inBuild, null],
    ['a member beside the entries', replaced('{"closing"', '{"aside":1,"closing"'), whole, null],
    // What is read of it would be as it was linked.
    [
      'a member twice',
      replaced('"exit_code":0', '"exit_code":1,"exit_code":0'),
      inBuild,
      /exit_code: what RFC 8785 writes \(byte 0x[0-9a-f]{2}\) was expected/,
    ],
    [
      'a key with an escape',
      replaced('"exit_code"', String.raw`"\u0065xit_code"`),
      inBuild,
      /what RFC 8785 writes \(byte 0x[0-9a-f]{2}\) was expected/,
    ],
    ['half a surrogate', replaced('"kind":"comm', String.raw`"kind":"\ud800`), inBuild, null],
    [
      'a quote less in a step',
      replaced('"step_id":"publish"', '"step_id":"publish'),
      { intact: 3, broken: { seq: 3 }, changed: [{ seq: 3 }], sealed: true, frozen: [FROZEN] },
      /at \/execution\/steps\/1\/step_id: /,
    ],
    [
      'a byte that is none of UTF-8',
      honest.bytes.slice().fill(255, publish + 20, publish + 21),
      inPublish,
      /at \/execution\/steps\/1\/.*UTF-8 was expected, and something else/,
    ],
    ['zero bytes in a step', zeroed(publish + 20, publish + 60), inPublish, /40 zero bytes/],
    [
      'zero bytes over the beginning',
      zeroed(0, place('"step_id":"build"')),
      { intact: 1, missing: [{ seq: 1 }, { seq: 4, kind: 'closing' }], sealed: true, frozen: [] },
      /zero bytes stand there/,
    ],
    [
      'zero bytes over all links',
      zeroed(links + 10, place(']},"profile"')),
      { ...whole, lost: 5 },
      /zero/,
    ],
    [
      'no link',
      document(({ integrity }) => (integrity.hash_chain.links = [])),
      { ...whole, lost: 5 },
      null,
    ],
    [
      'a step taken out',
      document(({ execution }) => execution.steps.pop()),
      {
        intact: 3,
        broken: { seq: 3, kind: 'step', where: '/integrity/hash_chain/links/3' },
        missing: [{ seq: 3, kind: 'step', where: '/integrity/hash_chain/links/3' }],
        changed: [],
        sealed: true,
        frozen: [FROZEN],
      },
      null,
    ],
    [
      'a step put in',
      document(({ execution: { steps } }) =>
        steps.splice(1, 0, ...steps.slice(0, 1).map((step) => ({ ...step, attempt: 9 }))),
      ),
      { ...whole, added: [{ kind: 'step', where: '/execution/steps/1', step_id: 'build' }] },
      null,
    ],
    [
      'a step taken out, and another one put in behind',
      Uint8Array.of(
        ...document(({ execution: { steps } }) => {
          const [build] = steps.splice(0, 1)
          if (build) steps.push({ ...build, attempt: 9 })
        }),
        0x0a,
      ),
      {
        intact: 1,
        missing: [{ seq: 1, kind: 'step', where: '/integrity/hash_chain/links/1' }],
        changed: [],
        added: [{ kind: 'step', where: '/execution/steps/1', step_id: 'build' }],
        sealed: true,
      },
      /the end of the file was expected/,
    ],
    [
      'a link changed, and the order',
      document(({ order, integrity }) => {
        order.pop()
        for (const link of integrity.hash_chain.links) if (link.seq === 1) link.link = sha256('x')
      }),
      { intact: 1, broken: BUILD, changed: [], sealed: false },
      null,
    ],
    [
      'another head, and the order',
      document(({ order, integrity }) => {
        order.pop()
        integrity.hash_chain.head = sha256('x')
      }),
      // The seal says the head too.
      { intact: 5, broken: { seq: 4, kind: 'closing' }, sealed: true },
      null,
    ],
    ['cut off at the very end', honest.bytes.slice(0, -1), whole, /looks cut off/],
    [
      'cut off within the links',
      honest.bytes.slice(0, place('"seq":2}', links)),
      { entries: 2, sealed: false },
      /looks cut off/,
    ],
    ['cut off before them', honest.bytes.slice(0, publish), { entries: 0 }, /looks cut off/],
    ['two in one', utf8(text + text), whole, /two files in one/],
    ['a byte order mark', utf8(`\ufeff${text}`), whole, /no byte order mark, was expected/],
    [
      'UTF-16',
      new Uint8Array(Uint16Array.from(text, (char) => char.charCodeAt(0)).buffer),
      { entries: 0 },
      /like UTF-16/,
    ],
    ['empty', new Uint8Array(), { entries: 0 }, /It is empty/],
    ['compressed', Uint8Array.of(0x1f, 0x8b, 8, 0), { entries: 0 }, /gzip does: unpack it/],
    ['a web page', utf8('<!doctype html>'), { entries: 0 }, /web page/],
    [
      'a web page with the words of a record in it, as a verifier is',
      utf8(`<!doctype html><script>${text}</script>`),
      { entries: 0, added: [], changed: [], missing: [] },
      /web page/,
    ],
    [
      'nested too deep',
      replaced('"exit_code":0', `"exit_code":${'['.repeat(70)}`),
      inBuild,
      /a value or “]”/,
    ],
  ])('[V21] %s', async (_, bytes, expected, sentence) => {
    const remaining = await said(bytes)
    expect(remaining).toMatchObject(expected)
    if (sentence === null) expect(remaining?.bytes).toBeNull()
    else expect(remaining?.sentences.slice(0, 2).join(' ')).toMatch(sentence)
  })

  it.each([
    ['gates', 'no gates', [2]],
    ['closing', 'no closing', [4]],
    ['opening', 'no opening', [0]],
  ] as const)(
    '[V21] without its member %s has %s, and nothing that was changed',
    async (member, _, gone) => {
      const remaining = await said(document((whole) => Reflect.deleteProperty(whole, member)))
      expect(remaining?.missing.map(({ seq }) => seq)).toEqual(gone)
      expect(remaining).toMatchObject({ changed: [], added: [], sealed: true })
    },
  )

  it('[V21] under another name they are what was linked', async () => {
    const named = [
      'gates":[{',
      'closing":{',
      'opening":{',
      'execution":{',
      'steps":[{"argv',
      'integrity":{',
    ]
    for (const begin of named) {
      const remaining = await said(replaced(`"${begin}`, `"x${begin}`))
      expect(remaining, `as x${begin}`).toMatchObject({ ...whole, added: [] })
    }
  })

  it('[V21] one damage outside of the entries calls none of them changed or gone', async () => {
    const { opening, execution, gates, closing, evidence_id, run_id, schema } = honest.envelope
    const spans = [
      opening,
      ...execution.steps,
      ...gates,
      closing,
      { evidence_id },
      { run_id, schema },
    ].map((part, nth) => {
      const written = new TextDecoder().decode(bytesOf(part))
      const own = nth < 5 ? written : written.slice(1, -1)
      // The id is in each decision too.
      const from = nth < 5 ? place(own) : text.search(new RegExp(`(?<=[}\\]],)${own}`))
      return { from, to: from + own.length }
    })
    const [integrity, end] = [place('"content_sha256"'), place('"opening":')]
    let tried = 0
    for (let at = 1; at < text.length - 1; at += at > integrity && at < end - 80 ? 89 : 1) {
      const inside = spans.find(({ from, to }) => from <= at && at < to)
      if (inside) at = inside.to
      const bent = String.fromCharCode(text.charCodeAt(at) ^ 1)
      for (const other of [bent, '', `"${text[at]}`, `{${text[at]}`, `${text[at]}]`]) {
        tried += 1
        const bytes = utf8(text.slice(0, at) + other + text.slice(at + 1))
        const { verdict, remaining } = await verifyEnvelope(bytes, { trust })
        expect(verdict).not.toBe('proven')
        const here = `${text.slice(at - 20, at)}|${other}|${text.slice(at + 1, at + 20)}`
        expect({ here, changed: remaining?.changed, missing: remaining?.missing }).toEqual({
          here,
          changed: [],
          missing: [],
        })
      }
    }
    expect(tried).toBeGreaterThan(700)
  })

  it('[V21] what is cut off behind the first links has those behind the opening', async () => {
    const remaining = await said(utf8(text.slice(0, place('"seq":3', links) + 7)))
    expect(remaining?.sentences).toContain(
      'The chain breaks at its first entry, which is not there, or not to be told apart: the next ones behind it, 2 entries, are as they were linked.',
    )
  })

  it('[V21] ids that were changed are changed, whatever the seal says', async () => {
    for (const bytes of [
      replaced(',"evidence_id":"ev-1","exec', ',"evidence_id":"ev{-1","exec"'),
      replaced('"run_id":"run-1","schema"', '"run_id":"run{-1","schema""'),
    ])
      expect(await said(bytes)).toMatchObject({ changed: [{ seq: 0 }], sealed: false })
  })

  it('[V21] a gate that is cut off is not named by what is in it', async () => {
    // Cut behind an artifact of another step that it showed.
    const bytes = readAttack({ file: 'truncated' })
    const gates = (await said(bytes))?.added.filter(({ kind }) => kind === 'gate')
    expect(gates).toEqual([{ kind: 'gate', where: '/gates/0' }])
  })

  it('[V21] the closing of a file that is cut off behind its last link is not one without a link', async () => {
    const links = text.indexOf(']},"profile":"')
    for (const more of [0, 1, 5, 13]) {
      const remaining = await said(utf8(text.slice(0, links + more)))
      expect(remaining?.added, `${more} bytes`).toEqual([])
    }
  })

  it('[V21] a link with another number takes no place from the one that has it', async () => {
    for (const number of [0, 4, 7, 999_999]) {
      const remaining = await said(replaced('"seq":3', `"seq":${number}`))
      expect(remaining, `as ${number}`).toMatchObject({ ...whole, entries: 5, lost: 1, added: [] })
    }
  })

  it('[V21] what people name as parts of a record are named begins no part', async () => {
    const names = ['seal', 'order', 'opening', 'closing', 'profile', 'links', 'gates', 'steps']
    const inputs = names.map((name) => ({ name, label: name, required: false }))
    const answers = Object.fromEntries(names.map((name) => [name, 'x']))
    const asked = await approvedRun(signer, {}, { inputs }, [
      { approver: 'ann', inputs: answers },
    ]).seal()
    const remaining = await said(asked.bytes.slice(0, -2))
    expect(remaining).toMatchObject({ entries: 5, intact: 5, sealed: true, added: [] })
  })

  it('[V21] [V26] many parts, and many links that none of them is of: each is held against no more than a few', async () => {
    const work = (count: number) => {
      const links = Array.from({ length: count }, (_, seq) => ({
        entry: sha256(`${seq}`),
        kind: 'step',
        link: '0'.repeat(64),
        seq,
      }))
      const integrity = { hash_chain: { links } }
      const bytes = utf8(
        JSON.stringify({ execution: { steps: [] }, gates: links.map(() => 0), integrity }),
      )
      return workOf(async () => expect((await said(bytes))?.missing).toHaveLength(count))
    }
    expect(await work(4000)).toBeLessThan(3 * (await work(2000)))
  })

  it('[V21] a first byte that is zero is not yet another encoding', async () => {
    expect((await said(zeroed(0, 1)))?.bytes?.looks).toMatch(
      /^1 zero byte stands there: .* in its place/,
    )
  })

  it('[V2] [V21] bytes that break as JSON before they break as UTF-8 break there', async () => {
    const bytes = replaced('"closing":{', '"closing" {')
    bytes[bytes.length - 50] = 0xff
    expect((await said(bytes))?.bytes).toMatchObject({ offset: 11, expected: '“:”' })
  })

  it('[V21] a file that is cut within its seal lacks its first entry, and is broken nowhere else', async () => {
    for (const within of ['"seal":', '"payload":', '"signatures":']) {
      const remaining = await said(utf8(text.slice(0, text.lastIndexOf(within) + 9)))
      expect(remaining?.missing.map(({ seq }) => seq)).toEqual([0])
      expect(remaining?.sentences.join(' ')).toMatch(
        /breaks at its first entry alone, which is not there, .* what is behind it, \d+ entries, is as it was linked/,
      )
    }
  })

  it('[V21] [U5] no word of a file is in the sentence of where it breaks', async () => {
    for (const broken of [
      '{"closing":{"ANY WORDS OF THE FILE":{"x":',
      replaced('"kind":"command"', '"kind":"command'),
      text.replace('"exit_code":0', '"exit_code": 0'),
      '{"closing":{"THIS-IS-PROVEN":{"x" 1',
      text.replace('"exit_code":0', '"exit_code":0,"THIS.IS.PROVEN":1'),
    ]) {
      const bytes = typeof broken === 'string' ? utf8(broken) : broken
      const sentences = (await said(bytes))?.sentences ?? []
      expect(sentences.join(' ')).toMatch(/was expected/)
      expect(sentences.join(' ')).not.toMatch(/ANY WORDS|PROVEN|command/)
    }
    const odd = {
      ...honest.envelope,
      'THIS.IS.PROVEN': 1,
      execution: { 'THIS-IS-PROVEN': '\u0000' },
    }
    const { claims } = await verifyEnvelope(utf8(JSON.stringify(odd)), { trust })
    expect(JSON.stringify(claims)).not.toMatch(/PROVEN/)
    const member = document((whole) => Object.assign(whole, { 'THIS.IS.PROVEN': 1 }))
    expect((await verifyEnvelope(member, { trust })).claims).toMatchObject([
      { where: '', message: 'It has a member that no record has.' },
    ])
    const quote = await said(replaced('"kind":"command"', '"kind":"command'))
    expect(quote?.sentences.join(' ')).not.toContain('RFC 8785')
  })

  it.each([
    ['names', '{"closing":', '{"0800":{"555":{"0199":x}},"closing":', ''],
    ['names, written otherwise', '{"closing":', '{"0800":{"555":{"0199":1.0}},"closing":', ''],
    ['names where a record has a list', '"steps":[', '"steps":{"555":x', '/execution/steps'],
    ['names of an input', '"inputs":{"version"', '"inputs":{"0800":x,"version"', '/opening/inputs'],
    ['places of a list that no record has', '"state":"Still"', '"state":[7,x', '/closing/state'],
  ])('[V21] [U5] digits that are %s are no place', async (_, own, other, where) => {
    const found = await said(replaced(own, other))
    expect(found?.bytes?.where).toBe(where)
  })

  it('[V21] [U5] nor are they in a claim', async () => {
    const odd = { ...honest.envelope, execution: { steps: { 555: '\ud800' } } }
    const { claims } = await verifyEnvelope(utf8(JSON.stringify(odd)), { trust })
    expect(claims).toMatchObject([{ code: 'not-writable', where: '/execution/steps' }])
    const deep = document(({ opening }) => Object.assign(opening.inputs, { 555: {} }))
    expect((await verifyEnvelope(deep, { trust })).claims).toMatchObject([
      { code: 'schema-violated', where: '/opening/inputs' },
    ])
  })

  it.each([
    ['lacks gates', '/gates', (whole: Envelope) => Reflect.deleteProperty(whole, 'gates')],
    [
      'argv is not what a record has there: expected list, and there is the number 7',
      '/execution/steps/0/argv',
      (whole: Envelope) => Reflect.set(whole.execution.steps[0] ?? {}, 'argv', 7),
    ],
    [
      'seal_seq is not what a record has there: expected number >0, and there is the number -1',
      '/closing/seal_seq',
      (whole: Envelope) => Reflect.set(whole.closing, 'seal_seq', -1),
    ],
    [
      'The member started_at is not written as a record has it there.',
      '/opening/started_at',
      (whole: Envelope) => Reflect.set(whole.opening, 'started_at', '2026-11-31T00:00:00.000Z'),
    ],
  ])('[V4] that a member %s is said in words of a record', async (words, where, change) => {
    const { claims } = await verifyEnvelope(document(change), { trust })
    expect(claims).toMatchObject([{ code: 'schema-violated', where }])
    expect(claims[0]?.message).toContain(words)
    expect(claims[0]?.message).not.toMatch(/Invalid|Too|undefined|pattern/)
  })

  it('[V2] of a file of which only so much is read its size is not said', async () => {
    const most = { ...LIMITS, bytes: 1000 }
    const { claims } = await verifyEnvelope(honest.bytes, { trust, limits: most })
    expect(claims[0]?.message).toContain('more than 1,000 bytes')
  })

  it('[V21] what is another JSON document is no damaged record', async () => {
    for (const other of ['{"a":1}', '[1]', '7']) expect(await said(utf8(other))).toBeNull()
  })

  it('[V21] whose key nobody pinned: nothing is held', async () => {
    const stranger = [pinned(await newSigner(2))]
    const remaining = await said(utf8(`${text} `), stranger)
    expect(remaining).toMatchObject({ intact: 5, sealed: false, frozen: [] })
    expect(remaining?.sentences.at(-1)).toBe(SENTENCE.unsealed)
  })

  it('[V1] [V21] any byte that is taken out, or zero from there on, has an account and no exception', async () => {
    for (let at = 0; at < text.length; at += 97)
      for (const bytes of [utf8(text.slice(0, at) + text.slice(at + 1)), zeroed(at, at + 64)]) {
        const { verdict, remaining } = await verifyEnvelope(bytes, { trust })
        expect(verdict).not.toBe('proven')
        expect(remaining?.sentences.length).toBeGreaterThan(0)
      }
  })
})

it.each([
  [[4, 3, 2], 3],
  [[3, 2], 3],
  [[1], 2],
  [[7, 6], 7],
])(
  '[V21] entries that were taken out with their links, at %j: those that are left are whole, and those are where the chain breaks',
  async (gone, breaks) => {
    const names = 'abcdefgh'.split('')
    const plan = {
      steps: names.filter((id) => id !== 'e').map((id) => planStep(id)),
      gates: [planGate('e')],
    }
    const run = startRun(signer, plan)
    for (const id of names)
      if (id === 'e') run.gate(id, { decisions: [{ approver: 'user:ann' }] })
      else run.step(id)
    const document = structuredClone((await run.seal()).envelope)
    const { order, execution, gates, integrity } = document
    for (const nth of gone) {
      const kind = order[nth]
      const at = order.slice(0, nth).filter((one) => one === kind).length
      if (kind === 'step') execution.steps.splice(at, 1)
      else gates.splice(at, 1)
      order.splice(nth, 1)
      integrity.hash_chain.links.splice(nth + 1, 1)
    }
    const told = {
      entries: 10,
      intact: breaks,
      broken: { seq: breaks, kind: null, where: `/integrity/hash_chain/links/${breaks}` },
      lost: gone.length,
      changed: [],
      missing: [],
      added: [],
    }
    const { seal } = integrity
    for (const [count, by] of [
      [10, seal],
      [integrity.hash_chain.links.length, seal],
      // Where nothing says how many there were, what is left follows from each other.
      [10, { ...seal, payload: '!' }],
    ] as const) {
      integrity.hash_chain.count = count
      const text = JSON.stringify({ ...document, integrity: { ...integrity, seal: by } })
      const { remaining } = await verifyEnvelope(utf8(text), { trust })
      expect(remaining).toMatchObject(told)
      expect(remaining?.sentences.join(' ')).toContain(
        `it breaks first at entry ${breaks}. ${gone.length} link`,
      )
    }
  },
)

it('[V21] an entry whose link cannot be read, beside one that was taken out with its own, is not called there without a link', async () => {
  const names = 'abcdef'.split('')
  const run = startRun(signer, { steps: names.map((id) => planStep(id)) })
  for (const id of names) run.step(id)
  const { envelope } = await run.seal()
  for (const torn of [2, 4]) {
    const document = structuredClone(envelope)
    const { links } = document.integrity.hash_chain
    document.order.splice(2, 1)
    document.execution.steps.splice(2, 1)
    const left = links.flatMap((link) =>
      link.seq === 3 ? [] : [link.seq === torn ? { ...link, seq: -1 } : link],
    )
    const hash_chain = { ...document.integrity.hash_chain, links: left }
    const integrity = { ...document.integrity, hash_chain }
    const account = async (of: object) =>
      (await verifyEnvelope(utf8(JSON.stringify({ ...of, integrity })), { trust })).remaining
    expect(await account(document)).toMatchObject({
      broken: { seq: Math.min(torn, 3) },
      lost: 2,
      changed: [],
      missing: [],
      added: [],
    })
    // One more than there are places for is.
    const [one] = document.execution.steps
    const execution = { steps: [...document.execution.steps, one] }
    expect((await account({ ...document, execution }))?.added).toHaveLength(1)
  }
})

it('[V21] beside an entry that was taken out with its link, a changed closing is named, and one whose link has another digest is whole', async () => {
  const names = 'abcdef'.split('')
  const run = startRun(signer, { steps: names.map((id) => planStep(id)) })
  for (const id of names) run.step(id)
  const { envelope } = await run.seal()
  const document = structuredClone(envelope)
  document.order.splice(1, 1)
  document.execution.steps.splice(1, 1)
  const { hash_chain } = document.integrity
  hash_chain.links = hash_chain.links.filter(({ seq }) => seq !== 2)
  const account = async (of: object) =>
    (await verifyEnvelope(utf8(canonicalize(of)), { trust })).remaining
  const closing = { ...document.closing, outcome: 'failed' }
  expect(await account({ ...document, closing })).toMatchObject({
    changed: [{ seq: 7, kind: 'closing', where: '/closing' }],
    missing: [],
    added: [],
  })
  for (const link of hash_chain.links.filter(({ seq }) => seq === 6)) link.entry = '0'.repeat(64)
  expect(await account(document)).toMatchObject({ changed: [], missing: [], added: [] })
})

it('[V21] two links beside each other that have another digest, of a file that is not read, accuse no entry', async () => {
  const names = 'abcd'.split('')
  const run = startRun(signer, { steps: names.map((id) => planStep(id)) })
  for (const id of names) run.step(id)
  const { envelope } = await run.seal()
  const [, , third, fourth] = envelope.integrity.hash_chain.links
  if (third === undefined || fourth === undefined) throw new RangeError('no links')
  third.link = '0'.repeat(64)
  fourth.entry = '1'.repeat(64)
  const bytes = utf8(canonicalize({ ...envelope, note: 'x' }))
  const { remaining } = await verifyEnvelope(bytes, { trust })
  expect(remaining).toMatchObject({ changed: [], missing: [], added: [] })
})

it('[V21] of a file that is not read a key that the reader refused has sealed nothing', async () => {
  const bytes = utf8(`${new TextDecoder().decode(honest.bytes)}\n`)
  const { remaining } = await verifyEnvelope(bytes, { trust })
  expect(remaining?.sealed).toBe(true)
  const refusedKeys = [signer.key_id]
  const refused = (await verifyEnvelope(bytes, { trust, refusedKeys })).remaining
  expect(refused?.sealed).toBe(false)
})

it('[V21] entries that were taken out at the end with their links: the chain breaks where the first of them was', async () => {
  for (const gone of [1, 2, 3]) {
    const document = structuredClone(honest.envelope)
    const { order, execution, gates, integrity } = document
    const entries = integrity.hash_chain.count - gone
    integrity.hash_chain.links.splice(entries)
    for (const kind of order.splice(Math.max(0, entries - 1)))
      if (kind === 'step') execution.steps.pop()
      else gates.pop()
    const { closing: _, ...rest } = document
    const { remaining } = await verifyEnvelope(utf8(JSON.stringify(rest)), { trust })
    expect(remaining, `${gone}`).toMatchObject({
      entries: integrity.hash_chain.count,
      intact: entries,
      broken: { seq: entries, where: `/integrity/hash_chain/links/${entries}` },
      lost: gone,
      changed: [],
      added: [],
    })
  }
})

it('[V21] a link with another digest of its entry accuses none, also in a file that cannot be read', async () => {
  const { integrity, ...content } = structuredClone(honest.envelope)
  for (const link of integrity.hash_chain.links) {
    const other = structuredClone(integrity)
    bend(other.hash_chain.links[link.seq], 'entry')
    const text = JSON.stringify({ ...content, integrity: other, more: 1 })
    const { remaining } = await verifyEnvelope(utf8(text), { trust })
    expect(remaining).toMatchObject({ broken: null, changed: [], missing: [], sealed: true })
  }
})

describe('one damage', () => {
  const ids = { steps: ['one', 'two', 'three'], gates: ['four', 'five'] }
  const sealed = async () => {
    const run = startRun(signer, {
      steps: ids.steps.map((id) => planStep(id)),
      gates: ids.gates.map((id) => planGate(id)),
    })
    for (const id of ids.steps) run.step(id)
    for (const id of ids.gates) run.gate(id, { decisions: [{ approver: 'user:ann' }] })
    return await run.seal()
  }
  const accountOf = async (
    change: (text: string, at: (of: string, nth?: number) => number) => string,
  ) => {
    const text = new TextDecoder('latin1').decode((await sealed()).bytes)
    const at = (of: string, nth = 0): number =>
      Array.from({ length: nth + 1 }).reduce<number>((from) => text.indexOf(of, from + 1), -1)
    const bytes = Uint8Array.from(change(text, at), (char) => char.charCodeAt(0))
    const { remaining } = await verifyEnvelope(bytes, { trust })
    if (remaining === null) throw new Error('no account')
    return remaining
  }
  const torn = (text: string, from: number, to: number) =>
    text.slice(0, from) + '\0'.repeat(to - from) + text.slice(to)

  it.each([
    ['{"argv":[', 1, { seq: 2, kind: 'step', where: '/execution/steps/1', step_id: 'two' }],
    ['{"argv":[', 2, { seq: 3, kind: 'step', where: '/execution/steps/2', step_id: 'three' }],
    ['{"decisions":[', 0, { seq: 4, kind: 'gate', where: '/gates/0', step_id: 'four' }],
    ['{"decisions":[', 1, { seq: 5, kind: 'gate', where: '/gates/1', step_id: 'five' }],
  ])(
    '[V21] in the first bracket of %s, number %i, is at the place of that',
    async (begin, nth, place) => {
      const found = await accountOf((text, at) => torn(text, at(begin, nth), at(begin, nth) + 1))
      expect(found).toMatchObject({ broken: place, changed: [place], missing: [], added: [] })
    },
  )

  it.each([
    ['steps', '"step_id":"two"', { seq: 2, kind: 'step' }, 3],
    ['gates', '"step_id":"four"', { seq: 4, kind: 'gate' }, 5],
  ] as const)(
    '[V21] over the end of one of the %s and the beginning of the next puts no name of the one beside the number of the other',
    async (_, name, first, next) => {
      const found = await accountOf((text, at) => torn(text, at(name) - 20, at(name) + 44))
      expect(found.broken).toMatchObject(first)
      expect(found.broken).not.toHaveProperty('step_id')
      expect([found.changed.map(({ seq }) => seq), found.missing.map(({ seq }) => seq)]).toEqual([
        [first.seq],
        [next],
      ])
    },
  )

  it('[V21] by which a stretch is there twice, up to within what its form is called, leaves the opening whole', async () => {
    const found = await accountOf((text, at) => {
      const end = at('"schema":"') + '"schema":"'.length
      return text.slice(0, end) + text.slice(at('"kind":"command"'), end) + text.slice(end)
    })
    expect(found).toMatchObject({ broken: null, changed: [], missing: [], added: [] })
  })

  it('[V21] that makes one object of a step and of the gate behind it gives it not the name of the gate', async () => {
    const salt = '"salt":"'
    const found = await accountOf((text, at) => {
      const behind = at(salt, 2) + salt.length + 34
      return text.slice(0, behind) + text.slice(at('"decisions":['))
    })
    const three = { seq: 3, kind: 'step', where: '/execution/steps/2' }
    expect(found.changed).toEqual([three])
    expect(found.missing).toMatchObject([{ seq: 4, kind: 'gate' }])
  })

  it('[V21] that makes one link of two, with a digest of neither, accuses no entry', async () => {
    const begin = '{"entry":"'
    const found = await accountOf((text, at) => {
      const digits = (nth: number) => at(begin, nth) + begin.length + 2
      return text.slice(0, digits(1)) + text.slice(digits(2))
    })
    expect(found).toMatchObject({ broken: null, changed: [], missing: [], added: [], lost: 1 })
  })

  it('[V21] by which two entries are read as one that has the name of the other', async () => {
    const within = '"duration_ms":'
    const found = await accountOf(
      (text, at) => text.slice(0, at(within)) + text.slice(at(within, 1)),
    )
    expect(found.broken).toEqual({ seq: 1, kind: 'step', where: '/execution/steps/0' })
    expect(found.missing.map(({ seq }) => seq)).toEqual([2])
  })

  it('[V21] over the end of the last step and the first gate gives the step no name of a gate', async () => {
    const found = await accountOf((text, at) =>
      torn(text, at('"step_id":"three"') - 4, at('"shown":{"artifacts"')),
    )
    expect(found.changed).toEqual([{ seq: 3, kind: 'step', where: '/execution/steps/2' }])
    expect(found.missing.map(({ seq }) => seq)).toEqual([4])
  })

  it('[V21] between the steps and the first gate makes no step of the gate', async () => {
    const found = await accountOf((text, at) =>
      torn(text, at('{"decisions":[') - 1, at('{"decisions":[') + 1),
    )
    const gate = { seq: 4, kind: 'gate', where: '/gates/0', step_id: 'four' }
    expect(found).toMatchObject({ broken: gate, changed: [gate], missing: [], added: [] })
  })

  it('[V21] up to the first links accuses no entry that those are of', async () => {
    const found = await accountOf((text, at) =>
      torn(text, at('"step_id":"two"') - 99, at('"seq":2}')),
    )
    expect(found).toMatchObject({ lost: 3, changed: [] })
    expect(found.missing.map(({ seq }) => seq)).toEqual([3, 4, 5])
  })

  it('[V21] between a closing and the first step puts no closing there without a link', async () => {
    const found = await accountOf((text, at) =>
      torn(text, at('"evidence_id":"') + 5, at('"argv":[') + 9),
    )
    expect(found).toMatchObject({ changed: [{ seq: 1, kind: 'step', step_id: 'one' }], added: [] })
  })

  it('[V21] behind a seal, or in what it is called, takes none of what it says', async () => {
    for (const name of ['},"opening":{', ',"seal":{"pay'])
      expect(await accountOf((text, at) => torn(text, at(name) + 3, at(name) + 5))).toMatchObject({
        broken: null,
        sealed: true,
      })
  })

  it('[V21] in the head: it cannot be read, and is not another one', async () => {
    const found = await accountOf((text, at) =>
      torn(text, at('","links":[') - 4, at('","links":[')),
    )
    expect(found.sentences).toContain(
      'The entries are as they were linked; the head cannot be read.',
    )
  })

  it('[V21] before the chain takes neither its head nor puts a gate where there is none', async () => {
    const run = startRun(signer, { steps: [planStep('one')] })
    run.step('one')
    const text = new TextDecoder('latin1').decode((await run.seal()).bytes)
    const from = text.indexOf('"integrity":')
    const bytes = utf8(torn(text, from, text.indexOf('"algorithm"') + 4))
    const { remaining } = await verifyEnvelope(bytes, { trust })
    expect(remaining).toMatchObject({ broken: null, added: [], sealed: true })
  })
})
