import { parseJson } from '#contract/parse.ts'
import {
  type ServerKey,
  TRUST_SOURCE,
  type TrustFile,
  TrustFile as TrustFileSchema,
} from '#contract/trust.ts'
import { trustFault } from '#evidence/trust.ts'
import { counted } from '#viewer/parts/counted.ts'
import { Failure } from '#viewer/parts/failure.tsx'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { SkeletonRows } from '#viewer/parts/notice.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { When } from '#viewer/parts/time.tsx'
import { changeTrust, trustQuery } from '#viewer/queries.ts'
import { adopt, type Kept, pin, unpin } from '#viewer/trust-store.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

/** What this reader trusts, kept in this browser: the server can offer, never add. */
export function TrustPage() {
  const trust = useQuery(trustQuery)
  const client = useQueryClient()
  const change = useMutation(changeTrust(client))
  if (trust.isPending)
    return (
      <Page title="Keys you trust">
        <div className="card overflow-hidden">
          <SkeletonRows rows={3} height="h-16" />
        </div>
      </Page>
    )
  if (trust.isError)
    return (
      <Page title="Keys you trust">
        <Failure error={trust.error} again={trust.refetch} />
      </Page>
    )
  const { kept, offered } = trust.data
  const pinned = kept.pinned.server_keys
  const isPinned = ({ key_id }: ServerKey) => pinned.some((key) => key.key_id === key_id)
  return (
    <Page title="Keys you trust">
      <p className="max-w-prose text-ink-2">
        A seal says whose record it is only if you know its key from elsewhere. Get the fingerprint
        from the operator by another way than this page (
        <code className="font-mono">runseal trust export</code> on the server prints it), compare,
        and pin.
      </p>
      <section aria-label="Offered by this server" className="flex flex-col gap-2">
        <h2 className="text-base font-semibold">Offered by this server</h2>
        {offered.server_keys.map((key) => (
          <KeyCard
            key={key.key_id}
            serverKey={key}
            source={
              isPinned(key)
                ? TRUST_SOURCE.pinned.label
                : kept.seen[key.key_id] === undefined
                  ? TRUST_SOURCE.offered.label
                  : TRUST_SOURCE.first_seen.label
            }
            seen={kept.seen[key.key_id] ?? null}
            pinned={isPinned(key)}
            onPin={() => change.mutate(() => pin(key))}
            onUnpin={() => change.mutate(() => unpin(key.key_id))}
          />
        ))}
      </section>
      {pinned.some((key) => !offered.server_keys.some(({ key_id }) => key_id === key.key_id)) && (
        <section aria-label="Pinned, not offered" className="flex flex-col gap-2">
          <h2 className="text-base font-semibold">Pinned by you, not offered by this server</h2>
          {pinned
            .filter((key) => !offered.server_keys.some(({ key_id }) => key_id === key.key_id))
            .map((key) => (
              <KeyCard
                key={key.key_id}
                serverKey={key}
                source={TRUST_SOURCE.pinned.label}
                seen={null}
                pinned
                onPin={() => change.mutate(() => pin(key))}
                onUnpin={() => change.mutate(() => unpin(key.key_id))}
              />
            ))}
        </section>
      )}
      <Required kept={kept} />
      <TrustFileDrop adopted={(file) => change.mutate(() => adopt(file))} />
    </Page>
  )
}

function KeyCard({
  serverKey,
  source,
  seen,
  pinned,
  onPin,
  onUnpin,
}: {
  serverKey: ServerKey
  source: string
  seen: string | null
  pinned: boolean
  onPin: () => void
  onUnpin: () => void
}) {
  const [compared, setCompared] = useState(false)
  return (
    <div className={`card flex flex-col gap-3 p-4 ${pinned ? 'border-seal' : ''}`}>
      <div className="flex flex-wrap items-baseline gap-x-3">
        <strong className={pinned ? 'text-seal' : ''}>{source}</strong>
        {!pinned && seen !== null && (
          <span className="text-ink-2">
            since <When at={seen} />
          </span>
        )}
        {serverKey.name !== undefined && (
          <span className="text-ink-2">
            <RunText text={serverKey.name} max={120} />
          </span>
        )}
        {serverKey.status !== 'active' && (
          <span className="text-bad">
            {serverKey.status}, counts up to #{serverKey.last_seal_seq ?? 0}
          </span>
        )}
      </div>
      <div>
        <span className="text-xs text-ink-3">Fingerprint · SHA-256 of the Ed25519 key</span>
        <div>
          <Fingerprint hex={serverKey.key_id} />
        </div>
      </div>
      {pinned ? (
        <button type="button" className="button self-start" onClick={onUnpin}>
          Unpin
        </button>
      ) : (
        <div className="flex flex-wrap items-center gap-3">
          <label className="flex items-center gap-2">
            <input
              type="checkbox"
              className="size-4 accent-ink"
              checked={compared}
              onChange={(event) => setCompared(event.target.checked)}
            />
            I compared it with a fingerprint that I got elsewhere
          </label>
          <button
            type="button"
            className="button"
            data-look="main"
            disabled={!compared}
            onClick={onPin}
          >
            Pin this key
          </button>
        </div>
      )}
    </div>
  )
}

function Required({ kept: { pinned } }: { kept: Kept }) {
  if (pinned.required.length === 0 && pinned.approvers.length === 0) return null
  return (
    <section aria-label="What you require" className="card p-4">
      <h2 className="text-base font-semibold">What you require</h2>
      <ul className="mt-1 flex flex-col gap-1 text-ink-2">
        {pinned.required.map(({ name, sha256, gates }) => (
          <li key={name}>
            <RunText text={name} max={140} />: {sha256 === null ? 'any version' : 'one version'},{' '}
            {counted(gates.length, 'gate')}
          </li>
        ))}
        {pinned.approvers.map(({ id, name }) => (
          <li key={id}>
            Approver <RunText text={name} max={140} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function TrustFileDrop({ adopted }: { adopted: (file: TrustFile) => void }) {
  const [said, setSaid] = useState<{ ok: boolean; text: string } | null>(null)
  const take = async (file: File | undefined) => {
    if (!file) return
    const parsed = parseJson(TrustFileSchema, await file.text())
    const fault = parsed.ok
      ? trustFault(parsed.value)
      : `${parsed.error.at} ${parsed.error.message}`
    if (!parsed.ok || fault !== null) {
      setSaid({ ok: false, text: `${file.name} is not used: ${fault}` })
      return
    }
    adopted(parsed.value)
    setSaid({ ok: true, text: `${file.name} is what you trust now` })
  }
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- for a mouse only; the button beside it is for all
    <section
      aria-label="Trust file"
      className="card border-dashed p-4"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault()
        void take(event.dataTransfer.files[0])
      }}
    >
      <h2 className="text-base font-semibold">Use a trust file</h2>
      <p className="max-w-prose text-ink-2">
        Drop one here that you got from somebody you trust, not from this server. It takes the place
        of everything pinned above and stays in this browser.
      </p>
      <label className="button mt-3 has-focus-visible:outline-2 has-focus-visible:outline-seal">
        Choose a file
        <input
          type="file"
          accept=".json,application/json"
          className="sr-only"
          onChange={(event) => void take(event.target.files?.[0])}
        />
      </label>
      {said && (
        <output className={`mt-2 block ${said.ok ? 'text-ink' : 'text-bad'}`}>
          <RunText text={said.text} max={400} />
        </output>
      )}
    </section>
  )
}
