import { frameName, type Frame, type FrameReading } from '#contract/frame.ts'
import { inOneLine } from './defuse.ts'

/** One line of a terminal for what the stream said. Nothing in it acts on the terminal. */
export function frameLine(reading: FrameReading): string {
  switch (reading.state) {
    case 'frame':
      return inOneLine(words(reading.frame))
    case 'unknown':
      return `? ${inOneLine(reading.name)}: a kind of frame that this version does not know`
    case 'malformed':
      return inOneLine(
        `? ${reading.name}: cannot be read, ${reading.error.at} ${reading.error.message}`,
      )
  }
}

function words(frame: Frame): string {
  const { time, ...said } = saidBy(frame)
  const fields = Object.entries(said)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return [time ?? '', frameName(frame), ...fields].filter((word) => word !== '').join('  ')
}

function saidBy(frame: Frame): { time: string | undefined; [field: string]: unknown } {
  if ('type' in frame) {
    const { type: _, timestamp, ...said } = frame
    return { time: timestamp, ...said }
  }
  const { kind: _, ts, ...said } = frame
  return { time: ts, ...said }
}
