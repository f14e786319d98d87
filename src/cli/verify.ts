import { CLAIM_STATE, keysOf, OUTCOME, VERDICT, type VerdictWord } from '#contract/status.ts'
import { FAILING, failingOf } from '#evidence/advice.ts'
import { verdictWith } from '#evidence/beside.ts'
import { type Claim, fails } from '#evidence/claims.ts'
import { counted, fewOf } from '#evidence/counted.ts'
import { MOST_NAMED, type Remaining } from '#evidence/remaining.ts'
import type { SealedBy } from '#evidence/sealed.ts'
import type { Series, SeriesFault } from '#evidence/series.ts'
import { keyNamed } from '#evidence/trust-said.ts'
import type { VerifyOptions } from '#evidence/verify.ts'
import { CommandError, readLine, UsageError, type Command } from './command.ts'
import { defusedJson, inOneLine } from './defuse.ts'
import { CANNOT_READ, filesBeside, readTrust } from './evidence-file.ts'
import type { GivenPage } from './given-file.ts'
import { type Judged, judgeFiles, type JudgedFiles, type Unread } from './judge-files.ts'

export const verify: Command = {
  help: `Usage: runseal verify FILE [FILE]… [--trust FILE]… [--expect KIND=VALUE]… [--beside DIR] [--json]

Checks an envelope with nothing but the file and what you trust. No server is asked. Several are each
checked by themselves and then held against each other: forks, two records of one run, and reruns that say
otherwise than what they repeat are named. A FILE may be a page of \`export --html\`: it is what it carries, an
envelope with its logs and artifacts beside it. No script of it runs, and of the keys in it none is used.

  --trust FILE     a trust file that you vouch for; without one no seal is proven
  --expect run=ID | evidence=ID | definition=NAME | outcome=succeeded|failed|aborted
                   what the file, each of several, must be; each kind once
  --beside DIR     logs/ and artifacts/ of an export: each file is held against the record, cells are
                   counted, and what is on record and not there, or cannot be read, is told
  --json           {verdict, claims: [{claim, state, code, where, message, expected, actual, preimage, shell}],
                   remaining, beside, page, unread, exit} on stdout; verdict: the worst of all that was
                   looked at, proven only where the exit is 0; exit: {status, by}: the exit code, and which of
                   claims (of the file itself), beside, series and unread it is by;
                   expected, actual: of what was compared, and
                   preimage: what is digested there, the beginning where it is long;
                   shell: lines that redo it with jq, sha256sum and openssl on envelope.json;
                   remaining: of a file that does not verify, what can still be said; beside: claims about
                   what is beside it; page: {file, attached, offers_keys}, where it was taken from an
                   export in one page; unread: [{file, why}], what is there, or FILE, and cannot be read.
                   Of several {verdict, files: [{file, evidence_id, verdict, …}], series: […], unread, exit}: the worst, each with
                   what is beside it, what they say of each other, what cannot be read of them and beside them

Exit codes: 0 proven; 1 something does not verify; 2 no envelope, or a file cannot be read;
3 nothing fails, but something required is not proven (no trust file, say, or one that requires less of the
definition that the record names than of another, which --expect definition=NAME then accepts).
Of several, and of what is beside them, the worst: 1 before 2 before 3 before 0.
74 instead of 0: the output could not be written. 70: a fault of this program.`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      {
        trust: { type: 'string', multiple: true },
        expect: { type: 'string', multiple: true },
        beside: { type: 'string' },
        json: { type: 'boolean' },
      },
      [1, Infinity],
    )
    const wanted = wantedOf(values.expect ?? [])
    const trust = await Promise.all((values.trust ?? []).map(readTrust))
    const hasTrust = trust.length > 0
    const files = values.beside === undefined ? null : await filesBeside(values.beside)
    const judged = await judgeFiles(positionals, { trust, ...wanted }, files)
    const exit = exitOf(judged)
    const [one] = judged.files
    if (one !== undefined && judged.files.length === 1) {
      if ('why' in one) {
        if (values.json === true) console.log(defusedJson({ ...unreadAlone(one), exit }))
        throw new CommandError(one.why, CANNOT_READ)
      }
      const { unread } = judged
      const isBeside = files !== null || one.page !== null
      if (values.json === true)
        console.log(
          defusedJson({
            ...jsonOf(one),
            verdict: worstOf(judged),
            ...(isBeside && { unread }),
            exit,
          }),
        )
      else console.log(wordsFor(one, hasTrust, unread))
    } else if (values.json === true)
      console.log(defusedJson({ verdict: worstOf(judged), ...jsonOfAll(judged), exit }))
    else console.log(wordsForAll(judged, hasTrust))
    return exit.status
  },
}

/** Of a file that nothing can be said of but that. */
const unreadAlone = (one: Unread) => ({
  verdict: 'not an envelope',
  claims: [],
  remaining: null,
  unread: [one],
})

type JudgedFile = { file: string } & Judged

/** By the worst of all that was found, and by each that is as bad. */
function exitOf({ files, series, unread }: JudgedFiles): { status: number; by: string[] } {
  const read = files.flatMap((one) => ('why' in one ? [] : [one]))
  const isUnread = unread.length > 0 || read.length < files.length
  const words = {
    claims: read.map(({ verdict }): VerdictWord => verdict),
    beside: read.map(({ beside }) => verdictWith(beside ?? [], 'proven')),
    series: series.flatMap(({ faults }) => faults.map((): VerdictWord => 'does not verify')),
    // As a file that is no envelope: nothing can be said of it.
    unread: isUnread ? (['not an envelope'] satisfies VerdictWord[]) : [],
  }
  const isIn = (word: VerdictWord) => (name: keyof typeof words) =>
    words[name].some((one: VerdictWord) => one === word)
  const sources = keysOf(words)
  const worst = WORST_FIRST.find((word) => sources.some(isIn(word)))
  return worst === undefined
    ? { status: VERDICT.proven.exitCode, by: [] }
    : { status: VERDICT[worst].exitCode, by: sources.filter(isIn(worst)) }
}

const wordOf = ({ verdict, beside }: Judged): VerdictWord => verdictWith(beside ?? [], verdict)

function worstOf({ files, series, unread }: JudgedFiles): VerdictWord {
  const words = new Set(files.map((one) => ('why' in one ? 'not an envelope' : wordOf(one))))
  if (series.some(({ faults }) => faults.length > 0)) words.add('does not verify')
  if (unread.length > 0) words.add('not proven')
  return WORST_FIRST.find((word) => words.has(word)) ?? 'proven'
}

const WORST_FIRST = ['does not verify', 'not an envelope', 'not proven'] as const

/** Which record it must be, and what that must say. */
function wantedOf(texts: readonly string[]): Pick<VerifyOptions, 'asked' | 'expect'> {
  const wanted = new Map<Kind, string>()
  for (const text of texts) {
    const [, name, value = ''] = /^(\w+)=(.+)$/s.exec(text) ?? []
    const kind = KINDS.find((one) => one === name)
    if (kind === undefined)
      throw new UsageError(`--expect ${JSON.stringify(text)} is none of ${KINDS.join('=…, ')}=…`)
    if (kind === 'outcome' && !Object.hasOwn(OUTCOME, value))
      throw new UsageError(`--expect ${text} is none of ${keysOf(OUTCOME).join(', ')}`)
    if (wanted.has(kind)) throw new UsageError(`--expect ${kind}=… is there twice`)
    wanted.set(kind, value)
  }
  const [run_id, evidence_id] = [wanted.get('run'), wanted.get('evidence')]
  return {
    asked: {
      ...(run_id !== undefined && { run_id }),
      ...(evidence_id !== undefined && { evidence_id }),
    },
    expect: (['definition', 'outcome'] as const).flatMap((kind) => {
      const value = wanted.get(kind)
      return value === undefined ? [] : [{ kind, value }]
    }),
  }
}
const KINDS = ['run', 'evidence', 'definition', 'outcome'] as const
type Kind = (typeof KINDS)[number]

function jsonOf(one: JudgedFile) {
  const { file, claims, remaining, beside, page } = one
  const told = (all: readonly Claim[]) =>
    all.map(({ claim, state, code, where, message, expected, actual, preimage, shell }) => ({
      claim,
      state,
      code,
      where,
      message,
      ...(expected !== undefined && { expected }),
      ...(actual !== undefined && { actual }),
      ...(preimage !== undefined && { preimage }),
      ...(shell !== undefined && { shell }),
    }))
  return {
    verdict: wordOf(one),
    claims: told(claims),
    remaining,
    ...(beside !== null && { beside: told(beside) }),
    ...(page !== null && { page: { file, attached: page.attached, offers_keys: page.isOffering } }),
  }
}

const jsonOfAll = ({ files, series, unread }: JudgedFiles) => ({
  files: files.flatMap((one) =>
    'why' in one ? [] : { file: one.file, evidence_id: one.evidence_id, ...jsonOf(one) },
  ),
  series,
  unread: [...files.filter((one) => 'why' in one), ...unread],
})

function wordsForAll({ files, series, unread }: JudgedFiles, hasTrust: boolean): string {
  const each = files.map(
    (one) =>
      `${inOneLine(one.file)}:\n${'why' in one ? `It cannot be read: ${inOneLine(one.why)}` : wordsFor(one, true, [])}`,
  )
  const words = files.map((one) => ('why' in one ? 'cannot be read' : wordOf(one)))
  const counts = [...Map.groupBy(words, (word) => word)].map(
    ([word, { length }]) => `${length} ${word}`,
  )
  const together = togetherIn(series, files)
  const isOpen = files.some((one) => 'verdict' in one && one.verdict === 'not proven')
  return [
    ...each,
    ...(unread.length === 0 ? [] : [`Beside them:\n${unreadIn(unread)}`]),
    ...(together.length === 0
      ? []
      : [`What these files say of each other:\n${together.join('\n')}`]),
    `${counted(files.length, 'file')}: ${counts.join(', ')}.${isOpen && !hasTrust ? ` ${NAME_THE_KEY}` : ''}`,
  ].join('\n\n')
}

/** None of two that contradict each other is the true one because it came first. */
function togetherIn(series: readonly Series[], files: JudgedFiles['files']): string[] {
  const faults = series.flatMap((one) => one.faults)
  const byId = Map.groupBy(files, (one) => ('why' in one ? null : one.evidence_id))
  return [
    ...faults.map(
      (one) => `${one.fault.padEnd(15)}  ${inOneLine(`${one.message}${filesOfOne(one, byId)}`)}`,
    ),
    ...new Set(
      series.flatMap(({ open }) => open.map((said) => `cannot be told   ${inOneLine(said)}`)),
    ),
  ]
}

/** The names of the files, where an id does not tell them apart. */
function filesOfOne(
  fault: SeriesFault,
  byId: ReadonlyMap<string | null, readonly { file: string }[]>,
): string {
  const [id, ...others] = 'evidence_ids' in fault ? new Set(fault.evidence_ids) : []
  const named = id === undefined || others.length > 0 ? [] : (byId.get(id) ?? [])
  return named.length > 1 ? ` See ${fewOf(named.map(({ file }) => file))}.` : ''
}

function wordsFor(
  { file, verdict, claims, run, sealed_by, remaining, beside, page }: JudgedFile,
  hasTrust: boolean,
  unread: readonly Unread[],
): string {
  const isTrusted = sealed_by?.source === 'pinned'
  const about =
    run === null
      ? ''
      : ` ${isTrusted ? 'It is' : 'It says that it is'} the record of run ${run.run_id} of ${run.definition}, and ${isTrusted ? 'says ' : ''}that the run ${ENDED[run.outcome]}.`
  const advice =
    verdict === 'not proven' && !hasTrust
      ? `\n\n${NAME_THE_KEY}`
      : verdict === 'does not verify'
        ? `\n\n${FAILING[failingOf(claims)].advice}`
        : ''
  const still =
    remaining === null
      ? ''
      : `\n\nWhat can still be said:\n${remaining.sentences.map((one) => `  ${inOneLine(one)}`).join('\n')}${isCut(remaining) ? `\n  ${ALL_NAMED}` : ''}`
  // What the file by itself leaves open of its cells is told by what is beside it.
  const hasCounted = beside?.some(({ claim }) => claim === 'cells') === true
  const told = claims.filter(({ code }) => !hasCounted || code !== 'cells-unchecked')
  const besideIt = [
    ...(beside === null || beside.length === 0 ? [] : [linesOf(beside)]),
    ...(unread.length === 0 ? [] : [unreadIn(unread)]),
  ]
  const first =
    verdict === 'not proven'
      ? openSentence(sealed_by)
      : verdict === 'proven'
        ? `Proven: sealed by ${keySaid(sealed_by)}, and unchanged since.`
        : SENTENCE[verdict]
  const lapsed = [...new Set(claims.flatMap(({ ended }) => ended ?? []))]
  const rests =
    lapsed.length === 0
      ? ''
      : ` It rests on a key that is ${lapsed.join(' or ')}: whoever has that key now can have made it. See below.`
  const aside =
    remaining !== null || beside === null
      ? ''
      : beside.some(fails)
        ? ' Something beside it does not verify: see below.'
        : verdict === 'proven' && verdictWith(beside, verdict) !== verdict
          ? ' Not all that belongs beside it is proven: see below.'
          : ''
  const from = page === null ? '' : `\n\n${inOneLine(takenFrom(file, page, run !== null))}`
  return `${inOneLine(first)}${verdict === 'proven' ? rests : ''}${inOneLine(about)}${aside}${from}\n\n${linesOf(told)}${besideIt.length === 0 ? '' : `\n\nBeside it:\n${besideIt.join('\n')}`}${still}${advice}`
}

/** Whoever made the page put the keys into it too: they are no word of anybody whom the reader knows. */
const takenFrom = (
  file: string,
  { attached, isOffering }: Omit<GivenPage, 'beside'>,
  hasRecord: boolean,
): string =>
  `Taken from the page ${file}: the envelope in it, and ${counted(attached, 'log or artifact', 'logs and artifacts')}${hasRecord || attached === 0 ? '' : ', not looked at beside a record that does not verify'}.${isOffering ? ' The keys that it offers are not used.' : ''}`

const isCut = ({ changed, breaks, beside, missing, added }: Remaining): boolean =>
  [changed, breaks, beside, missing, added].some(({ length }) => length > MOST_NAMED)
const ALL_NAMED = 'All of them are named with --json, under remaining.'

/** Those of one reason are one line. */
const unreadIn = (unread: readonly Unread[]): string =>
  [...Map.groupBy(unread, ({ why }) => why)]
    .map(
      ([why, of]) =>
        `not read         ${fewOf(of.map(({ file }) => inOneLine(file)))}: ${inOneLine(why)}`,
    )
    .join('\n')

function linesOf(claims: readonly Claim[]): string {
  const width = Math.max(...keysOf(CLAIM_STATE).map((state) => state.length))
  return claims
    .map(
      ({ claim, state, where, message }) =>
        `${state.padEnd(width)}  ${claim}: ${inOneLine(message)}${where === '' ? '' : ` (${inOneLine(where)})`}`,
    )
    .join('\n')
}

const NAME_THE_KEY = 'Name the key that you trust with --trust FILE (see runseal trust --help).'

const SENTENCE = {
  'does not verify': 'This file does not verify. Do not use it as evidence.',
  'not an envelope': 'This is no evidence envelope.',
} as const satisfies Record<Exclude<VerdictWord, 'proven' | 'not proven'>, string>

/** Nothing fails. Whose file it is says how much that means. */
function openSentence(sealed_by: SealedBy | null): string {
  if (sealed_by === null)
    return 'Not proven: the parts of this file agree, but no key that you have has signed it, so that anyone can have written it.'
  return sealed_by.source === 'pinned'
    ? `Sealed by ${keySaid(sealed_by)}, and unchanged since, but not everything required is proven.`
    : 'Not proven: the parts of this file agree, and the key that signed it is none that you pinned.'
}

const keySaid = (by: SealedBy | null): string =>
  `a key you trust${by === null ? '' : ` (${keyNamed(by)})`}`

const ENDED = { succeeded: 'succeeded', failed: 'failed', aborted: 'was aborted' } as const
