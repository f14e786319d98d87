import { fstatSync, writeSync } from 'node:fs'

/**
 * On a file Node's own stdout asks the system once and passes over what it did not take, as on a disk that fills: half a
 * file would be a success. Here the rest is asked for until all of it is written, or the system says why not.
 */
export function writeWhole(output: NodeJS.WriteStream & { fd: number }): void {
  const found = fstatSync(output.fd)
  // Pipes, sockets and terminals have a stream that goes on by itself.
  if (!found.isFile()) return
  output._write = (bytes: Uint8Array, _encoding, done) => {
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(output.fd, bytes, at)
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
      return
    }
    done()
  }
}
