import { type Given, judge, type Judgement } from './judge.ts'

type Reply = { ok: true; judgement: Judgement } | { ok: false; why: string }

let under: Worker | null = null

/**
 * Judges in a worker, which is this page's own script once more: no other may run here. What was under way is given up
 * for what is given now. `script`: its text.
 */
export async function judgeAside(given: Given, script: string): Promise<Judgement> {
  under?.terminate()
  if (given.envelope === null) return { state: 'nothing given' }
  const address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }))
  const worker = new Worker(address)
  under = worker
  try {
    return await new Promise<Judgement>((resolve, reject) => {
      worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
        if (data.ok) resolve(data.judgement)
        else reject(new Error(data.why))
      })
      // A browser that lets a file have no worker: on this thread then, which may draw between two steps of it.
      worker.addEventListener('error', () => resolve(judge(given)))
      worker.postMessage(given)
    })
  } finally {
    worker.terminate()
    URL.revokeObjectURL(address)
  }
}

/** The side of the worker. */
export function judgeWhatComes(): void {
  addEventListener('message', ({ data }: MessageEvent<Given>) => {
    judge(data).then(
      (judgement) => postMessage({ ok: true, judgement } satisfies Reply),
      (error: unknown) => postMessage({ ok: false, why: String(error) } satisfies Reply),
    )
  })
}
