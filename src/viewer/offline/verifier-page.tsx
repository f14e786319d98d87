import { Suspense, use, useState } from 'react'
import { OUTCOME, RUN_STATUS } from '#contract/status.ts'
import { type Claim, fails } from '#evidence/claims.ts'
import { counted } from '#evidence/counted.ts'
import type { ReadTrust } from '#evidence/trust-file.ts'
import { Check } from '#viewer/parts/check.tsx'
import { Notice } from '#viewer/parts/notice.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { State } from '#viewer/parts/state.tsx'
import { Claims } from '#viewer/review/claims.tsx'
import { Damage } from '#viewer/review/damage.tsx'
import { InPlainWords } from '#viewer/review/in-plain-words.tsx'
import { NotDetectable } from '#viewer/review/not-detectable.tsx'
import { proofSentence } from '#viewer/review/proof-sentence.ts'
import { TrustContents } from '#viewer/review/trust-contents.tsx'
import { VerdictCard } from '#viewer/review/verdict-card.tsx'
import { AttachedFiles, Save } from './attached-files.tsx'
import type { Embedded } from './embedded.ts'
import { FileBox } from './file-box.tsx'
import type { Given, JudgedRun, Judgement } from './judge.ts'

/** The whole of verifier.html, and of an export. It asks nobody, stores nothing and sends nothing. */
export function VerifierPage({
  embedded,
  judge,
}: {
  embedded: Embedded
  judge: (given: Given) => Promise<Judgement>
}) {
  const [given, setGiven] = useState<Given>(() => ({ ...embedded, isConfirmed: false }))
  const [judging, setJudging] = useState(() => judge(given))
  const give = (more: Partial<Given>) => {
    const next = { ...given, ...more }
    setGiven(next)
    setJudging(judge(next))
  }
  return (
    <main className="mx-auto flex min-h-dvh max-w-6xl flex-col gap-4 p-4">
      <header>
        <h1 className="text-xl font-semibold">Runseal verifier</h1>
        <p className="max-w-prose text-ink-2">
          Files are read by this page alone. It stores nothing and sends nothing: its own policy
          forbids it to speak to anybody.
        </p>
      </header>
      {embedded.envelope && <Export envelope={embedded.envelope} />}
      <div className="grid gap-4 md:grid-cols-3">
        <FileBox
          title="Envelope"
          chosen={given.envelope ? [given.envelope] : []}
          onFiles={([envelope]) => envelope && give({ envelope })}
        >
          The record of a run, as it was sealed.
        </FileBox>
        <FileBox
          title="Trust file"
          chosen={given.trust ? [given.trust] : []}
          onFiles={([trust]) => trust && give({ trust, isConfirmed: false })}
        >
          Whose keys count, and what you require. Best got from somebody you trust, by another way
          than the envelope.
        </FileBox>
        <FileBox
          title="Logs and artifacts"
          chosen={given.attached}
          onFiles={(attached) => attached.length > 0 && give({ attached })}
          multiple
        >
          Compared with the digests that are on record.
        </FileBox>
      </div>
      <Suspense fallback={<output className="card block p-4 text-ink-2">Verifying</output>}>
        <Judged
          judging={judging}
          isConfirmed={given.isConfirmed}
          onConfirm={(isConfirmed) => give({ isConfirmed })}
        />
      </Suspense>
      <NotDetectable page="offline" />
    </main>
  )
}

function Export({ envelope }: { envelope: File }) {
  return (
    <Notice tone="waiting" title="This export brought its own verifier and its own trust file">
      <p>
        Whoever made the export could have made both. To rely on neither, save the envelope, open it
        in a verifier whose digest you know (<code className="font-mono">runseal verifier</code>{' '}
        writes one), and compare keys with what you got by another way.
      </p>
      <p className="mt-2">
        <Save file={envelope} label="Save the envelope" />
      </p>
    </Notice>
  )
}

function Judged({
  judging,
  isConfirmed,
  onConfirm,
}: {
  judging: Promise<Judgement>
  isConfirmed: boolean
  onConfirm: (isConfirmed: boolean) => void
}) {
  const judgement = use(judging)
  if (judgement.state === 'nothing given') return null
  if (judgement.state === 'unreadable')
    return (
      <Notice tone="bad" title="A file cannot be read">
        <RunText text={judgement.why} />
      </Notice>
    )
  const { found, run, envelope: file, sha256, trust, attached } = judgement
  const sentence = proofSentence(found, null, 'file')
  const { tone } = sentence
  const { claims, remaining } = found
  return (
    <>
      <VerdictCard sentence={sentence}>
        <p className="text-ink-2">
          <RunText text={file.name} max={160} />, {file.size.toLocaleString('en')} bytes, SHA-256{' '}
          <code className="font-mono break-all">{sha256}</code>
        </p>
      </VerdictCard>
      <BesideFails claims={attached.map(({ claim }) => claim)} />
      {trust && <Trust trust={trust} isConfirmed={isConfirmed} onConfirm={onConfirm} />}
      {found.verdict === 'does not verify' && <Damage claims={claims} remaining={remaining} />}
      {run && <TheRun run={run} />}
      <InPlainWords />
      <Claims
        claims={
          tone === 'refused' ? claims.filter(({ state }) => state === 'does not verify') : claims
        }
      />
      {attached.length > 0 && <AttachedFiles attached={attached} />}
    </>
  )
}

/** Said on top, since the verdict is about the record alone, and what fails beside it stands below all of that. */
function BesideFails({ claims }: { claims: readonly Claim[] }) {
  const failing = claims.filter(fails)
  if (failing.length === 0) return null
  return (
    <Notice tone="bad" title="Something beside the record does not verify">
      {counted(failing.length, 'claim')} about logs, artifacts or cells{' '}
      {failing.length === 1 ? 'fails' : 'fail'}: see “Logs and artifacts compared”. The verdict
      above is about the record alone.
    </Notice>
  )
}

/** Until the reader has compared them, the keys are only offered, wherever the file came from. */
function Trust({
  trust,
  isConfirmed,
  onConfirm,
}: {
  trust: ReadTrust
  isConfirmed: boolean
  onConfirm: (isConfirmed: boolean) => void
}) {
  if (!trust.ok)
    return (
      <Notice tone="bad" title="The trust file is refused, and nothing of it is used">
        <RunText text={trust.why} />. What it requires is not known.
      </Notice>
    )
  return (
    <section aria-label="Keys of the trust file" className="card flex flex-col gap-3 p-4">
      <h2 className="text-base font-semibold">
        {isConfirmed ? 'Keys that you confirmed' : 'Keys that are offered: they prove nothing yet'}
      </h2>
      <TrustContents file={trust.file} />
      <Check checked={isConfirmed} onChange={onConfirm}>
        I have this file, or these fingerprints, by another way than the envelope
      </Check>
    </section>
  )
}

function TheRun({ run }: { run: JudgedRun }) {
  const { title, definition, actor, started_at, closing, run_id, evidence_id } = run
  const facts = [
    ['Run', run_id],
    ['Evidence', evidence_id],
    ['Definition', definition.name],
    ['Started by', actor],
    ['Started', `${started_at} by the server’s clock`],
    ['Ended', `${closing.finished_at} by the server’s clock`],
    [
      'Recorded',
      `${counted(closing.counts.attempts, 'attempt')}, ${counted(closing.counts.gates, 'gate')}`,
    ],
    ['Place in series', `number ${closing.seal_seq}`],
    ...(closing.reason === undefined ? [] : [['Reason', closing.reason]]),
  ] as const
  return (
    <section aria-label="The run" className="card p-4">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <h2 className="text-base font-semibold">
          <RunText text={title} max={160} />
        </h2>
        <State
          of={{
            ...RUN_STATUS[closing.outcome],
            label: `Run ${OUTCOME[closing.outcome].label.toLowerCase()}`,
          }}
        />
      </div>
      <dl className="mt-3 grid grid-cols-[7.5rem_minmax(0,1fr)] gap-x-4 gap-y-1">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-ink-3">{name}</dt>
            <dd>
              <RunText text={value ?? ''} max={400} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
