import { PREDICATE_TYPE, STATEMENT_TYPE } from '#contract/envelope.ts'
import { PROFILE } from '#contract/scalar.ts'
import { type TrustedApprover } from '#contract/trust.ts'
import { canonicalOf, FILE, jqPath, sameAs, sha256Of } from './shell.ts'

/*
 * Shell lines for claims that are more than one digest: each prints what it comes to, and `true` for what has to hold.
 * As in shell.ts, nothing of a run is in them.
 */

/** Every entry is digested again, and each link made of the one before: the last has to be the head. */
export function shellForChain(): string {
  return [
    `last=$(${linkedUpTo('true')}`,
    ')',
    'echo "$last"',
    sameAs('last', `$(jq -r .integrity.hash_chain.head ${FILE})`),
  ].join('\n')
}

/** Prints the last link that is made while `going` is so of the number `seq` of the next. */
function linkedUpTo(going: string): string {
  return [
    `prev=${sha256Of(`{type:"${PROFILE}/seed",evidence_id,run_id}`)}`,
    'seq=0',
    `${canonicalOf(
      `. as $all | def entry($kind; $body): $kind, {type:"${PROFILE}/entry",kind:$kind,body:$body}; entry("opening"; {schema,evidence_id,run_id,opening}), (foreach .order[] as $kind ({step:-1,gate:-1}; .[$kind] += 1; entry($kind; if $kind == "step" then $all.execution.steps[.step] else $all.gates[.gate] end))), entry("closing"; .closing)`,
      '-cSr',
    )} |`,
    '{',
    `  while ${going} && IFS= read -r kind && IFS= read -r body; do`,
    '    entry=$(printf %s "$body" | sha256sum | cut -c1-64)',
    `    prev=$(printf '{"entry":"%s","kind":"%s","prev":"%s","seq":%d,"type":"${PROFILE}/link"}' "$entry" "$kind" "$prev" "$seq" | sha256sum | cut -c1-64)`,
    '    seq=$((seq + 1))',
    '  done',
    '  cat > /dev/null',
    '  echo "$prev"',
    '}',
  ].join('\n')
}

/**
 * The Statement made again out of the document, held against the one that was signed. The head is the one that the lines
 * of the chain come to: what stands in the file as such may be another.
 */
export function shellForBinding({ head, count }: { head: string; count: number }): string {
  const statement = `{_type:"${STATEMENT_TYPE}",subject:[{name:.evidence_id,digest:{sha256:$content}}],predicateType:"${PREDICATE_TYPE}",predicate:{profile:"${PROFILE}",run_id,hash_chain:{count:$count,head:$head},previous:.closing.previous,sealed_at:(.integrity.seal.payload | @base64d | fromjson | .predicate.sealed_at)}}`
  return [
    `content=${sha256Of('del(.integrity)')}`,
    `head=${head}`,
    `${canonicalOf(statement, `-cSj --arg content "$content" --arg head "$head" --argjson count ${count}`)} > statement.json`,
    // Of no file nothing is made, which nothing fits.
    `test -s statement.json && jq -j .integrity.seal.payload ${FILE} | base64 -d | cmp - statement.json && echo true`,
    `jq '.opening.server == .integrity.seal.signatures[0].keyid' ${FILE}`,
  ].join('\n')
}

/** An instant of ours is ASCII, and sorts as text. */
export function shellForSealTime(): string {
  return `jq -a '(.integrity.seal.payload | @base64d | fromjson | .predicate.sealed_at) as $sealed | {"sealed at": $sealed, "the run ended at": .closing.finished_at, "sealed after it": ($sealed >= .closing.finished_at)}' ${FILE}`
}

/** `where`: our own pointer of the gate. */
export function shellForOutcome(where: string): string {
  const decided = (word: string) => `([$said[] | select(. == "${word}")] | length)`
  return `jq -a '${jqPath(where)} | [.decisions[].decision.decision] as $said | {"approved by": ${decided('approved')}, "rejected by": ${decided('rejected')}, "needed": .policy.quorum, "outcome": .outcome, "at": .resolved_at, "until": .shown.expires_at}' ${FILE}`
}

/** The rules that a line can say; the others stand in the specification. */
export function shellForConsistency(): string {
  const rules = [
    '"each attempt ran the command of the plan": all(.execution.steps[]; .kind == $plan[.step_id].kind and .argv == $plan[.step_id].argv)',
    '"each gate asked what the plan asks, by its policy": all(.gates[]; .question == $plan[.step_id].question and .policy == $plan[.step_id].policy)',
    '"attempts are counted from 1": all(.execution.steps | group_by(.step_id)[]; map(.attempt) == [range(1; length + 1)])',
    '"what an entry needs was done before it": ([.order | foreach .[] as $kind ({step:-1,gate:-1}; .[$kind] += 1; if $kind == "step" then $all.execution.steps[.step] else $all.gates[.gate] end)] | reduce .[] as $entry ({done:{},ok:true}; .done as $done | .ok = (.ok and all($plan[$entry.step_id].needs[]; $done[.] == true)) | if $entry.outcome == "succeeded" or $entry.outcome == "approved" then .done[$entry.step_id] = true else . end) | .ok)',
    '"a success has exit code 0": all(.execution.steps[]; .outcome != "succeeded" or .exit_code == 0)',
    '"the run succeeded exactly when all that was planned did": ((.closing.outcome == "succeeded") == ([.opening.plan.steps[].step_id, .opening.plan.gates[].step_id] - [.execution.steps[] | select(.outcome == "succeeded") | .step_id] - [.gates[] | select(.outcome == "approved") | .step_id] == []))',
    '"the counts are those of the entries": (.closing.counts == {steps:([.execution.steps[].step_id] | unique | length),attempts:(.execution.steps | length),gates:(.gates | length),artifacts:([.execution.steps[].artifacts[]] | length),log_bytes:([.execution.steps[].log.bytes] | add // 0)})',
  ]
  return `jq '. as $all | (.opening.plan | [.steps[], .gates[]] | map({key:.step_id,value:.}) | from_entries) as $plan | {${rules.join(', ')}}' ${FILE}`
}

/** `where`: our own pointer of the gate. `upTo`: the number of the entry that it says it is over. */
export function shellForGate(where: string, upTo: number): string {
  const gate = jqPath(where)
  const bound =
    '.evidence_id == $all.evidence_id and .run_id == $all.run_id and .gate_id == $gate.gate_id and .question == $gate.question and .policy_sha256 == $policy and .shown_sha256 == $shown and .chain_head_before == $gate.shown.chain_head_before'
  const rules = [
    '"shown were this question and this policy": ($gate.shown.question == $gate.question and $gate.shown.policy_sha256 == $policy)',
    `"each decision is about this run, gate, question, policy and what was shown": all($gate.decisions[].decision; ${bound})`,
    `"shown was everything up to entry ${upTo}": ($gate.shown.chain_head_before == $before)`,
    '"approved by": $approved',
    '"needed": $gate.policy.quorum',
    '"outcome": $gate.outcome',
    '"which follows from that": (if $gate.outcome == "approved" then $approved == $gate.policy.quorum and $rejected == 0 elif $gate.outcome == "rejected" then $approved < $gate.policy.quorum and $rejected == 1 else $approved < $gate.policy.quorum and $rejected == 0 end)',
  ]
  const decided = (decision: string) =>
    `([$gate.decisions[] | select(.decision.decision == "${decision}")] | length)`
  return [
    `policy=${sha256Of(`${gate}.policy`)}`,
    `shown=${sha256Of(`${gate}.shown`)}`,
    `before=$(${linkedUpTo(`test "$seq" -le ${upTo}`)}`,
    ')',
    `jq --arg policy "$policy" --arg shown "$shown" --arg before "$before" '. as $all | ${gate} as $gate | ${decided('approved')} as $approved | ${decided('rejected')} as $rejected | {${rules.join(', ')}}' ${FILE}`,
  ].join('\n')
}

/** `where`: our own pointer of the assertion. */
export function shellForAssertion(
  where: string,
  { public_key, alg }: Pick<TrustedApprover, 'public_key' | 'alg'>,
): string {
  const assertion = jqPath(where)
  const decision = `${assertion.slice(0, -'assertion'.length)}decision`
  const part = (name: string) => bytesAt(`${assertion}.${name}`)
  return [
    `printf %s ${public_key} | base64 -d > key.der`,
    `challenge=$(${canonicalOf(decision)} | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '=')`,
    `${part('client_data_json')} > client.json`,
    `jq -a --arg challenge "$challenge" '{"signed was this decision": (.challenge == $challenge), "as": .type, "at": .origin, "in no page of another site": (((has("crossOrigin") | not) or .crossOrigin == false) and (has("topOrigin") | not))}' client.json`,
    `${part('authenticator_data')} > authenticator.bin`,
    `flags=$(od -An -j32 -N1 -tu1 authenticator.bin)`,
    'echo "present $((flags % 2)), verified $((flags / 4 % 2)), for the site $(od -An -N32 -tx1 -v authenticator.bin | tr -dc 0-9a-f)"',
    `{ cat authenticator.bin; openssl dgst -sha256 -binary client.json; } > signed.bin`,
    `${part('signature')} > sig.bin`,
    VERIFY[alg],
  ].join('\n')
}

/** Of base64url without its padding. */
const bytesAt = (path: string): string =>
  `jq -j '${path} | gsub("-";"+") | gsub("_";"/") | . + "==="[0:(4 - length % 4) % 4]' ${FILE} | base64 -d`

/** The bytes of a member of an assertion, in hex and with what of them is ASCII. `where`: our own pointer of it. */
export const shellForBytes = (where: string): string =>
  `${bytesAt(jqPath(where))} | od -An -v -tx1z`

const VERIFY = {
  ES256: 'openssl dgst -sha256 -verify key.der -keyform DER -signature sig.bin signed.bin',
  EdDSA:
    'openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key.der -in signed.bin -sigfile sig.bin',
} as const satisfies Record<TrustedApprover['alg'], string>

/** `where`: our own pointer of the gate. `persons`: of the passkeys that decided, whom the reader pinned them as. */
export function shellForFourEyes(
  where: string,
  persons: Readonly<
    Record<string, { readonly people: readonly string[]; readonly isKnown: boolean }>
  >,
): string {
  const decider =
    'if contains(":") then {people:[.],isKnown:startswith("user:")} else {people:["user:" + .],isKnown:false} end'
  const deciders = `[${jqPath(where)}.decisions[].decision.approver | . as $id | (${JSON.stringify(persons)} | .[$id]) // ($id | ${decider})]`
  const known = 'all($starters[]; startswith("user:")) and all($deciders[]; .isKnown)'
  return `jq '([.opening.actor] + (.opening.rerun_of.starters // [])) as $starters | ${deciders} as $deciders | [$deciders[].people[]] as $people | {"started by": $starters, "decided by": $people, "nobody did both": ($people - $starters == $people), "who they are is known": (${known} or $people == [])}' ${FILE}`
}

/**
 * For parts of cells as an export names them, together with the listed ones. jq counts with floats: of a sum of money it
 * prints nearly what it is.
 */
export function shellForCells(): string {
  const digests = `jq -r '.execution.steps[].cells_part.sha256 // empty' ${FILE}`
  const sums =
    '{materialized: (map(select(.state == "fresh")) | length), failures: (map(select(.state == "failed")) | length), "cost, nearly": (map(.cost // "0" | tonumber) | add)}'
  return [
    `${digests} | sort -u | sed 's|.*|&  artifacts/&|' | sha256sum -c`,
    `{ jq -c '.execution.steps[].cells[]?' ${FILE}; ${digests} | sed 's|^|artifacts/|' | xargs cat; } | jq -cs '${sums}'`,
    `jq -c .closing.totals ${FILE}`,
  ].join('\n')
}

/** For a log or an artifact as an export names it. Whoever has it under another name changes the first line. */
export function shellForPart({
  kind,
  sha256,
  where,
}: {
  readonly kind: 'log' | 'artifact'
  readonly sha256: string
  /** Our own pointer of its digest. */
  readonly where: string
}): string {
  const rules = [
    `"its digest is on record": (${jqPath(where)} == $sha256)`,
    '"so often": ($same | length)',
    '"each time of so many bytes": all($same[]; .bytes == $bytes)',
    '"and, of a log, with the digest of each MiB": all($same[]; .chunks == null or .chunks == ($chunks | split("\\n")))',
  ]
  return [
    `file=${kind === 'log' ? 'logs' : 'artifacts'}/${sha256}`,
    'sha256=$(sha256sum < "$file" | cut -c1-64)',
    `chunks=$(split -b 1048576 --filter='sha256sum | cut -c1-64' "$file")`,
    `jq --arg sha256 "$sha256" --arg chunks "$chunks" --argjson bytes "$(wc -c < "$file")" '[.execution.steps[] | .log, .artifacts[], (.cells_part // empty) | select(.sha256 == $sha256)] as $same | {${rules.join(', ')}}' ${FILE}`,
  ].join('\n')
}
