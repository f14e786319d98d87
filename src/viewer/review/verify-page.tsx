import type { ServerKey } from '#contract/trust.ts'
import { counted } from '#evidence/counted.ts'
import type { HeldEnvelope } from '#evidence/place.ts'
import type { FileAt, Giving, Unread } from '#viewer/parts/dropped-files.ts'
import { Failure } from '#viewer/parts/failure.tsx'
import { FileDrop } from '#viewer/parts/file-drop.tsx'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { GIVEN_UP, Looking, useLooking } from '#viewer/parts/looking.tsx'
import { Notice } from '#viewer/parts/notice.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { useFetchedAhead } from '#viewer/parts/part.ts'
import { plain } from '#viewer/parts/visible.ts'
import { useWindowDrop } from '#viewer/parts/window-drop.ts'
import { keptQuery } from '#viewer/queries.ts'
import {
  doneQuery,
  FILES,
  type FileFound,
  fileVerdictQuery,
  fileVerdictsQuery,
  type JudgedBy,
  verifierQuery,
} from '#viewer/record-queries.ts'
import { isRefused, isUnread } from '#viewer/trust-store.ts'
import { UnreadFileError, type Verdict } from '#viewer/verifier.ts'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useRef } from 'react'
import { Link, useSearchParams } from 'wouter'
import { useStore } from 'zustand'
import { BroughtTrust, refusedOf, TRUST_BOX, trustedOf, withTrust } from './brought-trust.tsx'
import { EndingSaid, useEndingOf } from './ended-key.tsx'
import { type Chosen, givenFiles, NOTHING_GIVEN, noteMet, takingPlaceOf } from './given-files.ts'
import { HeldTogether } from './held-together.tsx'
import { JudgedRecord, JudgedVerdict } from './judged.tsx'
import { leftAfter, leftOf, STOPPED } from './left-after.ts'
import { LeftAside, NotAllJudged } from './left-aside.tsx'
import { NotDetectable } from './not-detectable.tsx'
import { PinnedEndings } from './pinned-endings.tsx'
import { RefusedSaid } from './refused-key.tsx'
import { isExported, isPart, sortFiles } from './sort-files.ts'
import { toldApart } from './told-apart.ts'
import {
  foundOf,
  type ListedVerdict,
  OpenedFile,
  VerdictList,
  worstFirst,
} from './verdict-list.tsx'
import { Verifying } from './verifying.tsx'

let chosenSoFar = 0

/** Envelopes, of this server or another, from the reader's own disk. Nothing is sent anywhere [U11]. */
export function VerifyPage() {
  const { chosen, opened, brought, left, former } = useStore(givenFiles)
  const isGiven = [chosen, brought, left, former].some(({ length }) => length > 0)
  const { setState: change } = givenFiles
  useFetchedAhead(true, fromHere)
  const [, setParams] = useSearchParams()
  const turn = useRef(Promise.resolve())
  // The address tells of an entry, a view and an order of the file that was open, and of no other.
  const open = (id: number | null) => {
    if (isHere()) setParams({}, { replace: true })
    change({ opened: id })
  }
  const takeAway = () => {
    open(null)
    change(NOTHING_GIVEN)
  }
  const verifier = useQuery(verifierQuery)
  const kept = useQuery(keptQuery)
  const { looked, look, stop, isHere } = useLooking()
  const take = async (giving: Giving) => {
    const found = await look(async (how) => await sortFiles(await giving(how), how))
    // Who went elsewhere finds what was there as it was.
    if (found === null && !isHere()) return change({ left: [GIVEN_UP] })
    // Given up, it is still what came last: the verdict of something else does not stand in its place.
    const sorted = found ?? STOPPED
    const { envelopes, trust, beside } = sorted
    // By itself a file is judged, whatever it is; of a folder only what is meant as an envelope.
    const isJudged = (one: (typeof beside)[number]) => !one.path.includes('/') && !isPart(one)
    const judged = [...envelopes, ...beside.filter(isJudged)]
    const leftNow = [
      ...leftOf(sorted),
      ...beside.filter((one) => !isJudged(one)).map((one) => ({ path: one.path, ...asideOf(one) })),
    ]
    const isAnother = judged.length > 0 || leftNow.length > 0
    // All at once: an envelope is verified with the trust file that came with it, not before it.
    change((given) => ({
      brought: withTrust(given.brought, trust, envelopes.some(isExported)),
      left: isAnother ? leftNow : leftAfter(given.left, sorted),
    }))
    // What was judged before must not look like the verdict of what came now.
    if (isAnother) {
      open(null)
      const next = judged.map(({ path, file }) => ({ id: ++chosenSoFar, path, file }))
      change((given) => takingPlaceOf(given, next))
    }
  }
  // One drop after another, however long a folder takes.
  const give = (giving: Giving) => {
    // What became of one is no reason not to take the next.
    turn.current = turn.current.then(() => take(giving)).catch(reportError)
  }
  const isOver = useWindowDrop(give)
  const by = useMemo<JudgedBy>(
    () => ({ trust: trustedOf(brought), refused: refusedOf(brought), former }),
    [brought, former],
  )
  const endingOf = useEndingOf(by.trust)
  const isOneRefused = (key: ServerKey) => kept.data !== undefined && isRefused(kept.data, key)
  const renderSaid = (key: ServerKey) => {
    if (kept.data && isRefused(kept.data, key))
      return <RefusedSaid kept={kept.data} key_id={key.key_id} />
    const ending = endingOf(key.key_id)
    return ending && <EndingSaid ending={ending} />
  }
  const only = chosen.length === 1 ? chosen[0] : null
  return (
    <Page
      title="Verify a file"
      actions={
        <Link href="/evidence/trust" className="button">
          Keys you trust
        </Link>
      }
    >
      <FileDrop
        title={chosen.length > 0 ? 'Other files' : 'Envelopes, from any server'}
        button="Choose files"
        hasFolders
        isOver={isOver}
        onGiven={give}
        beside={
          isGiven && (
            <p className="max-w-prose text-ink-2">
              What you gave stays in the memory of this tab until you close it, also while you are
              on another page.{' '}
              <button type="button" className="link" onClick={takeAway}>
                Take all of it away
              </button>
            </p>
          )
        }
      >
        {chosen.length > 0
          ? undefined
          : 'Drop envelopes anywhere on this page, or a folder with some, and the trust files to hold them against if you have any. They are read by this page alone: nothing is sent anywhere, and nobody needs to be signed in.'}
      </FileDrop>
      {verifier.isError && <Failure error={verifier.error} again={verifier.refetch} />}
      {looked && <Looking looked={looked} onStop={stop} />}
      {/* What was judged before must not look like the verdict of what is read now. */}
      <div className="flex flex-col gap-4 rounded-md empty:hidden" hidden={looked !== null}>
        {chosen.length > 0 && <NotAllJudged left={left} />}
        {chosen.length > 1 && (
          <FileVerdicts chosen={chosen} by={by} opened={opened} onOpen={open} />
        )}
        {only && <FileVerdict key={only.id} chosen={only} by={by} beside={NONE} />}
      </div>
      <BroughtTrust
        brought={brought}
        isRefused={isOneRefused}
        renderSaid={renderSaid}
        onChange={(now) => change({ brought: now })}
      />
      {looked === null && <LeftAside left={left} />}
      <p className="max-w-prose text-ink-2">
        It is held against the keys and requirements{' '}
        <Link href="/evidence/trust" className="link">
          kept in this browser
        </Link>
        {kept.data && isUnread(kept.data) && ', which cannot be read'}
        {by.trust.length > 0 && ', and against what you brought beside them'}.
      </p>
      {former.length > 0 && (
        <p className="max-w-prose text-ink-2">
          {counted(former.length, 'record')} that you gave on this page before{' '}
          {former.length === 1 ? 'counts' : 'count'} beside it, as far as{' '}
          {former.length === 1 ? 'its key does' : 'their keys do'}.{' '}
          <button type="button" className="link" onClick={() => change({ former: NONE })}>
            Forget {former.length === 1 ? 'it' : 'them'}
          </button>
        </p>
      )}
      <div className="flex flex-col gap-4 rounded-md empty:hidden" hidden={looked !== null}>
        {chosen.length > 1 && (
          <FileOfSeveral chosen={chosen} by={by} opened={opened} onOpen={open} />
        )}
        {only && <FileRecord key={only.id} chosen={only} by={by} beside={NONE} />}
      </div>
      <NotDetectable />
    </Page>
  )
}

// Where the verdict leads, without a network too.
const fromHere = () => Promise.all([import('./try-change.tsx'), import('./trust-page.tsx')])
const NO_ENVELOPE =
  'No envelope and no trust file: a log or an artifact is compared in the entry of the record that it belongs to'
const NONE: readonly HeldEnvelope[] = []

const asideOf = (one: FileAt): Omit<Unread, 'path'> =>
  one.page !== undefined
    ? { why: PART_OF_PAGE, is: 'part' }
    : isPart(one)
      ? { why: PART, is: 'part' }
      : { why: NO_ENVELOPE }
const PART_OF_PAGE =
  'Came in the page of an export beside its envelope: verifier.html and the command runseal verify hold these against the record'
const PART =
  'By its place or its name a log or an artifact, which is compared in the entry of the record that it belongs to; an envelope among these is judged when it is dropped by itself'

type Several = {
  chosen: readonly Chosen[]
  by: JudgedBy
  opened: number | null
  onOpen: (id: number | null) => void
}

function FileVerdicts({ chosen, by, opened, onOpen }: Several) {
  const client = useQueryClient()
  const kept = useQuery(keptQuery)
  const query = fileVerdictsQuery(chosen, by, noteMet)
  const verdicts = useQuery(query)
  const { data: done = { count: 0, isAgain: false } } = useQuery(doneQuery)
  if (verdicts.isError) return <Failure error={verdicts.error} again={verdicts.refetch} />
  if (verdicts.data) {
    const { seen = {} } = kept.data ?? {}
    const { found, series } = verdicts.data
    const apart = apartOf(chosen, found)
    const listed = found.map((one, nth) =>
      listedOf(one, { name: chosen[nth]?.path ?? '', apart: apart[nth] ?? '' }, seen),
    )
    return (
      <>
        <HeldTogether series={series} />
        <PinnedEndings
          by={found.map(({ verdict }) => verdict?.sealed_by ?? null)}
          brought={by.trust}
        />
        <VerdictList listed={worstFirst(listed)} opened={opened} onOpen={onOpen} />
      </>
    )
  }
  if (verdicts.fetchStatus === 'idle')
    return (
      <Stopped onGoOn={() => void verdicts.refetch()}>Nothing is known of these files.</Stopped>
    )
  return (
    <div className="card flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <output className="text-ink-2">
        {done.count.toLocaleString('en')} of {chosen.length.toLocaleString('en')} files are{' '}
        {done.isAgain ? 'held against the others' : 'verified by themselves'}.
      </output>
      <progress
        className="h-1.5 w-40 text-seal"
        max={2 * chosen.length}
        value={done.isAgain ? chosen.length + done.count : done.count}
        aria-label="Files verified"
      />
      <button
        type="button"
        className="button ml-auto"
        onClick={() => void client.cancelQueries({ queryKey: query.queryKey })}
      >
        Stop
      </button>
    </div>
  )
}

/** The one of them that is open. */
function FileOfSeveral({ chosen, by, opened, onOpen }: Several) {
  const verdicts = useQuery(fileVerdictsQuery(chosen, by, noteMet))
  const nth = chosen.findIndex(({ id }) => id === opened)
  const open = chosen[nth]
  if (!verdicts.isSuccess || open === undefined) return null
  const { found } = verdicts.data
  const one = { chosen: open, by, beside: found[nth]?.beside ?? NONE }
  return (
    <OpenedFile
      key={open.id}
      id={open.id}
      name={open.path}
      apart={apartOf(chosen, found)[nth] ?? ''}
      onClose={() => onOpen(null)}
    >
      <FileVerdict {...one} />
      <FileRecord {...one} />
    </OpenedFile>
  )
}

/** What was found is in the order of what was chosen. */
const apartOf = (chosen: readonly Chosen[], found: readonly FileFound[]): string[] =>
  toldApart(
    chosen.map(({ path }, nth) => ({ name: path, run_id: found[nth]?.verdict?.summary?.run_id })),
  )

function listedOf(
  { id, verdict, why }: FileFound,
  named: Pick<ListedVerdict, 'name' | 'apart'>,
  seen: Readonly<Record<string, string>>,
): ListedVerdict {
  if (verdict === null) return { id, ...named, found: { unreadable: why } }
  const since = seen[verdict.sealed_by?.key_id ?? ''] ?? null
  return { id, ...named, found: foundOf(verdict, since, 'file') }
}

type One = { chosen: Chosen; by: JudgedBy; beside: readonly HeldEnvelope[] }

function FileVerdict({ chosen, by, beside }: One) {
  const client = useQueryClient()
  const query = fileVerdictQuery(chosen, by, beside, noteMet)
  const verdict = useQuery(query)
  if (verdict.isError && !(verdict.error instanceof UnreadFileError))
    return <Failure error={verdict.error} again={verdict.refetch} />
  if (verdict.isError)
    return (
      <Notice
        tone="bad"
        title={`${plain(chosen.path, 120)} cannot be read`}
        action={
          <button type="button" className="button" onClick={() => void verdict.refetch()}>
            Try again
          </button>
        }
      >
        {verdict.error.message}. Give it again.
      </Notice>
    )
  if (!verdict.isPending)
    return (
      <JudgedVerdict
        origin={originOf(chosen)}
        verdict={verdict.data}
        brought={by.trust}
        compare={<Compare verdict={verdict.data} isBrought={by.trust.length > 0} />}
      />
    )
  if (verdict.fetchStatus === 'idle')
    return <Stopped onGoOn={() => void verdict.refetch()}>Nothing is known of this file.</Stopped>
  return (
    <Verifying
      document={FILES}
      onCancel={() => void client.cancelQueries({ queryKey: query.queryKey })}
    />
  )
}

/** What stands behind the verdict, once there is one. */
function FileRecord({ chosen, by, beside }: One) {
  const verdict = useQuery(fileVerdictQuery(chosen, by, beside, noteMet))
  if (!verdict.isSuccess) return null
  return <JudgedRecord document={FILES} origin={originOf(chosen)} verdict={verdict.data} />
}

const originOf = ({ path }: Chosen) => ({ from: 'file' as const, name: path })

function Stopped({ onGoOn, children }: { onGoOn: () => void; children: string }) {
  return (
    <Notice
      title="The verification was stopped"
      action={
        <button type="button" className="button" onClick={onGoOn}>
          Verify it after all
        </button>
      }
    >
      {children}
    </Notice>
  )
}

/** Where the key of this file can be compared: beside it, where this browser keeps keys, or nowhere yet. */
function Compare({ verdict, isBrought }: { verdict: Verdict; isBrought: boolean }) {
  const { sealed_by, summary } = verdict
  if (sealed_by !== null && isBrought)
    return (
      <button
        type="button"
        className="button"
        onClick={() => document.getElementById(TRUST_BOX)?.focus()}
      >
        Compare the fingerprint
      </button>
    )
  if (sealed_by !== null)
    return (
      <Link href="/evidence/trust" className="button">
        Compare the fingerprint
      </Link>
    )
  return (
    <>
      <p>
        To know whose it is, give the trust file of the server that it is from, got by another way
        than this file. The seal names this key, which anyone can name:
      </p>
      <Fingerprint hex={summary?.key_id ?? ''} />
    </>
  )
}
