import { RunText } from '#viewer/parts/run-text.tsx'

/** What a requirement leaves to each run, before the reader relies on it. */
export function LeftOpen({ open }: { open: readonly string[] }) {
  return (
    <div className="flex flex-col gap-1">
      <p className="font-medium">Left open to each run</p>
      <ul className="flex list-disc flex-col gap-1 pl-5 text-ink-2">
        {open.map((one, index) => (
          <li key={index} className="[overflow-wrap:anywhere]">
            <RunText text={one} max={400} />
          </li>
        ))}
      </ul>
    </div>
  )
}
