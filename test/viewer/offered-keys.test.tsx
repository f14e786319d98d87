import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { fireEvent, render, screen, within } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ServerKey } from '#contract/trust.ts'
import { newSigner, serverKeyOf, trustFileOf } from '#test/evidence/fixture.ts'
import { newPasskey } from '#test/evidence/passkey.ts'
import { keptQuery, offeredTrustQuery, trustQuery } from '#viewer/queries.ts'
import { KeysDropped } from '#viewer/review/keys-dropped.tsx'
import { TrustPage } from '#viewer/review/trust-page.tsx'
import {
  type Kept,
  NOTHING_KEPT,
  pinFault,
  trustedOf,
  withoutFalse,
  withPinned,
} from '#viewer/trust-store.ts'

/* What becomes in a browser of what a server says of its keys, which may be anything. */

const signer = await newSigner()
const other = await newSigner(7)
const key = serverKeyOf(signer)
/** A genuine fingerprint beside another key. */
const FALSE: ServerKey = { ...key, public_key: serverKeyOf(other).public_key }
const WHY = `${key.key_id} is not the id of its key`
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
