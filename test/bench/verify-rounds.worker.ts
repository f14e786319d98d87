import serialize from 'canonicalize'
import { Envelope } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { entriesOf } from '#evidence/chain.ts'
import type { Trusted } from '#evidence/trust.ts'
import { verifyEnvelope } from '#evidence/verify.ts'

export type Asked = { bytes: ArrayBuffer; trust: readonly Trusted[]; rounds: number }

/** Milliseconds of each thing in one round. `verdict` shows that it was a whole verification. */
export type Round = {
  parse: number
  digest: number
  verify: number
  naive: number
  verdict: string
}

/* A verification, the naive way and the two bounds, one after the other in each round, so that all have the same machine. */
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
    await digestNaively(bytes)
    const naive = performance.now()
    measured.push({
      verify: verified - start,
      parse: parsed - verified,
      digest: digested - parsed,
      naive: naive - digested,
      verdict,
    })
  }
  return measured
}

/** What one would write first: parse, hold to the schema, and for each entry and link write it canonically and wait for its digest. */
async function digestNaively(bytes: Uint8Array): Promise<void> {
  const parsed = parseJson(Envelope, new TextDecoder().decode(bytes))
  if (!parsed.ok) throw new Error(parsed.error.message)
  const { integrity, ...content } = parsed.value
  const links = integrity.hash_chain.links
  for (const { kind, body, seq } of entriesOf(parsed.value)) {
    const entry = await digestOf({ body, kind, type: 'entry' })
    await digestOf({ entry, kind, prev: links[seq]?.link, seq, type: 'link' })
  }
  await digestOf(content)
}

async function digestOf(value: unknown): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(serialize(value)))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
