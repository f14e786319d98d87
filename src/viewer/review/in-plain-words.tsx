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
  'A digest is a short fingerprint of a text. Change one character, and it is another one; nobody knows how to make a second text with the same.',
  'While a run goes on, each thing that happens becomes an entry. The digest of each entry is taken together with that of the one before it: that is the hash chain. Who changes, adds or removes an entry later changes every link behind it.',
  'When the run has ended, the server signs the last link with its key: that is the seal. Only who has the key can sign, and anybody can check. So it matters that the key is the right one: that is why you compare its fingerprint with one that you got by another way.',
  'This page has made every digest again from the file, and compared. It believes nothing that the file or the server says of itself.',
  'Each claim stands by itself. Open one to see what it means, what it does not prove, and how to come to the same by hand, without this page: in a shell, beside the file, saved as envelope.json.',
] as const
