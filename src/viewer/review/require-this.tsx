import type { RequiredDefinition } from '#contract/trust.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { counted } from '#evidence/counted.ts'
import { ChangeButton } from '#viewer/parts/change-button.tsx'
import { changeTrust, keptQuery } from '#viewer/queries.ts'
import { requireDefinition } from '#viewer/trust-store.ts'
import type { Verdict } from '#viewer/verifier.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from 'wouter'

/** One click: later runs of this definition must be this definition, with these gates. */
export function RequireThis({
  requirement,
  sealed_by,
}: {
  requirement: RequiredDefinition
  sealed_by: Verdict['sealed_by']
}) {
  const client = useQueryClient()
  const kept = useQuery(keptQuery)
  const change = useMutation(changeTrust(client))
  const standing = kept.data?.pinned.required.find(({ name }) => name === requirement.name)
  if (standing && canonicalize(standing) === canonicalize(requirement))
    return (
      <Link href="/evidence/trust" className="link text-ink-2">
        you require this definition and{' '}
        {requirement.gates.length === 0 ? 'no gate' : counted(requirement.gates.length, 'gate')}
      </Link>
    )
  return (
    <ChangeButton
      whyNot={
        sealed_by?.source === 'pinned'
          ? null
          : 'Pin the key first: what an unknown key sealed is no model to require'
      }
      pending={change.isPending}
      onPress={() => change.mutate(() => requireDefinition(requirement))}
    >
      Require this definition and its gates
    </ChangeButton>
  )
}
