import { expect, it, type TestContext } from 'vitest'
import { readJcsCases, readVectors, VECTOR_FILES, whyNoVectors } from './vector-files.ts'
import {
  dsseFailures,
  ed25519Failures,
  es256Failures,
  jcsFailures,
  numberFailures,
  WEBAUTHN_ANSWERS,
  webauthnAnswers,
} from './vectors.ts'

function need(context: TestContext, folder: string): void {
  const reason = whyNoVectors(folder)
  if (reason !== null) context.skip(reason)
}

it('[V3] canonical form: the vectors of RFC 8785', (context) => {
  need(context, 'jcs-cyberphone')
  expect(jcsFailures(readJcsCases())).toEqual({ cases: 6, failures: [] })
})

it('[V3] canonical form: ten thousand numbers', (context) => {
  need(context, 'jcs-es6-numbers')
  expect(numberFailures(readVectors(VECTOR_FILES.numbers))).toEqual({ cases: 10_000, failures: [] })
})

it('[V12] DSSE: the vectors of its authors', async (context) => {
  need(context, 'dsse')
  expect(await dsseFailures(readVectors(VECTOR_FILES.dsse))).toEqual({ cases: 9, failures: [] })
})

it('[V13] Ed25519: the vectors of Wycheproof', async (context) => {
  need(context, 'wycheproof')
  expect(await ed25519Failures(readVectors(VECTOR_FILES.ed25519))).toEqual({
    cases: 151,
    failures: [],
  })
})

it('[V13] ECDSA P-256: the vectors of Wycheproof', async (context) => {
  need(context, 'wycheproof')
  expect(await es256Failures(readVectors(VECTOR_FILES.es256))).toEqual({ cases: 262, failures: [] })
})

it('[V20] passkeys: the assertions of the WebAuthn text, as approvals', async (context) => {
  need(context, 'webauthn-w3c-l3')
  expect(await webauthnAnswers(readVectors(VECTOR_FILES.webauthn))).toEqual(WEBAUTHN_ANSWERS)
})
