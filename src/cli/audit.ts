import { keysOf, VERDICT, type VerdictWord } from '#contract/status.ts'
import { againstList, type HeldToList, type ListedEnvelope } from '#evidence/as-listed.ts'
import { byDigest, checkHad, partsOf } from '#evidence/attached.ts'
import { countCells } from '#evidence/cells.ts'
import { counted, fewOf } from '#evidence/counted.ts'
import { type Claim, fails, keepsBack } from '#evidence/claims.ts'
import { sha256OfMany } from '#evidence/digest.ts'
import { namedAlone } from '#evidence/expectations.ts'
import { MOST_LISTED } from '#evidence/listed.ts'
import {
  compareTaken,
  NOT_PLACED,
  type Series,
  type SeriesFault,
  type Unplaced,
  walkSeries,
} from '#evidence/series.ts'
import type { Placed } from '#evidence/standing.ts'
import type { Trusted } from '#evidence/trust.ts'
import { verifyEnvelope, type VerifiedEnvelope, type VerifyOptions } from '#evidence/verify.ts'
import { CommandError, readLine, UsageError, type Command } from './command.ts'
import { defuse, defusedJson, inOneLine } from './defuse.ts'
import { CANNOT_READ, readTrust, unlessUnread } from './evidence-file.ts'
import { KEPT_HELP, KEPT_OPTIONS, evidenceIn, type KeptEvidence } from './kept-evidence.ts'

export const audit: Command = {
  help: `Usage: runseal audit [--data DIR | --server URL] [--trust FILE]… [--expect definition=NAME]…
                     [--json]

Verifies every envelope, and walks them from each to the one before: what is missing, forked or sealed
anew is named, and a rerun that says otherwise than the record of what it repeats; so is what is another one
than the server's own list says, which is the server's word and no proof. That the newest were withheld, or
sealed anew and the list with them, shows only against what you remember from elsewhere.

  --trust FILE     a trust file that you vouch for; without one no seal is proven
  --expect definition=NAME
                   a definition that you look for, which may be there more than once. A record of one that you
                   neither expect nor require, or require less of than of another, is not proven: its name is
                   the server's word
  --json           {verdict, envelopes: […], series: […], unlike_list: […], missing: […], unread: […],
                   unexpected: […], unlisted, unoffered} on stdout; unlike_list: faults as in series, of what
                   is another one than the list says; unexpected: definitions that nothing but a name says
                   that records are of; the last two: why the list is not whole, or there are no keys as offered
${KEPT_HELP}

Exit codes: 0 every envelope is proven, and none that they name is missing; 1 something does not verify, or is missing,
forked, replaced, sealed anew, listed or repeated otherwise; 2 nothing can be read; 3 nothing fails, but not everything is proven,
or an envelope or the whole list could not be had.
74 instead of 0: the output could not be written. 70: a fault of this program.`,
  usageExit: 2,
  async run(argv) {
    const { values } = readLine(
      argv,
      {
        ...KEPT_OPTIONS,
        trust: { type: 'string', multiple: true },
        expect: { type: 'string', multiple: true },
        json: { type: 'boolean' },
      },
      [0, 0],
    )
    const accept = (values.expect ?? []).map(definitionIn)
    const pinned = await Promise.all((values.trust ?? []).map(readTrust))
    const found = await auditOf(evidenceIn(values), pinned, accept)
    if (values.json === true) console.log(defusedJson(found))
    else console.log(defuse(wordsFor(found, pinned)))
    return VERDICT[found.verdict].exitCode
  },
}

function definitionIn(text: string): string {
  const [, name] = /^definition=(.+)$/s.exec(text) ?? []
  if (name === undefined)
    throw new UsageError(`--expect ${JSON.stringify(text)} is not definition=…`)
  return name
}

type Audit = {
  verdict: VerdictWord
  /** In the order in which the server lists them; what only another one names comes last. `head` and `seal_seq` only of those that have a place. */
  envelopes: {
    evidence_id: string
    verdict: VerdictWord
    codes: string[]
    message: string | null
    seal_seq: number | null
    head: string | null
    /** Keys that have ended, and count for it by its number alone. */
    ended: ('retired' | 'revoked')[]
  }[]
  series: Series[]
  /** By the server's own word alone. */
  unlike_list: SeriesFault[]
  /** Said to be there, and gone. */
  missing: string[]
  /** Said to be there, and not to be had this time: all or a part of it. Nothing is said of it, and all else of the others. */
  unread: { evidence_id: string; why: string }[]
  /** Definitions of which only their own name says that records are of them: what `--expect` answers. */
  unexpected: string[]
  /** Why there may be more than what is listed here; null where the list is whole. */
  unlisted: string | null
  /** Why there are no keys as offered; null where there are. */
  unoffered: string | null
}

async function auditOf(
  kept: KeptEvidence,
  pinned: readonly Trusted[],
  accept: readonly string[],
): Promise<Audit> {
  const offer = await kept.trust()
  const trust: Trusted[] = offer.ok
    ? [...pinned, { file: offer.file, source: 'offered' }]
    : [...pinned]
  const reader = { trust, accept }
  const envelopes: Audit['envelopes'] = []
  const placed: Placed[] = []
  const heldToList: HeldToList[] = []
  const unplaced: Unplaced[] = []
  const missing: string[] = []
  const unread: Audit['unread'] = []
  const unexpected = new Set<string>()
  const { listed: all, why: unlisted, isPart } = await kept.list()
  /** By id, what is said of each: more than one thing where the list contradicts itself. */
  const asked = new Map<string, readonly ListedEnvelope[]>(
    Map.groupBy(all, ({ evidence_id }) => evidence_id),
  )
  for (const [evidence_id, rows] of asked) {
    const found = await unlessUnread(judged(kept, evidence_id, reader))
    if (found === null) missing.push(evidence_id)
    else if ('why' in found) {
      unread.push({ evidence_id, why: found.why })
      unplaced.push({ evidence_id, says: null })
    } else {
      const { envelope, place, says, named, sha256 } = found
      envelopes.push(envelope)
      if (named !== null) unexpected.add(named)
      if (place === null) unplaced.push({ evidence_id, says })
      else placed.push(place)
      if (says)
        for (const listed of rows)
          heldToList.push({ listed, says, isSealed: place !== null, sha256 })
      // What was not listed may be there all the same, and is not missing before it was asked for. That may never end.
      const before = unlisted === null ? undefined : place?.previous?.evidence_id
      if (before !== undefined && !asked.has(before) && asked.size < MOST_LISTED)
        asked.set(before, [{ evidence_id: before }])
    }
  }
  const [first] = unread
  if (first !== undefined && unread.length === asked.size)
    throw new CommandError(`no envelope can be read. Of the first: ${first.why}`, CANNOT_READ)
  if (unlisted !== null && asked.size === 0) throw new CommandError(unlisted, CANNOT_READ)
  // Read again, and only those that others took steps over from: all of them at once are more than there is room for.
  const differing = await compareTaken(placed, async ({ evidence_id, head }, taken) => {
    const bytes = await unlessUnread(kept.envelope(evidence_id))
    if (bytes !== null && 'why' in bytes) {
      unread.push({ evidence_id, why: bytes.why })
      return []
    }
    if (bytes === null) return null
    const { standing } = await verifyEnvelope(bytes, { trust, asked: { evidence_id } })
    return standing?.place().head === head ? taken.map(standing.differing) : null
  })
  const series = walkSeries(placed, { unplaced, differing, isPart, absent: new Set(missing) })
  const unlike_list = againstList(
    heldToList,
    missing.flatMap((evidence_id) => asked.get(evidence_id) ?? []),
  )
  const faults = [...series.flatMap((one) => one.faults), ...unlike_list]
  const isWhole = unlisted === null && unread.length === 0
  const verdict = verdictOf(envelopes, faults, missing, isWhole)
  const unoffered = offer.ok ? null : offer.why
  return {
    verdict,
    envelopes,
    series,
    unlike_list,
    missing,
    unread,
    unexpected: [...unexpected].toSorted(),
    unlisted,
    unoffered,
  }
}

/** null where it is gone. */
async function judged(
  kept: KeptEvidence,
  evidence_id: string,
  reader: Pick<VerifyOptions, 'trust' | 'accept'>,
) {
  const bytes = await kept.envelope(evidence_id)
  if (bytes === null) return null
  const {
    verdict: ofFile,
    claims: found,
    envelope,
    standing,
    sealed_by,
  } = await verifyEnvelope(bytes, { ...reader, asked: { evidence_id } })
  const says = standing?.place() ?? null
  const place = sealed_by && says
  // What nobody known has sealed may name parts without end.
  const cells = sealed_by && envelope && (await cellsOf(kept, envelope))
  const claims = cells === null ? found : [...found, cells]
  const wrong = claims.filter(fails)
  // Where the reader pinned no key, that is said once for all.
  const open = sealed_by?.source === 'pinned' ? claims.find(keepsBack) : undefined
  const judgement: Audit['envelopes'][number] = {
    evidence_id,
    verdict: withCells(ofFile, cells),
    codes: [...new Set(wrong.map(({ code }) => code))],
    message:
      (wrong[0]?.code === 'evidence-differs'
        ? `What is there by this name is ${wrong[0].actual}, which is another record.`
        : wrong[0]?.message) ??
      (place === null
        ? NOT_PLACED
        : (open?.message ?? (cells?.state === 'not checked' ? cells.message : null))),
    seal_seq: place?.seal_seq ?? null,
    head: place?.head ?? null,
    ended: [...new Set(claims.flatMap(({ ended }) => ended ?? []))],
  }
  const named = open ? namedAlone(claims) : null
  return { envelope: judgement, place, says, named, sha256: await sha256OfMany(bytes) }
}

/** Cells in parts, fetched and counted by the rule of every verifier; null where there are none. */
async function cellsOf(kept: KeptEvidence, envelope: VerifiedEnvelope): Promise<Claim | null> {
  const count = countCells(envelope)
  if (count === null) return null
  const parts = partsOf(envelope).filter(({ sha256 }) => count.wanted.has(sha256))
  const record = byDigest(parts)
  const asked = new Set<string>()
  let room = MOST_OF_PARTS
  for (const part of parts) {
    // Whoever has a key that is at hand may seal any number of bytes.
    if (asked.has(part.sha256) || part.bytes > Math.min(room, MOST_OF_A_PART)) continue
    asked.add(part.sha256)
    room -= part.bytes
    const bytes = await unlessUnread(kept.part(envelope.run_id, part))
    // What cannot be had is not at hand, and takes nothing back of what is known of the record.
    if (bytes === null || 'why' in bytes) continue
    const fault = await checkHad(record, part.sha256, bytes)
    if (fault !== null) return fault
    await count.take(part.sha256, bytes, () => {})
  }
  return count.claim()
}

/** One is in memory at a time: a few million cells of a step. */
const MOST_OF_A_PART = 1024 ** 3
/** As many as an export hands over. */
const MOST_OF_PARTS = 4 * 1024 ** 3

/** The one verdict over a record and its cells. */
function withCells(verdict: VerdictWord, cells: Claim | null): VerdictWord {
  if (cells === null || cells.state === 'proven') return verdict
  if (fails(cells)) return 'does not verify'
  return verdict === 'proven' ? 'not proven' : verdict
}

function verdictOf(
  envelopes: Audit['envelopes'],
  faults: readonly SeriesFault[],
  missing: readonly string[],
  /** All that there is said to be was had. */
  isWhole: boolean,
): VerdictWord {
  const verdicts = envelopes.map(({ verdict }) => verdict)
  const isBroken = verdicts.some((one) => one === 'does not verify' || one === 'not an envelope')
  if (isBroken || missing.length > 0 || faults.length > 0) return 'does not verify'
  return verdicts.length === 0 || !isWhole || verdicts.includes('not proven')
    ? 'not proven'
    : 'proven'
}

function wordsFor(found: Audit, pinned: readonly Trusted[]): string {
  const { verdict, envelopes, series, missing, unread, unlisted, unoffered, unexpected } = found
  const named = new Set(series.flatMap(({ faults }) => faults.flatMap(missingIn)))
  const lines = [
    ...envelopes.flatMap(({ evidence_id, verdict, message }) =>
      message === null
        ? []
        : `${(verdict === 'not proven' ? verdict : 'does not verify').padEnd(15)}  ${inOneLine(`${evidence_id}: ${message}`)}`,
    ),
    ...(unlisted === null
      ? []
      : [`not read         ${inOneLine(`the whole list of what is here: ${unlisted}`)}`]),
    ...(unoffered === null
      ? []
      : [`not had          ${inOneLine(`keys as offered: ${unoffered}`)}`]),
    ...unread.map(
      ({ evidence_id, why }) => `not read         ${inOneLine(`${evidence_id}: ${why}`)}`,
    ),
    ...missing
      .filter((evidence_id) => !named.has(evidence_id))
      .map(
        (evidence_id) =>
          `missing          ${inOneLine(evidence_id)} is said to be here, and its file is gone.`,
      ),
    ...[...series.flatMap(({ faults }) => faults), ...found.unlike_list].map(
      ({ fault, message }) => `${fault.padEnd(15)}  ${inOneLine(message)}`,
    ),
    ...series.flatMap(({ open }) =>
      open.map((message) => `cannot be told   ${inOneLine(message)}`),
    ),
  ]
  const counts = keysOf(VERDICT)
    .map((word) => [word, envelopes.filter((one) => one.verdict === word).length] as const)
    .filter(([, count]) => count > 0)
    .map(([word, count]) => `${count} ${word}`)
  // What is said to be here and is gone may be one of those whose number alone is known.
  const unnamed = series.flatMap(({ faults }) => faults.map(unnamedIn)).reduce((a, b) => a + b, 0)
  const unnumbered = missing.filter((evidence_id) => !named.has(evidence_id)).length
  const gone = named.size + Math.max(unnamed, unnumbered)
  const keys = new Set(pinned.flatMap(({ file }) => file.server_keys.map(({ key_id }) => key_id)))
  const isOther = (server: string) => pinned.length > 0 && !keys.has(server)
  const summary = [
    `${counted(envelopes.length, 'envelope')}${counts.length > 0 ? `: ${counts.join(', ')}` : ''}.`,
    ...series.map(
      ({ server, count, last }) =>
        `Key ${server}${isOther(server) ? ', which you did not pin' : ''}: ${count}, up to number ${last?.seal_seq}.`,
    ),
    gone === 0 ? '' : `${gone.toLocaleString('en')} missing.`,
    unlisted === null ? '' : 'The list is not whole: there may be more.',
    unread.length === 0 ? '' : `${unread.length.toLocaleString('en')} could not be read.`,
    SENTENCE[verdict],
    ...(['revoked', 'retired'] as const).map((word) => {
      const count = envelopes.filter(({ ended }) => ended.includes(word)).length
      return count === 0
        ? ''
        : `${counted(count, 'envelope')} ${count === 1 ? 'rests' : 'rest'} on a key that is ${word}: whoever has that key now can have made ${count === 1 ? 'it' : 'them'}.`
    }),
    verdict === 'not proven' && unexpected.length > 0
      ? `Where you look for runs of ${fewOf(unexpected)} too, add ${expecting(unexpected)}.`
      : '',
    verdict === 'not proven' && pinned.length === 0 && envelopes.length > 0
      ? 'Name the key that you trust with --trust FILE (see runseal trust --help).'
      : '',
  ]
  return [...lines, ...(lines.length > 0 ? [''] : []), summary.filter(Boolean).join(' ')].join('\n')
}

/** Of very many the first: a server names as many definitions as it likes. */
function expecting(names: readonly string[]): string {
  const more = names.length - MOST_NAMED
  const options = names.slice(0, MOST_NAMED).map((name) => `--expect definition=${name}`)
  return options.join(' ') + (more > 0 ? ` and so on for ${counted(more, 'more', 'more')}` : '')
}

const MOST_NAMED = 20

const missingIn = (fault: SeriesFault) =>
  fault.fault === 'missing' && fault.evidence_id !== null ? [fault.evidence_id] : []

const unnamedIn = (fault: SeriesFault) =>
  fault.fault === 'missing' && fault.evidence_id === null ? fault.count : 0

const SENTENCE = {
  proven:
    'Every envelope that is here is proven, and none that they or their numbers name is missing. Logs and artifacts were not looked at, but for cells in parts; whether the newest were withheld, or sealed anew and the list with them, only a head from elsewhere can show.',
  'not proven': 'No contradiction was found, but not everything is proven.',
  'does not verify': 'Not everything here can be used as evidence.',
  'not an envelope': 'Not everything here is an envelope.',
} as const satisfies Record<VerdictWord, string>
