/**
 * Now, but never before anything that is on record of the run: a system clock that is set back must not make an honest
 * record contradict itself. Instants of ours sort as text.
 */
export function timeAfter({ latest }: { readonly latest: string }, now: Date): string {
  return later(latest, now.toISOString())
}

export function later(a: string, b: string): string {
  return a < b ? b : a
}
