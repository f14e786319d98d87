import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { daySaid } from '#viewer/parts/time.tsx'
import type { Kept } from '#viewer/trust-store.ts'
import { Link } from 'wouter'

/** A seal that names a key which this reader refused: whichever trust file has it, it counts for nothing [U16]. */
export function SealOfRefused({ kept, key_id }: { kept: Kept; key_id: string }) {
  return (
    <>
      <p>
        The seal names this key, which anyone can name. <RefusedSaid kept={kept} key_id={key_id} />{' '}
        A trust file that has it changes nothing of that.
      </p>
      <div className="mt-2">
        <Fingerprint hex={key_id} />
      </div>
    </>
  )
}

/** That it was refused, when and for which server, what that means, and how it is taken back. */
export function RefusedSaid({ kept, key_id }: { kept: Kept; key_id: string }) {
  const [refused, offered] = [kept.refusedAt[key_id], kept.seen[key_id]]
  return (
    <>
      You refused it in this browser, for the server at {location.host}
      {refused !== undefined
        ? `, on ${daySaid(refused)}`
        : offered !== undefined && `, which first offered it on ${daySaid(offered)}`}
      : no seal is checked with it. To take that back, compare it and pin it by itself under{' '}
      <Link href="/evidence/trust" className="link">
        Keys you trust
      </Link>
      .
    </>
  )
}
