import { DSSE_PAYLOAD_TYPE } from '#contract/envelope.ts'
import { PROFILE } from '#contract/scalar.ts'
import { type RequiredPlan } from '#contract/trust.ts'
import { encodeBase64 } from './base64.ts'
import { type Entry, type LinkFields, linkPreimage } from './chain.ts'
import { AN_INPUT } from './plan.ts'
import { ED25519_SPKI } from './spki.ts'

/*
 * Shell lines that redo a digest or a signature with jq, sha256sum and openssl on the saved file, without us. Nothing
 * of a run may get into a line that a person pastes: only our words, integers, hex and base64.
 * The file is canonical already, so `jq -c` writes back what it read; `-S` because jq keeps the order it was told.
 */

export const FILE = 'envelope.json'

export function shellForEntry({ kind, where }: Pick<Entry, 'kind' | 'where'>): string {
  const body = kind === 'opening' ? '{schema,evidence_id,run_id,opening}' : jqPath(where)
  return `${canonicalOf(`{type:"${PROFILE}/entry",kind:"${kind}",body:${body}}`)} | sha256sum`
}

/**
 * Writes the RFC 8785 form of what the filter comes to. That is what jq writes, but that it has U+007F as an escape. An
 * escaped backslash before those letters makes them none, and stands aside meanwhile as a control character, which jq never
 * writes.
 */
export function canonicalOf(filter: string, options = '-cSj'): string {
  return String.raw`jq ${options} '${filter}' ${FILE} | sed 's/\\\\/\x01/g; s/\\u007f/\x7f/g; s/\x01/\\\\/g'`
}

export function shellForLink(link: LinkFields): string {
  return `printf %s '${linkPreimage(link)}' | sha256sum`
}

export function shellForContent(): string {
  return [
    `content=${sha256Of('del(.integrity)')}`,
    'echo "$content"',
    sameAs('content', `$(jq -r .integrity.content_sha256 ${FILE})`),
  ].join('\n')
}

export const sha256Of = (filter: string): string =>
  `$(${canonicalOf(filter)} | sha256sum | cut -c1-64)`

/** Prints whether what is in this variable of ours is that text of ours. */
export const sameAs = (name: string, other: string): string =>
  `test "$${name}" = "${other}" && echo true || echo false`

/** `inputs` is the reader's own; ids are of the closed alphabet, which has no character that a shell or jq acts on. */
export function shellForPlan({ sha256, kind, inputs, input_names }: RequiredPlan): string {
  const open = inputs.map(
    ({ step_id, element }) =>
      ` | (.steps[] | select(.step_id == "${step_id}") | .argv[${element}]) = "${AN_INPUT}"`,
  )
  const places = [
    ...Map.groupBy(inputs, ({ step_id, element }) => `${step_id} ${element}`).values(),
  ]
  const rules = places.flatMap((named) => {
    const [place] = named
    if (place === undefined) return []
    const { step_id, element } = place
    const values = named.map(({ input }) => `.inputs["${input}"]`).join(', ')
    return `"element ${element} of ${step_id} is its input": ([.plan.steps[] | select(.step_id == "${step_id}") | .argv[${element}]] as $text | any((${values}); [.] == $text))`
  })
  if (kind !== undefined)
    rules.push(`"the kind of run is the one that was pinned": (.kind == "${kind}")`)
  if (input_names !== undefined)
    rules.push(
      `"the inputs are those that were pinned": (.inputs | keys == ${JSON.stringify(input_names.toSorted())})`,
    )
  return [
    `plan=${sha256Of(`.opening.plan | if .root == "." then del(.root) else . end | .gates[].question = ""${open.join('')}`)}`,
    'echo "$plan"',
    sameAs('plan', sha256),
    ...(rules.length === 0 ? [] : [`jq '.opening | {${rules.join(', ')}}' ${FILE}`]),
  ].join('\n')
}

export function shellForSeal(publicKey: Uint8Array, payloadLength: number): string {
  const spki = new Uint8Array([...ED25519_SPKI, ...publicKey])
  return [
    `printf %s ${encodeBase64(spki)} | base64 -d > key.der`,
    `{ printf 'DSSEv1 ${DSSE_PAYLOAD_TYPE.length} ${DSSE_PAYLOAD_TYPE} ${payloadLength} '; jq -j .integrity.seal.payload ${FILE} | base64 -d; } > signed.bin`,
    `jq -j '.integrity.seal.signatures[0].sig' ${FILE} | base64 -d > sig.bin`,
    'openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key.der -in signed.bin -sigfile sig.bin',
  ].join('\n')
}

/** What the filter comes to, in ASCII, so that nothing of it acts on a terminal. */
export const shellToShow = (filter: string): string => `jq -ac '${filter}' ${FILE}`

/** What stands there. null where no line of ours can name it. */
export function shellToLook(pointer: string): string | null {
  return /^(\/[A-Za-z0-9_.-]+)+$/.test(pointer) ? shellToShow(jqPath(pointer)) : null
}

/**
 * Shows what is wrong with bytes that are not read as a record: nothing of them is in it. jq reads more than JSON is, so that
 * it is asked how many documents there are, and writes numbers as it has computed them.
 */
const FROM_CANONICAL = `${canonicalOf('walk(if type == "number" then . + 0 else . end)')} | cmp - ${FILE}`
export const SHELL_FOR_UNREAD: { readonly [code: string]: string } = {
  'too-large': `wc -c < ${FILE}`,
  'byte-order-mark': `head -c 4 ${FILE} | od -An -tx1`,
  'not-utf8': `iconv -f UTF-8 -t UTF-8 ${FILE} > /dev/null`,
  'not-json': `jq -n 'reduce inputs as $one (0; . + 1) | {"JSON documents in it": .}' ${FILE}`,
  'key-escaped': String.raw`LC_ALL=C grep -abo '"[^"]*\\[^"]*"[[:space:]]*:' ${FILE} | cat -v | head -c 200`,
  'not-canonical': FROM_CANONICAL,
}

/** The bytes before that place, which are not to act on a terminal, and those from there on. */
export const shellForBreak = (offset: number): string =>
  `od -A d -t x1 -j ${Math.max(0, offset - 16)} -N 32 ${FILE}`

/** The same where it is wrong with the document itself: which members it has. */
const MEMBERS = `jq -ac 'if type == "object" then keys_unsorted else type end' ${FILE}`
export const SHELL_FOR_MEMBERS: { readonly [code: string]: string } = {
  'not-an-envelope': MEMBERS,
  'key-not-allowed': MEMBERS,
  'schema-violated': MEMBERS,
}

/** `/execution/steps/3` → `.execution.steps[3]`. */
export function jqPath(pointer: string): string {
  const parts = pointer.split('/').slice(1)
  const path = parts.map((part) => {
    if (/^\d+$/.test(part)) return `[${part}]`
    return /^[A-Za-z_]\w*$/.test(part) ? `.${part}` : `["${part}"]`
  })
  return path[0]?.startsWith('.') === true ? path.join('') : `.${path.join('')}`
}
