import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { fireEvent, render, screen, within } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ServerKey } from '#contract/trust.ts'
import { keyIdOf } from '#evidence/key.ts'
import { MOST_OFFERED, readOffer } from '#evidence/trust-file.ts'
import { newSigner, serverKeyOf, trustFileOf } from '#test/evidence/fixture.ts'
import { newPasskey } from '#test/evidence/passkey.ts'
import { keptQuery, offeredTrustQuery, trustQuery } from '#viewer/queries.ts'
import { forgetHeard, heard } from '#viewer/heard.ts'
import { lowers } from '#viewer/key-standing.ts'
import { endingOf } from '#viewer/review/ended-key.tsx'
import { KeyChanged } from '#viewer/review/key-changed.tsx'
import { KeysDropped } from '#viewer/review/keys-dropped.tsx'
import { TrustPage } from '#viewer/review/trust-page.tsx'
import {
  hasFallen,
  type Kept,
  knownKeys,
  NOTHING_KEPT,
  MOST_WAITING,
  pinFault,
  see,
  trustedOf,
  trustSaid,
  unanswered,
  withAnswer,
  withFewWaiting,
  withHeard,
  withoutFalse,
  withPinned,
  withSeen,
  withWord,
} from '#viewer/trust-store.ts'

/* What becomes in a browser of what a server says of its keys, which may be anything. */

const signer = await newSigner()
const other = await newSigner(7)
const key = serverKeyOf(signer)
/** A genuine fingerprint beside another key. */
const FALSE: ServerKey = { ...key, public_key: serverKeyOf(other).public_key }
const WHY = `${key.key_id} is not the id of its key`
/** Any 32 bytes that are no point of low order will do for what signs nothing here. */
function madeKey(nth: number): ServerKey {
  const public_key = Uint8Array.from({ length: 32 }, (_, at) => (at === 31 ? 1 : nth + 2))
  return serverKeyOf({ ...signer, key_id: keyIdOf(public_key), public_key })
}
const EMPTY = NOTHING_KEPT.pinned

afterEach(() => vi.unstubAllGlobals())

const withTrust = (kept: Kept, offered: readonly ServerKey[] = [key]) => {
  const client = new QueryClient()
  client.setQueryData(keptQuery.queryKey, kept)
  client.setQueryData(trustQuery.queryKey, {
    kept,
    offered: { ...EMPTY, server_keys: [...offered] },
  })
  render(
    <QueryClientProvider client={client}>
      <TrustPage />
      {kept.dropped.length > 0 && <KeysDropped dropped={kept.dropped} />}
    </QueryClientProvider>,
  )
}

describe('a key under the fingerprint of another', () => {
  it.each([
    [[FALSE], WHY],
    [[key, key], `${key.key_id} is there twice`],
    [[{ ...key, last_seal_seq: 4 }], 'an active key has no last number'],
    [[{ ...key, more: 1 }], 'Unrecognized key'],
  ])('[V17] [U16] is no list of keys: the answer is refused as a whole, %#', async (keys, why) => {
    vi.stubGlobal('fetch', async () => Response.json({ server_keys: keys, approvers: [] }))
    const asked = new QueryClient().query({ ...offeredTrustQuery, retry: false })
    await expect(asked).rejects.toMatchObject({ code: 'unreadable' })
    await expect(asked).rejects.toThrow(/^GET \/api\/trust answered a list that is refused/)
    await expect(asked).rejects.toThrow(why)
  })

  it('[U16] that was kept or pinned before is dropped by itself, and is said once', () => {
    const pinned = trustFileOf(other, { server_keys: [FALSE, serverKeyOf(other)] })
    const stored: Kept = { ...NOTHING_KEPT, pinned, keys: [FALSE], before: trustFileOf(signer) }
    const kept = withoutFalse(stored)
    expect(kept).toEqual({
      ...stored,
      pinned: trustFileOf(other),
      keys: [],
      dropped: [{ key_id: key.key_id, why: WHY, isPinned: true }],
    })
    // Read again it is said no second time, and one that has none is as it is.
    expect(withoutFalse({ ...stored, dropped: kept.dropped }).dropped).toEqual(kept.dropped)
    expect(withoutFalse(kept)).toBe(kept)
    // What else is pinned counts.
    expect(trustedOf(kept, [])[0]?.file.server_keys).toEqual([serverKeyOf(other)])
    withTrust(kept)
    const said = within(screen.getByRole('alert', { name: 'Keys that are kept no more' }))
    said.getByText('You had pinned it.')
    said.getByText(new RegExp(WHY))
    said.getByText(/What else you pinned and require counts/)
    said.getByRole('button', { name: 'I have read this' })
  })
})

describe('a key that the server takes back', () => {
  const until = (status: ServerKey['status'], last_seal_seq: number | null = null) => ({
    ...key,
    status,
    last_seal_seq,
  })
  const met = withSeen(NOTHING_KEPT, [key], '2026-11-26T09:00:00.000Z')
  const at = '2026-11-27T09:00:00.000Z'
  const revoked = withSeen(met, [until('revoked', 2)], at)

  it.each([
    [until('active'), until('retired', 9), until('retired', 9)],
    [until('active'), until('revoked'), until('revoked')],
    [until('retired', 9), until('revoked', 9), until('revoked', 9)],
    [until('retired', 9), until('retired', 4), until('retired', 4)],
    [until('retired', 9), until('retired'), until('retired')],
    [until('retired', 4), until('revoked', 9), until('revoked', 4)],
    // Not upwards, by no word of its own.
    [until('revoked', 2), until('active'), until('revoked', 2)],
    [until('revoked', 2), until('retired', 2), until('revoked', 2)],
    [until('retired', 4), until('retired', 9), until('retired', 4)],
    [until('retired'), until('active'), until('retired')],
  ])('[U16] counts no further than it ever said, %#', (before, said, then) => {
    const kept = { ...met, keys: [before] }
    const now = withSeen(kept, [said], at)
    expect(now.keys).toEqual([then])
    if (lowers(said, before)) {
      const { status, last_seal_seq } = before
      expect(now.fell).toEqual({ [key.key_id]: { at, from: { status, last_seal_seq } } })
    } else expect(now).toBe(kept)
  })

  it('[U16] counts so with and without its list, and in what another page of this browser judges', () => {
    const sources = (offered: readonly ServerKey[]) =>
      trustedOf(revoked, offered).map(({ file }) => file.server_keys)
    expect(sources([key])).toEqual([[], [until('revoked', 2)], []])
    expect(knownKeys(revoked)).toEqual([until('revoked', 2)])
    expect(hasFallen(met, revoked)).toBe(true)
    expect(trustSaid(met)).not.toBe(trustSaid(revoked))
  })

  it.each([
    [revoked, 'counts up to #2'],
    [withSeen(met, [until('revoked')], at), 'counts for nothing'],
  ])('[U16] [V7] is told as what it counts for, %#', (kept, reach) => {
    withTrust(kept, [key])
    const offered = within(screen.getByRole('region', { name: 'Offered by this server' }))
    offered.getByText(`revoked, ${reach}`)
    offered.getByText((text) =>
      text.startsWith(
        `On this server first called this key revoked (it ${reach}); before, active. Now it calls it active.`,
      ),
    )
  })

  it('[U16] is told with the day and how it was before, and is given more by the reader alone', () => {
    withTrust(revoked, [key])
    const offered = within(screen.getByRole('region', { name: 'Offered by this server' }))
    expect(offered.getByText(/this server first/).querySelector('time')?.dateTime).toBe(at)
    const take = offered.getByRole('button', { name: 'Let it count as the server says now' })
    expect(take).toHaveProperty('disabled', true)
    fireEvent.click(offered.getByLabelText(/The operator told me so/))
    expect(take).toHaveProperty('disabled', false)
    expect(withWord(revoked, key)).toEqual(met)
    expect(withWord(withPinned(revoked, until('revoked', 2)), key)).toEqual(withPinned(met, key))
  })

  it('[U16] counts as it was pinned, and it is said how the server calls it', () => {
    withTrust(withPinned(revoked, key), [until('revoked', 2)])
    const offered = within(screen.getByRole('region', { name: 'Offered by this server' }))
    expect(offered.queryByText('revoked, counts up to #2')).toBeNull()
    offered.getByText(/before, active\. You pinned it as active, and it counts as you pinned it\.$/)
    offered.getByRole('button', { name: 'Pin it as revoked' })
    expect(endingOf(withPinned(met, until('retired', 3)), key.key_id, [key])).toBeNull()
  })

  it.each([met, withPinned(met, key)])(
    '[U16] and that nothing can be kept of is not called one that is given back, %#',
    (kept) => {
      const ending = endingOf(kept, key.key_id, [until('revoked', 2)])
      expect(ending).toMatchObject({ known: until('revoked', 2), raised: null })
      withTrust(kept, [until('revoked', 2)])
      const offered = within(screen.getByRole('region', { name: 'Offered by this server' }))
      offered.getByText(/^This server calls this key revoked \(it counts up to #2\)\./)
      expect(offered.queryByText(/Now it calls it/)).toBeNull()
      expect(offered.queryByRole('button', { name: /as the server says now/ })).toBeNull()
    },
  )
})

it('[U16] a server that offers no key at all is said to offer none', () => {
  withTrust(NOTHING_KEPT, [])
  const offered = within(screen.getByRole('region', { name: 'Offered by this server' }))
  offered.getByText(/^It answered that it has no key/)
})

describe('a server that offers many keys', () => {
  const many = Array.from({ length: 2 * MOST_WAITING }, (_, nth) => madeKey(nth))
  const met = withSeen(NOTHING_KEPT, [key], '2026-11-26T09:00:00.000Z')
  const flooded = withSeen(met, [key, ...many], 'now')

  it('[U16] has only so many of them kept until one answer is given to all', () => {
    expect(flooded.keys).toEqual([key, ...many.slice(0, MOST_WAITING)])
    expect(flooded.unkept).toBe(MOST_WAITING)
    // Asked again it is the same, and an honest answer takes nothing of it back.
    expect(withSeen(flooded, [key, ...many], 'later')).toBe(flooded)
    expect(withSeen(flooded, [key], 'later')).toBe(flooded)
    const ids = unanswered(flooded).map(({ key_id }) => key_id)
    const none = withAnswer(flooded, ids, 'refused', 'later')
    expect(unanswered(none)).toEqual([])
    expect(none.unkept).toBe(0)
    expect(withSeen(none, [key], 'later')).toBe(none)
    expect(knownKeys(none)).toEqual([key])
    // Those that it offers still wait from then on.
    expect(unanswered(withSeen(none, [key, ...many], 'later'))).toHaveLength(MOST_WAITING)
    // What was kept before there was a bound is bounded as it is read.
    const before = { ...flooded, unkept: 0, keys: [key, ...many] }
    expect(withFewWaiting(before)).toEqual(flooded)
    expect(withFewWaiting(flooded)).toBe(flooded)
  })

  it('[U16] is answered at once, but for a key that the reader pinned', () => {
    const pinned = { ...EMPTY, server_keys: many.slice(3, 4) }
    render(
      <QueryClientProvider client={new QueryClient()}>
        <KeyChanged kept={{ ...flooded, pinned }} />
      </QueryClientProvider>,
    )
    const warning = within(screen.getByRole('alert', { name: 'The server’s key changed' }))
    warning.getByText(/After this one, 99 more keys wait for an answer\. There were 100 more, of/)
    warning.getByRole('button', { name: 'Use none of these 99 keys' })
  })

  it('[U16] has a few of them drawn at a time', () => {
    withTrust(met, [key, ...many.slice(1)])
    const offered = within(screen.getByRole('region', { name: 'Offered by this server' }))
    expect(offered.getAllByRole('button', { name: 'Pin this key' })).toHaveLength(20)
    fireEvent.click(offered.getByRole('button', { name: 'Show 20 more' }))
    expect(offered.getAllByRole('button', { name: 'Pin this key' })).toHaveLength(40)
  })

  it('[V17] of too many is no list of keys', () => {
    const offer = (keys: readonly unknown[]) =>
      readOffer(new TextEncoder().encode(JSON.stringify({ server_keys: keys, approvers: [] })))
    expect(offer(many.slice(0, MOST_OFFERED))).toMatchObject({ ok: true })
    expect(offer(many.slice(0, MOST_OFFERED + 1))).toEqual({
      ok: false,
      why: 'it offers 101 server keys, and no more than 100 are taken',
    })
    // Counted before any of them is looked at.
    expect(offer(Array.from({ length: 8000 }, () => 1))).toEqual({
      ok: false,
      why: 'it offers 8,000 server keys, and no more than 100 are taken',
    })
  })
})

describe('a key that an approver has', () => {
  const ann = newPasskey('ann', { alg: 'EdDSA', seed: 7 }).approver
  const kept: Kept = { ...NOTHING_KEPT, pinned: { ...EMPTY, approvers: [ann] } }
  const why = `ann has the public key of ${other.key_id}`

  it('[U16] is not pinned beside them, since all that is pinned would be refused with it', () => {
    expect(pinFault(kept, serverKeyOf(other))).toBe(why)
    expect(pinFault(kept, key)).toBeNull()
    withTrust(kept, [serverKeyOf(other)])
    fireEvent.click(screen.getByLabelText(/I compared it/))
    screen.getByText(new RegExp(why))
    expect(screen.getByRole('button', { name: 'Pin this key' })).toHaveProperty('disabled', true)
  })

  it('[U16] where it is pinned all the same, it is said that nothing of that counts', () => {
    withTrust(withPinned(kept, serverKeyOf(other)))
    const said = within(screen.getByRole('alert'))
    said.getByText('Nothing of what you pinned counts')
    said.getByText(new RegExp(why))
  })
})

describe('what a server says where nothing new is kept', () => {
  const met = withSeen(NOTHING_KEPT, [key], '2026-11-26T09:00:00.000Z')
  const said: ServerKey[] = [{ ...key, status: 'revoked', last_seal_seq: 2 }, serverKeyOf(other)]
  const at = '2026-11-27T09:00:00.000Z'
  afterEach(forgetHeard)

  it.each([
    ['in a smaller place of the browser’s', false],
    ['in the memory of the page where there is none', true],
  ])('[U36] [U16] counts and is warned of on every page, %s', async (_, isRefused) => {
    if (isRefused) vi.stubGlobal('localStorage', undefined)
    // There is no IndexedDB here.
    expect((await see(said, at)).fault?.kind).toBe('unread')
    await see(said, 'later')
    await see([key], 'later')
    expect(heard()).toEqual([{ at, keys: said }])
    expect(withHeard(met)).toEqual(withSeen(met, said, at))
    expect(unanswered(withHeard(met))).toEqual([serverKeyOf(other)])
    // Nothing was kept that it could be held against.
    expect(withHeard(NOTHING_KEPT)).toBe(NOTHING_KEPT)
    // A page that has in hand what was kept goes by it.
    const client = new QueryClient()
    client.setQueryData(keptQuery.queryKey, met)
    await client.invalidateQueries({ queryKey: keptQuery.queryKey })
    const now = await client.query(keptQuery)
    expect([now.fault?.kind, now.keys]).toEqual(['unread', said])
    forgetHeard()
    expect(withHeard(met)).toBe(met)
  })
})

it('[U16] [V7] that is offered no more has sealed what it sealed, on each page, and can still be pinned', () => {
  const kept: Kept = {
    ...NOTHING_KEPT,
    seen: { [key.key_id]: '2026-11-12T09:30:00.000Z' },
    keys: [key],
    answered: { [key.key_id]: 'accepted' },
  }
  const later = serverKeyOf(other)
  expect(trustedOf(kept, [later]).map(({ source, file }) => [source, file.server_keys])).toEqual([
    ['pinned', []],
    ['first_seen', [key]],
    ['offered', [later]],
  ])
  const refused: Kept = { ...kept, answered: { [key.key_id]: 'refused' } }
  expect(trustedOf(refused, [later])[1]?.file.server_keys).toEqual([])
  withTrust(kept, [later])
  const [former] = screen.getAllByRole('region', { name: 'Former, not offered' })
  within(former ?? document.body).getByRole('heading', {
    name: 'Offered by this server before, and not now',
  })
  within(former ?? document.body).getByRole('button', { name: /pin/i })
})
