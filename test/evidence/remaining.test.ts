import { describe, expect, it } from 'vitest'
import { type Envelope } from '#contract/envelope.ts'
import { sha256 } from '#evidence/digest.ts'
import { heldOf, requirementOf } from '#evidence/keep.ts'
import { requiredPlanOf } from '#evidence/plan.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
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
} from './fixture.ts'
import { newPasskey } from './passkey.ts'

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

const FROZEN = { step_id: 'ship', approver: 'ann', decision: 'approved', upTo: 1 }
const SENTENCE = {
  sealed: (others: number) =>
    `A seal by a key that you pinned is over these very links: the other ${others} of 5 entries are as they were sealed.`,
  unsealed: 'No seal by a key that you pinned is over these links: anyone can have made them.',
  frozen:
    'The passkey of ann that you pinned signed “approved” at gate ship: everything up to entry 1 is as it was then.',
}

describe('of a file that does not verify', () => {
  it('[V21] the first break, every changed entry, and what the seal and a passkey still hold', async () => {
    expect(await remainingOf(renamed('publish'))).toEqual({
      entries: 5,
      intact: 3,
      broken: { seq: 3, kind: 'step', where: '/execution/steps/1', step_id: 'publish' },
      changed: [{ seq: 3, kind: 'step', where: '/execution/steps/1', step_id: 'publish' }],
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
    expect(remaining?.sentences[0]).toBe('The chain is broken from its first entry on.')
  })

  it('[V21] a link: then nothing says whose the links are', async () => {
    const remaining = await remainingOf(({ integrity }) => {
      for (const link of integrity.hash_chain.links) if (link.seq === 2) link.link = sha256('x')
    })
    expect(remaining).toMatchObject({ intact: 2, changed: [], sealed: false, frozen: [FROZEN] })
    expect(remaining?.sentences).toEqual([
      'Up to entry 1 the chain is intact; it breaks first at entry 2 (gate ship).',
      SENTENCE.unsealed,
      SENTENCE.frozen,
    ])
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

  it('[V21] the head', async () => {
    const remaining = await remainingOf(
      ({ integrity }) => (integrity.hash_chain.head = sha256('x')),
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

  it('[V21] many changed entries are all listed, and some named', async () => {
    const { envelope } = await SHAPES['a step that succeeds when tried again'](signer)
    const document = structuredClone(envelope)
    for (const step of document.execution.steps) step.salt = '0'.repeat(32)
    const { remaining } = await verifyEnvelope(bytesOf(document), { trust })
    expect(remaining?.changed.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
  })

  it('[V21] that cannot be read, and of one in which nothing fails, there is nothing to say', async () => {
    const half = await verifyEnvelope(honest.bytes.subarray(0, 500), { trust })
    expect(half.remaining).toBeNull()
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

describe('of a file that is refused as it stands', () => {
  const text = new TextDecoder().decode(honest.bytes)
  const salvaged = async (changed: string, by = trust) => {
    const { verdict, claims, envelope, entries, remaining } = await verifyEnvelope(
      new TextEncoder().encode(changed),
      { trust: by },
    )
    expect([verdict, claims.length, envelope, entries]).toEqual(['does not verify', 1, null, null])
    return remaining
  }
  const without = (change: (document: Envelope) => void) => {
    const document = structuredClone(honest.envelope)
    change(document)
    return salvaged(JSON.stringify(document))
  }

  it('[V21] of another form, all entries are found as they were sealed', async () => {
    for (const changed of [`${text} `, text.replace('{"closing":', '{"aside":1,"closing":')])
      expect(await salvaged(changed)).toEqual({
        entries: 5,
        intact: 5,
        broken: null,
        changed: [],
        sealed: true,
        frozen: [],
        sentences: [
          'As it stands this file is no record. What follows is of one reading of it.',
          'The chain is intact to its end: what does not verify is something else.',
          SENTENCE.sealed(5),
        ],
      })
    const stranger = [pinned(await newSigner(2))]
    expect((await salvaged(`${text} `, stranger))?.sentences.at(-1)).toBe(SENTENCE.unsealed)
  })

  it('[V21] a step that was taken out is named by its link, and one that was changed by its place', async () => {
    expect(await without(({ execution }) => execution.steps.shift())).toMatchObject({
      entries: 5,
      intact: 1,
      broken: { seq: 1, kind: 'step', where: '/integrity/hash_chain/links/1' },
      changed: [{ seq: 1, kind: 'step', where: '/integrity/hash_chain/links/1' }],
      sealed: true,
    })
    const changed = await without(({ execution: { steps } }) =>
      steps.forEach((step) => Reflect.set(step, 'exit_code', 'none')),
    )
    expect(changed?.changed).toMatchObject([
      { seq: 1, where: '/execution/steps/0', step_id: 'build' },
      { seq: 3, where: '/execution/steps/1', step_id: 'publish' },
    ])
  })

  it('[V21] a step more, a changed link and a changed head are said', async () => {
    const more = await without(({ execution: { steps } }) => {
      const [step] = steps
      if (step !== undefined) steps.push({ ...step, attempt: 9 })
    })
    expect(more?.sentences).toContain('It has 1 entry more than were linked.')
    expect(more?.changed).toEqual([])
    const link = await without(({ order, integrity }) => {
      order.pop()
      const [, second] = integrity.hash_chain.links
      if (second !== undefined) second.link = 'f'.repeat(64)
    })
    expect(link).toMatchObject({ intact: 1, broken: { seq: 1 }, sealed: false })
    const head = await without(({ order, integrity }) => {
      order.pop()
      integrity.hash_chain.head = 'f'.repeat(64)
    })
    expect(head).toMatchObject({ intact: 5, broken: { seq: 4, kind: 'closing' }, sealed: false })
  })

  it('[V21] nothing is said where there is no link to hold to, and where it nests too deep', async () => {
    expect(
      await without(({ integrity }) => Reflect.set(integrity.hash_chain, 'links', [7])),
    ).toBeNull()
    expect(
      await without(({ integrity }) => Reflect.set(integrity.hash_chain, 'links', [])),
    ).toBeNull()
    expect(await without((document) => Reflect.set(document, 'gates', 7))).toBeNull()
    const deep = '['.repeat(70) + ']'.repeat(70)
    expect(await salvaged(text.replace('{"closing":', `{"a":${deep},"closing":`))).toBeNull()
    const escaped = text.replace('{"closing":', String.raw`{"\u0063losing":`)
    expect(await salvaged(escaped)).toBeNull()
  })
})
