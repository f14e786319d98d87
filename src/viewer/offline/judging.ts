import {
  type Former,
  formerOf,
  judge,
  type Judgement,
  type Progress,
  type Question,
} from './judge.ts'

/** What the page is about: the last thing that was asked. */
export type Judging =
  | { state: 'nothing asked' }
  | { state: 'under way'; question: Question; progress: Progress }
  | { state: 'stopped'; question: Question }
  | { state: 'failed'; why: string }
  | ({ state: 'judged' } & Judgement)

/** One thing at a time: what was under way is given up for what is asked now. */
export type Judge = {
  now: () => Judging
  subscribe: (onChange: () => void) => () => void
  ask: (question: Question) => void
  stop: () => void
}

/** `script`: this page's own, which its worker is made of once more: no other may run here. */
export function newJudge(script: string): Judge {
  let judging: Judging = { state: 'nothing asked' }
  let under: AbortController | null = null
  const known = new WeakMap<File, Former>()
  const told = new Set<() => void>()
  const set = (next: Judging) => {
    judging = next
    for (const tell of told) tell()
  }
  return {
    now: () => judging,
    subscribe: (onChange) => {
      told.add(onChange)
      return () => told.delete(onChange)
    },
    ask: (asked) => {
      under?.abort()
      under = null
      if (asked.envelopes.length === 0) return set({ state: 'nothing asked' })
      const question: Question = {
        ...asked,
        former: asked.former.map((one) => ('file' in one && known.get(one.file)) || one),
      }
      const mine = new AbortController()
      under = mine
      const { signal } = mine
      const onProgress = (progress: Progress) => {
        if (!signal.aborted) set({ state: 'under way', question, progress })
      }
      onProgress({ nth: 0, stage: 'read', isAgain: false, compared: 0 })
      judgeAside(question, script, onProgress, signal).then(
        ({ judged, series }) => {
          if (signal.aborted) return
          for (const [nth, { file }] of asked.envelopes.entries()) {
            const one = judged[nth]
            if (one !== undefined) known.set(file, formerOf(one))
          }
          set({ state: 'judged', judged, series })
        },
        (error: unknown) => {
          if (!signal.aborted) set({ state: 'failed', why: String(error) })
        },
      )
    },
    stop: () => {
      if (judging.state !== 'under way') return
      under?.abort()
      set({ state: 'stopped', question: judging.question })
    },
  }
}

type Reply =
  | { progress: Progress }
  | { ok: true; judgement: Judgement }
  | { ok: false; why: string }

async function judgeAside(
  question: Question,
  script: string,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Judgement> {
  const address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }))
  const worker = new Worker(address)
  try {
    return await new Promise<Judgement>((resolve, reject) => {
      worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
        if ('progress' in data) onProgress(data.progress)
        else if (data.ok) resolve(data.judgement)
        else reject(new Error(data.why))
      })
      // A browser that lets a file have no worker: on this thread then, which may draw between two steps of it.
      worker.addEventListener('error', () => resolve(judge(question, { onProgress, signal })))
      signal.addEventListener('abort', () => reject(new Error('stopped')))
      worker.postMessage(question)
    })
  } finally {
    worker.terminate()
    URL.revokeObjectURL(address)
  }
}

/** The side of the worker. */
export function judgeWhatComes(): void {
  addEventListener('message', ({ data }: MessageEvent<Question>) => {
    const onProgress = (progress: Progress) => postMessage({ progress } satisfies Reply)
    judge(data, { onProgress }).then(
      (judgement) => postMessage({ ok: true, judgement } satisfies Reply),
      (error: unknown) => postMessage({ ok: false, why: String(error) } satisfies Reply),
    )
  })
}
