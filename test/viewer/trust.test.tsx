import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, fireEvent, render, screen, within } from '@testing-library/react'
import { createHash } from 'node:crypto'
import type { ReactNode } from 'react'
import { describe, expect, it, vi } from 'vitest'
import { type RequiredDefinition, TRUST_SOURCE, type TrustFile } from '#contract/trust.ts'
import { newSigner, serverKeyOf, trustFileOf } from '#test/evidence/fixture.ts'
import { newPasskey } from '#test/evidence/passkey.ts'
import { useKeptFocus } from '#viewer/parts/kept-focus.ts'
import { keptQuery, keysLateQuery, trustQuery } from '#viewer/queries.ts'
import { BroughtTrust } from '#viewer/review/brought-trust.tsx'
import { KeyChanged } from '#viewer/review/key-changed.tsx'
import { RefusedSaid } from '#viewer/review/refused-key.tsx'
import { trustChange } from '#viewer/review/trust-change.ts'
import { Required } from '#viewer/review/required.tsx'
import { TrustFileDrop } from '#viewer/review/trust-file.tsx'
import { TrustPage } from '#viewer/review/trust-page.tsx'
import { adopted, type Kept, NOTHING_KEPT, takenBack } from '#viewer/trust-store.ts'

const signer = await newSigner()
const other = await newSigner(7)
const ann = newPasskey('ann').approver
const required = [
  {
    name: 'release',
    sha256: null,
    gates: [
      {
        step_id: 'ship',
        quorum: 2,
        four_eyes: true,
        sign: 'passkey' as const,
        question: 'Ship it?',
        roles: null,
      },
    ],
  },
]

describe('a trust file that is dropped', () => {
  it('[U16] shows every fingerprint and what it requires, and is used once they were compared', async () => {
    const used: TrustFile[] = []
    const pinned = trustFileOf(other)
    render(<TrustFileDrop pinned={pinned} onUse={(file) => used.push(file)} />)
    const file = trustFileOf(signer, { approvers: [ann], required })
    fireEvent.change(screen.getByLabelText('Choose a trust file'), {
      target: { files: [new File([JSON.stringify(file)], 'trust.json')] },
    })
    const use = await screen.findByRole('button', { name: 'Trust what trust.json says' })
    const spki = Buffer.from(ann.public_key, 'base64')
    within(screen.getByRole('list', { name: 'Server keys' })).getByText(signer.key_id.slice(0, 4))
    expect(screen.getByRole('list', { name: 'Approvers' }).querySelector('code')?.textContent).toBe(
      createHash('sha256').update(spki).digest('hex'),
    )
    // As `runseal trust show` says it.
    expect(screen.getByRole('list', { name: 'Approvers' }).textContent).toContain(
      '“ANN” as ann: may approve any definition, any gate, from runs.example, https://runs.example, https://runs.example:8443, pinned as no user of the server, by the ES256 credential NxZFGX1jMvR8…Fingerprint · SHA-256 of the passkey’s public key',
    )
    within(screen.getByRole('list', { name: 'Required' })).getByText(
      /gate ship, 2 approve, each by a passkey, four eyes, asks “Ship it\?”/,
    )
    screen.getByText(/is pinned now, and would not be any more/)
    expect(use).toHaveProperty('disabled', true)
    fireEvent.click(screen.getByLabelText(/I compared these fingerprints/))
    fireEvent.click(use)
    expect(used).toEqual([file])
  })

  it('[U16] beside others is named and answered by itself, and one counts at a time', async () => {
    const used: TrustFile[] = []
    const [first, second] = [trustFileOf(signer), trustFileOf(other)]
    let isKept = true
    const onUse = (file: TrustFile, done: () => void) => {
      used.push(file)
      if (isKept) done()
    }
    const { rerender } = render(<TrustFileDrop pinned={NOTHING_KEPT.pinned} onUse={onUse} />)
    const gone = new File(['{}'], 'gone.json')
    gone.slice = () => {
      throw new DOMException('gone', 'NotFoundError')
    }
    fireEvent.change(screen.getByLabelText('Choose a trust file'), {
      target: {
        files: [
          new File([JSON.stringify(first)], 'first.json'),
          new File(['{"schema":"runseal/trust/1"}'], 'bad.json'),
          gone,
          new File([JSON.stringify(second)], 'second.json'),
          ...Array.from({ length: 20 }, (_, nth) => new File(['{}'], `more-${nth}.json`)),
        ],
      },
    })
    await screen.findByText(/These are 2 trust files\. One counts at a time/)
    within(screen.getByRole('status', { name: 'bad.json' })).getByText(/is refused/)
    const left = within(screen.getByRole('region', { name: 'Not looked at' }))
    left.getByText('gone.json')
    left.getByText('It is not there any more')
    left.getByText('more-19.json')
    const take = (name: string) => {
      const one = within(screen.getByRole('status', { name }))
      fireEvent.click(one.getByRole('checkbox'))
      fireEvent.click(one.getByRole('button', { name: `Trust what ${name} says` }))
    }
    take('second.json')
    expect(used).toEqual([second])
    within(screen.getByRole('status', { name: 'second.json' })).getByText(/is what you trust now/)
    rerender(<TrustFileDrop pinned={second} onUse={onUse} />)
    // What the other would change is said against what counts by now.
    within(screen.getByRole('status', { name: 'first.json' })).getByText(
      /is pinned now, and would not be any more/,
    )
    // What the browser does not keep does not look kept.
    isKept = false
    take('first.json')
    expect(used).toEqual([second, first])
    within(screen.getByRole('status', { name: 'second.json' })).getByText(/is what you trust now/)
    isKept = true
    fireEvent.click(screen.getByRole('button', { name: 'Trust what first.json says' }))
    screen.getByRole('button', { name: 'Trust what second.json says' })
  })

  it('[U16] no name ends the sentence of what would change', () => {
    const name = 'CI”) is pinned now. The server key 00000000… (“CI'
    const then = trustFileOf(other, {
      server_keys: [serverKeyOf(other, { name })],
      approvers: [{ ...ann, name }],
    })
    expect(trustChange(NOTHING_KEPT.pinned, then)).toEqual([
      `The server key ${other.key_id.slice(0, 8)}… is new.`,
      expect.stringMatching(/^ann with the passkey [0-9a-f]{8}… is new\.$/),
    ])
  })

  it('[U16] says what would be lost, loosened and new', () => {
    const now = trustFileOf(signer, {
      server_keys: [serverKeyOf(signer, { status: 'revoked', last_seal_seq: 4 })],
      approvers: [ann],
      required,
    })
    const mallory = { ...newPasskey('mallory', { seed: 9 }).approver, id: ann.id, name: ann.name }
    const then = trustFileOf(signer, { approvers: [mallory] })
    expect(trustChange(now, then)).toEqual([
      expect.stringMatching(/^ann.* with the passkey .*… may approve now, and could not any more/i),
      'Something is required of release now, and nothing would be any more.',
      expect.stringMatching(/is revoked, counts up to #4 now, and would be active/),
      expect.stringMatching(/^ann.* with the passkey .*… is new/i),
    ])
    expect(trustChange(now, now)).toEqual([])
    const one = { ...required[0], name: 'release', sha256: null, gates: [] }
    expect(trustChange(now, { ...now, required: [one] })).toEqual([
      expect.stringMatching(
        /^Of release is required now: any version; gate ship.* Then: .*no gate/,
      ),
    ])
  })

  it('[U16] can be taken back', () => {
    const kept = { ...NOTHING_KEPT, pinned: trustFileOf(other) }
    const now = adopted(kept, trustFileOf(signer))
    expect(now.pinned).toEqual(trustFileOf(signer))
    expect(takenBack(now)).toEqual(kept)
  })
})

describe('the page of keys', () => {
  it('[U16] shows what is kept at once, and says what of the server it does not have', async () => {
    const client = new QueryClient()
    const kept = { ...NOTHING_KEPT, pinned: trustFileOf(signer), keys: [serverKeyOf(signer)] }
    client.setQueryData(keptQuery.queryKey, kept)
    client.setQueryDefaults(trustQuery.queryKey, { enabled: false })
    render(
      <QueryClientProvider client={client}>
        <TrustPage />
      </QueryClientProvider>,
    )
    const offered = within(screen.getByRole('region', { name: 'Offered by this server' }))
    offered.getByText(TRUST_SOURCE.pinned.label)
    offered.getByRole('button', { name: 'Unpin' })
    screen.getByLabelText('Choose a trust file')
    await act(async () => void client.setQueryData(keysLateQuery.queryKey, true))
    await offered.findByText(/has not answered/)
    offered.getByText(/keys that it offered in this browser before/)
    await act(
      async () => void client.setQueryData(trustQuery.queryKey, { kept, offered: kept.pinned }),
    )
    await vi.waitFor(() => expect(offered.queryByText(/has not answered/)).toBeNull())
    expect(offered.getAllByText(TRUST_SOURCE.pinned.label)).toHaveLength(1)
  })
})

it('[U9] what was required last and is removed leaves the focus on what it was required of', async () => {
  function Page({ gates }: { gates: RequiredDefinition['gates'] }) {
    useKeptFocus()
    return (
      <Required
        required={required.map((one) => ({ ...one, gates }))}
        pending={false}
        onChange={() => {}}
        onRemove={() => {}}
      />
    )
  }
  const { rerender } = render(<Page gates={required.flatMap(({ gates }) => gates)} />)
  screen.getByRole('button', { name: /^Remove/ }).focus()
  rerender(<Page gates={[]} />)
  await act(() => new Promise<void>((resolve) => requestAnimationFrame(() => resolve())))
  expect(document.activeElement).toBe(screen.getByRole('article', { name: 'Required of release' }))
})

describe('a key that is pinned and refused', () => {
  const both = trustFileOf(signer, { server_keys: [serverKeyOf(signer), serverKeyOf(other)] })
  const kept: Kept = { ...NOTHING_KEPT, pinned: both, answered: { [signer.key_id]: 'accepted' } }
  const refused: Kept = {
    ...kept,
    answered: { ...kept.answered, [other.key_id]: 'refused' },
    refusedAt: { [other.key_id]: '2026-11-27T08:00:00.000Z' },
  }
  const withClient = (children: ReactNode, now: Kept) => {
    const client = new QueryClient()
    client.setQueryData(keptQuery.queryKey, now)
    client.setQueryData(trustQuery.queryKey, { kept: now, offered: trustFileOf(signer) })
    render(<QueryClientProvider client={client}>{children}</QueryClientProvider>)
  }

  it('[U16] is said to be pinned where it is asked of, and is refused from then on', () => {
    withClient(<KeyChanged kept={{ ...kept, keys: [serverKeyOf(other)] }} />, kept)
    within(screen.getByRole('alert')).getByText('You have pinned this key')
  })

  it('[U16] is called refused on the page of keys, and can be pinned by itself', () => {
    withClient(<TrustPage />, refused)
    expect(screen.queryByRole('region', { name: 'Pinned, not offered' })).toBeNull()
    const shown = within(screen.getByRole('region', { name: 'Refused, not offered' }))
    shown.getByText('a key you refused: no seal is checked with it')
    shown.getByText(/refused on/)
    shown.getByLabelText(/I compared it .* and take back that I refused it/)
    shown.getByRole('button', { name: 'Pin this key' })
  })

  it('[U16] of a trust file of very many keys some are drawn, and all are asked about', () => {
    const server_keys = Array.from({ length: 250 }, (_, nth) => ({
      ...serverKeyOf(signer),
      key_id: nth.toString(16).padStart(64, '0'),
    }))
    const file = { ...trustFileOf(signer), server_keys, approvers: [] }
    const brought = [
      { paths: ['trust.json'], read: { ok: true, file }, isConfirmed: false },
    ] as const
    const { unmount } = render(<BroughtTrust brought={brought} onChange={() => {}} />)
    const drawn = () =>
      within(screen.getByRole('list', { name: 'Server keys' })).getAllByRole('listitem').length
    expect(drawn()).toBe(200)
    screen.getByText('200 of 250 are shown.')
    screen.getByLabelText(/^I compared all 250 fingerprints with ones that I did not get with/)
    fireEvent.click(screen.getByRole('button', { name: 'Show 50 more' }))
    expect(drawn()).toBe(250)
    unmount()
  })

  it('[U16] is called refused in each trust file that has it', () => {
    const isRefused = ({ key_id }: { key_id: string }) => key_id === other.key_id
    expect(trustChange(trustFileOf(signer), both, isRefused)).toEqual([
      expect.stringMatching(/is one that you refused: no seal is checked with it until you pin it/),
    ])
    const brought = [
      { paths: ['trust.json'], read: { ok: true, file: both }, isConfirmed: true },
    ] as const
    render(
      <BroughtTrust
        brought={brought}
        isRefused={isRefused}
        renderSaid={(key) =>
          isRefused(key) ? <RefusedSaid kept={refused} key_id={key.key_id} /> : null
        }
        onChange={() => {}}
      />,
    )
    // One sentence of what counts, and at the key itself when it was refused and how that is taken back.
    screen.getByText(/its keys are pinned, but for the key that you refused, and what it requires/)
    const [, key] = within(screen.getByRole('list', { name: 'Server keys' })).getAllByRole(
      'listitem',
    )
    expect(key?.textContent).toMatch(
      /You refused it in this browser, for the server at \S+, on 27 Nov 2026: no seal is checked/,
    )
    expect(screen.getAllByRole('link', { name: 'Keys you trust' })).toHaveLength(1)
  })
})
