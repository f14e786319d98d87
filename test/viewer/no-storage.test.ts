import { afterEach, expect, it, vi } from 'vitest'
import { newSigner, serverKeyOf } from '#test/evidence/fixture.ts'
import { STORE_MS } from '#viewer/browser-store.ts'

/* A browser that has what it then refuses, as Firefox does where a site may store nothing. */

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
  vi.resetModules()
})

const key = serverKeyOf(await newSigner())
const head = {
  server: 'a'.repeat(64),
  evidence_id: 'ev-1',
  head: 'b'.repeat(64),
  seal_seq: 1,
}

it.each([
  ['is refused', { open: refuse }, 'SecurityError: The operation is insecure.'],
  ['is missing', undefined, 'it has no IndexedDB'],
  ['never answers', { open: () => new EventTarget() }, 'it has not answered within 8 seconds'],
])(
  '[U36] where the browser’s store %s nothing is kept, with why, and only what the reader says fails',
  async (_, indexedDB, why) => {
    vi.useFakeTimers()
    vi.stubGlobal('indexedDB', indexedDB)
    const { NOTHING_KEPT, pin, readKept, readMemory, rememberHead, rememberWalk, see } =
      await import('#viewer/trust-store.ts')
    const soon = async <T>(asked: Promise<T>): Promise<T> => {
      const [answer] = await Promise.all([asked, vi.advanceTimersByTimeAsync(STORE_MS)])
      return answer
    }
    const nothing = { ...NOTHING_KEPT, fault: { kind: 'unread', why } }
    expect(await soon(readKept())).toEqual(nothing)
    // Who asks several times waits once.
    expect(await readMemory()).toEqual({ kept: nothing, met: [] })
    expect(await see([key], '2026-01-01')).toEqual(nothing)
    expect(await rememberHead(head)).toEqual(nothing)
    expect(await rememberWalk({ at: '', placed: [], wrong: null, is_part: false })).toEqual(nothing)
    await expect(pin(key)).rejects.toThrow(why)
    const { wordsOf } = await import('#viewer/api.ts')
    const said = await pin(key).catch(wordsOf)
    expect(said).toMatchObject({ title: 'That was not kept in this browser' })
  },
)

it('[U11] a browser that lets the page store nothing lets it begin all the same', async () => {
  vi.stubGlobal('BroadcastChannel', refuse)
  vi.stubGlobal('localStorage', {
    getItem: refuse,
    setItem: refuse,
    removeItem: refuse,
  })
  const { hearElsewhere } = await import('#viewer/trust-store.ts')
  expect(() => new BroadcastChannel('refused')).toThrow(DOMException)
  hearElsewhere(() => expect.unreachable())
  const { placeToReturn, rememberPlace } = await import('#viewer/return-to.ts')
  rememberPlace()
  expect(placeToReturn()).toBe('/runs')
})

function refuse(): never {
  throw new DOMException('The operation is insecure.', 'SecurityError')
}
