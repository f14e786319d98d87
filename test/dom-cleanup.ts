import { cleanup, configure } from '@testing-library/react'
import { afterAll, afterEach, vi } from 'vitest'

// Testing Library does this by itself only where the test functions are globals.
afterEach(cleanup)

// The next file on the same thread has the same page and the same React, and finds nothing else there of this one:
// no worker that a module of ours has started, no key that it knows.
afterAll(() => {
  vi.resetModules()
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  if (typeof window === 'undefined') return
  window.localStorage.clear()
  window.sessionStorage.clear()
  window.history.replaceState(null, '', '/')
})

// How long a machine takes that does other things too is nothing to fail for.
configure({ asyncUtilTimeout: 10_000 })

// jsdom lays nothing out, so that no size of anything changes.
globalThis.ResizeObserver = class {
  observe = () => undefined
  unobserve = () => undefined
  disconnect = () => undefined
}

// So nothing is out of sight, and what is in the page is seen.
if (typeof Element !== 'undefined') {
  Element.prototype.scrollIntoView = () => undefined
  Element.prototype.checkVisibility = function checkVisibility() {
    return this.isConnected
  }
}

// It opens no dialog either: one is open or closed, and that is all. Some tests of the viewer have no DOM.
if (typeof HTMLDialogElement !== 'undefined') {
  HTMLDialogElement.prototype.showModal = function showModal() {
    this.open = true
  }
  HTMLDialogElement.prototype.close = function close() {
    this.open = false
  }
}
