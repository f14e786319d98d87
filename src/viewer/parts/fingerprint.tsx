/** A digest in groups of four, to be compared by eye; `short` is only its beginning, and says so. */
export function Fingerprint({ hex, short = false }: { hex: string; short?: boolean }) {
  if (short)
    return (
      <code className="font-mono" title={hex}>
        {hex.slice(0, 8)}…
      </code>
    )
  return (
    <code className="inline-grid grid-cols-4 gap-x-3 font-mono text-sm sm:grid-cols-8">
      {hex.match(/.{1,4}/g)?.map((group, index) => (
        <span key={index}>{group}</span>
      ))}
    </code>
  )
}
