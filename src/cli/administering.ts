import { administer, type Administration } from '#server/main.ts'
import { saidPlainly } from './said-plainly.ts'

/** Does one thing with a data folder, beside the server that may run over it, and lets go of the folder. */
export async function administering(
  folder: string,
  act: (administration: Administration) => Promise<void>,
): Promise<number> {
  return await saidPlainly(async () => {
    const administration = await administer(folder)
    try {
      await act(administration)
    } finally {
      await administration.close()
    }
    return 0
  })
}
