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
    <code className="fingerprint inline-grid font-mono text-sm">
      {linesOf(groupsOf(hex)).map((line, nth) => (
        <span key={nth} className="flex flex-wrap gap-x-3">
          {line.map((group, index) => (
            <span key={index}>{group}</span>
          ))}
        </span>
      ))}
    </code>
  )
}

const linesOf = (groups: readonly string[]): (readonly string[])[] =>
  Array.from({ length: Math.ceil(groups.length / 4) }, (_, nth) =>
    groups.slice(4 * nth, 4 * nth + 4),
  )
