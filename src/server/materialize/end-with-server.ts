import { readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'

/*
 * A thread of the reader that waits for the server's end of stdin to go away. The reader itself may be inside of one
 * query for as long as that takes, and hears nothing meanwhile.
 */

const STDIN = 0

parentPort?.postMessage('waiting')
try {
  while (readSync(STDIN, Buffer.alloc(1)) > 0);
} finally {
  process.kill(process.pid, 'SIGKILL')
}
