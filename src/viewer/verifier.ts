import type { Closing, GateEntry, Opening, StepEntry } from '#contract/envelope.ts'
import type { Run } from '#contract/run.ts'
import type { Claim } from '#evidence/claims.ts'
import type { Trusted } from '#evidence/trust.ts'
import type { HeldEnvelope } from '#evidence/place.ts'
import type { Verification } from '#evidence/verify.ts'

/* The page's side of verify.worker.ts, and what the two say to each other. */

export type Question =
  | {
      ask: 'verify'
      bytes: ArrayBuffer
      trust: readonly Trusted[]
      asked: { evidence_id: string; run_id?: string }
      previous: readonly HeldEnvelope[]
    }
  | { ask: 'page'; evidence_id: string; view: PageView; from: number; to: number }

export type PageView = 'steps' | 'gates' | 'raw'

export type Page =
  | { view: 'steps'; rows: { seq: number; entry: StepEntry }[] }
  | { view: 'gates'; rows: { seq: number; entry: GateEntry }[] }
  | { view: 'raw'; rows: string[]; total: number }

/** What a verified envelope says of itself as a whole. */
export type Summary = Pick<
  Opening,
  'kind' | 'title' | 'definition' | 'actor' | 'inputs' | 'started_at' | 'runner'
> & {
  evidence_id: string
  run_id: string
  source: Opening['source'] | null
  closing: Closing
  head: string
  entries: number
  key_id: string
}

/**
 * `summary` and `run` are null as soon as one claim does not verify: then there is nothing to draw. `run` also where
 * no key at hand has checked the signature: its facts are then not called verified.
 */
export type Verdict = {
  ask: 'verify'
  verdict: Verification['verdict']
  claims: readonly Claim[]
  sealed_by: Verification['sealed_by']
  bytes: number
  summary: Summary | null
  run: Run | null
}

export type Answer = Verdict | { ask: 'page'; page: Page }
export type Reply = { id: number } & ({ ok: true; value: Answer } | { ok: false; why: string })

export async function verify(
  question: Omit<Question & { ask: 'verify' }, 'ask'>,
): Promise<Verdict> {
  const answer = await put({ ask: 'verify', ...question }, [question.bytes])
  if (answer.ask !== 'verify') throw new Error('the verifier answered another question')
  return answer
}

/** Rows from..to of a view of a verified envelope. */
export async function page(
  evidence_id: string,
  view: PageView,
  from: number,
  to: number,
): Promise<Page> {
  const answer = await put({ ask: 'page', evidence_id, view, from, to })
  if (answer.ask !== 'page') throw new Error('the verifier answered another question')
  return answer.page
}

type Waiting = { resolve: (answer: Answer) => void; reject: (error: Error) => void }

const waiting = new Map<number, Waiting>()
let worker: Worker | null = null
let asked = 0

async function put(question: Question, transfer: Transferable[] = []): Promise<Answer> {
  const id = ++asked
  return await new Promise<Answer>((resolve, reject) => {
    waiting.set(id, { resolve, reject })
    worker ??= start()
    worker.postMessage({ id, question }, transfer)
  })
}

function start(): Worker {
  const started = new Worker(new URL('./verify.worker.ts', import.meta.url), { type: 'module' })
  started.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    const asker = waiting.get(data.id)
    waiting.delete(data.id)
    if (data.ok) asker?.resolve(data.value)
    else asker?.reject(new Error(data.why))
  })
  started.addEventListener('error', () => {
    for (const { reject } of waiting.values()) reject(new Error('the verifier stopped'))
    waiting.clear()
    worker = null
  })
  return started
}
