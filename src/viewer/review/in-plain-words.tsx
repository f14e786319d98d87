/** For who has never seen a hash chain: what was checked, and why that says anything. */
export function InPlainWords() {
  return (
    <details className="card p-4">
      <summary className="font-semibold">How a record is checked, in plain words</summary>
      <ol className="mt-2 flex max-w-prose list-decimal flex-col gap-1 pl-5 text-ink-2">
        {STEPS.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </details>
  )
}

const STEPS = [
  'A digest is a short fingerprint of a text. Change one character, and the digest is another. Nobody knows how to make a second text with the same one.',
  'While a run goes on, each thing that happens becomes an entry. Each entry gets a link: a digest of its own digest and of the link before it. That is the hash chain: who changes, adds or removes an entry later changes every link behind it.',
  'When the run has ended, the server signs the last link, and the digest of the whole document, with its key. That is the seal. Only who has the key can make it, and anybody can check it. So all rests on the right key: compare its fingerprint with one that you got by another way.',
  'This page made every digest again from the file, and compared. It takes nobody’s word for them: not the file’s, and not the server’s.',
  'Each claim stands by itself, in one of four words. Proven: it was checked, and it holds. Not present: there is nothing of the kind to check. Not checked: it could not be checked here, and the claim says why. Does not verify: it was checked, and it fails.',
  'Open a claim to see what it means, and what it does not prove. There are also the lines that check the same by hand, without this page: in a shell, beside the file, saved as envelope.json.',
] as const
