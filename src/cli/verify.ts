import { CLAIM_STATE, keysOf, OUTCOME, VERDICT, type VerdictWord } from '#contract/status.ts'
import { verifyEnvelope, type Verification, type VerifyOptions } from '#evidence/verify.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { defuse, defusedJson } from './defuse.ts'
import { readEvidence, readTrust } from './evidence-file.ts'

export const verify: Command = {
  help: `Usage: runseal verify FILE [--trust FILE]… [--expect KIND=VALUE]… [--json]

Checks an envelope with nothing but the file and what you trust. No server is asked.

  --trust FILE     a trust file that you vouch for; without one no seal is proven
  --expect run=ID | evidence=ID | definition=NAME | outcome=succeeded|failed|aborted
                   what the file must be; each kind once
  --json           {verdict, claims: [{claim, state, code, where, message}], remaining} on stdout;
                   remaining: of a file that does not verify, what can still be said

Exit codes: 0 proven; 1 something does not verify; 2 no envelope, or a file cannot be read;
3 nothing fails, but something required is not proven (no trust file, say).`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      {
        trust: { type: 'string', multiple: true },
        expect: { type: 'string', multiple: true },
        json: { type: 'boolean' },
      },
      [1, 1],
    )
    const [file = ''] = positionals
    const wanted = wantedOf(values.expect ?? [])
    const trust = await Promise.all((values.trust ?? []).map(readTrust))
    const verification = await verifyEnvelope(await readEvidence(file), { trust, ...wanted })
    if (values.json === true) console.log(defusedJson(jsonOf(verification)))
    else console.log(wordsFor(verification, trust.length > 0))
    return VERDICT[verification.verdict].exitCode
  },
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

function jsonOf({ verdict, claims, remaining }: Verification) {
  return {
    verdict,
    claims: claims.map(({ claim, state, code, where, message }) => ({
      claim,
      state,
      code,
      where,
      message,
    })),
    remaining,
  }
}

function wordsFor(
  { verdict, claims, envelope, remaining }: Verification,
  hasTrust: boolean,
): string {
  const width = Math.max(...keysOf(CLAIM_STATE).map((state) => state.length))
  const lines = claims.map(
    ({ claim, state, where, message }) =>
      `${state.padEnd(width)}  ${claim}: ${oneLine(message)}${where === '' ? '' : ` (${oneLine(where)})`}`,
  )
  const about =
    envelope === null
      ? ''
      : ` It is the record of run ${envelope.run_id} of ${envelope.opening.definition.name}, which ${ENDED[envelope.closing.outcome]}.`
  const advice =
    verdict === 'not proven' && !hasTrust
      ? '\n\nName the key that you trust with --trust FILE (see runseal trust --help).'
      : ''
  const still =
    remaining === null
      ? ''
      : `\n\nWhat can still be said:\n${remaining.sentences.map((one) => `  ${oneLine(one)}`).join('\n')}`
  return `${SENTENCE[verdict]}${oneLine(about)}\n\n${lines.join('\n')}${still}${advice}`
}

const SENTENCE = {
  proven: 'Proven: sealed by a key you trust, and unchanged since.',
  'does not verify': 'This file does not verify. Do not use it as evidence.',
  'not an envelope': 'This is no evidence envelope.',
  'not proven': 'Nothing in this file is wrong, but not everything required is proven.',
} as const satisfies Record<VerdictWord, string>

const ENDED = { succeeded: 'succeeded', failed: 'failed', aborted: 'was aborted' } as const

const oneLine = (text: string) => defuse(text).replaceAll(/[\n\t]/g, ' ')
