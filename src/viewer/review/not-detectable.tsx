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
  'Whether newer records are withheld.',
  'A false exit code: a step that failed can say that it succeeded.',
  'Whether the files executed were those of the commit.',
  'What the approver’s screen showed.',
  'Who used the keys: one person can have several.',
  'Times, that of the seal too. Each is what a clock of the server or the approver said, or whoever has its key.',
  'Refusals that were dropped, and asked again until somebody approved.',
  'Whether a step that a gate showed as running had failed by then.',
  'What was made up after the last signed gate, if the server’s key was stolen.',
  'Whether a record by a retired or revoked key was made while that key still counted. Only the record itself says its number.',
  'With isolation “none”: whether a run read the sealing key.',
] as const

const PAGE = {
  served:
    'Whether this page itself is honest: it came from the server. “runseal verify” and verifier.html from your own copy did not.',
  offline:
    'Whether this page itself is honest. Its SHA-256 has to be what “runseal verifier --digest” prints in a copy that you trust.',
} as const
