import { afterEach, expect, it, vi } from 'vitest'

/* A browser that has what it then refuses, as Firefox does where a site may store nothing. */

afterEach(() => vi.unstubAllGlobals())

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
