/** What no envelope can show, said where evidence is read. `page`: how the page that says it came to the reader. */
export function NotDetectable({ page = 'served' }: { page?: keyof typeof PAGE }) {
  return (
    <section aria-label="Not detectable" className="card p-4">
      <h2 className="text-base font-semibold">Not detectable by any verification</h2>
      <ul className="mt-2 list-disc gap-x-8 pl-5 text-ink-2 md:columns-2 [&>li]:mb-1 [&>li]:break-inside-avoid">
        {[...NOT_DETECTABLE, PAGE[page]].map((what) => (
          <li key={what}>{what}</li>
        ))}
      </ul>
    </section>
  )
}

const NOT_DETECTABLE = [
  'Work that was never recorded, and runs that were never sealed.',
  'The newest envelopes, withheld.',
  'A false exit code at its source.',
  'That the files executed were those of the commit.',
  'What the approver’s screen showed.',
  'Who held the pen behind several keys.',
  'Times, that of the seal too: they are what the server’s or the approver’s clock, or whoever has its key, says.',
  'Refusals that were dropped and asked again.',
  'That a step which a gate showed as running had not failed by then.',
  'Steps after the last signed gate, if the server’s key is stolen.',
  'With a retired or revoked key: that a record was made while the key still counted. Its number is its own word.',
  'With isolation “none”: that a run did not read the sealing key.',
] as const

const PAGE = {
  served:
    'That this page itself is honest: it came from the server. “runseal verify” and verifier.html from your own copy did not.',
  offline:
    'That this page itself is honest: its SHA-256 has to be what “runseal verifier --digest” prints in a copy that you trust.',
} as const
