import type { ServerKey, TrustedApprover, TrustFile } from '#contract/trust.ts'
import { FINGERPRINT, passkeyFingerprint } from '#evidence/fingerprint.ts'
import {
  leftOpenBy,
  mayOf,
  requirementSaid,
  validitySaid,
  withinQuotes,
} from '#evidence/trust-said.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { SoMany } from '#viewer/parts/so-many.tsx'
import type { ReactNode } from 'react'
import { LeftOpen } from './left-open.tsx'

/** Of each list, at first: a file of 4 MiB names 20,000 keys, which a page would draw for a quarter of a minute. */
export const MOST_DRAWN = 200

/** What the reader says yes to, also of those that are not drawn. */
export function comparedSaid({ server_keys, approvers }: TrustFile): string {
  const count = server_keys.length + approvers.length
  return Math.max(server_keys.length, approvers.length) > MOST_DRAWN
    ? `I compared all ${count.toLocaleString('en')} fingerprints`
    : 'I compared these fingerprints'
}

/** All that a trust file says: every fingerprint that there is to compare, and what it requires. */
export function TrustContents({
  file: { server_keys, approvers, required },
  renderSaid = () => null,
}: {
  file: TrustFile
  /** What there is to say of a key that the reader refused or a server took back. */
  renderSaid?: ((key: ServerKey) => ReactNode) | undefined
}) {
  return (
    <div className="flex flex-col gap-4">
      {server_keys.length > 0 && (
        <div>
          <h3 className="font-semibold">Server keys</h3>
          <SoMany all={server_keys} step={MOST_DRAWN}>
            {(some) => (
              <ul aria-label="Server keys" className="mt-1 flex flex-col gap-3">
                {some.map((key) => (
                  <li key={key.key_id}>
                    <p>
                      {key.name === undefined ? (
                        'Without a name'
                      ) : (
                        <>
                          “<RunText text={withinQuotes(key.name)} max={120} />”
                        </>
                      )}
                      {key.status !== 'active' && (
                        <span className="text-bad"> {validitySaid(key)}</span>
                      )}
                    </p>
                    <p className="text-xs text-ink-2">{FINGERPRINT.server}</p>
                    <Fingerprint hex={key.key_id} />
                    <div className="mt-1 max-w-prose text-bad empty:hidden">{renderSaid(key)}</div>
                  </li>
                ))}
              </ul>
            )}
          </SoMany>
        </div>
      )}
      {approvers.length > 0 && (
        <div>
          <h3 className="font-semibold">Approvers</h3>
          <Approvers approvers={approvers} />
        </div>
      )}
      {required.length > 0 && (
        <div>
          <h3 className="font-semibold">Required</h3>
          <SoMany all={required} step={MOST_DRAWN}>
            {(some) => (
              <ul aria-label="Required" className="mt-1 flex max-w-prose flex-col gap-2">
                {some.map((definition) => (
                  <li key={definition.name}>
                    Of <RunText text={definition.name} max={140} />
                    <SoMany all={requirementSaid(definition)} step={MOST_DRAWN}>
                      {(said) => (
                        <ul className="list-disc pl-5 text-ink-2">
                          {said.map((one) => (
                            <li key={one}>
                              <RunText text={one} max={600} />
                            </li>
                          ))}
                        </ul>
                      )}
                    </SoMany>
                    {leftOpenBy(definition).length > 0 && (
                      <LeftOpen open={leftOpenBy(definition)} />
                    )}
                  </li>
                ))}
              </ul>
            )}
          </SoMany>
        </div>
      )}
    </div>
  )
}

/** Each passkey with its fingerprint: who has another one's place in a trust file has their name too. */
export function Approvers({ approvers }: { approvers: readonly TrustedApprover[] }) {
  return (
    <SoMany all={approvers} step={MOST_DRAWN}>
      {(some) => (
        <ul aria-label="Approvers" className="mt-1 flex flex-col gap-3">
          {some.map((approver) => (
            <li key={`${approver.id} ${approver.public_key}`}>
              <p>
                “<RunText text={withinQuotes(approver.name)} max={140} />”{' '}
                <span className="text-ink-2">
                  as <RunText text={approver.id} max={140} />: may approve{' '}
                  <RunText text={mayOf(approver)} max={600} />
                </span>
              </p>
              <p className="text-xs text-ink-2">{FINGERPRINT.passkey}</p>
              <Fingerprint hex={passkeyFingerprint(approver)} />
            </li>
          ))}
        </ul>
      )}
    </SoMany>
  )
}
