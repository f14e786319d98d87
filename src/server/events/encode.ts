import { frameName, type Frame } from '#contract/frame.ts'

/** A frame as it stands in the stream [S2]. `id` null: one that nobody resumes behind. */
export function encodeFrame(frame: Frame, id: string | null): Buffer {
  const lines = [`event: ${frameName(frame)}`, `data: ${JSON.stringify(frame)}`]
  if (id !== null) lines.push(`id: ${id}`)
  return Buffer.from(`${lines.join('\n')}\n\n`)
}
