import type { Shown } from '#contract/envelope.ts'
import { Answered } from '#viewer/parts/answered.tsx'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { ErrorWords } from '#viewer/parts/failure.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { artifactQuery } from '#viewer/queries.ts'
import { useQuery } from '@tanstack/react-query'

/** What the approver is shown: the artifacts of the manifest, those that the definition wants open as text. */
export function ShownArtifacts({ shown }: { shown: Shown | null }) {
  if (shown === null || shown.artifacts.length === 0) return null
  return (
    <div className="flex flex-col gap-2">
      <h3 className="font-semibold">What you are shown</h3>
      {shown.artifacts.map(({ step_id, attempt, path, sha256, bytes, opened }) => (
        <details
          key={`${step_id} ${attempt} ${path}`}
          open={opened}
          className="overflow-hidden rounded-md border border-line"
        >
          <summary className="flex flex-wrap items-baseline gap-x-3 px-3 py-1.5 hover:bg-hover">
            <span className="font-medium">
              <RunText text={path} max={200} />
            </span>
            <span className="text-xs text-ink-3">
              from <RunText text={step_id} max={80} />, {bytes.toLocaleString('en')} bytes, SHA-256{' '}
              <Fingerprint hex={sha256} short />
            </span>
          </summary>
          <ArtifactText sha256={sha256} path={path} />
        </details>
      ))}
    </div>
  )
}

function ArtifactText({ sha256, path }: { sha256: string; path: string }) {
  const artifact = useQuery(artifactQuery(sha256))
  return (
    <div className="border-t border-line">
      <Answered
        of={artifact}
        waiting={<p className="px-3 py-2 text-ink-2">Reading it.</p>}
        renderFailure={(failed) => <ErrorWords error={failed} className="px-3 py-2" />}
      >
        {(text) =>
          text === null ? (
            <p className="px-3 py-2 text-ink-2">It is not text, or too long to be shown here.</p>
          ) : (
            <section
              // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable by keyboard
              tabIndex={0}
              aria-label={`Content of ${plain(path)}`}
              className="max-h-80 overflow-auto bg-sunken px-3 py-2"
            >
              <pre className="font-mono text-xs">
                <RunText text={text} max={100_000} keep={'\n\t'} />
              </pre>
            </section>
          )
        }
      </Answered>
      <a
        href={`/api/artifacts/${sha256}`}
        download
        className="link block border-t border-line px-3 py-1.5 text-ink-2"
      >
        Download it as it is
      </a>
    </div>
  )
}
