import type { RequiredDefinition, RequiredGate } from '#contract/trust.ts'
import { Check } from '#viewer/parts/check.tsx'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { duration } from '#contract/duration.ts'
import { decidersOf, isAnybody, leftOpenIn } from '#evidence/trust-said.ts'
import { plain } from '#viewer/parts/visible.ts'
import { useState } from 'react'
import { LeftOpen } from './left-open.tsx'

/** What the reader requires of runs: each part of it can be loosened, tightened or taken away. */
export function Required({
  required,
  pending,
  onChange,
  onRemove,
}: {
  required: readonly RequiredDefinition[]
  pending: boolean
  onChange: (definition: RequiredDefinition) => void
  onRemove: (name: string) => void
}) {
  return (
    <section aria-label="What you require" className="flex flex-col gap-2">
      <div className="flex items-baseline gap-x-3">
        <h2 className="text-base font-semibold">What you require</h2>
        <output className="text-xs text-ink-2">
          {pending ? 'Keeping it' : 'Kept in this browser'}
        </output>
      </div>
      {required.length === 0 ? (
        <p className="max-w-prose text-ink-2">
          Nothing: a run whose gate was taken out of its definition would not stand out. Open the
          evidence of a run that went as it should, and choose “Require this definition and its
          gates”.
        </p>
      ) : (
        required.map((definition) => (
          <Definition
            key={definition.name}
            definition={definition}
            onChange={onChange}
            onRemove={() => onRemove(definition.name)}
          />
        ))
      )}
    </section>
  )
}

function Definition({
  definition,
  onChange,
  onRemove,
}: {
  definition: RequiredDefinition
  onChange: (definition: RequiredDefinition) => void
  onRemove: () => void
}) {
  const { name, sha256, plan = null, gates } = definition
  const open = leftOpenIn(plan)
  const set = (step_id: string, to: RequiredGate | null) =>
    onChange({
      ...definition,
      gates: gates.flatMap((gate) => (gate.step_id !== step_id ? [gate] : to === null ? [] : [to])),
    })
  return (
    <article className="card overflow-hidden" aria-label={`Required of ${plain(name, 80)}`}>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line px-4 py-2">
        <h3 className="font-semibold">
          <RunText text={name} max={140} />
        </h3>
        <span className="text-ink-2">
          {sha256 === null && plan === null && 'any version'}
          {sha256 !== null && (
            <>
              only the version <Fingerprint hex={sha256} short />
            </>
          )}
          {plan !== null && (
            <>
              {sha256 !== null && ', and '}
              only the plan <Fingerprint hex={plan.sha256} short />
            </>
          )}
        </span>
        <span className="ml-auto flex gap-2">
          {(sha256 !== null || plan !== null) && (
            <button
              type="button"
              className="button"
              data-look="quiet"
              onClick={() => onChange({ ...definition, sha256: null, plan: null })}
            >
              Allow any version
            </button>
          )}
          <button type="button" className="button" data-look="danger" onClick={onRemove}>
            Require nothing of it
          </button>
        </span>
      </div>
      {sha256 !== null && plan === null && (
        <p className="px-4 pt-3 text-ink-2">
          The version alone is the server’s word: the plan that goes with it is not pinned. Open the
          evidence of a run that went as it should, and require it anew.
        </p>
      )}
      {open.length > 0 && (
        <div className="px-4 pt-3">
          <LeftOpen open={open} />
        </div>
      )}
      {gates.length === 0 ? (
        <p className="px-4 py-3 text-ink-2">No gate of it is required.</p>
      ) : (
        <ul className="divide-y divide-line">
          {gates.map((gate) => (
            <li key={gate.step_id}>
              <GateFields gate={gate} onChange={(to) => set(gate.step_id, to)} />
            </li>
          ))}
        </ul>
      )}
    </article>
  )
}

function GateFields({
  gate,
  onChange,
}: {
  gate: RequiredGate
  onChange: (gate: RequiredGate | null) => void
}) {
  const { step_id, quorum, four_eyes, sign, question, expires_ms = null, inputs = null } = gate
  // Half a number is no requirement yet.
  const [typed, setTyped] = useState<string | null>(null)
  return (
    <fieldset className="grid items-end gap-x-6 gap-y-3 px-4 py-3 sm:grid-cols-2 lg:grid-cols-[minmax(0,2fr)_auto_auto_auto_auto]">
      <legend className="sr-only">Gate {plain(step_id, 80)}</legend>
      <div className="min-w-0 self-start sm:max-lg:col-span-2">
        <p className="font-medium">
          Gate <RunText text={step_id} max={140} />
        </p>
        <p className="flex flex-wrap items-baseline gap-x-2 text-ink-2">
          {question === null ? (
            'with any question'
          ) : (
            <>
              <span className="line-clamp-3">
                asks “<RunText text={question} max={300} />”
              </span>
              <button
                type="button"
                className="link"
                onClick={() => onChange({ ...gate, question: null })}
              >
                allow any question
              </button>
            </>
          )}
        </p>
        <p className="flex flex-wrap items-baseline gap-x-2 text-ink-2">
          {isAnybody(gate) ? (
            'decided by whom its policy names'
          ) : (
            <>
              <span>
                decided by <RunText text={decidersOf(gate)} max={300} />
              </span>
              <button
                type="button"
                className="link"
                onClick={() => onChange({ ...gate, roles: null, users: null })}
              >
                allow anybody
              </button>
            </>
          )}
        </p>
        {expires_ms !== null && (
          <p className="flex flex-wrap items-baseline gap-x-2 text-ink-2">
            answered within {duration(expires_ms)}
            <button
              type="button"
              className="link"
              onClick={() => onChange({ ...gate, expires_ms: null })}
            >
              allow any time
            </button>
          </p>
        )}
        {inputs !== null && inputs.length > 0 && (
          <p className="flex flex-wrap items-baseline gap-x-2 text-ink-2">
            <span>
              asks for{' '}
              <RunText text={inputs.map(({ label }) => `“${label}”`).join(', ')} max={300} />
            </span>
            <button
              type="button"
              className="link"
              onClick={() => onChange({ ...gate, inputs: null })}
            >
              allow it not to ask
            </button>
          </p>
        )}
      </div>
      <label className="flex flex-col gap-1">
        <span className="text-xs text-ink-2">At least so many approve</span>
        <input
          type="number"
          min={1}
          max={100}
          className="field w-24"
          value={typed ?? quorum}
          onBlur={() => setTyped(null)}
          onChange={({ target: { value, valueAsNumber } }) => {
            setTyped(value)
            if (Number.isInteger(valueAsNumber) && valueAsNumber >= 1 && valueAsNumber <= 100)
              onChange({ ...gate, quorum: valueAsNumber })
          }}
        />
      </label>
      <label className="flex flex-col gap-1">
        <span className="text-xs text-ink-2">Signature</span>
        <select
          className="field w-auto"
          value={sign}
          onChange={({ target: { value } }) =>
            onChange({ ...gate, sign: value === 'passkey' ? 'passkey' : 'session' })
          }
        >
          <option value="session">by session is enough</option>
          <option value="passkey">by a passkey</option>
        </select>
      </label>
      <Check checked={four_eyes} onChange={(checked) => onChange({ ...gate, four_eyes: checked })}>
        Four eyes
      </Check>
      <button type="button" className="button justify-self-start" onClick={() => onChange(null)}>
        Remove
        <span className="sr-only"> the gate {plain(step_id, 80)}</span>
      </button>
    </fieldset>
  )
}
