import type { TrustFile } from '#contract/trust.ts'
import type { Trusted } from '#evidence/trust.ts'
import { Check } from '#viewer/parts/check.tsx'
import { Failure } from '#viewer/parts/failure.tsx'
import { FileDrop } from '#viewer/parts/file-drop.tsx'
import { Notice } from '#viewer/parts/notice.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { FILES, fileVerdictQuery, verifierQuery } from '#viewer/record-queries.ts'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Link } from 'wouter'
import { Judged } from './judged.tsx'
import { NotDetectable } from './not-detectable.tsx'
import { isTrustFile, readTrustOf } from './read-trust-file.ts'
import { Offered } from './trust-file.tsx'
import { Verifying } from './verifying.tsx'

type Chosen = { id: number; file: File }
type Brought = { name: string; file: TrustFile; confirmed: boolean }

let chosenSoFar = 0

/** Any envelope, of this server or another, from the reader's own disk. Nothing is sent anywhere [U11]. */
export function VerifyPage() {
  const [chosen, setChosen] = useState<Chosen | null>(null)
  const [brought, setBrought] = useState<Brought | null>(null)
  const [refused, setRefused] = useState<{ name: string; why: string } | null>(null)
  const verifier = useQuery(verifierQuery)
  const take = async (files: readonly File[]) => {
    const read = await Promise.all(
      files.map(async (file) => ((await isTrustFile(file)) ? await readTrustOf(file) : null)),
    )
    // All at once: an envelope is verified with the trust file that came with it, not before it.
    setRefused(null)
    for (const [index, file] of files.entries()) {
      const trust = read[index]
      if (!trust) {
        chosenSoFar += 1
        setChosen({ id: chosenSoFar, file })
      } else if (trust.ok) setBrought({ name: file.name, file: trust.file, confirmed: false })
      else setRefused({ name: file.name, why: trust.why })
    }
  }
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
        title={chosen ? 'Another file' : 'An envelope, from any server'}
        button="Choose files"
        onFiles={(files) => void take(files)}
      >
        <p>
          Drop an envelope here and, if you have one, the trust file to hold it against. Both are
          read by this page alone: nothing is sent anywhere, and nobody needs to be signed in.
        </p>
      </FileDrop>
      {verifier.isError && <Failure error={verifier.error} again={verifier.refetch} />}
      {refused !== null && (
        <Notice tone="bad" title="The trust file is refused">
          <RunText text={refused.name} max={120} /> is refused:{' '}
          <RunText text={refused.why} max={400} />. Nothing of it is used, so that what it requires
          is not known.
        </Notice>
      )}
      {brought ? (
        <section aria-label="Trust for this file" className="card p-4">
          <Offered name={brought.name} file={brought.file}>
            <Check
              checked={brought.confirmed}
              onChange={(confirmed) => setBrought({ ...brought, confirmed })}
            >
              I compared these fingerprints with ones that I did not get with the envelope
            </Check>
            <button type="button" className="button self-start" onClick={() => setBrought(null)}>
              Use what this browser keeps instead
            </button>
          </Offered>
        </section>
      ) : (
        <p className="max-w-prose text-ink-2">
          It is held against the keys and requirements{' '}
          <Link href="/evidence/trust" className="link">
            kept in this browser
          </Link>
          .
        </p>
      )}
      {chosen && (
        <FileVerdict
          key={chosen.id}
          chosen={chosen}
          brought={brought}
          refused={refused?.why ?? null}
        />
      )}
      <NotDetectable />
    </Page>
  )
}

function FileVerdict({
  chosen,
  brought,
  refused,
}: {
  chosen: Chosen
  brought: Brought | null
  refused: string | null
}) {
  const client = useQueryClient()
  const trust = useMemo<readonly Trusted[] | null>(
    () => brought && [{ file: brought.file, source: brought.confirmed ? 'pinned' : 'offered' }],
    [brought],
  )
  const query = fileVerdictQuery(chosen, trust, refused)
  const verdict = useQuery(query)
  if (verdict.isError) return <Failure error={verdict.error} again={verdict.refetch} />
  if (!verdict.isPending)
    return (
      <Judged
        document={FILES}
        origin={{ from: 'file', name: chosen.file.name }}
        verdict={verdict.data}
      />
    )
  if (verdict.fetchStatus === 'idle')
    return (
      <Notice
        title="The verification was stopped"
        action={
          <button type="button" className="button" onClick={() => void verdict.refetch()}>
            Verify it after all
          </button>
        }
      >
        Nothing is known of this file.
      </Notice>
    )
  return (
    <Verifying
      document={FILES}
      onCancel={() => void client.cancelQueries({ queryKey: query.queryKey })}
    />
  )
}
