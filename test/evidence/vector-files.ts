import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER =
  process.env['RUNSEAL_VECTORS'] ?? join(import.meta.dirname, '../../../shared/vectors')

/** The reason to skip what needs a folder of vectors that is not here, or null. */
export function whyNoVectors(name: string): string | null {
  return existsSync(join(FOLDER, name))
    ? null
    : `no vectors in ${join(FOLDER, name)}: set RUNSEAL_VECTORS`
}

export function readVectors(path: string): string {
  return readFileSync(join(FOLDER, path), 'utf8')
}

export function readJcsCases(): { name: string; input: string; output: string; outhex: string }[] {
  const folder = 'jcs-cyberphone/testdata'
  return readdirSync(join(FOLDER, folder, 'input')).map((file) => {
    const name = file.replace('.json', '')
    return {
      name,
      input: readVectors(`${folder}/input/${file}`),
      output: readVectors(`${folder}/output/${file}`),
      outhex: readVectors(`${folder}/outhex/${name}.txt`),
    }
  })
}

export const VECTOR_FILES = {
  numbers: 'jcs-es6-numbers/es6numbers-10000.txt',
  dsse: 'dsse/vectors.json',
  ed25519: 'wycheproof/testvectors_v1/ed25519_test.json',
  es256: 'wycheproof/testvectors_v1/ecdsa_secp256r1_sha256_p1363_test.json',
  webauthn: 'webauthn-w3c-l3/vectors.json',
} as const
