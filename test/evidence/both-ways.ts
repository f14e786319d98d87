import { expect } from 'vitest'
import { type Limits, LIMITS } from '#contract/envelope.ts'
import { EvidenceError } from '#evidence/fault.ts'
import { type Document, type Written } from '#evidence/document.ts'
import { readDocument, readPlainly } from '#evidence/read.ts'
import { type Verification, verifyEnvelope, type VerifyOptions } from '#evidence/verify.ts'

/** Verified as it ships and by the plain reading: what is found has to be the same to the last word [V23]. */
export async function verifyBothWays(
  bytes: Uint8Array,
  options: VerifyOptions,
): Promise<Verification> {
  const found = await verifyEnvelope(bytes, options)
  expect(listed(await verifyEnvelope(bytes, options, readPlainly))).toEqual(listed(found))
  return found
}

const listed = ({ entries, standing, ...found }: Verification) => ({
  ...found,
  entries: entries && [...entries],
  place: standing?.place(),
})

/** Read both ways: the same document with the same bytes to digest, or the same fault. */
export async function expectOneReading(bytes: Uint8Array, limits: Limits = LIMITS): Promise<void> {
  const before = Uint8Array.from(bytes)
  const quickly = await readingBy(readDocument, bytes, limits)
  expect(await readingBy(readPlainly, bytes, limits)).toEqual(quickly)
  expect(bytes).toEqual(before)
}

async function readingBy(read: typeof readDocument, bytes: Uint8Array, limits: Limits) {
  try {
    return await toldBy(read(bytes, limits))
  } catch (fault) {
    if (!(fault instanceof EvidenceError)) throw fault
    const { code, where, message } = fault
    return { code, where, message }
  }
}

const decoder = new TextDecoder()

const toldBy = async ({ envelope, entries, planned, written }: Document) => ({
  // Its text too: the order of members is no matter of equality.
  text: JSON.stringify(envelope),
  envelope,
  entries: [...entries],
  planned: [...planned],
  // One behind the other, and each after the one behind it.
  plannedAt: envelope.opening.plan.steps.map((_, index) => planned.at(index)),
  plannedBefore: envelope.opening.plan.steps.map((_, index, { length }) =>
    planned.at(length - 1 - index),
  ),
  plannedBehind: planned.at(envelope.opening.plan.steps.length),
  oneByOne: Array.from({ length: entries.length }, (_, seq) => entries.at(seq)),
  preimages: Array.from({ length: entries.length }, (_, seq) => decoder.decode(written.entry(seq))),
  links: Array.from({ length: entries.length }, (_, seq) => {
    const { entry, link } = written.link(seq)
    return [entry, link]
  }),
  content: await contentOf(written),
})

async function contentOf(written: Written) {
  const { digest, beginning, length } = written.content()
  return { digest: await digest, beginning: decoder.decode(beginning), length }
}
