import { createInterface } from 'node:readline'
import { parseJson } from '#contract/parse.ts'
import { jsonLine } from '#server/json-line.ts'
import { Attempt } from './attempt.ts'
import { Derivation } from './derivation.ts'
import { closeInherited } from './inherited.ts'
import { type Derive, type FromRunner, type Launch, ToRunner } from './runner-protocol.ts'

/*
 * The runner: a small process of its own that starts the steps, since spawning from a large heap stalls an event loop.
 * The server dies, stdin ends, every group is ended and the runner exits: no step outlives both.
 */

closeInherited()

const attempts = new Map<string, Attempt>()
const derivations = new Map<string, Derivation>()
const running = new Set<Promise<void>>()

// Ctrl-C reaches every process of a terminal. When steps end is the server's decision.
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})
// The server is gone: stdin says so too, and that is where it is acted on.
process.stdout.on('error', () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const read = parseJson<ToRunner>(ToRunner, line)
  if (!read.ok) throw new Error(`message ${read.error.at} ${read.error.message}`)
  hear(read.value)
}
for (const attempt of attempts.values()) attempt.end('interrupted')
for (const derivation of derivations.values()) derivation.end('interrupted')
await Promise.all(running)
process.exit(0)

function hear(message: ToRunner): void {
  switch (message.type) {
    case 'launch':
      keep(launch(message))
      break
    case 'derive':
      keep(derive(message))
      break
    case 'batch':
      derivations.get(message.id)?.begin(message)
      break
    case 'close':
      derivations.get(message.id)?.close(message.fault)
      break
    case 'ping':
      say({ type: 'pong' })
      break
    case 'end':
      attempts.get(message.id)?.end(message.as)
      derivations.get(message.id)?.end(message.as)
      break
  }
}

function keep(run: Promise<void>): void {
  running.add(run)
  void run.finally(() => running.delete(run))
}

async function derive(derive: Derive): Promise<void> {
  const derivation = new Derivation(derive, say)
  derivations.set(derive.id, derivation)
  say({ type: 'ended', id: derive.id, result: await derivation.ended })
  derivations.delete(derive.id)
}

async function launch(launch: Launch): Promise<void> {
  const attempt = new Attempt(launch, say)
  attempts.set(launch.id, attempt)
  say({ type: 'ended', id: launch.id, result: await attempt.ended })
  attempts.delete(launch.id)
}

function say(message: FromRunner): void {
  process.stdout.write(`${jsonLine(message)}\n`)
}
