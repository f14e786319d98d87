import type { RequiredDefinition } from '#contract/trust.ts'
import { leftOpenBy } from '#evidence/trust-said.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { counted } from '#evidence/counted.ts'
import { ChangeButton } from '#viewer/parts/change-button.tsx'
import { Dialog } from '#viewer/parts/dialog.tsx'
import { ErrorWords } from '#viewer/parts/failure.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { changeTrust, keptQuery } from '#viewer/queries.ts'
import { requirementQuery } from '#viewer/record-queries.ts'
import { requireDefinition } from '#viewer/trust-store.ts'
import type { Summary, Verdict } from '#viewer/verifier.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { LeftOpen } from './left-open.tsx'

/**
 * One click: later runs of this definition must be this definition, with these gates. Where that leaves something open,
 * or takes the place of what the reader requires of it already, they are asked first.
 */
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
  const [toAsk, setToAsk] = useState<Asked | null>(null)
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
  const require = (definition: RequiredDefinition) =>
    change.mutate(() => requireDefinition(definition), { onSuccess: () => setToAsk(null) })
  const press = async () => {
    const wanted = await client.query(requirement)
    const open = leftOpenBy(wanted)
    if (open.length === 0 && standing === undefined) require(wanted)
    else setToAsk({ wanted, open })
  }
  return (
    <>
      <ChangeButton
        whyNot={
          sealed_by?.source === 'pinned'
            ? null
            : 'Pin the key first: what an unknown key sealed is no model to require'
        }
        pending={change.isPending || asked.isLoading}
        onPress={() => void press()}
      >
        Require this definition and its gates
      </ChangeButton>
      <Dialog
        open={toAsk !== null}
        onClose={() => setToAsk(null)}
        title="Require this definition and its gates"
      >
        {toAsk && (
          <form
            className="flex flex-col gap-4"
            onSubmit={(event) => {
              event.preventDefault()
              require(toAsk.wanted)
            }}
          >
            <p>
              Later runs of <RunText text={definition.name} max={140} /> verify only with this
              version and this plan: its steps, their commands, and{' '}
              {toAsk.wanted.gates.length === 0
                ? 'no gate'
                : counted(toAsk.wanted.gates.length, 'gate')}
              .{standing && ' This takes the place of what you require of it now.'}
            </p>
            {toAsk.open.length > 0 && <LeftOpen open={toAsk.open} />}
            {change.error !== null && <ErrorWords error={change.error} />}
            <div className="flex justify-end gap-2">
              <button type="button" className="button" onClick={() => setToAsk(null)}>
                Cancel
              </button>
              <button type="submit" className="button" data-look="main" disabled={change.isPending}>
                {toAsk.open.length > 0 ? 'Require it, with this left open' : 'Require it'}
              </button>
            </div>
          </form>
        )}
      </Dialog>
    </>
  )
}

type Asked = { wanted: RequiredDefinition; open: readonly string[] }
