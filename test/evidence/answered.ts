import * as z from 'zod/mini'
import { type TrustFile } from '#contract/trust.ts'
import { decodeBase64 } from '#evidence/base64.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { holdingOf } from '#evidence/holding.ts'
import { requirementOf } from '#evidence/keep.ts'
import { allListed } from '#evidence/listed.ts'
import { type ReadTrust, readOffer, readTrustFile } from '#evidence/trust-file.ts'
import { leftOpenBy, mayOf, requirementSaid, validitySaid } from '#evidence/trust-said.ts'
import { verifyEnvelope } from '#evidence/verify.ts'

/* What is made of a file that is no record, or is to be required: by Node, and by a page in a browser. */

/** A trust file of the reader's, what a server offers, a record as a model, a server's list, texts and what they may hold. */
export const AskedOf = z.enum(['trust file', 'offer', 'record', 'list', 'texts'])

/** `padded`: to so many bytes, with spaces. */
export const Asked = z.strictObject({ of: AskedOf, bytes: z.string(), padded: z.number() })
export type Asked = z.infer<typeof Asked>

/** A line for each thing that is said of it; or one that says why it is refused. */
export async function answerTo({ of, bytes: text, padded }: Asked): Promise<string[]> {
  const bytes = new Uint8Array(padded).fill(SPACE)
  bytes.set(decodeBase64(text))
  switch (of) {
    case 'trust file':
      return trustSaid(readTrustFile(bytes))
    case 'offer':
      return trustSaid(readOffer(bytes))
    case 'record': {
      const { envelope } = await verifyEnvelope(bytes, { trust: [] })
      if (envelope === null) throw new RangeError('it does not verify')
      return (['this version', 'any version'] as const).map((pin) =>
        canonicalize(requirementOf(envelope, pin)),
      )
    }
    case 'list':
      return await listed(Pages.parse(valueIn(bytes)))
    case 'texts': {
      const { texts, parts } = Texts.parse(valueIn(bytes))
      return holdingOf(texts, parts)?.map(String) ?? ['too many']
    }
  }
}

const SPACE = 32

const valueIn = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes))

const trustSaid = (read: ReadTrust): string[] => (read.ok ? fileSaid(read.file) : [read.why])

const fileSaid = ({ server_keys, approvers, required }: TrustFile): string[] => [
  ...server_keys.map((key) => `key ${key.key_id.slice(0, 8)}: ${validitySaid(key)}`),
  ...approvers.map((approver) => `approver ${approver.id}: ${mayOf(approver)}`),
  ...required.flatMap((definition) => [
    ...requirementSaid(definition).map((line) => `of ${definition.name}: ${line}`),
    ...leftOpenBy(definition).map((line) => `open in ${definition.name}: ${line}`),
  ]),
]

/** By cursor. An item is told by its id and by the number of the page that it was first on. */
const Pages = z.record(
  z.string(),
  z.strictObject({
    items: z.array(z.strictObject({ evidence_id: z.string(), page: z.number() })),
    next_cursor: z.nullable(z.string()),
  }),
)

async function listed(pages: z.infer<typeof Pages>): Promise<string[]> {
  try {
    const all = await allListed(async (cursor) => {
      const page = pages[cursor]
      if (page === undefined) throw new RangeError(`no page ${cursor}`)
      return page
    })
    return all.map(({ evidence_id, page }) => `${evidence_id} of page ${page}`)
  } catch (fault) {
    return [String(fault)]
  }
}

const Texts = z.strictObject({ texts: z.array(z.string()), parts: z.array(z.string()) })
