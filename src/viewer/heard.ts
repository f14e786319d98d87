import { parseJson } from '#contract/parse.ts'
import { ServerKey } from '#contract/trust.ts'
import * as z from 'zod/mini'
import { inStorage } from './in-storage.ts'

const Heard = z.object({ at: z.string(), keys: z.array(ServerKey) })
/** What a server said of keys, and when, that there was no room to keep. */
export type Heard = z.infer<typeof Heard>

/**
 * All of it, the first thing first: in a place of the browser's that is small and not full when the other one is, for every
 * page of it; and where there is none, in the memory of this page.
 */
export function heard(): readonly Heard[] {
  const text = inStorage((storage) => storage.getItem(KEY))
  if (text === null) return inHand
  const read = parseJson(z.array(Heard), text)
  return read.ok ? read.value : inHand
}

export function hear(one: Heard): void {
  const all = [...heard(), one]
  const isKept = inStorage((storage) => {
    storage.setItem(KEY, JSON.stringify(all))
    return true
  })
  if (isKept === null) inHand = all
}

/** It is kept where the rest is by now. */
export function forgetHeard(): void {
  inHand = []
  inStorage((storage) => storage.removeItem(KEY))
}

const KEY = 'runseal.heard'
let inHand: readonly Heard[] = []
