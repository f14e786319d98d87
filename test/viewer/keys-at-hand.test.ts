import { QueryClient } from '@tanstack/react-query'
import { beforeAll, expect, it } from 'vitest'
import {
  newSigner,
  pinned,
  planStep,
  type Sealed,
  serverKeyOf,
  startRun,
} from '#test/evidence/fixture.ts'
import { ApiError } from '#viewer/api.ts'
import { type AtHand, judgedByKeys } from '#viewer/keys-at-hand.ts'
import { trustQuery } from '#viewer/queries.ts'
import { proofSentence } from '#viewer/review/proof-sentence.ts'
import { NOTHING_KEPT, unreadOf } from '#viewer/trust-store.ts'
import { verdictOf } from './verdict-of.ts'

let sealed: Sealed
let signer: Awaited<ReturnType<typeof newSigner>>

beforeAll(async () => {
  signer = await newSigner()
  const run = startRun(signer, { steps: [planStep('build')] })
  run.step('build')
  sealed = await run.seal()
})

const pinnedTo = (by: typeof signer) => ({
  ...NOTHING_KEPT,
  pinned: { ...NOTHING_KEPT.pinned, server_keys: [serverKeyOf(by)] },
})
const judge = (bytes: Uint8Array) => async (keys: AtHand) =>
  await verdictOf(bytes, keys.trust, [], keys.refusedKeys)
/** A server that never answers for its keys. */
const hangs = () => Promise.withResolvers<never>().promise

it('[U16] what a pinned key has sealed, or what fails by itself, waits for no server', async () => {
  const kept = pinnedTo(signer)
  const judged = judgedByKeys(new QueryClient(), { kept: async () => kept, ask: hangs })
  for (const _ of [1, 2, 3]) {
    const verdict = await judged(judge(sealed.bytes))
    expect(verdict).toMatchObject({ verdict: 'proven', sealed_by: { source: 'pinned' } })
    expect(verdict).not.toHaveProperty('keys_fault')
  }
  const broken = sealed.bytes.map((byte, at) => (at === 90 ? byte ^ 1 : byte))
  expect((await judged(judge(broken))).summary).toBeNull()
})

it('[U16] what needs the server’s list asks once for it, and goes by what was offered before where it is not had', async () => {
  const asked: string[] = []
  const kept = {
    ...pinnedTo(await newSigner(7)),
    keys: [serverKeyOf(signer)],
    answered: { [signer.key_id]: 'accepted' as const },
  }
  const ask = async () => {
    asked.push('trust')
    throw new ApiError('unreadable', 500, 'GET /api/trust answered 500')
  }
  const judged = judgedByKeys(new QueryClient(), { kept: async () => kept, ask })
  for (const _ of [1, 2, 3])
    expect(await judged(judge(sealed.bytes))).toMatchObject({
      sealed_by: { source: 'first_seen' },
      keys_fault: 'GET /api/trust answered 500',
    })
  expect(asked).toEqual(['trust'])
})

it('[U16] what the server said before is at hand, until the reader changes what they trust', async () => {
  const client = new QueryClient()
  const offered = { ...NOTHING_KEPT.pinned, server_keys: [serverKeyOf(signer)] }
  client.setQueryData(trustQuery.queryKey, { kept: NOTHING_KEPT, offered })
  const refused = { ...NOTHING_KEPT, answered: { [signer.key_id]: 'refused' as const } }
  const judged = () =>
    judgedByKeys(client, {
      kept: async () => refused,
      ask: async () => ({ kept: refused, offered }),
    })(judge(sealed.bytes))
  expect(await judged()).toMatchObject({ sealed_by: { source: 'offered' } })
  await client.invalidateQueries({ queryKey: trustQuery.queryKey })
  const without = await judged()
  expect(without).toMatchObject({ verdict: 'not proven', sealed_by: null })
  expect(without.claims.map(({ code }) => code)).toContain('key-refused')
})

it('[U36] what is kept and cannot be read is not known: nothing is proven, and it is said', async () => {
  const fault = { kind: 'unread' as const, why: 'SecurityError: denied' }
  const kept = { ...NOTHING_KEPT, fault }
  const offered = { ...NOTHING_KEPT.pinned, server_keys: [serverKeyOf(signer)] }
  const judged = judgedByKeys(new QueryClient(), {
    kept: async () => kept,
    ask: async () => ({ kept, offered }),
  })
  const by = await judged(
    async ({ trust, refusedKeys, ...unread }) =>
      await verdictOf(sealed.bytes, trust, [], refusedKeys, unread),
  )
  const said = 'What this browser keeps of the keys that you trust could not be read.'
  expect(by).toMatchObject({ verdict: 'not proven', sealed_by: { source: 'offered' } })
  const sentence = proofSentence(by, null, 'server')
  expect(sentence.text).toContain(said)
  expect(sentence.open).toContain('whom you trust and what you require, which could not be read')
  expect(sentence.open).not.toContain('a trust file that was refused')
  expect(by.claims.find(({ code }) => code === 'trust-unread')?.message).toBe(
    'What is kept of whom you trust could not be read: SecurityError: denied. What you pinned, required and refused is not known.',
  )
  // Nor by a trust file that the reader brings, since they may have refused the key.
  const brought = await verdictOf(sealed.bytes, [pinned(signer)], [], [], unreadOf(kept))
  expect(brought).toMatchObject({ verdict: 'not proven', sealed_by: { source: 'pinned' } })
  expect(proofSentence(brought, null, 'file').title).toBe(
    'Nothing fails. What you required and refused could not be read',
  )
  const without = await verdictOf(sealed.bytes, [], [], [], unreadOf(kept))
  expect(proofSentence(without, null, 'file').title).toBe(
    'The file agrees with itself. Whom you trust could not be read',
  )
  expect(unreadOf({ fault: { ...fault, kind: 'unkept' } })).toEqual({})
})
