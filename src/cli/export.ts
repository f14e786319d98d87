import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { lstat, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { TrustFile } from '#contract/trust.ts'
import { byDigest, checkHad, type OnRecord, type Part, partsOf } from '#evidence/attached.ts'
import { type CarriedAs, carriedTag } from '#evidence/carried.ts'
import { checkCells } from '#evidence/cells.ts'
import { counted as many } from '#evidence/counted.ts'
import { MOST_BESIDE } from '#evidence/beside.ts'
import { fails } from '#evidence/claims.ts'
import type { ReadTrust } from '#evidence/trust-file.ts'
import { verifyEnvelope, type VerifiedEnvelope } from '#evidence/verify.ts'
import { undoneByInterrupt } from '#server/interrupted.ts'
import { wordsOf } from './ask.ts'
import { CommandError, readLine, UsageError, type Command } from './command.ts'
import { inOneLine } from './defuse.ts'
import { BESIDE, CANNOT_READ, nullIfGone, unlessUnread } from './evidence-file.ts'
import { KEPT_HELP, KEPT_OPTIONS, evidenceIn, type KeptEvidence } from './kept-evidence.ts'
import { readVerifier } from './verifier-file.ts'

const MIB = 1024 * 1024
const MOST_IN_PAGE = 64 * MIB
const MOST_IN_FOLDER = 4096 * MIB

export const exportRun: Command = {
  help: `Usage: runseal export RUN [--out DIR] [--data DIR | --server URL]
       runseal export RUN --html > run.html

Hands over what a run left: the envelope byte for byte, its logs and artifacts named by their digests,
the server's keys as it offers them, and the verifier. The reader opens verifier.html, or run.html,
in a browser, and needs nothing else. The keys that come along prove nothing until the reader has
compared them with what they got by another way.

  --out DIR        a folder that is not there yet, and is there once it is whole; default the
                   run's id. At most ${MOST_IN_FOLDER / MIB} MiB and ${MOST_BESIDE} logs and artifacts
  --html           one HTML file on stdout. At most ${MOST_IN_PAGE / MIB} MiB of logs and artifacts
${KEPT_HELP}

Exit codes: 0 whole; 1 something on record is gone, changed or not to be had, and was left out, or the cells beside the
record contradict it; 2 nothing exported.
74 instead of 0: the output could not be written. 70: a fault of this program.`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      { ...KEPT_OPTIONS, out: { type: 'string' }, html: { type: 'boolean' } },
      [1, 1],
    )
    const [run_id = ''] = positionals
    const isPage = values.html === true
    if (isPage && values.out !== undefined) throw new UsageError('either --html or --out')
    const kept = evidenceIn(values)
    const offer = await kept.trust()
    const { envelope, bytes } = await verified(kept, run_id, offer)
    const parts = distinct(partsOf(envelope))
    const size = parts.reduce((sum, part) => sum + part.bytes, bytes.length)
    const most = isPage ? MOST_IN_PAGE : MOST_IN_FOLDER
    if (size > most)
      throw new CommandError(
        `${run_id} has ${Math.ceil(size / MIB)} MiB of evidence, at most ${most / MIB} are exported${isPage ? ' into one page; use --out DIR' : ''}`,
        CANNOT_READ,
      )
    if (parts.length > MOST_BESIDE)
      throw new CommandError(
        `${run_id} has ${many(parts.length, 'log or artifact', 'logs and artifacts')}, at most ${MOST_BESIDE} are exported: no page takes more`,
        CANNOT_READ,
      )
    const verifier = await readVerifier()
    if (!offer.ok) console.error(`without keys as offered: ${inOneLine(offer.why)}`)
    if (isPage) {
      const blocks = [block('envelope', ENVELOPE, bytes)]
      if (offer.ok) blocks.push(block('trust', OFFERED, textOf(offer.file)))
      const left = await handOver(kept, envelope, parts, async (name, part) => {
        blocks.push(block('attached', name, part))
      })
      process.stdout.write(verifier.replace(PLACE, () => blocks.join('\n')))
      return left.exitCode
    }
    const out = values.out ?? run_id
    const left = await inNewFolder(out, async (put) => {
      await put(ENVELOPE, bytes)
      if (offer.ok) await put(OFFERED, textOf(offer.file))
      await put('verifier.html', verifier)
      return await handOver(kept, envelope, parts, put)
    })
    console.log(
      `${out}: ${parts.length - left.count} of ${many(parts.length, 'log or artifact', 'logs and artifacts')}`,
    )
    return left.exitCode
  },
}

const textOf = (file: TrustFile) => new TextEncoder().encode(`${JSON.stringify(file, null, 2)}\n`)

/** Each part that is on record, whole, to `put`. What is left out is said. */
async function handOver(
  kept: KeptEvidence,
  envelope: VerifiedEnvelope,
  parts: readonly Part[],
  put: (name: string, bytes: Uint8Array) => Promise<void>,
): Promise<{ count: number; exitCode: number }> {
  const record = byDigest(parts)
  const inPart = new Set(envelope.execution.steps.map(({ cells_part }) => cells_part?.sha256))
  const cells = new Map<string, Uint8Array>()
  let count = 0
  for (const part of parts) {
    const found = await wholePart(kept, envelope.run_id, part, record)
    if ('fault' in found) {
      count += 1
      console.error(`left out: ${inOneLine(found.fault)}`)
      continue
    }
    if (inPart.has(part.sha256)) cells.set(part.sha256, found.bytes)
    await put(`${BESIDE[part.kind]}/${part.sha256}`, found.bytes)
  }
  const counted = await checkCells(envelope, (sha256) => cells.get(sha256) ?? null)
  const isWrong = counted !== null && fails(counted)
  if (isWrong) console.error(`does not verify: ${inOneLine(counted.message)}`)
  return { count, exitCode: count === 0 && !isWrong ? 0 : 1 }
}

const ENVELOPE = 'envelope.json'
const OFFERED = 'offered-trust.json'

/** In verifier.html, before its script. */
const PLACE = '<!-- evidence -->'

// Bytes are base64: nothing of a run can end the element.
const block = (as: CarriedAs, name: string, bytes: Uint8Array) =>
  `${carriedTag(as, name)}${Buffer.from(bytes).toString('base64')}</script>`

/** Whatever key it is by: whose it is, the reader finds out. What is no whole record is not handed over as one. */
async function verified(
  kept: KeptEvidence,
  run_id: string,
  offer: ReadTrust,
): Promise<{ envelope: VerifiedEnvelope; bytes: Uint8Array<ArrayBuffer> }> {
  const evidence_id = await kept.evidenceOf(run_id)
  if (evidence_id === null)
    throw new CommandError(`there is no sealed record of ${run_id}`, CANNOT_READ)
  const bytes = await kept.envelope(evidence_id)
  if (bytes === null)
    throw new CommandError(`the file of envelope ${evidence_id} is gone`, CANNOT_READ)
  const { envelope, claims } = await verifyEnvelope(bytes, {
    trust: offer.ok ? [{ file: offer.file, source: 'offered' }] : [],
    asked: { run_id, evidence_id },
  })
  if (envelope === null)
    throw new CommandError(
      `the envelope ${evidence_id} does not verify, and is not exported: ${claims.find(fails)?.message}`,
      CANNOT_READ,
    )
  return { envelope, bytes }
}

async function wholePart(
  kept: KeptEvidence,
  run_id: string,
  part: Part,
  record: OnRecord,
): Promise<{ bytes: Uint8Array<ArrayBuffer> } | { fault: string }> {
  const what = `${part.kind}${part.path === null ? '' : ` ${part.path}`} of ${part.step_id}, attempt ${part.attempt}`
  const bytes = await unlessUnread(kept.part(run_id, part))
  if (bytes !== null && 'why' in bytes) return { fault: `${what} could not be had: ${bytes.why}` }
  if (bytes === null) return { fault: `${what} is gone` }
  const fault = await checkHad(record, part.sha256, bytes)
  return fault === null ? { bytes } : { fault: fault.message }
}

const distinct = (parts: readonly Part[]): Part[] => [
  ...new Map(parts.map((part) => [`${part.kind} ${part.sha256}`, part])).values(),
]

/**
 * `fill` puts what it has into a folder beside, which has its name once all is there: one that was left half way is under
 * another name, if it is there at all.
 */
async function inNewFolder<T>(
  folder: string,
  fill: (put: (name: string, bytes: Uint8Array | string) => Promise<void>) => Promise<T>,
): Promise<T> {
  const final = resolve(folder)
  const unfinished = `${final}.unfinished-${randomBytes(4).toString('hex')}`
  try {
    if (await lstat(final).catch(nullIfGone)) throw new Error(`${folder} is there already`)
    const leave = () => rmSync(unfinished, { recursive: true, force: true, maxRetries: 10 })
    return await undoneByInterrupt(leave, async () => {
      try {
        await mkdir(unfinished)
        const filled = await fill(async (name, bytes) => {
          const file = join(unfinished, name)
          await mkdir(dirname(file), { recursive: true })
          await writeFile(file, bytes)
        })
        await rename(unfinished, final)
        return filled
      } catch (error) {
        await rm(unfinished, { recursive: true, force: true })
        throw error
      }
    })
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(wordsOf(error), CANNOT_READ, { cause: error })
  }
}
