import { CLAIM_STATE, keysOf, OUTCOME, VERDICT, type VerdictWord } from '#contract/status.ts'
import { type Beside, compareBeside } from '#evidence/beside.ts'
import { type Claim, fails } from '#evidence/claims.ts'
import type { SealedBy } from '#evidence/sealed.ts'
import { verifyEnvelope, type Verification, type VerifyOptions } from '#evidence/verify.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { defusedJson, inOneLine } from './defuse.ts'
import { filesBeside, readEvidence, readTrust } from './evidence-file.ts'

export const verify: Command = {
  help: `Usage: runseal verify FILE [--trust FILE]… [--expect KIND=VALUE]… [--beside DIR] [--json]

Checks an envelope with nothing but the file and what you trust. No server is asked.

  --trust FILE     a trust file that you vouch for; without one no seal is proven
  --expect run=ID | evidence=ID | definition=NAME | outcome=succeeded|failed|aborted
                   what the file must be; each kind once
  --beside DIR     logs/ and artifacts/ of an export: each file is held against the record, cells are
                   counted, and what is on record and not there is told
  --json           {verdict, claims: [{claim, state, code, where, message, expected, actual, shell}], remaining, beside}
                   on stdout; expected, actual: of what was compared, the beginning where it is long;
                   shell: lines that redo it with jq, sha256sum and openssl on envelope.json;
                   remaining: of a file that does not verify, what can still be said; beside: claims
                   about what is beside it

Exit codes: 0 proven; 1 something does not verify; 2 no envelope, or a file cannot be read;
3 nothing fails, but something required is not proven (no trust file, say, or one that requires less of the
definition that the record names than of another, which --expect definition=NAME then accepts).
74 instead of 0: the output could not be written.`,
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
      [1, 1],
    )
    const [file = ''] = positionals
    const wanted = wantedOf(values.expect ?? [])
    const trust = await Promise.all((values.trust ?? []).map(readTrust))
    const files = values.beside === undefined ? null : await filesBeside(values.beside)
    const verification = await verifyEnvelope(await readEvidence(file), { trust, ...wanted })
    const beside = await claimsBeside(verification, files)
    if (values.json === true) console.log(defusedJson(jsonOf(verification, beside)))
    else console.log(wordsFor(verification, trust.length > 0, beside))
    return exitCodeOf(verification.verdict, beside)
  },
}

/** null where nobody said what is beside the file, or nothing is on record. */
async function claimsBeside(
  { envelope }: Verification,
  files: readonly Beside[] | null,
): Promise<readonly Claim[] | null> {
  if (envelope === null || files === null) return null
  return (await compareBeside(envelope, files)).map(({ claim }) => claim)
}

/** What is beside an envelope changes nothing about it: but not everything that was asked about is proven then. */
function exitCodeOf(verdict: VerdictWord, beside: readonly Claim[] | null): number {
  if (beside?.some(fails) === true) return VERDICT['does not verify'].exitCode
  const isPart = verdict === 'proven' && beside?.some(({ state }) => state !== 'proven') === true
  return VERDICT[isPart ? 'not proven' : verdict].exitCode
}

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

function jsonOf({ verdict, claims, remaining }: Verification, beside: readonly Claim[] | null) {
  const told = (all: readonly Claim[]) =>
    all.map(({ claim, state, code, where, message, expected, actual, shell }) => ({
      claim,
      state,
      code,
      where,
      message,
      ...(expected !== undefined && { expected }),
      ...(actual !== undefined && { actual }),
      ...(shell !== undefined && { shell }),
    }))
  return {
    verdict,
    claims: told(claims),
    remaining,
    ...(beside !== null && { beside: told(beside) }),
  }
}

function wordsFor(
  { verdict, claims, envelope, sealed_by, remaining }: Verification,
  hasTrust: boolean,
  beside: readonly Claim[] | null,
): string {
  const isTrusted = sealed_by?.source === 'pinned'
  const about =
    envelope === null
      ? ''
      : ` ${isTrusted ? 'It is' : 'It says that it is'} the record of run ${envelope.run_id} of ${envelope.opening.definition.name}, and ${isTrusted ? 'says ' : ''}that the run ${ENDED[envelope.closing.outcome]}.`
  const advice =
    verdict === 'not proven' && !hasTrust
      ? '\n\nName the key that you trust with --trust FILE (see runseal trust --help).'
      : ''
  const still =
    remaining === null
      ? ''
      : `\n\nWhat can still be said:\n${remaining.sentences.map((one) => `  ${inOneLine(one)}`).join('\n')}`
  const besideIt = beside === null ? '' : `\n\nBeside it:\n${linesOf(beside)}`
  const first = verdict === 'not proven' ? openSentence(sealed_by) : SENTENCE[verdict]
  const lapsed = [...new Set(claims.flatMap(({ ended }) => ended ?? []))]
  const rests =
    lapsed.length === 0
      ? ''
      : ` It rests on a key that is ${lapsed.join(' or ')}: whoever has that key now can have made it. See below.`
  return `${first}${verdict === 'proven' ? rests : ''}${inOneLine(about)}\n\n${linesOf(claims)}${besideIt}${still}${advice}`
}

function linesOf(claims: readonly Claim[]): string {
  const width = Math.max(...keysOf(CLAIM_STATE).map((state) => state.length))
  return claims
    .map(
      ({ claim, state, where, message }) =>
        `${state.padEnd(width)}  ${claim}: ${inOneLine(message)}${where === '' ? '' : ` (${inOneLine(where)})`}`,
    )
    .join('\n')
}

const SENTENCE = {
  proven: 'Proven: sealed by a key you trust, and unchanged since.',
  'does not verify': 'This file does not verify. Do not use it as evidence.',
  'not an envelope': 'This is no evidence envelope.',
} as const satisfies Record<Exclude<VerdictWord, 'not proven'>, string>

/** Nothing fails. Whose file it is says how much that means. */
function openSentence(sealed_by: SealedBy | null): string {
  if (sealed_by === null)
    return 'Not proven: the parts of this file agree, but no key that you have has signed it, so that anyone can have written it.'
  return sealed_by.source === 'pinned'
    ? 'Sealed by a key you trust, and unchanged since, but not everything required is proven.'
    : 'Not proven: the parts of this file agree, and the key that signed it is none that you pinned.'
}

const ENDED = { succeeded: 'succeeded', failed: 'failed', aborted: 'was aborted' } as const
