import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { type Assertion, type Decision } from '#contract/envelope.ts'
import { type TrustedApprover } from '#contract/trust.ts'
import { challengeOf } from '#evidence/approval.ts'
import { encodeBase64, encodeBase64Url } from '#evidence/base64.ts'
import { utf8 } from '#evidence/canonical.ts'
import { sha256Bytes } from '#evidence/digest.ts'
import { ED25519_SPKI, P256_SPKI } from '#evidence/spki.ts'

/** A person's passkey, made of a number, and as a reader pins it. */
export type Passkey = {
  readonly approver: TrustedApprover
  /** What a browser and an authenticator answer, honest but for what is said otherwise. */
  readonly sign: (decision: Decision, over?: Unusual) => Assertion
}

/** What an honest client and authenticator would not do. */
export type Unusual = {
  /** Members of the client data, in their order; undefined leaves one out. */
  readonly client?: Readonly<Record<string, unknown>>
  readonly clientText?: (text: string) => string
  readonly flags?: number
  readonly rp_id?: string
  /** Bytes behind the 37. */
  readonly more?: readonly number[]
  readonly signature?: (signature: Uint8Array) => Uint8Array
}

/** Flags of an honest assertion: present, verified, may be backed up and is. */
export const HONEST_FLAGS = 0x1d

export function newPasskey(
  id: string,
  {
    seed = 7,
    ...over
  }: Partial<Pick<TrustedApprover, 'alg' | 'user' | 'may' | 'status' | 'last_seal_seq'>> & {
    seed?: number
  } = {},
): Passkey {
  const secret = new Uint8Array(32).fill(seed)
  const approver: TrustedApprover = {
    id,
    name: id.toUpperCase(),
    rp_id: 'runs.example',
    origins: ['https://runs.example', 'https://runs.example:8443'],
    credential_id: encodeBase64Url(sha256Bytes(`credential ${seed}`)),
    public_key: '',
    alg: 'ES256',
    may: { definitions: null, gates: null },
    status: 'active',
    last_seal_seq: null,
    ...over,
  }
  const { credential_id, rp_id, origins } = approver
  approver.public_key = encodeBase64(
    approver.alg === 'ES256'
      ? Uint8Array.from([...P256_SPKI, ...p256.getPublicKey(secret, false)])
      : Uint8Array.from([...ED25519_SPKI, ...ed25519.getPublicKey(secret)]),
  )
  const signed = (message: Uint8Array): Uint8Array =>
    approver.alg === 'ES256'
      ? p256.sign(message, secret, { format: 'der', lowS: false })
      : ed25519.sign(message, secret)

  return {
    approver,
    sign(decision, unusual = {}) {
      const { flags = HONEST_FLAGS, clientText = same, signature = same, more = [] } = unusual
      const text = JSON.stringify({
        type: 'webauthn.get',
        challenge: challengeOf(decision),
        origin: origins[0],
        crossOrigin: false,
        ...unusual.client,
      })
      const clientData = utf8(clientText(text))
      const rpIdHash = sha256Bytes(unusual.rp_id ?? rp_id)
      const authenticatorData = Uint8Array.from([...rpIdHash, flags, 0, 0, 0, 0, ...more])
      const message = Uint8Array.from([...authenticatorData, ...sha256Bytes(clientData)])
      return {
        credential_id,
        client_data_json: encodeBase64Url(clientData),
        authenticator_data: encodeBase64Url(authenticatorData),
        signature: encodeBase64Url(signature(signed(message))),
      }
    },
  }
}

const same = <T>(value: T): T => value
