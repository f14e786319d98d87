import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react'
import axe from 'axe-core'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Trusted } from '#evidence/trust.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { requiredPlanOf } from '#evidence/plan.ts'
import {
  approvedRun,
  newSigner,
  pinned,
  planGate,
  planStep,
  type Sealed,
  serverKeyOf,
  startRun,
  trustFileOf,
} from '#test/evidence/fixture.ts'
import { newPasskey } from '#test/evidence/passkey.ts'
import { keptQuery, trustQuery } from '#viewer/queries.ts'
import { entryQuery, valuesQuery } from '#viewer/record-queries.ts'
import { AuditViews } from '#viewer/review/audit-views.tsx'
import { Damage } from '#viewer/review/damage.tsx'
import { EntryDetail } from '#viewer/review/entry-detail.tsx'
import { JudgedRecord, JudgedVerdict } from '#viewer/review/judged.tsx'
import type { Origin } from '#viewer/review/origin.ts'
import { TryChange } from '#viewer/review/try-change.tsx'
import { VerifyPage } from '#viewer/review/verify-page.tsx'
import { NOTHING_KEPT } from '#viewer/trust-store.ts'
import { verdictOf } from './verdict-of.ts'

let sealed: Sealed
let signer: Awaited<ReturnType<typeof newSigner>>

beforeAll(async () => {
  signer = await newSigner()
  const run = startRun(signer, {
    steps: [planStep('build')],
    gates: [planGate('ship', { needs: ['build'] })],
  })
  run.step('build')
  run.gate('ship', { decisions: [{ approver: 'user:ann', comment: 'I have seen it' }] })
  sealed = await run.seal()
})

async function judge(
  bytes: Uint8Array,
  trust: readonly Trusted[],
  origin: Origin = { from: 'server', evidence_id: 'ev-1' },
  refusedKeys: readonly string[] = [],
): Promise<HTMLElement> {
  const answer = await verdictOf(bytes, trust, [], refusedKeys)
  const client = new QueryClient()
  client.setQueryData(keptQuery.queryKey, {
    ...NOTHING_KEPT,
    seen: { [signer.key_id]: '2026-11-12T09:30:00.000Z' },
    answered: Object.fromEntries(refusedKeys.map((key_id) => [key_id, 'refused' as const])),
  })
  cleanup()
  const { container } = render(
    <QueryClientProvider client={client}>
      <JudgedVerdict origin={origin} verdict={answer} />
      <JudgedRecord document="ev-1" origin={origin} verdict={answer} />
    </QueryClientProvider>,
  )
  return container
}

const verdict = () => within(screen.getByRole('region', { name: 'Verdict' }))
const claims = () => screen.getByRole('region', { name: 'Claims' })
const stateOf = (claim: string) => claims().querySelector(`[data-claim=${claim}]`)?.textContent

describe('a verdict', () => {
  it('says what is proven and by whose key', async () => {
    await judge(sealed.bytes, [pinned(signer)])
    verdict().getByRole('heading', {
      name: 'The record is proven to be whole and sealed by a key you trust',
    })
    verdict().getByText(
      /signed by a key you pinned \([0-9a-f]{8}…\)\. That does not prove that what was recorded/,
    )
    expect(stateOf('seal')).toBe('proven')
    expect(stateOf('gate-signature')).toBe('not present')
    verdict().getByText(
      /^Not present: any id .*; a person’s signature of each decision; .*any requirement of/,
    )
  })

  it('[V25] says by whose key whatever stands first, and where none is known that', async () => {
    const text = new TextDecoder().decode(sealed.bytes)
    const damaged = Buffer.from(text.replace('I have seen it', 'I have seen 1t'))
    const { name } = sealed.content.opening.definition
    const required = [{ name, sha256: '0'.repeat(64), gates: [] }]
    const revoked = { server_keys: [serverKeyOf(signer, { status: 'revoked' })] }
    const key = `${signer.key_id.slice(0, 8)}…`
    const unknown = 'The seal’s signature was not checked: you do not know the key that it names.'
    for (const [bytes, trust, said] of [
      [sealed.bytes, [pinned(signer, { required })], `It is signed by a key you pinned (${key}).`],
      [
        sealed.bytes,
        [pinned(signer, revoked)],
        `It is signed by a key you pinned (${key}). That key does not count for it.`,
      ],
      [
        damaged,
        [pinned(signer)],
        `Its seal is signed by a key you pinned (${key}). That seal is over something else than stands in it.`,
      ],
      [damaged, [], unknown],
      [sealed.bytes, [], unknown],
      [sealed.bytes.subarray(1), [], 'No key is known to have sealed it as it stands.'],
      [
        Buffer.from(`${text}\n`),
        [pinned(signer)],
        `As it stands no key has sealed it. The record in it was sealed by a key you pinned (${key}): all 4 entries are as they were then. See`,
      ],
      [
        Buffer.concat([damaged, Buffer.from('\n')]),
        [
          pinned(signer, {
            server_keys: [serverKeyOf(signer, { status: 'retired', last_seal_seq: 9 })],
          }),
        ],
        `(${key}): 3 of 4 entries are as they were then. That key is retired: whoever has it now`,
      ],
      [
        sealed.bytes,
        [{ file: trustFileOf(signer), source: 'first_seen' }],
        `It is signed by the key ${key}, first seen on this device on 12 Nov 2026, which proves nothing about who holds it.`,
      ],
    ] as const) {
      await judge(bytes, trust)
      expect(screen.getByRole('region', { name: 'Verdict' }).textContent).toContain(said)
    }
    await judge(Buffer.from(`${text}\n`), [pinned(signer)], undefined, [signer.key_id])
    expect(document.body.textContent).toContain('No key that you pinned has sealed')
    expect(document.body.textContent).not.toContain('A key that you pinned has sealed')
  })

  it('[V15] [V25] calls nothing not present that was required and is kept, where no gate was', async () => {
    const { opening } = sealed.content
    const { name, sha256 } = opening.definition
    const required = [{ name, sha256, plan: requiredPlanOf(opening), gates: [] }]
    await judge(sealed.bytes, [pinned(signer, { required })])
    const states = [...claims().querySelectorAll('[data-claim=expectations]')]
    expect(states.map(({ textContent }) => textContent)).toEqual([
      'proven',
      'proven',
      'not present',
    ])
    const said = verdict().getByText(/^Not present: /).textContent
    expect(said).toMatch(/; any requirement of yours about gates\.$/)
    expect(said).not.toMatch(/you required/)
    // Of one decision that a person signed, and one that nobody did.
    const { approver, sign } = newPasskey('ann')
    const decisions = [{ approver: approver.id, sign }, { approver: 'user:ben' }]
    const { bytes } = await approvedRun(signer, {}, { quorum: 2 }, decisions).seal()
    await judge(bytes, [pinned(signer, { approvers: [approver] })])
    expect(stateOf('gate-signature')).toBe('proven')
    verdict().getByText(/^Not present: .*; a person’s signature of each decision;/)
  })

  it('[V18] has what is digested of each claim that is proven, or that nothing is', async () => {
    await judge(sealed.bytes, [pinned(signer)])
    for (const [claim, isDigested] of [
      ['chain', true],
      ['consistency', false],
    ] as const) {
      const row = claims().querySelector<HTMLElement>(`li:has([data-claim=${claim}])`)
      if (row === null) throw new Error(`there is no claim ${claim}`)
      within(row).getByText('The digest is of')
      expect(within(row).queryByText(/^Nothing by itself/) === null).toBe(isDigested)
    }
  })

  it('says that a key which still counts is revoked', async () => {
    const server_keys = [serverKeyOf(signer, { status: 'revoked', last_seal_seq: 9 })]
    await judge(sealed.bytes, [pinned(signer, { server_keys })])
    verdict().getByText(/rests on a key that is revoked: whoever has that key now can have made it/)
  })

  it('says that a key seen before, or only offered, proves nothing about who holds it', async () => {
    const file = trustFileOf(signer)
    await judge(sealed.bytes, [{ file, source: 'first_seen' }])
    verdict().getByRole('heading', {
      name: 'The record is whole. Whose it is has not been proven',
    })
    verdict().getByText(/first seen on this device on 12 Nov 2026/)
    expect(stateOf('seal')).toBe('not checked')
    await judge(sealed.bytes, [{ file, source: 'offered' }])
    verdict().getByText(/offered by this server: proves nothing about the server/)
  })

  it('says of a record by a pinned key what else is not proven, and not that it is the key', async () => {
    const run = startRun(signer, {
      steps: [],
      gates: [planGate('ship', { policy: { ...planGate('ship').policy, four_eyes: true } })],
    })
    run.gate('ship', { decisions: [{ approver: 'token:one' }] })
    const { bytes, content } = await run.seal()
    const { name, sha256 } = content.opening.definition
    const [gate] = content.opening.plan.gates
    const policy = { quorum: 1, four_eyes: true, sign: 'session', roles: null } as const
    const gates = [{ step_id: 'ship', question: gate?.question ?? null, ...policy }]
    const server_keys = [serverKeyOf(signer, { name: 'The release server' })]
    await judge(bytes, [pinned(signer, { server_keys, required: [{ name, sha256, gates }] })])
    verdict().getByRole('heading', {
      name: 'Nothing fails, but something you required is not proven',
    })
    verdict().getByText(
      /signed by a key you pinned \([0-9a-f]{8}… “The release server”\)\. See below what is not proven/,
    )
  })

  it('[V15] says of a record of a definition that nothing is required of, beside another, that it is one', async () => {
    const required = [{ name: 'release-prod', sha256: null, gates: [] }]
    await judge(sealed.bytes, [pinned(signer, { required })])
    verdict().getByRole('heading', {
      name: 'It is sealed by a key you trust. Which definition it is a run of is not proven',
    })
    expect(stateOf('expectations')).toBe('not checked')
  })

  it('says that nobody is known to have sealed it', async () => {
    await judge(sealed.bytes, [])
    verdict().getByRole('heading', {
      name: 'The file agrees with itself, and nobody you know has sealed it',
    })
    verdict().getByText(/signature was not checked: .* Anyone could/)
  })

  it('[U16] says of a key that the reader refused that it was, and advises to give nothing', async () => {
    for (const origin of [
      { from: 'file', name: 'a.json' },
      { from: 'server', evidence_id: 'ev-1' },
    ] as const)
      // Also beside a trust file that has it, whose fingerprints were confirmed.
      for (const trust of [[], [pinned(signer)]]) {
        await judge(sealed.bytes, trust, origin, [signer.key_id])
        verdict().getByRole('heading', {
          name: 'The file agrees with itself, and names a key that you refused',
        })
        verdict().getByText(/which first offered it on 12 Nov 2026: no seal is checked with it/)
        expect(verdict().getByRole('link', { name: 'Keys you trust' }).getAttribute('href')).toBe(
          '/evidence/trust',
        )
        expect(verdict().queryByText('Compare the fingerprint')).toBeNull()
        expect(document.querySelector('.fingerprint')?.textContent).toBe(signer.key_id)
        expect(stateOf('seal')).toBe('not checked')
        expect(claims().textContent).toContain(`${signer.key_id}, which you refused`)
        screen.getByText('read here, from nobody you know')
      }
  })

  it('[U16] of a key that was taken back says how the server calls it now', async () => {
    const now = serverKeyOf(signer)
    const kept = {
      ...NOTHING_KEPT,
      keys: [{ ...now, status: 'revoked' as const, last_seal_seq: 2 }],
      fell: {
        [signer.key_id]: {
          at: '2026-11-12T09:30:00.000Z',
          from: { status: 'active' as const, last_seal_seq: null },
        },
      },
    }
    const client = new QueryClient()
    client.setQueryData(keptQuery.queryKey, kept)
    client.setQueryData(trustQuery.queryKey, { kept, offered: trustFileOf(signer) })
    const answer = await verdictOf(sealed.bytes, [pinned(signer)])
    render(
      <QueryClientProvider client={client}>
        <JudgedVerdict origin={{ from: 'server', evidence_id: 'ev-1' }} verdict={answer} />
      </QueryClientProvider>,
    )
    verdict().getByText(/before, active\. Now it calls it active\./)
  })

  it('[U5] calls a record read, not verified, whose key is nobody’s that the reader knows', async () => {
    const file = { from: 'file', name: 'a.json' } as const
    // Of a server too: such a key waits for the reader’s answer.
    await judge(sealed.bytes, [{ file: trustFileOf(signer), source: 'offered' }])
    screen.getByText('read here, from nobody you know')
    const offered: Trusted = { file: trustFileOf(signer), source: 'offered' }
    for (const [trust, word] of [
      [[pinned(signer)], 'verified'],
      [[{ ...offered, source: 'first_seen' }], 'verified'],
      [[], 'read'],
      [[offered], 'read'],
    ] as const) {
      const container = await judge(sealed.bytes, trust, file)
      const told = [...container.querySelectorAll('[data-told]')]
      expect(told.map((one) => one.getAttribute('data-told'))).toEqual([word])
      const card = screen.getByRole('region', { name: 'Verdict' })
      expect(card.className.includes('seal')).toBe(word === 'verified')
      const how = word === 'verified' ? /Verified in this browser/ : /Read in this browser/
      expect(card.textContent).toMatch(how)
    }
    await judge(sealed.bytes, [])
    screen.getByText('read here, from nobody you know')
  })

  it('[U5] of a changed file is the refusal, the claims that fail, and nothing of the file', async () => {
    const changed = sealed.bytes.slice()
    const at = new TextDecoder().decode(changed).indexOf('I have seen it')
    changed[at + 'I have '.length] = 'b'.charCodeAt(0)
    const container = await judge(changed, [pinned(signer)])
    verdict().getByRole('heading', { name: 'This file does not verify' })
    expect(stateOf('chain')).toBe('does not verify')
    expect(
      new Set([...claims().querySelectorAll('[data-claim]')].map((e) => e.textContent)),
    ).toEqual(new Set(['does not verify']))
    expect(container.textContent).not.toContain('I have')
    expect(screen.queryByRole('region', { name: 'What is on record' })).toBeNull()
    expect(screen.queryByRole('region', { name: 'The run' })).toBeNull()
    screen.getByRole('link', { name: 'Download the unverified file' })
    // What a reader asks for they see, and that it is no evidence.
    const [first] = within(claims()).getAllByRole('button', { name: 'Show what the digest is of' })
    if (first !== undefined) fireEvent.click(first)
    expect(container.textContent).toContain('I have been it')
    expect(container.textContent).toContain('In this file, and no evidence.')
  })

  it('[U5] of a file that is no envelope is only that', async () => {
    await judge(new TextEncoder().encode('<html>'), [pinned(signer)])
    verdict().getByRole('heading', { name: 'This file is no evidence envelope' })
    screen.getByRole('link', { name: 'Download the unverified file' })
  })

  it('draws a sealed run that failed as failed, and its evidence not as failed', async () => {
    const run = startRun(signer, { steps: [planStep('build')] })
    run.step('build', { outcome: 'failed', exit_code: 7 })
    await judge((await run.seal()).bytes, [pinned(signer)])
    within(screen.getByRole('region', { name: 'The run' })).getByText('Run failed')
    verdict().getByText(/proven to be whole/)
  })

  it('[V21] says of what is not even JSON where it breaks, and what of it is as it was sealed', async () => {
    const text = new TextDecoder().decode(sealed.bytes).replace('"exit_code":0', '"exit_code:0')
    await judge(new TextEncoder().encode(text), [pinned(signer)])
    const where = within(screen.getByRole('region', { name: 'Where it breaks' }))
    where.getByRole('heading', { name: 'The first break' })
    where.getByRole('heading', { name: '1 changed entry' })
    where.getByText(/^The bytes break after [\d,]+ bytes .* was expected/)
    where.getByText(/^A key that you pinned has sealed this chain/)
  })

  it('[V21] calls no entry changed where only a link beside it was, and does not say that it was', async () => {
    const text = new TextDecoder().decode(sealed.bytes)
    const [, link = ''] = /"link":"([0-9a-f]{64})"/.exec(text) ?? []
    const bytes = new TextEncoder().encode(
      text.replace(`"link":"${link}"`, `"link":"${'0'.repeat(64)}"`),
    )
    await judge(bytes, [pinned(signer)])
    const where = within(screen.getByRole('region', { name: 'Where it breaks' }))
    where.getByRole('heading', { name: '1 entry with another link' })
    where.getByText(/^Every entry is as it was sealed: what differs is a link or a digest/)
    expect(where.queryByText(/changed entr|The file was changed since|was changed in/)).toBe(null)
  })

  it('[V21] advises another copy of a damaged record, and not of what is no record', async () => {
    const copy = /Ask for another copy of the file/
    const spaced = new TextDecoder().decode(sealed.bytes).replace('{', '{ ')
    await judge(new TextEncoder().encode(spaced), [pinned(signer)])
    const where = () => within(screen.getByRole('region', { name: 'Where it breaks' }))
    where().getByText('The bytes are not the RFC 8785 form of what they say.')
    where().getByText(copy)
    await judge(new TextEncoder().encode('no JSON'), [pinned(signer)])
    where().getByText(/^It is not one JSON document/)
    expect(screen.queryByText(copy)).toBe(null)
  })

  it('says of a whole record in the place of another that it is another, and not that it was changed', async () => {
    const found = await verifyEnvelope(sealed.bytes, {
      trust: [pinned(signer)],
      asked: { evidence_id: 'ev-other' },
    })
    render(<Damage found={found} />)
    screen.getByRole('heading', {
      name: 'This is another record than the one that you asked for',
    })
    screen.getByText(/Nothing shows that it was changed/)
    expect(screen.queryByText(/The first break|was changed in this one/)).toBe(null)
  })

  it('[V21] advises no other copy of a whole file that does not keep what the reader requires, or what a gate asks', async () => {
    const { name } = sealed.content.opening.definition
    const policy = { quorum: 2, four_eyes: false, sign: 'session', roles: null } as const
    const gates = [{ step_id: 'ship', question: null, ...policy }]
    const required = [{ name, sha256: null, gates }]
    await judge(sealed.bytes, [pinned(signer, { required })])
    const where = () => within(screen.getByRole('region', { name: 'Where it breaks' }))
    where().getByRole('heading', { name: 'It does not keep what you require' })
    where().getByText(/^The file is whole: .* Another copy of it will say the same\.$/)
    where().getByText(/all 4 entries are as they were then/)

    const run = startRun(signer, { gates: [planGate('ship')] })
    run.gate('ship', { outcome: 'rejected', decisions: [{ approver: 'user:ann' }] })
    await judge((await run.seal()).bytes, [pinned(signer)])
    where().getByRole('heading', { name: 'The first thing that fails' })
    where().getByText(/^The file is whole: what fails is what was recorded/)
    expect(where().queryByText(/was changed in this one/)).toBe(null)
    verdict().getByText(/The file itself is whole\. It is signed by/)
  })

  it('[V21] calls no file whole that fails and that no key has sealed which is pinned and has not ended', async () => {
    const { name } = sealed.content.opening.definition
    const policy = { quorum: 2, four_eyes: false, sign: 'session', roles: null } as const
    const required = [
      { name, sha256: null, gates: [{ step_id: 'ship', question: null, ...policy }] },
    ]
    const ended = (status: 'retired' | 'revoked', last_seal_seq: number) =>
      pinned(signer, { required, server_keys: [serverKeyOf(signer, { status, last_seal_seq })] })
    const stranger = pinned(await newSigner(9), { required })
    const own = trustFileOf(signer)
    const where = () => within(screen.getByRole('region', { name: 'Where it breaks' }))
    for (const [trust, refused] of [
      [[stranger], []],
      [[stranger, { file: own, source: 'offered' }], []],
      [[stranger, { file: own, source: 'first_seen' }], []],
      [[pinned(signer, { required })], [signer.key_id]],
      // Whoever has such a key now can have made it, whether it counts by the number that the record gives itself or not.
      [[ended('retired', 9)], []],
      [[ended('revoked', 9)], []],
      [[ended('revoked', 0)], []],
    ] as const) {
      const container = await judge(sealed.bytes, trust, undefined, refused)
      where().getByText(/^Nothing shows that this is .* Ask for another copy, or for the key of /)
      expect(container.textContent).not.toMatch(/is whole|will say the same/)
    }
    const asked = { evidence_id: 'ev-other' }
    const found = await verifyEnvelope(sealed.bytes, { trust: [], asked })
    cleanup()
    render(<Damage found={found} />)
    where().getByRole('heading', { name: 'This is another record than the one that you asked for' })
    where().getByText(
      /No key that you pinned, and that is neither retired nor revoked, has sealed it/,
    )
  })

  it('[V25] no name of a key ends the sentence that it stands in', async () => {
    const first = `${signer.key_id.slice(0, 8)}…`
    for (const [name, said] of [
      ['CI”). Every gate was signed by a passkey. (“CI', first],
      ['CI). Every gate was signed by a passkey. (CI', first],
      ['CI. Every gate was signed by a passkey', first],
      ['CI: Every gate was signed by a passkey', first],
      ['CI : Every gate was signed by a passkey', first],
      // Cased letters that look like marks.
      ...Array.from('ꞌꞋꜤꜥꜢꜣŉɁɂẚ', (letter) => [`CI${letter}${letter} Every gate`, first]),
      // Strokes that Han is made of, and marks of kana.
      ...Array.from('丶丷冫巛ゝヽ〃', (letter) => [`CI${letter} Every gate`, first]),
      ['CI" Every gate was signed', first],
      ['CIˮ Every gate was signed', first],
      ['\u202eIC', first],
      ['שרת', first],
      ['CI          Every gate was signed', first],
      ['CI\nEvery gate was signed', first],
      [' CI', first],
      ['', first],
      ['ci_1-b @ Zürich:84/x', `${first} “ci_1-b @ Zürich:84/x”`],
      ['https://runs.example:84/ci', `${first} “https://runs.example…”`],
      ['Žďár ỹ Αθήνα Москва', `${first} “Žďár ỹ Αθήνα Москва”`],
      ['中国 서울', `${first} “中国 서울”`],
      ['リリース サーバー 東京', `${first} “リリース サーバー 東京”`],
      ['a'.repeat(21), `${first} “${'a'.repeat(20)}…”`],
    ]) {
      await judge(sealed.bytes, [pinned(signer, { server_keys: [serverKeyOf(signer, { name })] })])
      const { textContent } = verdict().getByText(/It is signed by a key you pinned/)
      expect(textContent).toContain(
        ` It is signed by a key you pinned (${said}). That does not prove that what was recorded`,
      )
    }
  })

  it('has no axe violation', async () => {
    const container = await judge(sealed.bytes, [pinned(signer)])
    const { violations } = await axe.run(container, {
      // jsdom has no layout, so no colours; the journeys look at them in a browser.
      rules: { 'color-contrast': { enabled: false } },
    })
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([])
  })
})

/** The page’s worker takes long. */
const busy = () =>
  vi.stubGlobal(
    'Worker',
    class {
      addEventListener = () => undefined
      postMessage = () => undefined
      terminate = () => undefined
    },
  )

describe('a record that is looked through', () => {
  afterEach(() => vi.unstubAllGlobals())

  it('[U14] says that it searches for a value, and gives none of a former search meanwhile', async () => {
    busy()
    const client = new QueryClient()
    const found = {
      values: [{ pointer: '/steps/0/exit_code', json: '0', holds: null }],
      more: true,
    }
    client.setQueryData(valuesQuery('ev-1', 'head', 'exit_code').queryKey, found)
    render(
      <QueryClientProvider client={client}>
        <TryChange document="ev-1" head="head" bytes={1000} />
      </QueryClientProvider>,
    )
    const row = () => screen.getByRole<HTMLButtonElement>('button', { name: /exit_code/ })
    expect(row().disabled).toBe(false)
    screen.getByText('The first hundred. Say more to find others.')
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: '99999/exit_code' } })
    await screen.findByText('Searching the whole record.')
    expect(screen.queryByText(/The first hundred/)).toBe(null)
    expect(row().disabled).toBe(true)
    fireEvent.click(row())
    expect(screen.queryByLabelText(/New value of/)).toBe(null)
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'exit_code' } })
    await screen.findByText('The first hundred. Say more to find others.')
    expect(row().disabled).toBe(false)
  })

  it('[U20] says that it is read, and no page is scrolled in the place of what is not there yet', async () => {
    busy()
    const { summary } = await verdictOf(sealed.bytes, [pinned(signer)])
    if (summary === null) throw new Error('it verifies')
    render(
      <QueryClientProvider client={new QueryClient()}>
        <AuditViews
          document="ev-1"
          origin={{ from: 'file', name: 'a.json' }}
          summary={summary}
          told="verified"
        />
      </QueryClientProvider>,
    )
    fireEvent.click(screen.getByRole('button', { name: 'Raw record' }))
    const raw = screen.getByRole('region', { name: 'Raw record' })
    screen.getByText('Reading the raw record.')
    for (const key of ['End', 'PageDown', 'Home', 'PageUp', ' '])
      expect(fireEvent.keyDown(raw, { key })).toBe(false)
    expect(fireEvent.keyDown(raw, { key: 'Tab' })).toBe(true)
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'exit' } })
    await screen.findByText('Searching the raw record.')
  })

  it('[U10] tells the artifacts of a step apart by their paths, for who does not see', async () => {
    const { summary } = await verdictOf(sealed.bytes, [pinned(signer)])
    const [step] = sealed.envelope.execution.steps
    if (summary === null || step === undefined) throw new Error('it verifies')
    const artifacts = ['out/a.tgz', 'out/b.tgz'].map((path) => ({
      path,
      sha256: 'ab'.repeat(32),
      bytes: 1,
    }))
    const client = new QueryClient()
    const entry = { kind: 'step', seq: 1, entry: { ...step, artifacts } } as const
    client.setQueryData(entryQuery('ev-1', summary.head, 1).queryKey, entry)
    render(
      <QueryClientProvider client={client}>
        <EntryDetail
          document="ev-1"
          origin={{ from: 'server', evidence_id: 'ev-1' }}
          summary={summary}
          told="verified"
          seq={1}
          onClose={() => undefined}
        />
      </QueryClientProvider>,
    )
    for (const { path } of artifacts) {
      screen.getByRole('button', { name: `Fetch and compare the artifact ${path}` })
      screen.getByLabelText(`Compare a file with the artifact ${path}`)
    }
  })
})

describe('a folder that is dropped', () => {
  afterEach(() => vi.unstubAllGlobals())

  class FolderHandle {
    readonly name: string
    readonly values: () => AsyncIterable<FolderHandle | FileHandle>
    constructor(name: string, values: () => AsyncIterable<FolderHandle | FileHandle>) {
      this.name = name
      this.values = values
    }
  }
  class FileHandle {
    readonly name: string
    readonly getFile: () => Promise<File>
    constructor(name: string, file: File) {
      this.name = name
      this.getFile = async () => file
    }
  }
  const drop = (folder: FolderHandle) =>
    fireEvent.drop(document.body, {
      dataTransfer: {
        types: ['Files'],
        files: [],
        items: [
          {
            kind: 'file',
            webkitGetAsEntry: () => ({ isDirectory: true, name: folder.name }),
            getAsFileSystemHandle: async () => folder,
          },
        ],
      },
    })

  it('[U11] is read from its top, in sight of the reader, who can give it up at once', async () => {
    busy()
    vi.stubGlobal('FileSystemDirectoryHandle', FolderHandle)
    vi.stubGlobal('FileSystemFileHandle', FileHandle)
    const client = new QueryClient()
    client.setQueryData(keptQuery.queryKey, NOTHING_KEPT)
    const page = (
      <QueryClientProvider client={client}>
        <VerifyPage />
      </QueryClientProvider>
    )
    render(page)
    // More than a page once took, and the envelope is what comes last.
    const artifacts = new FolderHandle('artifacts', async function* () {
      const one = new File(['a'], '0'.repeat(64))
      for (let nth = 1; nth < 20_000; nth += 1) yield new FileHandle(`${nth}`, one)
      // What a file system leaves beside files is a file: a folder that is called so is one that somebody made.
      yield new FolderHandle('.DS_Store', async function* () {
        yield new FileHandle('0', one)
        yield new FileHandle('.DS_Store', one)
      })
    })
    const whole = async function* () {
      yield artifacts
      yield new FileHandle('envelope.json', new File([sealed.bytes.slice()], 'envelope.json'))
    }
    drop(new FolderHandle('ex', whole))
    await screen.findByText('20,000 things that you gave are not looked at')
    screen.getByText('Reading the sealed bytes.')
    // A disk that never answers.
    const endless = async function* () {
      yield* whole()
      await new Promise(() => undefined)
    }
    drop(new FolderHandle('ex', endless))
    await screen.findByText('Reading what you gave: 0 files found.')
    expect(screen.getByText('Reading the sealed bytes.').closest('[hidden]')).not.toBe(null)
    fireEvent.click(screen.getByRole('button', { name: 'Stop' }))
    await screen.findByText('1 thing that you gave is not looked at')
    expect(screen.queryByText(/^Reading/)).toBe(null)
    expect(document.querySelector('[hidden]')).toBe(null)
    drop(new FolderHandle('ex', whole))
    await screen.findByText('20,000 things that you gave are not looked at')

    // Elsewhere and back: what was given is there, and what was still read is given up.
    const elsewhere = () => {
      cleanup()
      render(page)
    }
    elsewhere()
    screen.getByText('20,000 things that you gave are not looked at')
    screen.getByText('Reading the sealed bytes.')
    drop(new FolderHandle('ex', endless))
    await screen.findByText('Reading what you gave: 0 files found.')
    elsewhere()
    await screen.findByText('1 thing that you gave is not looked at')
    fireEvent.click(screen.getByRole('button', { name: 'Take all of it away' }))
    expect(screen.queryByText(/not looked at$/)).toBe(null)
    expect(screen.queryByText(/stays in the memory of this tab/)).toBe(null)
  })
})
