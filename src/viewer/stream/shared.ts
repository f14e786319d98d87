import type { FromHub } from './hub.ts'
import type { OpenLink } from './link.ts'
import type { ToWorker } from './stream.worker.ts'

/** The hub is in a SharedWorker, which no page's end can end while there is another. */
export const sharedLink: OpenLink = (page, { told, attach, failed }) => {
  const worker = new SharedWorker(new URL('./stream.worker.ts', import.meta.url), {
    type: 'module',
    name: 'runseal stream',
  })
  // Its script could not be had, or not run.
  worker.addEventListener('error', failed)
  const { port } = worker
  port.addEventListener('message', ({ data }: MessageEvent<FromHub>) => told(data))
  port.start()
  // The port takes what is said before the worker runs.
  queueMicrotask(attach)
  return {
    say: (message) => port.postMessage({ page, message } satisfies ToWorker),
    end: () => port.close(),
  }
}
