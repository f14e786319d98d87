import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import { createLive } from '#viewer/store.ts'
import { attend } from '#viewer/stream/attend.ts'

/* A browser that has what pages share a stream by, and refuses it: storage blocked, or a frame of another site. */

afterEach(() => {
  vi.unstubAllGlobals()
  Reflect.deleteProperty(navigator, 'locks')
})

const refuses = () => Promise.reject(new DOMException('denied', 'SecurityError'))
const grants = async (_: string, act: () => unknown) => await act()
const denied = vi.fn(function () {
  throw new DOMException('denied', 'SecurityError')
})

it.each([
  ['locks', refuses],
  ['a SharedWorker and a BroadcastChannel', grants],
])('[U31] a page that is refused %s has a stream all the same', async (_, request) => {
  vi.stubGlobal('SharedWorker', denied)
  vi.stubGlobal('BroadcastChannel', denied)
  Object.defineProperty(navigator, 'locks', { value: { request }, configurable: true })
  vi.stubGlobal(
    'fetch',
    async () =>
      new Response(
        new ReadableStream({ start: (out) => out.enqueue(new TextEncoder().encode(': hi\n\n')) }),
        { headers: { 'content-type': 'text/event-stream' } },
      ),
  )
  const store = createLive()
  const { stop } = attend(store, {
    monotonic: () => performance.now(),
    wall: () => Date.now(),
    isVisible: () => true,
    beforeDrawing: (draw) => draw(),
    changed: () => undefined,
  })
  onTestFinished(stop)
  await expect.poll(() => store.getState().connection.state).toBe('live')
})
