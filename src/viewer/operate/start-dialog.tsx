import type { DefinitionSummary } from '#contract/api.ts'
import { counted } from '#evidence/counted.ts'
import { Answered } from '#viewer/parts/answered.tsx'
import { Dialog } from '#viewer/parts/dialog.tsx'
import { Notice, SkeletonRows } from '#viewer/parts/notice.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { StartForm } from '#viewer/parts/start-form.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { definitionsQuery, startRun } from '#viewer/queries.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'

/** Starts one of the project's definitions: never a command. */
export function StartDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Start a run">
      <Definitions onClose={onClose} />
    </Dialog>
  )
}

function Definitions({ onClose }: { onClose: () => void }) {
  const definitions = useQuery(definitionsQuery)
  return (
    <Answered of={definitions} waiting={<SkeletonRows rows={3} height="h-12" />}>
      {({ items }) => <Choice items={items} onClose={onClose} />}
    </Answered>
  )
}

function Choice({ items, onClose }: { items: readonly DefinitionSummary[]; onClose: () => void }) {
  const [chosen, choose] = useState<string | null>(null)
  const definition = items.find(({ name }) => name === chosen) ?? items[0]
  if (!definition)
    return (
      <Notice title="This project defines no run">
        Add one to its <code className="font-mono">runseal.yaml</code> and start the server again.
      </Notice>
    )
  return (
    <>
      <label className="flex flex-col gap-1">
        <span className="font-medium">Definition</span>
        <select
          className="field"
          value={definition.name}
          onChange={(event) => choose(event.target.value)}
        >
          {items.map(({ name, title }) => (
            <option key={name} value={name}>
              {plain(title)} ({name})
            </option>
          ))}
        </select>
        <span className="text-ink-3">
          {counted(definition.steps, 'step')}
          {definition.gates > 0 && `, ${counted(definition.gates, 'gate')}`}
        </span>
      </label>
      <Inputs key={definition.name} definition={definition} onClose={onClose} />
    </>
  )
}

function Inputs({ definition, onClose }: { definition: DefinitionSummary; onClose: () => void }) {
  const client = useQueryClient()
  const [, navigate] = useLocation()
  const start = useMutation(startRun(client))
  const [inputs, setInputs] = useState(() =>
    Object.fromEntries(
      definition.inputs.map(({ name, default: value, options }) => [
        name,
        value ?? options?.[0] ?? '',
      ]),
    ),
  )
  return (
    <StartForm
      act="Start"
      onStart={() =>
        start.mutate(
          { definition: definition.name, inputs },
          {
            onSuccess: ({ run_id }) => {
              onClose()
              navigate(`/runs/${encodeURIComponent(run_id)}`)
            },
          },
        )
      }
      onCancel={onClose}
      start={start}
    >
      {definition.inputs.map(({ name, description, default: value, options }) => (
        <label key={name} className="flex flex-col gap-1">
          <span className="font-medium">
            {name}
            {value === null && <span className="font-normal text-ink-3"> · required</span>}
          </span>
          {description !== null && (
            <span className="text-ink-2">
              <RunText text={description} />
            </span>
          )}
          {options === null ? (
            <input
              className="field"
              required={value === null}
              value={inputs[name] ?? ''}
              onChange={(event) => setInputs({ ...inputs, [name]: event.target.value })}
            />
          ) : (
            <select
              className="field"
              value={inputs[name] ?? ''}
              onChange={(event) => setInputs({ ...inputs, [name]: event.target.value })}
            >
              {options.map((option) => (
                <option key={option} value={option}>
                  {plain(option)}
                </option>
              ))}
            </select>
          )}
        </label>
      ))}
    </StartForm>
  )
}
