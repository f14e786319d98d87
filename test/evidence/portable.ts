import * as z from 'zod/mini'
import { LIMITS } from '#contract/envelope.ts'
import { keysOf } from '#contract/status.ts'
import { TRUST_SOURCE, TrustFile } from '#contract/trust.ts'
import { decodeBase64 } from '#evidence/base64.ts'
import { compareBeside } from './beside-one.ts'
import { utf8 } from '#evidence/canonical.ts'
import { type Claim } from '#evidence/claims.ts'
import { type Place, type Remaining } from '#evidence/remaining.ts'
import { type Verification, verifyEnvelope, type VerifyOptions } from '#evidence/verify.ts'
import {
  dsseFailures,
  ed25519Failures,
  es256Failures,
  jcsFailures,
  numberFailures,
  webauthnAnswers,
} from './vectors.ts'
import { answerTo, Asked } from './answered.ts'
import { claimSaid, Walk, walked } from './walked.ts'

/** What Node and a page in a browser are both given, and must make the same of. */

/** An envelope that a reader holds, as far as these files go. */
const Held = z.strictObject({
  server: z.string(),
  evidence_id: z.string(),
  head: z.string(),
  seal_seq: z.number(),
  run_id: z.string(),
  starters: z.array(z.string()),
  previous: z.exactOptional(z.strictObject({ evidence_id: z.string(), head: z.string() })),
  decisions: z.exactOptional(z.array(z.strictObject({ nonce: z.string(), sha256: z.string() }))),
})

/** What a reader brings besides trust files. */
export const BROUGHT = {
  /** Which record they ask for. */
  asked: z.exactOptional(
    z.strictObject({
      run_id: z.exactOptional(z.string()),
      evidence_id: z.exactOptional(z.string()),
    }),
  ),
  /** What they say on the spot that it must be. */
  expect: z.exactOptional(
    z.array(z.strictObject({ kind: z.enum(['definition', 'outcome']), value: z.string() })),
  ),
  /** Names of definitions, any of which they look for. */
  accept: z.exactOptional(z.array(z.string())),
  /** Why files that they named as theirs are no trust files. */
  refused: z.exactOptional(z.array(z.string())),
  /** Why it is not known whom they trust, refused and require. */
  unread: z.exactOptional(z.string()),
  /** Sealing keys that they refused, whichever file has them. */
  refusedKeys: z.exactOptional(z.array(z.string())),
  /** What they verified before. */
  held: z.exactOptional(z.array(Held)),
  /** The longest file that they read. */
  most: z.exactOptional(z.number()),
  /** The most steps and gates that they read of one, and of a step the most artifacts. */
  mostOf: z.exactOptional(
    z.strictObject({
      entries: z.exactOptional(z.number()),
      artifactsPerStep: z.exactOptional(z.number()),
    }),
  ),
  /** What came beside it, by name: texts. */
  beside: z.exactOptional(z.record(z.string(), z.string())),
} as const

/** How a reader may have a trust file. */
export const Source = z.enum(keysOf(TRUST_SOURCE))

const Reader = z.strictObject({
  trust: z.array(z.strictObject({ file: TrustFile, source: Source })),
  ...BROUGHT,
})
export type Reader = z.infer<typeof Reader>

export const optionsOf = ({
  held,
  most = LIMITS.bytes,
  mostOf,
  beside: _beside,
  ...brought
}: Reader): VerifyOptions => ({
  ...brought,
  ...(held !== undefined && { previous: held }),
  limits: { ...LIMITS, bytes: most, ...mostOf },
})

/** The verdict on a file, and what is found of what came beside it. */
export async function judge(
  bytes: Uint8Array,
  reader: Reader,
): Promise<Verification & { beside: readonly Claim[] }> {
  const found = await verifyEnvelope(bytes, optionsOf(reader))
  const files = Object.entries(reader.beside ?? {}).map(([name, text]) => {
    const bytes = utf8(text)
    return { name, size: bytes.length, bytes: async () => bytes }
  })
  if (found.envelope === null || reader.beside === undefined) return { ...found, beside: [] }
  const compared = await compareBeside(found.envelope, files)
  return { ...found, beside: compared.map(({ claim }) => claim) }
}

/** All that is claimed, in the words of a row of the table: the code, of which step or gate, and where. */
export const rowOf = ({ claims, beside }: { claims: readonly Claim[]; beside: readonly Claim[] }) =>
  [...claims, ...beside].map(claimSaid).toSorted()

/** What can still be said of a file that does not verify, a line each; none where nothing can. */
export function remainingSaid(remaining: Remaining | null): string[] {
  if (remaining === null) return []
  const { bytes, entries, intact, broken, changed, beside, missing, added, lost, sealed, frozen } =
    remaining
  const nameOf = ({ kind, step_id, where }: Omit<Place, 'seq'>) =>
    [kind, step_id, where].filter((word) => word !== undefined).join(' ')
  return [
    ...(bytes === null
      ? []
      : [
          `breaks at byte ${bytes.offset}: ${bytes.expected}`,
          ...(bytes.looks === null ? [] : [`looks: ${bytes.looks}`]),
        ]),
    `intact: ${intact} of ${entries}`,
    ...(broken === null ? [] : [`broken: ${nameOf(broken)}`]),
    ...changed.map((one) => `changed: ${nameOf(one)}`),
    ...beside.map((one) => `beside: ${nameOf(one)}`),
    ...missing.map((one) => `missing: ${nameOf(one)}`),
    ...added.map((one) => `added: ${nameOf(one)}`),
    ...(lost === 0 ? [] : [`lost: ${lost}`]),
    ...(sealed ? ['sealed'] : []),
    ...frozen.map(({ step_id, approver, decision, upTo, ended }) =>
      [`frozen: ${step_id} ${approver} ${decision} up to ${upTo}`, ended]
        .filter((word) => word !== undefined)
        .join(', '),
    ),
  ]
}

export const Input = z.object({
  jcs: z.array(
    z.object({ name: z.string(), input: z.string(), output: z.string(), outhex: z.string() }),
  ),
  numbers: z.string(),
  dsse: z.string(),
  ed25519: z.string(),
  es256: z.string(),
  webauthn: z.string(),
  /** Files in base64, and what their reader brings. */
  files: z.array(z.strictObject({ file: z.string(), reader: Reader })),
  /** Records to walk over. */
  series: z.array(Walk),
  /** Files that are no records, or models of what is required. */
  inputs: z.array(Asked),
})
export type Input = z.infer<typeof Input>

export async function tryAll({
  jcs,
  numbers,
  dsse,
  ed25519,
  es256,
  webauthn,
  files,
  series,
  inputs,
}: Input) {
  const verifications = []
  const rows = []
  for (const { file, reader } of files) {
    const found = await judge(decodeBase64(file), reader)
    const { verdict, claims, beside, sealed_by, remaining } = found
    verifications.push({ verdict, claims, beside, sealed_by, remaining })
    rows.push({ verdict, claims: rowOf(found) })
  }
  const walks = []
  for (const one of series) walks.push(await walked(one))
  const answers = []
  for (const one of inputs) answers.push(await answerTo(one))
  return {
    jcs: jcsFailures(jcs),
    numbers: numberFailures(numbers),
    dsse: await dsseFailures(dsse),
    ed25519: await ed25519Failures(ed25519),
    es256: await es256Failures(es256),
    webauthn: await webauthnAnswers(webauthn),
    verifications,
    rows,
    walks,
    answers,
  }
}
