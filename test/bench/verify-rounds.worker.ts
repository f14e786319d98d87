import type { Trusted } from '#evidence/trust.ts'
import { verifyEnvelope } from '#evidence/verify.ts'

export type Asked = { bytes: ArrayBuffer; trust: readonly Trusted[]; rounds: number }

/** Milliseconds of each thing in one round. `verdict` shows that it was a whole verification. */
export type Round = { parse: number; digest: number; verify: number; verdict: string }

/* A verification and its two bounds, one after the other in each round, so that all three have the same machine. */
addEventListener('message', ({ data: { bytes, trust, rounds } }: MessageEvent<Asked>) => {
  void measure(new Uint8Array(bytes), trust, rounds).then((measured) => postMessage(measured))
})

async function measure(
  bytes: Uint8Array<ArrayBuffer>,
  trust: readonly Trusted[],
  rounds: number,
): Promise<Round[]> {
  const text = new TextDecoder().decode(bytes)
  const measured: Round[] = []
  while (measured.length < rounds) {
    const start = performance.now()
    const { verdict } = await verifyEnvelope(bytes, { trust })
    const verified = performance.now()
    JSON.parse(text)
    const parsed = performance.now()
    await crypto.subtle.digest('SHA-256', bytes)
    const digested = performance.now()
    measured.push({
      verify: verified - start,
      parse: parsed - verified,
      digest: digested - parsed,
      verdict,
    })
  }
  return measured
}
