import { counted } from '#evidence/counted.ts'

/** `12 bytes`, `3.4 KiB`, `1.2 MiB`. */
export function bytesSaid(count: number): string {
  if (count < 1024) return counted(count, 'byte')
  return count < 1024 * 1024
    ? `${(count / 1024).toFixed(1)} KiB`
    : `${(count / 1024 / 1024).toFixed(1)} MiB`
}
