/** What no envelope can show, said where evidence is read. */
export function NotDetectable() {
  return (
    <details className="card p-4">
      <summary className="font-semibold">Not detectable by any verification</summary>
      <ul className="mt-2 flex max-w-prose list-disc flex-col gap-1 pl-5 text-ink-2">
        {NOT_DETECTABLE.map((what) => (
          <li key={what}>{what}</li>
        ))}
      </ul>
    </details>
  )
}

const NOT_DETECTABLE = [
  'Work that was never recorded, and runs that were never sealed.',
  'The newest envelopes, withheld.',
  'A false exit code at its source.',
  'That the files executed were those of the commit.',
  'What the approver’s screen showed.',
  'Who held the pen behind several keys.',
  'Times: they are the server’s or the approver’s clock.',
  'Refusals that were dropped and asked again.',
  'Steps after the last signed gate, if the server’s key is stolen.',
  'With isolation “none”: that a run did not read the sealing key.',
  'That this page itself is honest: it came from the server. The offline verifier, “runseal verify”, did not.',
] as const
