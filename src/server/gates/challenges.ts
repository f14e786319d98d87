import { ProblemError } from '#server/problem.ts'

/** What makes an answer belong to one request: asked for by one actor at one gate, and answered once. */
export type Challenges = {
  make(gate_id: string, actor: string, requested_at: string): Asked
  /** Uses the nonce up. `bad_request` where it was not made for this actor and gate, or was answered already. */
  take(nonce: string, gate_id: string, actor: string): Asked
}

export type Asked = { nonce: string; requested_at: string }

/** Open requests that are kept; the oldest goes first. Whoever asked it asks again. */
const MOST_OPEN = 10_000

export function createChallenges(random: (bytes: number) => Buffer): Challenges {
  const open = new Map<string, { gate_id: string; actor: string; requested_at: string }>()
  return {
    make(gate_id, actor, requested_at) {
      const nonce = random(16).toString('hex')
      open.set(nonce, { gate_id, actor, requested_at })
      const [oldest] = open.keys()
      if (open.size > MOST_OPEN && oldest !== undefined) open.delete(oldest)
      return { nonce, requested_at }
    },
    take(nonce, gate_id, actor) {
      const asked = open.get(nonce)
      if (asked?.gate_id !== gate_id || asked.actor !== actor)
        throw new ProblemError('bad_request', 'this nonce is no open request of yours: ask again')
      open.delete(nonce)
      return { nonce, requested_at: asked.requested_at }
    },
  }
}
