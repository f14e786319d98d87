import { useQuery } from '@tanstack/react-query'
import { counted } from '#evidence/counted.ts'
import { statusQuery } from './queries.ts'

/** Over every page that is lied to on purpose: by what, how much so far, and what may be relied on all the same. */
export function ChaosBanner() {
  const { data: status } = useQuery(statusQuery)
  const chaos = status?.server.chaos ?? null
  if (chaos === null) return null
  const lies = counted(chaos.told, 'lie')
  return (
    <aside
      aria-label="Chaos"
      className="border-b border-dashed border-waiting bg-waiting-wash px-3 py-1.5 text-sm sm:px-6"
    >
      <p className="mx-auto max-w-[120rem]">
        <strong className="font-semibold">Chaos {chaos.seed}</strong>{' '}
        {chaos.lying
          ? `A proxy before this server lies to this page on purpose: ${lies} so far. What is called recorded or verified is so all the same.`
          : `The proxy before this server told ${lies} and has stopped. From now on this page is what is on record.`}
      </p>
    </aside>
  )
}
