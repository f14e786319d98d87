import type { Series } from '#evidence/series.ts'
import { CannotBeTold, Faults } from './series-faults.tsx'

/** What files that were given together say of each other [W11]. Nothing where they say nothing that is to be told. */
export function HeldTogether({ series }: { series: readonly Series[] }) {
  const open = [...new Set(series.flatMap((one) => one.open))]
  const faults = series.flatMap((one) => one.faults)
  // What no key that the reader knows has sealed accuses none that one has.
  const isOfKey = faults.some(({ fault }) => fault !== 'replaced')
  const isBroken = faults.length > 0
  if (!isBroken && open.length === 0) return null
  return (
    <section
      aria-label="What these files say of each other"
      className={`card flex flex-col gap-3 p-4 ${isBroken ? 'border-broken bg-broken-wash' : ''}`}
    >
      {isBroken && (
        <>
          <h2 className="text-lg font-semibold text-broken">
            {isOfKey
              ? 'These files contradict each other'
              : 'A file is not the record whose name it has'}
          </h2>
          <p className="max-w-prose">
            {isOfKey
              ? 'None of them is the true one because it came first. Ask whoever has the key which it is, and why there is another.'
              : 'What no key that you know has sealed is in question, and not what one has: anyone can have made it. Ask for the record that was sealed in its place.'}
          </p>
          {series.map((one, index) => (
            <Faults
              key={index}
              faults={one.faults}
              server={series.length > 1 ? one.server : null}
            />
          ))}
        </>
      )}
      <CannotBeTold said={open} />
    </section>
  )
}
