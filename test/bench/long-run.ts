import type { Signer } from '#evidence/seal.ts'
import { planStep, type Sealed, startRun } from '#test/evidence/fixture.ts'

/** A run of so many steps, each of which needs the one before it and leaves an artifact. */
export function longRun(signer: Signer, count: number): Promise<Sealed> {
  const steps = Array.from({ length: count }, (_, index) =>
    planStep(`step-${index}`, {
      needs: index === 0 ? [] : [`step-${index - 1}`],
      artifacts: [`dist/part-${index}.tgz`],
    }),
  )
  const run = startRun(signer, { steps })
  for (const { step_id } of steps) run.step(step_id)
  return run.seal()
}
