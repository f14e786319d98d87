import { canonicalize } from '#evidence/canonical.ts'
import { counted } from '#evidence/counted.ts'
import { ChangeButton } from '#viewer/parts/change-button.tsx'
import { changeTrust, keptQuery } from '#viewer/queries.ts'
import { requirementQuery } from '#viewer/record-queries.ts'
import { requireDefinition } from '#viewer/trust-store.ts'
import type { Summary, Verdict } from '#viewer/verifier.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from 'wouter'

/** One click: later runs of this definition must be this definition, with these gates. */
export function RequireThis({
  document,
  summary: { head, definition },
  sealed_by,
}: {
  document: string
  summary: Summary
  sealed_by: Verdict['sealed_by']
}) {
  const client = useQueryClient()
  const kept = useQuery(keptQuery)
  const change = useMutation(changeTrust(client))
  const standing = kept.data?.pinned.required.find(({ name }) => name === definition.name)
  const requirement = requirementQuery(document, head)
  const asked = useQuery({ ...requirement, enabled: standing !== undefined })
  if (standing && asked.data && canonicalize(standing) === canonicalize(asked.data))
    return (
      <Link href="/evidence/trust" className="link text-ink-2">
        you require this definition and{' '}
        {standing.gates.length === 0 ? 'no gate' : counted(standing.gates.length, 'gate')}
      </Link>
    )
  return (
    <ChangeButton
      whyNot={
        sealed_by?.source === 'pinned'
          ? null
          : 'Pin the key first: what an unknown key sealed is no model to require'
      }
      pending={change.isPending || asked.isLoading}
      onPress={() =>
        change.mutate(async () => await requireDefinition(await client.query(requirement)))
      }
    >
      Require this definition and its gates
    </ChangeButton>
  )
}
