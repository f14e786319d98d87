import { useRef, useState, useSyncExternalStore } from 'react'
import { OUTCOME, RUN_STATUS } from '#contract/status.ts'
import { fails } from '#evidence/claims.ts'
import { counted } from '#evidence/counted.ts'
import {
  type FileAt,
  type Given as Dropped,
  type Giving,
  type Look,
  type Unread,
  whyUnread,
} from '#viewer/parts/dropped-files.ts'
import { FileDrop } from '#viewer/parts/file-drop.tsx'
import { useKeptFocus } from '#viewer/parts/kept-focus.ts'
import { Looking, useLooking } from '#viewer/parts/looking.tsx'
import { Notice } from '#viewer/parts/notice.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { State } from '#viewer/parts/state.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { useWindowDrop } from '#viewer/parts/window-drop.ts'
import {
  type Brought,
  BroughtTrust,
  isOfExport,
  refusedOf,
  trustedOf,
  withTrust,
} from '#viewer/review/brought-trust.tsx'
import { Claims } from '#viewer/review/claims.tsx'
import { Damage } from '#viewer/review/damage.tsx'
import { HeldTogether } from '#viewer/review/held-together.tsx'
import { InPlainWords } from '#viewer/review/in-plain-words.tsx'
import { leftAfter, leftOf, STOPPED } from '#viewer/review/left-after.ts'
import { LeftAside, NotAllJudged } from '#viewer/review/left-aside.tsx'
import { NotDetectable } from '#viewer/review/not-detectable.tsx'
import { proofSentence, type Whence } from '#viewer/review/proof-sentence.ts'
import { readTrustOf } from '#viewer/review/read-trust-file.ts'
import { isExported, isPart, type Sorted, sortFiles } from '#viewer/review/sort-files.ts'
import { STAGES } from '#viewer/review/stages.ts'
import { toldApart } from '#viewer/review/told-apart.ts'
import { VerdictCard } from '#viewer/review/verdict-card.tsx'
import {
  foundOf,
  type ListedVerdict,
  OpenedFile,
  VerdictList,
  worstFirst,
} from '#viewer/review/verdict-list.tsx'
import { AttachedFiles, Save } from './attached-files.tsx'
import { THIS_PAGE } from './embedded.ts'
import { FileList } from './file-list.tsx'
import type { Judged, JudgedFile, JudgedRun, Progress, Question } from './judge.ts'
import type { Judge, Judging } from './judging.ts'

/** Files that are given in turn add up. */
type Given = {
  envelopes: readonly FileAt[]
  /** Those in whose place others came: what is beside them may be of these. */
  former: readonly FileAt[]
  brought: readonly Brought[]
  attached: readonly FileAt[]
  left: readonly Unread[]
}

/** A place for one kind of file: what one that does not say what it is is taken for. */
type Place = 'envelopes' | 'trust' | 'beside'

/** The whole of verifier.html, and of an export. It asks nobody, stores nothing and sends nothing. */
export function VerifierPage({
  embedded,
  judge,
}: {
  embedded: Omit<Given, 'former'>
  judge: Judge
}) {
  const [given, setGiven] = useState<Given>(() => {
    const first = { ...embedded, former: [] }
    judge.ask(questionOf(first))
    return first
  })
  const judging = useSyncExternalStore(judge.subscribe, judge.now)
  // Of other envelopes none is open.
  const [opened, setOpened] = useState<{ of: readonly FileAt[]; id: number } | null>(null)
  const turn = useRef(Promise.resolve(given))
  useKeptFocus()
  // One after another, however long a folder takes.
  const give = (change: (before: Given) => Given | Promise<Given>) => {
    const former = turn.current
    const taken = former.then(async (before) => {
      const now = await change(before)
      setGiven(now)
      judge.ask(questionOf(now))
      return now
    })
    // What became of one is no reason not to take the next.
    turn.current = taken.catch((error: unknown) => {
      reportError(error)
      return former
    })
  }
  const { looked, look, stop } = useLooking()
  const take = (giving: Giving, place: Place | null) =>
    give(async (before) => {
      const hasEnvelope = before.envelopes.length > 0
      const sorted = await look(
        async (how) => await sortedInto(await giving(how), place, hasEnvelope, how),
      )
      return withFiles(before, sorted ?? STOPPED)
    })
  const isOver = useWindowDrop((giving) => take(giving, null))
  const [first] = embedded.envelopes
  const { envelopes, brought, attached, left } = given
  const isGiven = [envelopes, brought, attached].some(({ length }) => length > 0)
  const found = {
    whence: whenceOf(brought),
    opened: opened?.of === envelopes ? opened.id : null,
    onOpen: (id: number | null) => setOpened(id === null ? null : { of: envelopes, id }),
  }
  return (
    <main
      id="main"
      tabIndex={-1}
      className="@container mx-auto flex min-h-dvh max-w-6xl flex-col gap-4 p-4 outline-none"
    >
      <header>
        <h1 className="text-xl font-semibold">Runseal verifier</h1>
        <p className="max-w-prose text-ink-2">
          Files are read by this page alone. It stores nothing and sends nothing: its own policy
          forbids it to speak to anybody. Drop them anywhere on it, or a whole folder: each is taken
          as what it is.
        </p>
      </header>
      {looked && <Looking looked={looked} onStop={stop} />}
      {/* What was judged before must not look like the verdict of what comes now. */}
      <div className="flex flex-col gap-4 rounded-md empty:hidden" hidden={looked !== null}>
        <FoundVerdict judge={judge} judging={judging} left={left} {...found} />
      </div>
      <div className="grid grid-cols-1 gap-4 md:grid-cols-3">
        <FileDrop
          title="Envelope"
          button="Choose envelopes"
          isOver={isOver}
          onGiven={(giving) => take(giving, 'envelopes')}
          beside={
            <FileList
              files={given.envelopes}
              onChange={(envelopes) => give((before) => withEnvelopes(before, envelopes))}
            />
          }
        >
          {isGiven ? undefined : 'The record of a run, as it was sealed.'}
        </FileDrop>
        <FileDrop
          title="Trust file"
          button="Choose trust files"
          isOver={isOver}
          onGiven={(giving) => take(giving, 'trust')}
        >
          {isGiven
            ? undefined
            : 'Whose keys count, and what you require. Best got from somebody you trust, by another way than the envelope.'}
        </FileDrop>
        <FileDrop
          title="Logs and artifacts"
          button="Choose logs and artifacts"
          hasFolders
          isOver={isOver}
          onGiven={(giving) => take(giving, 'beside')}
          beside={
            <FileList
              files={given.attached}
              onChange={(attached) => give((before) => ({ ...before, attached }))}
            />
          }
        >
          {isGiven ? undefined : 'Compared with the digests that are on record.'}
        </FileDrop>
      </div>
      {first && <Export envelope={first.file} />}
      <BroughtTrust
        brought={given.brought}
        onChange={(brought) => give((before) => ({ ...before, brought }))}
      />
      {looked === null && (
        <LeftAside left={left} onTakeAway={() => give((before) => ({ ...before, left: [] }))} />
      )}
      <div className="flex flex-col gap-4 rounded-md empty:hidden" hidden={looked !== null}>
        {judging.state === 'judged' && <FoundRecord judged={judging.judged} {...found} />}
      </div>
      <NotDetectable page="offline" />
    </main>
  )
}

const questionOf = ({ envelopes, former, brought, attached }: Given) => ({
  envelopes,
  former,
  trust: trustedOf(brought),
  refused: refusedOf(brought),
  attached,
})

async function sortedInto(
  dropped: Dropped,
  place: Place | null,
  hasEnvelope: boolean,
  look: Look,
): Promise<Sorted> {
  const isAside = hasEnvelope && place !== 'envelopes'
  const sorted = await sortFiles(dropped, look, isAside || place === 'beside')
  const [one] = dropped.files
  const isOne = dropped.files.length === 1 && dropped.unread.length === 0
  // What says itself what it is is that, whatever place it was put in.
  if (!one || !isOne || !sorted.beside.includes(one)) return sorted
  const as = place ?? (hasEnvelope || isPart(one) ? null : 'envelopes')
  if (as === null) return sorted
  const none: Sorted = { envelopes: [], trust: [], beside: [], programs: [], unread: [] }
  if (as !== 'trust') return { ...none, [as]: [one] }
  try {
    return { ...none, trust: [{ path: one.path, read: await readTrustOf(one.file) }] }
  } catch (error) {
    return { ...none, unread: [{ path: one.path, why: whyUnread(error) }] }
  }
}

/**
 * Another envelope takes the place of the one before, and of what was left aside then; all else is beside it. Another export
 * takes the place of all that came with one before.
 */
export function withFiles(before: Given, sorted: Sorted): Given {
  const { envelopes, trust, beside } = sorted
  const isInPlace = envelopes.length > 0 && before.envelopes.length > 0
  const nameOf = ({ path, file }: FileAt) => JSON.stringify([path, file.size, file.lastModified])
  const again = new Set(beside.map(nameOf))
  const isOtherExport = envelopes.some(isExported)
  const homes = isOtherExport ? before.envelopes.filter(isExported).map(homeOf) : []
  const isKept = (one: FileAt) =>
    !again.has(nameOf(one)) && !homes.some((home) => homeOf(one).startsWith(home))
  return {
    ...(envelopes.length > 0 ? withEnvelopes(before, envelopes) : before),
    brought: withTrust(before.brought, trust, isOtherExport),
    attached: [...before.attached.filter(isKept), ...beside],
    left: isInPlace ? leftOf(sorted) : leftAfter(before.left, sorted),
  }
}

/** The page that it came in, or the folder. */
const homeOf = ({ path, page }: FileAt): string =>
  page === undefined ? path.slice(0, path.lastIndexOf('/') + 1) : `${page.name}/`

function withEnvelopes(before: Given, envelopes: readonly FileAt[]): Given {
  const former = [...before.former, ...before.envelopes].filter((one) => !envelopes.includes(one))
  return { ...before, envelopes, former }
}

/** A trust file that an export brought along is nobody's word but the exporter's. */
const whenceOf = (brought: readonly Brought[]): Whence =>
  brought.length > 0 && brought.every(isOfExport) ? 'export' : 'file'

function Export({ envelope }: { envelope: File }) {
  return (
    <Notice tone="waiting" title="This export brought its own verifier and its own trust file">
      <p>
        Whoever made the export could have made both. To rely on neither, give this page as it is to
        a verifier whose digest you know (<code className="font-mono">runseal verifier</code> writes
        one) or to <code className="font-mono">runseal verify</code>: each reads what the page
        carries, and runs nothing of it. Compare keys with what you got by another way.
      </p>
      <p className="mt-2">
        <Save file={envelope} label="Save the envelope" />
      </p>
    </Notice>
  )
}

type Found = {
  whence: Whence
  opened: number | null
  onOpen: (id: number | null) => void
}

function FoundVerdict({
  judge,
  judging,
  left,
  whence,
  opened,
  onOpen,
}: Found & { judge: Judge; judging: Judging; left: readonly Unread[] }) {
  switch (judging.state) {
    case 'nothing asked':
      return null
    case 'under way': {
      const { question, progress } = judging
      return (
        // As high as the verdict that was here, or nearly: what is below is about to be pressed.
        <div className="min-h-52">
          <UnderWay progress={progress} question={question} onStop={judge.stop} />
        </div>
      )
    }
    case 'stopped': {
      const { question } = judging
      return (
        <Notice
          title="The verification was stopped"
          action={
            <button type="button" className="button" onClick={() => judge.ask(question)}>
              Verify it after all
            </button>
          }
        >
          Nothing is known of what you gave.
        </Notice>
      )
    }
    case 'failed':
      return (
        <Notice tone="bad" title="The verifier ended without a verdict">
          <RunText text={judging.why} />
        </Notice>
      )
    case 'judged': {
      const { judged, series } = judging
      const apart = apartOf(judged)
      const listed = worstFirst(
        judged.map((one, id) =>
          listedOf(one, { id, name: one.path, apart: apart[id] ?? '' }, whence),
        ),
      )
      const [only] = judged
      const unread = judged.flatMap((one) => ('found' in one ? one.unread : []))
      return (
        <>
          <NotAllJudged
            left={[...left, ...new Map(unread.map((one) => [one.path, one])).values()]}
          />
          {only && judged.length === 1 ? (
            <FileVerdict judged={only} whence={whence} />
          ) : (
            <>
              <HeldTogether series={series} />
              <VerdictList listed={listed} opened={opened} onOpen={onOpen} />
            </>
          )}
        </>
      )
    }
  }
}

/** What stands behind the verdict of the one file, or of the one of several that is open. */
function FoundRecord({ judged, whence, opened, onOpen }: Found & { judged: readonly Judged[] }) {
  const [only] = judged
  if (only && judged.length === 1) return <FileRecord judged={only} />
  const one = opened === null ? undefined : judged[opened]
  if (opened === null || one === undefined) return null
  return (
    <OpenedFile
      key={opened}
      id={opened}
      name={one.path}
      apart={apartOf(judged)[opened] ?? ''}
      onClose={() => onOpen(null)}
    >
      <FileVerdict judged={one} whence={whence} />
      <FileRecord judged={one} />
    </OpenedFile>
  )
}

const apartOf = (judged: readonly Judged[]): string[] =>
  toldApart(
    judged.map((one) => ({ name: one.path, run_id: 'run' in one ? one.run?.run_id : undefined })),
  )

/** What is beside a record stands in its row: nobody opens one that looks proven. */
function listedOf(
  one: Judged,
  listed: Omit<ListedVerdict, 'found'>,
  whence: Whence,
): ListedVerdict {
  if ('unreadable' in one) return { ...listed, found: { unreadable: one.unreadable } }
  const found = foundOf(one.found, null, whence)
  const beside = besideOf(one)
  if (beside === null) return { ...listed, found }
  const { tone, title } = BESIDE[beside]
  return { ...listed, found: { ...found, sentence: { ...found.sentence, tone, title } } }
}

/** null where nothing that is beside the record changes what is to be said of it. */
const besideOf = ({ found, withBeside }: JudgedFile): keyof typeof BESIDE | null =>
  withBeside !== found.verdict && (withBeside === 'does not verify' || withBeside === 'not proven')
    ? withBeside
    : null

const BESIDE = {
  'does not verify': {
    tone: 'refused',
    notice: 'bad',
    title: 'Something beside the record does not verify',
    fail: ['fails', 'fail'],
  },
  'not proven': {
    tone: 'part',
    notice: 'waiting',
    title: 'The record is proven, but not all that belongs beside it',
    fail: ['is not proven', 'are not proven'],
  },
} as const

function UnderWay({
  progress: { nth, stage, isAgain, compared },
  question: { envelopes, attached },
  onStop,
}: {
  progress: Progress
  question: Question
  onStop: () => void
}) {
  const at = stage === 'beside' ? STAGES.length : STAGES.findIndex((one) => one.stage === stage)
  const of = envelopes.length
  const says =
    STAGES[at]?.says ??
    `Comparing logs and artifacts: ${compared.toLocaleString('en')} of ${attached.length.toLocaleString('en')}`
  return (
    <div className="card flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <output className="text-ink-2">
        {says}
        {of > 1 && stage !== 'beside' && ` of file ${nth + 1} of ${of.toLocaleString('en')}`}
        {of > 1 && stage !== 'beside' && isAgain && ', beside the others'}.
      </output>
      <progress
        className="h-1.5 w-40 text-seal"
        max={(STAGES.length + 1) * of * (of > 1 ? 2 : 1)}
        value={(STAGES.length + 1) * (of > 1 && isAgain ? of + nth : nth) + at}
        aria-label="Verification"
      />
      <button type="button" className="button ml-auto" onClick={onStop}>
        Stop
      </button>
    </div>
  )
}

function FileVerdict({ judged, whence }: { judged: Judged; whence: Whence }) {
  if ('unreadable' in judged)
    return (
      <Notice tone="bad" title={`${plain(judged.path, 160)} is not judged`}>
        {judged.unreadable}.
      </Notice>
    )
  const { found, path, page, bytes, sha256, unread } = judged
  return (
    <>
      <VerdictCard sentence={proofSentence(found, null, whence)}>
        <p className="text-ink-2">
          <RunText text={path} max={160} />, {bytes.toLocaleString('en')} bytes, SHA-256{' '}
          <code className="font-mono break-all">{sha256}</code>
        </p>
        {page !== undefined && page.name !== THIS_PAGE && (
          <p className="text-ink-2">
            Taken from the page <RunText text={page.name} max={160} />, whose own verifier has no
            part in this.
          </p>
        )}
      </VerdictCard>
      <BesideSaid judged={judged} />
      <LeftAside left={unread} />
    </>
  )
}

function FileRecord({ judged }: { judged: Judged }) {
  if ('unreadable' in judged) return null
  const { found, run, attached } = judged
  const { claims, remaining } = found
  const failing = claims.filter(fails)
  return (
    <>
      {(found.verdict === 'does not verify' || remaining !== null) && <Damage found={found} />}
      {run && <TheRun run={run} />}
      <InPlainWords />
      <Claims claims={failing.length > 0 ? failing : claims} />
      {attached.length > 0 && <AttachedFiles attached={attached} />}
    </>
  )
}

/** Said on top, since the verdict is about the record alone, and what is beside it stands below all of that. */
function BesideSaid({ judged }: { judged: JudgedFile }) {
  const beside = besideOf(judged)
  if (beside === null) return null
  const { notice, title, fail } = BESIDE[beside]
  const claims = judged.attached.filter(({ claim: { state } }) =>
    beside === 'does not verify' ? state === beside : state !== 'proven',
  )
  return (
    <Notice tone={notice} title={title}>
      {counted(claims.length, 'claim')} about logs, artifacts or cells{' '}
      {fail[claims.length === 1 ? 0 : 1]}: see “Logs and artifacts compared”. The verdict above is
      about the record alone.
    </Notice>
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
      <dl className="mt-3 grid grid-cols-[7.5rem_minmax(0,1fr)] @max-[16rem]:grid-cols-[minmax(0,1fr)] gap-x-4 gap-y-1">
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
