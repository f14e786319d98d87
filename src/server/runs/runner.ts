import { createInterface } from 'node:readline'
import { parseJson } from '#contract/parse.ts'
import { Attempt } from './attempt.ts'
import { closeInherited } from './inherited.ts'
import { type FromRunner, type Launch, ToRunner } from './runner-protocol.ts'

/*
 * The runner: a small process of its own that starts the steps, since spawning from a large heap stalls an event loop.
 * The server dies, stdin ends, every group is ended and the runner exits: no step outlives both.
 */

closeInherited()

const attempts = new Map<string, Attempt>()
const running = new Set<Promise<void>>()

// Ctrl-C reaches every process of a terminal. When steps end is the server's decision.
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})
// The server is gone: stdin says so too, and that is where it is acted on.
process.stdout.on('error', () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const read = parseJson<ToRunner>(ToRunner, line)
  if (!read.ok) throw new Error(`message ${read.error.at} ${read.error.message}`)
  const message = read.value
  if (message.type === 'end') attempts.get(message.id)?.end(message.as)
  else {
    const run = launch(message)
    running.add(run)
    void run.finally(() => running.delete(run))
  }
}
for (const attempt of attempts.values()) attempt.end('interrupted')
await Promise.all(running)
process.exit(0)

async function launch(launch: Launch): Promise<void> {
  const attempt = new Attempt(launch, say)
  attempts.set(launch.id, attempt)
  say({ type: 'ended', id: launch.id, result: await attempt.ended })
  attempts.delete(launch.id)
}

function say(message: FromRunner): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
