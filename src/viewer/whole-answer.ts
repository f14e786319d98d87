/** Nothing for so long: it is not waited for any more. */
const STALLED_MS = 30_000

/**
 * A request and all bytes of its answer. Rejects where they do not come, stop coming, or are more than `most`: whoever
 * answers so wants to fill this page's memory.
 */
export async function wholeAnswer(
  url: URL,
  request: RequestInit,
  { most, signal }: { most: number; signal: AbortSignal | undefined },
): Promise<{ response: Response; bytes: ArrayBuffer }> {
  const given = new AbortController()
  const giveUp = (why: unknown) => given.abort(why)
  const left = () => giveUp(signal?.reason)
  if (signal?.aborted) left()
  signal?.addEventListener('abort', left)
  let timer: ReturnType<typeof setTimeout> | undefined
  const isMoving = (): void => {
    clearTimeout(timer)
    timer = setTimeout(
      () => giveUp(new Error(`nothing came for ${STALLED_MS / 1000} s`)),
      STALLED_MS,
    )
  }
  try {
    isMoving()
    const response = await fetch(url, { ...request, signal: given.signal })
    let room = new ArrayBuffer(roomFor(response, most))
    let length = 0
    const reader = response.body?.getReader()
    for (;;) {
      isMoving()
      const read = await reader?.read()
      if (read === undefined || read.done) break
      const end = length + read.value.length
      if (end > most) {
        const why = new Error(`the answer is longer than ${most} bytes`)
        giveUp(why)
        throw why
      }
      if (end > room.byteLength) room = room.transfer(Math.min(most, 2 * end))
      // Each where it belongs as it comes: put together at the end, a long answer would hold up the page.
      new Uint8Array(room).set(read.value, length)
      length = end
    }
    return { response, bytes: room.byteLength === length ? room : room.slice(0, length) }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', left)
  }
}

const MOST_UNSEEN = 256 * 1024 ** 2

/** What the answer says of its length is a hint, and nobody's promise. */
function roomFor(response: Response, most: number): number {
  const said = Number(response.headers.get('content-length') ?? 0)
  return Number.isSafeInteger(said) && said > 0 ? Math.min(said, most, MOST_UNSEEN) : 0
}
