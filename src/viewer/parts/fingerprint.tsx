import { groupsOf } from '#evidence/fingerprint.ts'

/**
 * A digest in groups of four, sixteen of them in numbered lines of four, so that two people can compare it aloud;
 * `short` is only its beginning, and says so.
 */
export function Fingerprint({ hex, short = false }: { hex: string; short?: boolean }) {
  if (short)
    return (
      <code className="font-mono" title={hex}>
        {hex.slice(0, 8)}…
      </code>
    )
  return (
    <code className="fingerprint inline-grid grid-cols-[repeat(4,auto)] gap-x-3 font-mono text-sm">
      {groupsOf(hex).map((group, index) => (
        <span key={index}>{group}</span>
      ))}
    </code>
  )
}
