import { createParser } from 'eventsource-parser'
import { spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type * as z from 'zod/mini'
import { ENDPOINT } from '#contract/api.ts'
import { type Envelope, LIMITS } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import { frameName, parseFrame, type Frame } from '#contract/frame.ts'
import { parseJson } from '#contract/parse.ts'
import type { Role } from '#contract/status.ts'
import type { TrustFile } from '#contract/trust.ts'
import { readEnvelope } from '#evidence/read.ts'
import { walkSeries } from '#evidence/series.ts'
import type { Placed } from '#evidence/standing.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { frameOf } from '#server/events/frames.ts'
import { lookAtOffer } from '#server/look-in.ts'
import { administer } from '#server/main.ts'
import { openSqlite } from '#server/storage/sqlite.ts'
import type { Faults } from './faults.ts'
import { begin, type Life } from './life.ts'

/** How one life of the server ends: at a point of `faults.ts`, or so long after it was ready to answer. */
export type Death = Omit<NonNullable<Faults['die']>, 'latch'> | { afterMs: number }

/** What is left when all runs have come to their end, without what differs from time to time. */
export type Ending = Readonly<Record<string, unknown>>

export type Report = {
  endings: Ending
  /** Deaths that came about: a point may not be passed any more. */
  died: number
  /** Points passed by each life, where they were asked for. */
  points: string[][]
  /** What is not as it has to be; none. */
  faults: string[]
}

const STEP = `
exec 9>>"$MARKS/$INPUT_KEY.$1.lock"
flock -n 9 || echo "$INPUT_KEY.$1 ran twice at once" >> "$MARKS/overlaps"
echo "start $INPUT_KEY $1 $$ $(date +%s%N)" >> "$MARKS/marks"
sleep 0.2 &
echo "$1 of $INPUT_KEY"
sleep 0.0$2
`
// Of each its own file: one that empties it would change what the other leaves.
const RELEASE = (name: string, marks: string) => `
  ${name}:
    inputs: { key: {} }
    steps:
      - { id: build, run: 'set -- build 3; . ./step.sh; echo built > ${name}.out', artifacts: [${name}.out], env: &${name} { MARKS: ${marks} } }
      - { id: test, needs: [build], retries: 1, run: 'set -- test 5; . ./step.sh; [ -e "$MARKS/$INPUT_KEY.once" ] || { touch "$MARKS/$INPUT_KEY.once"; exit 1; }', env: *${name} }
      - { id: publish, needs: [approve], run: 'set -- publish 2; . ./step.sh', env: *${name} }
    gates:
      - { id: approve, needs: [test], question: 'Go on?', quorum: 2 }
`
const PROJECT = (marks: string) => `
runs:${RELEASE('release', marks)}${RELEASE('hotfix', marks)}
  broken:
    inputs: { key: {} }
    steps:
      - { id: bad, run: 'set -- bad 2; . ./step.sh; exit 3', env: { MARKS: ${marks} } }
  refused:
    inputs: { key: {} }
    steps:
      - { id: look, run: 'set -- look 1; . ./step.sh', env: { MARKS: ${marks} } }
      - { id: never, needs: [ask], run: 'set -- never 1; . ./step.sh', env: { MARKS: ${marks} } }
    gates:
      - { id: ask, needs: [look], question: 'Go on?' }
`

/** The work of a campaign, by the input that tells its runs apart. */
const WORK = { one: 'release', two: 'hotfix', three: 'broken', four: 'refused' }
const LIFE_MS = 180_000

/** A server over a new folder dies as often as it is told to and is then brought to the end; everything is compared. */
export async function campaign(deaths: readonly Death[], { trace = false } = {}): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-crash-'))
  const project = join(folder, 'project')
  const data = join(folder, 'data')
  const marks = join(folder, 'marks')
  const points: string[][] = []
  await mkdir(project)
  await mkdir(marks)
  await writeFile(join(project, 'runseal.yaml'), PROJECT(marks))
  await writeFile(join(project, 'step.sh'), STEP)
  const administration = await administer(data)
  const { people } = administration
  const tokenOf = async (role: Role, owner: string | null) =>
    (await people.makeToken({ role, owner, expires_at: null }, 'system')).token
  // A quorum is of people.
  const approvers: string[] = []
  for (const name of ['ann', 'bob']) {
    await people.addUser(name, 'approver', 'system')
    approvers.push(await tokenOf('approver', name))
  }
  const tokens = { operator: await tokenOf('operator', null), approvers }
  await administration.close()

  const faults: string[] = []
  const known: Known = { facts: new Map(), told: [], acknowledged: [] }
  let died = 0
  let trust: TrustFile | null = null
  const live = async (death: Death | null, latch = '') => {
    const die = death !== null && 'point' in death ? { die: { ...death, latch } } : {}
    const traceFile = join(folder, `trace-${points.length}`)
    const life = await begin(project, data, { ...die, ...(trace ? { trace: traceFile } : {}) })
    if (death !== null && 'afterMs' in death) {
      const timer = setTimeout(() => life.child.kill('SIGKILL'), death.afterMs)
      life.child.once('exit', () => clearTimeout(timer))
    }
    if (death !== null && 'point' in death && death.role === 'runner')
      void untilThere(latch, life.child).then(() => life.child.kill('SIGKILL'))
    const done = await work(life, tokens, known)
    if (done) life.child.kill(death === null ? 'SIGTERM' : 'SIGKILL')
    const [code, signal] = await life.ended
    if (trace) points.push((await readFile(traceFile, 'utf8')).trim().split('\n'))
    if (death !== null && (!done || existsSync(latch))) died += 1
    if (signal !== 'SIGKILL' && !(death === null && code === 0))
      faults.push(`the server ended with ${code ?? signal}: ${life.said()}`)
    return done
  }
  try {
    for (const [at, death] of deaths.entries()) {
      await live(death, join(folder, `died-${at}`))
      trust = await keptKey(data, trust, faults)
      await compareFacts(data, join(folder, `copy-${at}`), known, faults)
    }
    if (!(await live(null))) faults.push('the runs did not come to their end')
    trust = await keptKey(data, trust, faults)
    await compareFacts(data, join(folder, 'copy'), known, faults)
    await compareMarks(marks, known, faults)
    const endings = await verifyAll(data, trust, known, faults)
    return { endings, died, points, faults }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The runner has died: its server gets a moment to notice, and goes too. */
async function untilThere(latch: string, child: ChildProcess): Promise<void> {
  while (!existsSync(latch) && child.exitCode === null && child.signalCode === null) await sleep(20)
  await sleep(150)
}

type Known = {
  /** Facts that were on record at the last look, by run. */
  facts: Map<string, string[]>
  /** Frames that said something about the record. */
  told: Frame[]
  /** What the API answered as done: each is found in one of the facts. */
  acknowledged: string[]
}

/** Starts what is not started, answers what is asked; true when all is sealed, false when the server died. */
async function work(
  { child, url }: Life,
  tokens: { operator: string; approvers: string[] },
  known: Known,
): Promise<boolean> {
  if (url === null) return false
  const ask = async <T>(
    row: { method: string; path: string; answer: z.ZodMiniType<T> },
    path: string,
    token: string,
    body?: object,
  ): Promise<T | null> => {
    const response = await fetch(`${url}${path}`, {
      method: row.method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    const parsed = parseJson(row.answer, await response.text())
    return response.ok && parsed.ok ? parsed.value : null
  }
  const stop = new AbortController()
  child.once('exit', () => stop.abort())
  const listening = listen(url, stop.signal, known)
  try {
    const until = Date.now() + LIFE_MS
    /** Which work a run is, by its id. */
    const keys = new Map<string, string>()
    while (Date.now() < until) {
      const runs = await ask(ENDPOINT.listRuns, '/api/runs?limit=200', tokens.operator)
      for (const { run_id } of runs?.items ?? []) {
        if (keys.has(run_id)) continue
        const run = await ask(ENDPOINT.run, `/api/runs/${run_id}`, tokens.operator)
        if (run) keys.set(run_id, run.inputs?.['key'] ?? '')
      }
      for (const [key, definition] of Object.entries(WORK)) {
        if (runs === null || [...keys.values()].includes(key)) continue
        const body = { definition, inputs: { key } }
        const started = await ask(ENDPOINT.startRun, '/api/runs', tokens.operator, body)
        if (started) known.acknowledged.push(started.run_id)
      }
      const sealed = runs?.items.filter(({ seal }) => seal === 'sealed') ?? []
      if (sealed.length === Object.keys(WORK).length) return true
      const gates = await ask(ENDPOINT.listGates, '/api/gates?state=open', tokens.operator)
      for (const gate of gates?.items ?? [])
        for (const token of tokens.approvers) {
          const path = `/api/gates/${gate.gate_id}`
          const asked = await ask(ENDPOINT.challengeGate, `${path}/challenges`, token)
          if (asked === null) continue
          const { nonce } = asked.fields
          const decision = gate.policy?.quorum === 2 ? 'approved' : 'rejected'
          const body = { decision, nonce }
          const answer = await ask(ENDPOINT.decideGate, `${path}/decisions`, token, body)
          if (answer) known.acknowledged.push(nonce)
        }
      await sleep(50)
    }
    throw new Error('a life took too long')
  } catch (error) {
    if (!(error instanceof TypeError) && !stop.signal.aborted) throw error
    return false
  } finally {
    stop.abort()
    await listening
  }
}

async function listen(url: string, signal: AbortSignal, known: Known): Promise<void> {
  const parser = createParser({
    onEvent({ event = '', data }) {
      const reading = parseFrame(event, data)
      if (reading.state === 'frame' && !UNRECORDED.has(frameName(reading.frame)))
        known.told.push(reading.frame)
    },
  })
  try {
    const response = await fetch(`${url}/events`, { signal })
    const text = new TextDecoder()
    for await (const chunk of response.body ?? []) parser.feed(text.decode(chunk, { stream: true }))
  } catch (error) {
    // The server died, or all is done: what was heard until then counts.
    if (!(error instanceof Error)) throw error
  }
}
const UNRECORDED: ReadonlySet<string> = new Set(['step_output', 'stream.gap', 'stream.end'])

/** What was on record is on record, in its order, and so is all that was told. */
async function compareFacts(data: string, copy: string, known: Known, faults: string[]) {
  // A copy, so that the next server finds what the dead one left.
  await mkdir(copy)
  if (!existsSync(join(data, 'runseal.db'))) return
  for (const file of ['runseal.db', 'runseal.db-wal'])
    if (existsSync(join(data, file))) await copyFile(join(data, file), join(copy, file))
  const storage = await openSqlite(copy, { server: false })
  const facts = new Map<string, Fact[]>()
  const { items } = await storage.runs.list(
    { status: null, definition: null, q: null },
    { cursor: null, limit: 200 },
  )
  for (const { run_id } of items)
    facts.set(
      run_id,
      (await storage.runs.facts(run_id)).map(({ fact }) => fact),
    )
  await storage.close()

  for (const [run_id, before] of known.facts) {
    const after = facts.get(run_id)?.map((fact) => JSON.stringify(fact)) ?? []
    const lost = before.findIndex((fact, at) => fact !== after[at])
    if (lost !== -1) faults.push(`fact ${lost + 1} of ${run_id} is lost: ${before[lost]}`)
  }
  const all = [...facts.values()].flat()
  const frames = new Set(all.map(frameOf).map((frame) => (frame === null ? '' : keyOf(frame))))
  for (const frame of known.told)
    if (!frames.has(keyOf(frame))) faults.push(`told and not on record: ${keyOf(frame)}`)
  const text = JSON.stringify(all)
  for (const one of known.acknowledged)
    if (!text.includes(one)) faults.push(`answered and not on record: ${one}`)
  known.facts = new Map(
    Array.from(facts, ([run_id, list]) => [run_id, list.map((fact) => JSON.stringify(fact))]),
  )
}

function keyOf(frame: Frame): string {
  return JSON.stringify(Object.entries(frame).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** The key that envelopes are checked against is the first that was seen. */
async function keptKey(data: string, pinned: TrustFile | null, faults: string[]) {
  if (!existsSync(join(data, 'key.pem'))) return pinned
  const trust = await lookAtOffer(data)
  if (pinned !== null && JSON.stringify(pinned) !== JSON.stringify(trust))
    faults.push('the sealing key is another one')
  return pinned ?? trust
}

/** No step ran twice at once, none is left, and none ran that is not on record. */
async function compareMarks(marks: string, known: Known, faults: string[]): Promise<void> {
  if (existsSync(join(marks, 'overlaps')))
    faults.push((await readFile(join(marks, 'overlaps'), 'utf8')).trim())
  for (const file of (await readdir(marks)).filter((name) => name.endsWith('.lock')))
    if (spawnSync('flock', ['-n', join(marks, file), 'true']).status !== 0)
      faults.push(`${file} is still held by a step that was to be ended`)
  const begun = new Map<string, number>()
  for (const list of known.facts.values()) {
    const facts = list.join('\n')
    const key = /"key":"(\w+)"/.exec(facts)?.[1] ?? ''
    for (const [, step] of facts.matchAll(/"type":"step_started".*?"step_id":"(\w+)"/g))
      begun.set(`${key} ${step}`, (begun.get(`${key} ${step}`) ?? 0) + 1)
  }
  const ran = new Map<string, number>()
  const lines = existsSync(join(marks, 'marks')) ? await readFile(join(marks, 'marks'), 'utf8') : ''
  for (const [, name = ''] of lines.matchAll(/^start (\w+ \w+)/gm))
    ran.set(name, (ran.get(name) ?? 0) + 1)
  for (const [name, count] of ran)
    if (count > (begun.get(name) ?? 0))
      faults.push(`${name} ran ${count} times, on record are ${begun.get(name) ?? 0}`)
}

/** Every run is sealed, the seals are a series without a hole, and each verifies with the pinned key. */
async function verifyAll(
  data: string,
  trust: TrustFile | null,
  known: Known,
  faults: string[],
): Promise<Ending> {
  if (trust === null) return {}
  const storage = await openSqlite(data, { server: false })
  const unfinished = await storage.runs.unfinished()
  const { items } = await storage.seals.list({ cursor: null, limit: 200 })
  await storage.close()
  for (const left of unfinished) faults.push(`left unfinished: ${JSON.stringify(left)}`)
  if (items.length !== known.facts.size)
    faults.push(`${items.length} envelopes of ${known.facts.size} runs`)
  if (known.facts.size !== Object.keys(WORK).length) faults.push(`${known.facts.size} runs`)
  const endings = new Map<string, unknown>()
  const placed: Placed[] = []
  let previous: Envelope['closing']['previous'] = null
  for (const [at, { evidence_id, run_id, seal_seq, head }] of items.toReversed().entries()) {
    const bytes = await readFile(join(data, 'envelopes', `${evidence_id}.json`))
    const { verdict, claims, standing } = await verifyEnvelope(bytes, {
      trust: [{ file: trust, source: 'pinned' }],
      asked: { run_id, evidence_id },
    })
    if (standing !== null) placed.push(standing.place())
    if (verdict !== 'proven')
      faults.push(
        `${evidence_id}: ${verdict}: ${JSON.stringify(claims.filter(({ state }) => state === 'does not verify'))}`,
      )
    const envelope = readEnvelope(bytes, LIMITS)
    if (seal_seq !== at + 1 || envelope.closing.seal_seq !== at + 1)
      faults.push(`${evidence_id} is envelope ${at + 1} and has number ${seal_seq}`)
    if (JSON.stringify(envelope.closing.previous) !== JSON.stringify(previous))
      faults.push(`${evidence_id} names another before it`)
    previous = { evidence_id, head }
    endings.set(envelope.opening.inputs['key'] ?? '', endingOf(envelope, faults))
  }
  for (const { faults: told, open } of walkSeries(placed))
    faults.push(...told.map(({ message }) => message), ...open)
  return Object.fromEntries([...endings].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function endingOf({ run_id, opening, execution, gates, closing }: Envelope, faults: string[]) {
  const last = new Map<string, unknown>()
  for (const { step_id, outcome, exit_code, log, artifacts } of execution.steps) {
    if (JSON.stringify(last.get(step_id))?.includes('"succeeded"'))
      faults.push(`${step_id} of ${run_id} ran again after it had succeeded`)
    last.set(step_id, { outcome, exit_code, log: log.sha256, artifacts })
  }
  return {
    definition: opening.definition.name,
    outcome: closing.outcome,
    reason: closing.reason?.replace(/token:\w+/, 'token'),
    steps: [...last].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    gates: gates.map(({ step_id, outcome, decisions }) => [
      step_id,
      outcome,
      decisions.map(({ decision }) => decision.decision),
    ]),
  }
}
