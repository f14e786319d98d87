import { getRequestListener } from '@hono/node-server'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import type { RequestListener, Server } from 'node:http'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSecureContext } from 'node:tls'
import { basename, dirname, join } from 'node:path'
import * as z from 'zod/mini'
import type { Status } from '#contract/api.ts'
import { parseJson } from '#contract/parse.ts'
import type { Signer } from '#evidence/seal.ts'
import { BackupError, makeBackup, restoreBackup, type Manifest, type Restored } from './backup.ts'
import { hasBegun, makeDataFolder } from './data-folder.ts'
import { diskFault } from './disk-fault.ts'
import { createLiar, type LiarOptions } from './chaos/liar.ts'
import { lyingProxy } from './chaos/proxy.ts'
import { createBus, type Bus } from './events/bus.ts'
import { frameOf, lifecycleFrameOf } from './events/frames.ts'
import { createEventStreams, type After, type Every } from './events/sse.ts'
import { createGates } from './gates/gates.ts'
import { createApp, DEFAULT_ACCESS, type Access, type RequestLogEntry } from './http/app.ts'
import { isLoopback, plainAddress } from './http/client.ts'
import { secured } from './http/headers.ts'
import { createHttpServer, DEFAULT_LIMITS, type Limits, type Tls } from './http/listen.ts'
import { problemResponse } from './http/problems.ts'
import { routesOf } from './http/routes.ts'
import { loadViewer } from './http/viewer-files.ts'
import type { Own } from './identity/asker.ts'
import { createPeople, type People } from './identity/people.ts'
import { createMaterializeAnswers } from './materialize/materialize-answer.ts'
import { createProvenanceViews } from './materialize/provenance-views.ts'
import { createTableViews } from './materialize/table-views.ts'
import { createMaterializer } from './materialize/materializer.ts'
import { createEngine } from './runs/engine.ts'
import { DefinitionError, openProject, type ProjectReader } from './runs/project.ts'
import { createRecorder } from './runs/record.ts'
import { stepUser, StepUserError, type StepUser } from './runs/step-user.ts'
import { writeDurably } from './seal/durable-file.ts'
import { openKey, serverKeyOf } from './seal/key.ts'
import { createSealer } from './seal/sealer.ts'
import { mostOpenFiles, roomFor } from './room.ts'
import { holdFolder, openSqlite } from './storage/sqlite.ts'
import { StorageError, type JournalStore, type Storage } from './storage/storage.ts'
import { timeOrderedId } from './time-ordered-id.ts'

export type ComposeOptions = {
  /** A folder with a runseal.yaml, or that file. */
  project: string
  data: string
  /** Further origins that this server is reached by. */
  origins?: readonly string[]
  access?: Access
  /** Name of the user that steps run as; the server's own where it is not there. */
  runAs?: string
  /** A line about a failure of the server's own. */
  log: (line: string) => void
  /** Told of each request. */
  logRequest?: (entry: RequestLogEntry) => void
  /** How it stands with the proxy that lies before this server. */
  chaos?: () => Status['server']['chaos']
}

export type StartOptions = Omit<ComposeOptions, 'access' | 'chaos'> & {
  /** Beyond loopback only with HTTPS, of its own or of a proxy, and with an origin. */
  host: string
  /** 0: any that is free. */
  port: number
  /** Files in PEM. */
  tls?: Tls
  /** Everything needs a sign-in. So it does anyway where others than this machine can come. */
  private?: boolean
  allowOrigins?: readonly string[]
  trustedProxies?: readonly string[]
  limits?: Partial<Limits>
  /** A proxy that lies stands before it, for showing what a page makes of that. On this machine alone. */
  chaos?: Chaos
}

export type Chaos = LiarOptions & { seed: number }

export type Running = {
  /** Where people open it. */
  url: string
  /** Where programs on this machine reach it. */
  local: string
  signInToRead: boolean
  /** The project's file. */
  project: string
  /** Address of a one-time sign-in link for the admin. */
  signInUrl: string
  /** Resolves, with the words for whoever runs it, when there is no store any more that it could go on with. */
  lost: Promise<string>
  /** Ends what runs, tells everybody, and resolves when all of it is on record. */
  close(): Promise<void>
}

/** What keeps a server or a command from starting, in words for the person who typed it. */
export class StartError extends Error {}

/** A server on its port. */
export async function start({
  host,
  port,
  limits,
  chaos,
  ...options
}: StartOptions): Promise<Running> {
  const reach = reachOf(host, options)
  if (
    chaos &&
    (options.tls || options.trustedProxies?.length || reach.origin !== null || !isLocalName(host))
  )
    throw new StartError('--chaos: lies are for this machine alone, without HTTPS')
  const tls = options.tls ? await readTls(options.tls) : null
  const liar = chaos ? createLiar(chaos.seed, chaos) : null
  let local = ''
  const companion = await compose(
    {
      ...options,
      access: reach.access,
      ...(chaos && liar && { chaos: () => ({ seed: chaos.seed, ...liar.state() }) }),
    },
    () => local,
  )
  const undo: (() => unknown)[] = [() => companion.close()]
  try {
    const listens = async (listener: RequestListener, host: string, port: number) => {
      const reading = {
        tls,
        limits: { ...DEFAULT_LIMITS, connections: ROOM.connections, ...limits },
      }
      const server = createHttpServer(listener, companion.answerFault, reading)
      const taken = await listen(server, host, port)
      undo.push(() => closed(server))
      return taken
    }
    const answer: RequestListener = (incoming, outgoing) => {
      const listener = getRequestListener(companion.answer, {
        errorHandler: (error) => companion.answerFault(error, incoming.socket),
        // With the adapter's Response in the place of Node's, one that was made before is no instance of it.
        overrideGlobalObjects: false,
      })
      void listener(incoming, outgoing)
    }
    const lying = liar && lyingProxy(liar, await listens(answer, '127.0.0.1', 0))
    local = `${tls ? 'https' : 'http'}://localhost:${await listens(lying ?? answer, host, port)}`
    const url = reach.origin ?? local
    await writeDurably(join(options.data, RUNNING), JSON.stringify({ url }))
    undo.push(() => rm(join(options.data, RUNNING), { force: true }))
    await companion.begin()
    return {
      url,
      local,
      signInToRead: reach.access.signInToRead,
      project: companion.project,
      signInUrl: await signInUrl(companion.people, companion.admin, url, 'system'),
      lost: companion.lost,
      async close() {
        await companion.stop()
        await undone(undo)
      },
    }
  } catch (error) {
    await undone(undo)
    throw error
  }
}

async function undone(undo: readonly (() => unknown)[]): Promise<void> {
  for (const step of undo.toReversed()) await step()
}

export type Composed = {
  /** `bindings`: what the request came by, if it came by a port. */
  answer: (request: Request, bindings: object) => Response | Promise<Response>
  /** A request whose head makes no URL: it never reaches `answer`. */
  answerFault: (error: unknown, from: { remoteAddress?: string | undefined }) => Response
  people: People
  /** Name of somebody who may do everything. */
  admin: string
  /** The project's file. */
  project: string
  bus: Bus
  lost: Running['lost']
  /** Brings what a former server left to its end, and goes on with the rest. */
  begin(): Promise<void>
  /** Ends what runs, on record, and then every stream. */
  stop(): Promise<void>
  /** Lets go of the data folder. */
  close(): Promise<void>
}

/** Everything that makes a server but its port, put together. `address`: where it is reached. */
export async function compose(
  {
    project: path,
    data,
    origins = [],
    access = DEFAULT_ACCESS,
    runAs,
    log,
    logRequest,
    chaos = () => null,
  }: ComposeOptions,
  address: () => string,
): Promise<Composed> {
  const now = () => new Date()
  const failed = (error: unknown) => {
    // That is told once, by the end of the server.
    if (!(error instanceof StorageError && error.code === 'lost')) log(stackOf(error))
  }
  const project = readProject(path)
  const { file, definitions } = project.lastGood()
  const storage = await openStorage(data, { server: true })
  try {
    const user = runAs === undefined ? null : await stepUserOf(runAs, data)
    const { status } = await storage.runs.counts()
    const isNew = Object.values(status).every((count) => count === 0)
    const signer = await openSigner(data, isNew)

    const bus = createBus({
      epoch: epochOf(now()),
      now,
      monotonic: () => performance.now(),
      soon: (act) => void setImmediate(act),
    })
    const streams = createEventStreams({
      bus,
      every,
      after,
      now,
      random: Math.random,
      maxStreams: ROOM.streams,
    })
    const recorder = createRecorder(storage.runs)
    recorder.subscribe((fact, { opening }) => {
      for (const frame of [frameOf(fact), lifecycleFrameOf(fact, opening)])
        if (frame !== null) bus.publish(frame)
    })
    const gates = createGates({ storage, recorder, now, random: randomBytes, failed })
    const sealer = createSealer({
      storage,
      recorder,
      signer,
      folder: join(data, 'envelopes'),
      now,
      failed,
    })
    const people = createPeople({
      store: storage.identity,
      journal: storage.journal,
      now,
      randomBytes,
      changed: (whose) => streams.recheck(whose),
      failed,
    })
    const admin = await people.ensureAdmin()
    const materializer = createMaterializer({
      project,
      cells: storage.cells,
      data,
      environment: {
        server: process.env,
        step: user === null ? process.env : { ...process.env, HOME: user.home },
      },
      now,
      random: randomBytes,
      failed,
    })
    const engine = createEngine({
      project,
      recorder,
      storage,
      sealer,
      materializer,
      publish: (frame) => bus.publish(frame),
      data,
      stepUser: user,
      server: { key_id: signer.key_id, version: VERSION, environment: process.env },
      now,
      random: randomBytes,
      newId: (prefix) => timeOrderedId(prefix, now(), randomBytes),
      failed,
    })

    const cookieName = () => `runseal_${new URL(address()).port}`
    const requestId = () => randomBytes(8).toString('hex')
    const routes = routesOf({
      storage,
      recorder,
      engine,
      tables: {
        ...createTableViews(materializer, storage.cells, now),
        look: createLook(() => materializer.check().catch(failed), now),
      },
      provenance: createProvenanceViews(materializer, storage),
      materialize: {
        answer: createMaterializeAnswers(recorder, storage, () => materializer.project().tables),
        preview: (request) => materializer.preview(request),
      },
      sealer,
      gates,
      people,
      bus,
      streams,
      serverKey: serverKeyOf(signer),
      about: {
        version: VERSION,
        project: basename(dirname(file)),
        started_at: now().toISOString(),
        isolation: user === null ? 'none' : 'user',
        reads: access.signInToRead ? 'signed_in' : 'open',
      },
      chaos,
      logs: join(data, 'logs'),
      artifacts: join(data, 'artifacts'),
      cookieName,
      now,
    })
    const app = createApp({
      routes,
      people,
      viewer: await loadViewer(join(PACKAGE, 'dist', 'viewer')),
      own: () => [...namesOf(address()), ...origins],
      access,
      cookieName,
      requestId,
      log,
      ...(logRequest && { logRequest }),
    })

    return {
      answer: (request, bindings) => app.fetch(request, bindings),
      answerFault(error, { remoteAddress = '' }) {
        const request_id = requestId()
        const response = secured(problemResponse(error, request_id, log))
        const { status } = response
        const unknown = { method: null, path: null, actor: null, ms: 0 }
        logRequest?.({ request_id, ...unknown, status, address: plainAddress(remoteAddress) })
        return response
      },
      people,
      admin,
      project: file,
      bus,
      lost: storage.lost.then(({ message }) => message),
      async begin() {
        await engine.recover()
        await gates.resume()
        void materializer.check().catch(failed)
        if (isNew && definitions.has('tour'))
          await engine.start(
            'tour',
            {},
            {
              actor: 'system',
              role: 'operator',
              owner: null,
              authority: null,
            },
          )
      },
      async stop() {
        gates.stop()
        const stopped = engine.stop()
        await Promise.race([stopped, sleep(DRAIN_MS, null, { ref: false })])
        streams.drain()
        await stopped
      },
      close: () => storage.close(),
    }
  } catch (error) {
    await storage.close()
    throw error
  }
}

export type Administration = {
  people: People
  journal: JournalStore
  /** A sign-in link to the server that runs over this data folder, else to `url`. */
  linkFor(name: string, url: string, by: Own): Promise<string>
  close(): Promise<void>
}

/** A data folder, beside the server that may run over it. */
export async function administer(data: string): Promise<Administration> {
  const storage = await openStorage(data, { server: false })
  const people = createPeople({
    store: storage.identity,
    journal: storage.journal,
    now: () => new Date(),
    randomBytes,
    failed(error) {
      throw error
    },
  })
  return {
    people,
    journal: storage.journal,
    async linkFor(name, url, by) {
      return await signInUrl(people, name, (await runningUrl(data)) ?? url, by)
    },
    close: () => storage.close(),
  }
}

/** A backup of a data folder, also while a server runs over it. */
export async function backUp(data: string, file: string, actor: string): Promise<Manifest> {
  const by = { actor, at: new Date().toISOString() }
  const open = (folder: string) => openStorage(folder, { server: false })
  return await makeBackup(open, data, file, by).catch(inWords)
}

/** A data folder from a backup. */
export async function restore(file: string, data: string, actor: string): Promise<Restored> {
  const by = { actor, at: new Date().toISOString() }
  const open = (folder: string) => openStorage(folder, { server: false })
  return await restoreBackup(open, holdFolder, file, data, by).catch(inWords)
}

/** Whatever fails is one line for the person who asked; what the disk does has words of its own. */
function inWords(error: unknown): never {
  const disk = diskFault(error) ?? (error instanceof StorageError ? diskFault(error.cause) : null)
  if (disk !== null) throw error
  throw new BackupError(wordsOf(error).replaceAll(/\s*\n\s*/g, ' '), { cause: error })
}

/** In the data folder while a server runs: where it can be reached. */
const RUNNING = 'server.json'
const Running = z.object({ url: z.string() })

async function runningUrl(data: string): Promise<string | null> {
  const text = await readFile(join(data, RUNNING), 'utf8').catch(() => '')
  const parsed = parseJson(Running, text)
  return parsed.ok ? parsed.value.url : null
}

// In the fragment, which no server, proxy or log ever sees; the page posts it on a click.
async function signInUrl(people: People, name: string, url: string, by: Own): Promise<string> {
  const { token } = await people.makeLink(name, by)
  return `${url}/sign-in#${token}`
}

async function openStorage(data: string, mode: { server: boolean }): Promise<Storage> {
  try {
    makeDataFolder(data)
  } catch (error) {
    throw new StartError(wordsOf(error), { cause: error })
  }
  try {
    return await openSqlite(data, { ...mode, isToBeThere: hasBegun(data) })
  } catch (error) {
    if (error instanceof StorageError && error.code === 'lost')
      throw new StartError(
        `${error.message}, and a server has sealed here: with a new store its envelopes would begin anew under the same key. Bring it back, restore a backup, or name an empty folder for another server`,
        { cause: error },
      )
    if (error instanceof StorageError) throw new StartError(error.message, { cause: error })
    throw error
  }
}

async function stepUserOf(name: string, data: string): Promise<StepUser> {
  return await stepUser(name, data).catch((error: unknown) => {
    if (error instanceof StepUserError) throw new StartError(error.message, { cause: error })
    throw error
  })
}

async function openSigner(data: string, make: boolean): Promise<Signer> {
  return await openKey(data, { make }).catch((error: unknown) => {
    throw new StartError(wordsOf(error), { cause: error })
  })
}

/** Who may come how, and by which origin from elsewhere. Where others than this machine can come, nothing is open. */
function reachOf(
  host: string,
  {
    tls,
    private: isPrivate = false,
    origins = [],
    allowOrigins = [],
    trustedProxies = [],
  }: Omit<StartOptions, 'host' | 'port' | 'chaos'>,
): { access: Access; origin: string | null } {
  const isWide = !isLocalName(host)
  const away = origins.filter((origin) => !isLocalName(new URL(origin).hostname))
  for (const address of trustedProxies)
    if (isIP(address) === 0) throw new StartError(`--trusted-proxy ${address}: is no IP address`)
  if (isWide && !tls && trustedProxies.length === 0)
    throw new StartError(
      `--host ${host}: beyond this machine only over HTTPS; give --tls-cert and --tls-key, or name by --trusted-proxy the proxy that has them`,
    )
  if (isWide && away.length === 0)
    throw new StartError(
      `--host ${host}: say by --origin https://NAME how browsers elsewhere reach this server`,
    )
  const plain = away.find((origin) => !origin.startsWith('https:'))
  if (plain !== undefined)
    throw new StartError(`--origin ${plain}: from another machine this server answers HTTPS`)
  return {
    origin: away[0] ?? null,
    access: {
      ...DEFAULT_ACCESS,
      signInToRead: isPrivate || isWide || away.length > 0 || trustedProxies.length > 0,
      allowOrigins,
      trustedProxies: new Set(trustedProxies.map(plainAddress)),
    },
  }
}

function isLocalName(host: string): boolean {
  return host === 'localhost' || isLoopback(host.replaceAll(/[[\]]/g, ''))
}

async function readTls({ cert, key }: Tls): Promise<Tls> {
  const read = (path: string) =>
    readFile(path, 'utf8').catch((error: unknown) => {
      throw new StartError(wordsOf(error), { cause: error })
    })
  const tls = { cert: await read(cert), key: await read(key) }
  try {
    createSecureContext(tls)
  } catch (error) {
    throw new StartError(`--tls-cert and --tls-key: ${wordsOf(error)}`, { cause: error })
  }
  return tls
}

function namesOf(url: string): string[] {
  const { protocol, port } = new URL(url)
  return ['localhost', '127.0.0.1', '[::1]'].map(
    (name) => new URL(`${protocol}//${name}:${port}`).origin,
  )
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(new StartError(listenWords(error, host, port), { cause: error }))
    })
    server.listen({ host: host.replaceAll(/[[\]]/g, ''), port, backlog: BACKLOG }, resolve)
  })
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : port
}

function listenWords(error: Error, host: string, port: number): string {
  const code = 'code' in error ? error.code : ''
  if (code === 'EADDRINUSE') return `port ${port} is taken; name another with --port`
  if (code === 'EACCES')
    return `port ${port} may not be used by this user; name another with --port`
  return `cannot listen on ${host}:${port}: ${error.message}`
}

const CLOSING_MS = 1000
const ROOM = roomFor(mostOpenFiles())
/** Whoever comes back after a restart comes with all the others. */
const BACKLOG = 4096
/** Readers hear how running steps end, but wait for none that takes its time to. */
const DRAIN_MS = 2000

/** Answers that are under way may end; who holds on to a connection is let go after a second. */
async function closed(server: Server): Promise<void> {
  const late = setTimeout(() => server.closeAllConnections(), CLOSING_MS)
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
  clearTimeout(late)
}

/** Looks at once where nobody has for a while: who asks is told what is known, and soon what is. */
function createLook(look: () => Promise<void>, now: () => Date): () => void {
  let next = 0
  return () => {
    if (now().getTime() < next) return
    next = Number.POSITIVE_INFINITY
    void look().finally(() => {
      next = now().getTime() + LOOK_EVERY_MS
    })
  }
}

const LOOK_EVERY_MS = 2000

const every: Every = (ms, act) => {
  const timer = setInterval(act, ms)
  timer.unref()
  return () => clearInterval(timer)
}

const after: After = (ms, act) => {
  const timer = setTimeout(act, ms)
  timer.unref()
  return () => clearTimeout(timer)
}

// Two starts within one millisecond are two epochs.
function epochOf(now: Date): string {
  return `${now.getTime().toString(36)}${randomBytes(3).toString('hex')}`
}

function readProject(path: string): ProjectReader {
  try {
    return openProject(path)
  } catch (error) {
    if (error instanceof DefinitionError)
      throw new StartError(error.faults.join('\n'), { cause: error })
    throw error
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

// The package's own folder, from a checkout's sources as from what was built of them.
const PACKAGE = packageFolder(import.meta.dirname)
const VERSION = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'))).version

function packageFolder(from: string): string {
  return existsSync(join(from, 'package.json')) ? from : packageFolder(dirname(from))
}
