import type {
  RequiredDefinition,
  RequiredGate,
  RequiredPlan,
  ServerKey,
  TrustedApprover,
} from '#contract/trust.ts'
import { duration } from '#contract/duration.ts'
import { fewOf } from './counted.ts'

/* What a trust file says, in the words of the page and of the command line. */

/** Which key, within a sentence: how its fingerprint begins, and what the reader's file calls it. */
export const keyNamed = ({ key_id, name = '' }: Pick<ServerKey, 'key_id' | 'name'>): string =>
  `${key_id.slice(0, 8)}…${calledSaid(name)}`

/**
 * A name is whatever the one who wrote the file liked, and would end a sentence of ours to begin its own, or be one. One
 * that has more than plain letters, digits and a few marks is not said there at all, and of a long one no more than names.
 */
export function calledSaid(name: string): string {
  if (!PLAIN_NAME.test(name)) return ''
  const letters = Array.from(name)
  const isLong = letters.length > MOST_OF_A_NAME
  return ` “${letters.slice(0, MOST_OF_A_NAME).join('')}${isLong ? '…' : ''}”`
}
const MOST_OF_A_NAME = 20
// Cased letters of living languages, since others look like marks, as the saltillo ꞌ does, and the strokes that Han is made
// of; scripts that are read from the left, since others move what is around them.
const PLAIN_NAME =
  /^(?! )(?:(?=[\p{Lu}\p{Ll}])[A-Za-zÀ-ňŊ-ɀɃ-ɏḀ-ẙẛ-ỿͰ-ԯ]|(?![丨丶丷丿乀乁亅冫氵灬彡巛巜])[ぁ-ゖァ-ヺー가-힣一-鿿]|[0-9_/@-]|[.:](?! )| (?! |$))+$/u

/** A name where all of it is shown, between quotes that it cannot end. */
export const withinQuotes = (name: string): string => name.replaceAll(QUOTE, "'")
// Two small ones beside each other are as a large one.
const QUOTE = /[\p{Pi}\p{Pf}"'„‚″‶ʺ˝ˮʼʹ′ʾʿꞌꞋꜤꜥꜢꜣ〝〞〟＂＇]+/gu

/** Up to where a key counts that has ended. */
export const validitySaid = ({
  status,
  last_seal_seq,
}: Pick<ServerKey, 'status' | 'last_seal_seq'>): string =>
  status === 'active' ? status : `${status}, ${reachSaid(last_seal_seq)}`

export const reachSaid = (last_seal_seq: number | null): string =>
  last_seal_seq === null ? 'counts for nothing' : `counts up to #${last_seal_seq}`

/** What an approver may decide and where, as whom, by what, and for how long. */
export const mayOf = ({
  may,
  rp_id,
  origins,
  user,
  alg,
  credential_id,
  ...key
}: TrustedApprover): string =>
  [
    may.definitions === null ? 'any definition' : `of ${listed(may.definitions, 'no definition')}`,
    may.gates === null ? 'any gate' : `at ${listed(may.gates, 'no gate')}`,
    `from ${[rp_id, ...origins].join(', ')}`,
    user === undefined ? 'pinned as no user of the server' : `pinned as the user ${user}`,
    `by the ${alg} credential ${credential_id.slice(0, 12)}…`,
    ...(key.status === 'active' ? [] : [validitySaid(key)]),
  ].join(', ')

const listed = (names: readonly string[], none: string) =>
  names.length === 0 ? none : names.join(', ')

/** What is required of a definition, a sentence each: its version first, then its gates. */
export function requirementSaid({ sha256, plan = null, gates }: RequiredDefinition): string[] {
  const pinned = [
    ...(sha256 === null ? [] : [`only the version ${sha256.slice(0, 8)}…`]),
    ...(plan === null
      ? []
      : [
          `only the plan ${plan.sha256.slice(0, 8)}…${plan.kind === undefined ? '' : `, ${plan.kind}`}`,
        ]),
  ]
  const version = pinned.length === 0 ? 'any version' : pinned.join(', and ')
  return [version, ...(gates.length === 0 ? ['no gate'] : gates.map(gateSaid))]
}

function gateSaid({ step_id, question, quorum, four_eyes, sign, ...gate }: RequiredGate): string {
  const { expires_ms = null, inputs = null } = gate
  const parts = [
    `gate ${step_id}`,
    `${quorum} ${quorum === 1 ? 'approves' : 'approve'}${sign === 'passkey' ? ', each by a passkey' : ''}`,
    ...(four_eyes ? ['four eyes'] : []),
    ...(question === null ? [] : [`asks “${question}”`]),
    ...(isAnybody(gate) ? [] : [`decided by ${decidersOf(gate)}`]),
    ...(expires_ms === null ? [] : [`answered within ${duration(expires_ms)}`]),
    ...(inputs === null || inputs.length === 0
      ? []
      : [`asks for ${inputs.map(({ label }) => `“${label}”`).join(', ')}`]),
  ]
  return parts.join(', ')
}

export const isAnybody = ({ roles, users = null }: Pick<RequiredGate, 'roles' | 'users'>) =>
  roles === null && users === null

export function decidersOf({ roles, users = null }: Pick<RequiredGate, 'roles' | 'users'>): string {
  const named = [...(roles ?? ['any role']), ...(users ?? [])]
  return named.length === 0 ? 'nobody' : named.join(' or ')
}

/** Of the plan, and of gates whose question is not pinned. */
export function leftOpenBy({ plan = null, gates }: RequiredDefinition): string[] {
  const open = gates.filter(({ question }) => question === null)
  const more = open.length - MOST_NAMED
  return [
    ...leftOpenIn(plan),
    ...open
      .slice(0, MOST_NAMED)
      .map(
        ({ step_id }) =>
          `What the gate ${step_id} asks: an input of this run may be part of its question`,
      ),
    ...(more > 0 ? [`What ${more.toLocaleString('en')} more gates ask`] : []),
  ]
}

export function leftOpenIn(plan: RequiredPlan | null): string[] {
  if (plan === null) return []
  const { kind, inputs, input_names } = plan
  const more = inputs.length - MOST_NAMED
  return [
    ...inputs
      .slice(0, MOST_NAMED)
      .map(
        ({ step_id, element, input }) =>
          `Element ${element} of the command of ${step_id}, which is the input ${input}`,
      ),
    ...(more > 0 ? [`${more.toLocaleString('en')} more elements that are inputs`] : []),
    ...(input_names === undefined
      ? ['Which inputs a run has, and so what each command reads in INPUT_ variables']
      : input_names.length > 0
        ? [`What each command reads in INPUT_ variables: ${fewOf(input_names)}`]
        : []),
    ...(kind === undefined
      ? ['Whether it is a run of a pipeline, or one that derives tables']
      : []),
  ]
}

const MOST_NAMED = 20
