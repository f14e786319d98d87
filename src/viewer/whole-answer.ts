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
    const chunks: Uint8Array[] = []
    let length = 0
    const reader = response.body?.getReader()
    for (;;) {
      isMoving()
      const read = await reader?.read()
      if (read === undefined || read.done) break
      chunks.push(read.value)
      length += read.value.length
      if (length <= most) continue
      const why = new Error(`the answer is longer than ${most} bytes`)
      giveUp(why)
      throw why
    }
    return { response, bytes: joined(chunks, length) }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', left)
  }
}

function joined(chunks: readonly Uint8Array[], length: number): ArrayBuffer {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes.buffer
}
