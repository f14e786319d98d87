import { type Beside, compareBesideAll, type Compared, recordBeside } from '#evidence/beside.ts'
import { type VerifiedEnvelope } from '#evidence/verify.ts'

/** What came beside one envelope. */
export async function compareBeside(
  envelope: VerifiedEnvelope,
  files: readonly Beside[],
): Promise<readonly Compared[]> {
  const record = recordBeside(envelope)
  const { compared } = await compareBesideAll(
    [{ home: null, recorded: record, record }],
    files.map((one) => ({ ...one, home: null })),
  )
  return compared.flat()
}
