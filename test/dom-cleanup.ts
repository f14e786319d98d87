import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'

// Testing Library does this by itself only where the test functions are globals.
afterEach(cleanup)

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
