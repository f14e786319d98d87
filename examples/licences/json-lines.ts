import { once } from 'node:events'
import { createInterface } from 'node:readline'
import * as z from 'zod/mini'

/*
 * The two sides of a derivation: a JSON line a record comes in on stdin, a JSON line a record goes out on stdout.
 */

/** What a derivation says of one record. `cost` is in any unit, as long as it is always the same. */
export type Answer = { value: string | number | boolean; cost?: string } | { error: string }

const Asked = z.object({ record_id: z.string(), inputs: z.record(z.string(), z.unknown()) })

/** Answers each record as it comes. What goes wrong with one is that record's error, and of no other. */
export async function answerEach<T>(
  inputs: z.ZodMiniType<T>,
  answer: (inputs: T, recordId: string) => Answer | Promise<Answer>,
): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = Asked.parse(JSON.parse(line))
    const said = await answered(() => answer(inputs.parse(asked.inputs), asked.record_id))
    if (!process.stdout.write(`${JSON.stringify({ record_id: asked.record_id, ...said })}\n`))
      await once(process.stdout, 'drain')
  }
}

async function answered(answer: () => Answer | Promise<Answer>): Promise<Answer> {
  try {
    return await answer()
  } catch (error) {
    return { error: error instanceof z.core.$ZodError ? z.prettifyError(error) : String(error) }
  }
}
