import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { byDigest, checkAttached, type OnRecord, type Part, partsOf } from '#evidence/attached.ts'
import { checkCells } from '#evidence/cells.ts'
import { counted as many } from '#evidence/counted.ts'
import { fails } from '#evidence/claims.ts'
import { verifyEnvelope, type VerifiedEnvelope } from '#evidence/verify.ts'
import { wordsOf } from './ask.ts'
import { CommandError, readLine, UsageError, type Command } from './command.ts'
import { defuse } from './defuse.ts'
import { BESIDE, CANNOT_READ } from './evidence-file.ts'
import { KEPT_HELP, KEPT_OPTIONS, type KeptEvidence, withEvidence } from './kept-evidence.ts'
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

  --out DIR        a folder that is not there yet; default the run's id. At most ${MOST_IN_FOLDER / MIB} MiB
  --html           one HTML file on stdout. At most ${MOST_IN_PAGE / MIB} MiB of logs and artifacts
${KEPT_HELP}

Exit codes: 0 whole; 1 something on record is gone or changed, and was left out, or the cells beside the
record contradict it; 2 nothing exported.`,
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
    return await withEvidence(values, async (kept) => {
      const { envelope, bytes } = await verified(kept, run_id)
      const parts = distinct(partsOf(envelope))
      const record = byDigest(parts)
      const size = parts.reduce((sum, part) => sum + part.bytes, bytes.length)
      const most = isPage ? MOST_IN_PAGE : MOST_IN_FOLDER
      if (size > most)
        throw new CommandError(
          `${run_id} has ${Math.ceil(size / MIB)} MiB of evidence, at most ${most / MIB} are exported${isPage ? ' into one page; use --out DIR' : ''}`,
          CANNOT_READ,
        )
      const trust = new TextEncoder().encode(`${JSON.stringify(await kept.trust(), null, 2)}\n`)
      const verifier = await readVerifier()
      const put = isPage ? null : await newFolder(values.out ?? run_id)
      const blocks = [block('envelope', ENVELOPE, bytes), block('trust', OFFERED, trust)]
      await put?.(ENVELOPE, bytes)
      await put?.(OFFERED, trust)
      await put?.('verifier.html', verifier)
      const inPart = new Set(envelope.execution.steps.map(({ cells_part }) => cells_part?.sha256))
      const cells = new Map<string, Uint8Array>()
      let leftOut = 0
      for (const part of parts) {
        const name = `${BESIDE[part.kind]}/${part.sha256}`
        const found = await wholePart(kept, run_id, part, record)
        if ('fault' in found) {
          leftOut += 1
          console.error(`left out: ${defuse(found.fault)}`)
          continue
        }
        if (inPart.has(part.sha256)) cells.set(part.sha256, found.bytes)
        if (put === null) blocks.push(block('attached', name, found.bytes))
        else await put(name, found.bytes)
      }
      if (put === null) process.stdout.write(verifier.replace(PLACE, () => blocks.join('\n')))
      else
        console.log(
          `${values.out ?? run_id}: ${parts.length - leftOut} of ${many(parts.length, 'log or artifact', 'logs and artifacts')}`,
        )
      const counted = await checkCells(envelope, (sha256) => cells.get(sha256) ?? null)
      const isWrong = counted !== null && fails(counted)
      if (isWrong) console.error(`does not verify: ${defuse(counted.message)}`)
      return leftOut === 0 && !isWrong ? 0 : 1
    })
  },
}

const ENVELOPE = 'envelope.json'
const OFFERED = 'offered-trust.json'

/** In verifier.html, before its script. */
const PLACE = '<!-- evidence -->'

// Names are ours and hex, bytes are base64: nothing of a run can end the element.
const block = (part: string, name: string, bytes: Uint8Array) =>
  `<script type="text/plain" data-part="${part}" data-name="${name}">${Buffer.from(bytes).toString('base64')}</script>`

/** Whatever key it is by: whose it is, the reader finds out. What is no whole record is not handed over as one. */
async function verified(
  kept: KeptEvidence,
  run_id: string,
): Promise<{ envelope: VerifiedEnvelope; bytes: Uint8Array<ArrayBuffer> }> {
  const evidence_id = await kept.evidenceOf(run_id)
  if (evidence_id === null)
    throw new CommandError(`there is no sealed record of ${run_id}`, CANNOT_READ)
  const bytes = await kept.envelope(evidence_id)
  if (bytes === null)
    throw new CommandError(`the file of envelope ${evidence_id} is gone`, CANNOT_READ)
  const { envelope, claims } = await verifyEnvelope(bytes, {
    trust: [{ file: await kept.trust(), source: 'offered' }],
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
  const bytes = await kept.part(run_id, part)
  const what = `${part.kind} ${part.path ?? ''} of ${part.step_id}, attempt ${part.attempt}`
  if (bytes === null) return { fault: `${what} is gone` }
  const { claim, part: found } = await checkAttached(record, part.sha256, bytes)
  return found?.sha256 === part.sha256 ? { bytes } : { fault: claim.message }
}

const distinct = (parts: readonly Part[]): Part[] => [
  ...new Map(parts.map((part) => [`${part.kind} ${part.sha256}`, part])).values(),
]

async function newFolder(
  folder: string,
): Promise<(name: string, bytes: Uint8Array | string) => Promise<void>> {
  try {
    await mkdir(folder)
  } catch (error) {
    throw new CommandError(wordsOf(error), CANNOT_READ, { cause: error })
  }
  return async (name, bytes) => {
    const file = join(folder, name)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, bytes)
  }
}
