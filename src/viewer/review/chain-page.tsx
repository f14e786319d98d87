import { Check } from '#viewer/parts/check.tsx'
import { Failure } from '#viewer/parts/failure.tsx'
import { counted, fewOf } from '#evidence/counted.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { Notice } from '#viewer/parts/notice.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { remPx } from '#viewer/parts/rem.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { Evidence } from '#viewer/parts/state.tsx'
import { When } from '#viewer/parts/time.tsx'
import { VirtualList } from '#viewer/parts/virtual-list.tsx'
import { changeTrust, keptQuery, memoryQuery } from '#viewer/queries.ts'
import { MOST_MET } from '#viewer/met.ts'
import { walkRim } from '#viewer/record-queries.ts'
import {
  beginAnew,
  isFull,
  isUnread,
  type Memory,
  newestOf,
  readMemory,
  rememberWalk,
  seenHere,
  trustSaid,
} from '#viewer/trust-store.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Link } from 'wouter'
import { ChangedHistory } from './changed-history.tsx'
import { EndingNote, useEndingOf } from './ended-key.tsx'
import { LostMemory } from './lost-memory.tsx'
import { NotDetectable } from './not-detectable.tsx'
import { PinnedEndings } from './pinned-endings.tsx'
import { CannotBeTold, Faults } from './series-faults.tsx'
import {
  type AskingAgain,
  MOST_NAMED,
  OneNamed,
  Unlisted,
  UnreadRecords,
} from './unread-records.tsx'
import { unprovenOf } from './unproven.ts'
import { useKeysFault } from './use-keys-fault.ts'
import {
  isBroken,
  isBrokenItself,
  isGone,
  madeOf,
  type Walk,
  walkChain,
  type Walked,
} from './walk-chain.ts'

/** Every envelope of this server, walked by what each was sealed after [U12]. */
export function ChainPage() {
  const client = useQueryClient()
  const kept = useQuery(keptQuery)
  const memory = useQuery(memoryQuery)
  const keysFault = useKeysFault()
  const [progress, setProgress] = useState({ done: 0, known: 0 })
  const [walkedBy, setWalkedBy] = useState<string | null>(null)
  const [cancel, setCancel] = useState<AbortController | null>(null)
  const walk = useMutation({
    mutationFn: async ({ signal, before, only }: Asking) => {
      const now = await readMemory()
      setWalkedBy(trustSaid(now.kept))
      const found = await walkChain(
        walkRim(client),
        seenHere(now),
        (done, known) => setProgress({ done, known }),
        signal,
        { before, only },
      )
      await rememberWalk(madeOf(found))
      await client.invalidateQueries({ queryKey: keptQuery.queryKey })
      return found
    },
  })
  const begin = ({ before, only }: Pick<Asking, 'before' | 'only'>) => {
    const controller = new AbortController()
    setCancel(controller)
    setProgress({ done: 0, known: 0 })
    walk.mutate({ signal: controller.signal, before, only })
  }
  // While only some records are asked for again, the others stay in sight.
  const found = walk.data ?? walk.variables?.before ?? null
  const isStopped = walk.isError && cancel?.signal.aborted === true
  const last = kept.data?.walk
  // What it found stands below.
  const isInSight = last?.is_broken === true && last.at === found?.at
  return (
    <Page
      title="The server’s chain"
      actions={
        <div className="flex flex-wrap gap-2">
          <button
            type="button"
            className="button"
            data-look={walk.data ? undefined : 'main'}
            disabled={walk.isPending}
            onClick={() => begin(ANEW)}
          >
            {walk.isPending ? 'Walking' : walk.data ? 'Walk it again' : 'Walk the chain'}
          </button>
          <Link href="/evidence" className="button">
            The records
          </Link>
        </div>
      }
    >
      <p className="max-w-prose text-ink-2">
        Each record names the one that was sealed before it: together they are a chain. This page
        fetches every record that the server lists, verifies it in this browser, and follows those
        names. A record that was removed, sealed twice or sealed anew shows: the others name another
        one, the server’s own list does, or this browser saw another one before.
      </p>
      <LostMemory memory={memory.data} />
      {!isInSight && <ChangedHistory isHere />}
      {memory.data && <LastSeen memory={memory.data} />}
      {keysFault !== null && (
        <Notice tone="waiting" title="The server’s own list of keys could not be had">
          A walk goes by the keys that this browser keeps alone:{' '}
          <RunText text={keysFault} max={300} />.
        </Notice>
      )}
      {/* Around what goes and comes, for the focus [U9]. */}
      <div className="flex flex-col gap-4 rounded-md empty:hidden">
        {walk.isPending && (
          <div className="card flex flex-wrap items-center gap-x-4 gap-y-2 p-4">
            <output>
              {progress.known === 0
                ? 'Asking for the list.'
                : `${progress.done.toLocaleString('en')} of ${counted(progress.known, 'record')} verified.`}
            </output>
            <progress
              className="h-1.5 w-48 text-seal"
              max={Math.max(1, progress.known)}
              value={progress.done}
              aria-label="Records verified"
            />
            <button type="button" className="button ml-auto" onClick={() => cancel?.abort()}>
              Stop
            </button>
          </div>
        )}
        {isStopped && (
          <Notice title="The walk was stopped">
            {found ? 'Below is what was found before.' : 'Nothing is known of the chain.'}
          </Notice>
        )}
        {walk.isError && !isStopped && (
          <Failure error={walk.error} again={() => begin(walk.variables ?? ANEW)} />
        )}
      </div>
      {walk.data && kept.data && walkedBy !== trustSaid(kept.data) && (
        <Notice tone="waiting" title="What you trust has changed since this walk">
          What is below goes by what you trusted before. Walk it again.
        </Notice>
      )}
      {found && (
        <Found
          walk={found}
          asking={walk.isPending ? { only: walk.variables.only } : null}
          askAgain={(only) => begin({ before: found, only })}
        />
      )}
      <NotDetectable />
    </Page>
  )
}

/** `before`: the walk of which only what it could not read is asked for again; `only`: one record of those. */
type Asking = { signal: AbortSignal; before: Walk | null; only: string | null }
const ANEW = { before: null, only: null }

function LastSeen({ memory }: { memory: Memory }) {
  const newest = useMemo(() => newestOf(seenHere(memory)), [memory])
  const last = memory.kept.walk
  if (isUnread(memory.kept))
    return (
      <p className="max-w-prose text-ink-2">
        What this browser saw of this server’s chain before, if anything, cannot be read: a walk is
        held against nothing.
      </p>
    )
  if (newest === null && memory.unread !== undefined) return null
  if (newest === null)
    return (
      <p className="max-w-prose text-ink-2">
        This browser has not walked this server’s chain before: there is nothing yet to hold it
        against.
      </p>
    )
  return (
    <p className="max-w-prose text-ink-2">
      The newest record that this browser saw here is number {newest.seal_seq} (head{' '}
      <Fingerprint hex={newest.head} short />
      ).{' '}
      {last === null ? (
        'No walk of the chain is noted yet.'
      ) : (
        <>
          It last walked the chain on <When at={last.at} />
          {last.up_to === null ? ', and no record had a place' : `, up to number ${last.up_to}`}.
        </>
      )}
      {isFull(memory) &&
        ` It remembers at most ${MOST_MET.toLocaleString('en')} records of a key: the oldest go, of which each next record names the head. A walk with something wrong lets none go until you say that you know why, and what there is no room for then is not remembered.`}
    </p>
  )
}

function Found({
  walk,
  asking,
  askAgain,
}: {
  walk: Walk
} & AskingAgain) {
  const { walked, unlisted, series, unlikeList } = walk
  const placed = walked.filter((one) => one.placed !== null)
  const unread = walked.filter((one) => one.isUnread)
  const open = walked.filter((one) => one.open !== null && !one.isUnread)
  const ofRefused = open.filter(({ isByRefused }) => isByRefused)
  const ofEnded = walked.filter(({ endedKey }) => endedKey !== null)
  const ofNobody = open.filter(({ isByRefused }) => !isByRefused)
  const isOpen = unlisted !== null || open.length + unread.length > 0
  const tone = isBroken(walk) ? 'broken' : isOpen ? 'open' : 'whole'
  const unkept = walked.filter((one) => one.unkept !== null)
  const unproven = unprovenOf(placed)
  if (walked.length === 0 && tone === 'whole')
    return <Notice title="This server has no sealed record yet">There is nothing to walk.</Notice>
  const isProven = unproven === '' && unkept.length === 0
  const { box, title } = FOUND[tone === 'whole' && !isProven ? 'open' : tone]
  return (
    <>
      <section aria-label="What was found" className={`card flex flex-col gap-3 p-4 ${box}`}>
        <h2 className={`text-lg font-semibold ${title}`}>
          {tone === 'broken'
            ? isBrokenItself(walk)
              ? 'The chain is not whole'
              : `${ofEnded.length} of ${counted(walked.length, 'record')} ${ofEnded.length === 1 ? 'is' : 'are'} by a key that does not count for ${ofEnded.length === 1 ? 'it' : 'them'}`
            : unread.length > 0
              ? `${unread.length} of ${counted(walked.length, 'record')} could not be had`
              : unlisted !== null && open.length === 0
                ? 'The list of records could not be had to its end'
                : tone === 'open'
                  ? `${open.length} of ${counted(walked.length, 'record')} ${open.length === 1 ? 'has' : 'have'} no place that could be checked`
                  : `${counted(placed.length, 'record')}, without a hole or a fork`}
        </h2>
        {tone !== 'broken' && (
          <p className="max-w-prose">
            {tone === 'whole'
              ? placed.length > 1 && 'Each follows the one before it. '
              : placed.length > 0 &&
                `Nothing fails in what is here. ${placed.length === 1 ? '1 other record has its place' : `${counted(placed.length, 'other record')} follow one another, but for places that ${unlisted === null ? (open.length + unread.length === 1 ? 'it' : 'these') : 'others'} may fill`}. `}
            {unproven}
            It does not show that no newer record is withheld, or that every run was sealed.
          </p>
        )}
        <Unexpected names={walked.flatMap(({ unexpected }) => unexpected ?? [])} />
        {(['revoked', 'retired'] as const).map((word) => (
          <Ended
            key={word}
            word={word}
            count={walked.filter((one) => one.ended.includes(word)).length}
          />
        ))}
        {unkept.length > 0 && (
          <div className="flex flex-col gap-1">
            <p className="max-w-prose">
              {counted(unkept.length, 'record')} {unkept.length === 1 ? 'does' : 'do'} not keep what
              you require now. {unkept.length === 1 ? 'It has its' : 'They have their'} place in the
              chain all the same.
            </p>
            <Named walked={unkept} />
          </div>
        )}
        <PinnedEndings by={placed.map(({ sealed_by }) => sealed_by)} />
        {series.map((one) => (
          <Faults
            key={one.server}
            faults={one.faults}
            server={series.length > 1 ? one.server : null}
          />
        ))}
        <Faults faults={unlikeList} />
        <Named
          walked={walked.filter(({ fault, endedKey }) => fault !== null && endedKey === null)}
        />
        <ByEndedKeys walked={ofEnded} />
        {unlisted !== null && <Unlisted why={unlisted} asking={asking} askAgain={askAgain} />}
        {unread.length > 0 && <UnreadRecords walked={unread} asking={asking} askAgain={askAgain} />}
        {ofRefused.length > 0 && (
          <div className="flex flex-col gap-1">
            <p className="max-w-prose">
              No seal is checked with a key that you refused, under{' '}
              <Link href="/evidence/trust" className="link">
                Keys you trust
              </Link>
              : anybody could have made {ofRefused.length === 1 ? 'this one' : 'these'}.
            </p>
            <Named walked={ofRefused} />
          </div>
        )}
        {ofNobody.length > 0 && (
          <div className="flex flex-col gap-1">
            <p className="max-w-prose">
              Whose {ofNobody.length === 1 ? 'it is' : 'they are'} is not known: anybody could have
              made {ofNobody.length === 1 ? 'it' : 'them'}. A{' '}
              <Link href="/evidence/trust" className="link">
                key that you trust
              </Link>{' '}
              would settle it.
            </p>
            <Named walked={ofNobody} />
          </div>
        )}
        <CannotBeTold said={series.flatMap(({ open }) => open)} />
        {isBrokenItself(walk) && <Anew walk={walk} />}
      </section>
      <Table walked={walked} />
    </>
  )
}

/** `names`: of each record that nothing but its own word says is of that definition. */
function Unexpected({ names }: { names: readonly string[] }) {
  if (names.length === 0) return null
  return (
    <p className="max-w-prose">
      You require more of other definitions than of {fewOf([...new Set(names)].toSorted())}: that{' '}
      {names.length === 1 ? '1 record is of it' : `${counted(names.length, 'record')} are of these`}{' '}
      is the server’s word. Where that is what you look for, open one that you trust, and “Require
      this definition and its gates” pins its plan.
    </p>
  )
}

const FOUND = {
  whole: { box: 'border-seal', title: 'text-seal' },
  /** Or not proven: what has not the seal of a key that the reader trusts has not its colour [U5]. */
  open: { box: 'border-line-strong', title: '' },
  broken: { box: 'border-broken bg-broken-wash', title: 'text-broken' },
} as const

/** Each by itself, with what there is to say of it alone. */
function Named({ walked }: { walked: readonly Walked[] }) {
  if (walked.length === 0) return null
  return (
    <ul className="flex list-disc flex-col gap-1 pl-5">
      {walked.slice(0, MOST_NAMED).map((one) => (
        <li key={one.listed.evidence_id}>
          <OneNamed one={one} />
        </li>
      ))}
      {walked.length > MOST_NAMED && (
        <li>and {(walked.length - MOST_NAMED).toLocaleString('en')} more, in the list below</li>
      )}
    </ul>
  )
}

/** A key that has ended counts by the number alone that a record gives itself. */
function Ended({ word, count }: { word: 'retired' | 'revoked'; count: number }) {
  if (count === 0) return null
  const [rests, them] = count === 1 ? ['rests', 'it'] : ['rest', 'them']
  return (
    <p className="max-w-prose">
      {counted(count, 'record')} {rests} on a key that is <strong>{word}</strong>: whoever has that
      key now can have made {them}.
    </p>
  )
}

/** One false word of a server may have ended a key: that is answered where the keys are, and nothing is let go for it. */
function ByEndedKeys({ walked }: { walked: readonly Walked[] }) {
  const endingOf = useEndingOf(NONE)
  return [...Map.groupBy(walked, ({ endedKey }) => endedKey ?? '')].map(([key_id, ofKey]) => {
    const numbers = ofKey.map(({ listed }) => `#${listed.seal_seq}`)
    return (
      <EndingNote
        key={key_id}
        title={
          <>
            {counted(ofKey.length, 'record')} by the key <Fingerprint hex={key_id} short />:{' '}
            {fewOf(numbers)}
          </>
        }
        ending={endingOf(key_id)}
      >
        It does not count as far as that, and how far it does is for you to say. Nothing that this
        browser remembers of {ofKey.length === 1 ? 'it' : 'them'} is let go.
      </EndingNote>
    )
  })
}
const NONE = [] as const

/** What changed stays a warning until the reader says that they know why. */
function Anew({ walk }: { walk: Walk }) {
  const client = useQueryClient()
  const change = useMutation(changeTrust(client))
  const [known, setKnown] = useState(false)
  return (
    <div className="flex flex-wrap items-center gap-3 border-t border-line pt-3">
      <Check checked={known} onChange={setKnown}>
        I know why, from somebody other than this server
      </Check>
      <button
        type="button"
        className="button"
        disabled={!known || change.isPending || change.isSuccess}
        onClick={() => change.mutate(() => beginAnew(madeOf(walk), isGone(walk)))}
      >
        {change.isSuccess ? 'Later walks begin here' : 'Hold later walks against what is here now'}
      </button>
    </div>
  )
}

const ROW_REM = 2.5

function Table({ walked }: { walked: readonly Walked[] }) {
  return (
    <section aria-label="Records walked" className="card overflow-hidden">
      <VirtualList
        label="Records"
        count={walked.length}
        rowPx={ROW_REM * remPx()}
        className={walked.length > 14 ? 'h-140' : ''}
        renderRow={(index) => {
          const one = walked[index]
          return (
            one && (
              <Link
                href={`/evidence/${encodeURIComponent(one.listed.evidence_id)}`}
                className="grid h-full grid-cols-[3rem_minmax(0,1fr)_auto] @max-[20rem]:grid-cols-[auto_minmax(0,1fr)] items-center @max-[20rem]:content-center gap-x-4 border-b border-line px-4 hover:bg-hover focus-visible:-outline-offset-2 md:grid-cols-[3rem_minmax(0,2fr)_minmax(0,2fr)_7rem_9rem]"
              >
                <span className="text-ink-3">#{one.placed?.seal_seq ?? one.listed.seal_seq}</span>
                <code className="truncate font-mono text-xs">{one.listed.evidence_id}</code>
                <span className="truncate text-xs text-ink-2 max-md:hidden">
                  {one.placed?.previous ? (
                    <>
                      after <code className="font-mono">{one.placed.previous.evidence_id}</code>
                    </>
                  ) : one.placed ? (
                    'the first'
                  ) : (
                    ''
                  )}
                </span>
                <span className="text-xs text-ink-2 max-md:hidden">
                  {one.placed && <Fingerprint hex={one.placed.head} short />}
                </span>
                <span className="@max-[20rem]:-order-1 @max-[20rem]:col-span-2">
                  <Evidence of={STATE[one.verdict]} />
                </span>
              </Link>
            )
          )
        }}
      />
    </section>
  )
}

const STATE = {
  proven: { label: 'proven', tone: 'good' },
  'not proven': { label: 'not proven', tone: 'waiting' },
  'does not verify': { label: 'does not verify', tone: 'bad' },
  'not an envelope': { label: 'no envelope', tone: 'bad' },
  'not here': { label: 'not here', tone: 'bad' },
  'not read': { label: 'not read', tone: 'waiting' },
} as const
