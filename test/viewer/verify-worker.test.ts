// @vitest-environment node
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { approvedRun, newSigner, pinned, type Sealed } from '#test/evidence/fixture.ts'
import { type Question, type Reply } from '#viewer/verifier.ts'

/* The worker itself, asked by messages as a page asks it. */

type Ended = Exclude<Reply, { stage: unknown }>

const signer = await newSigner()
const waiting = new Map<number, (reply: Ended) => void>()
let hear: ((event: { data: { id: number; question: Question } }) => void) | undefined
let id = 0

beforeAll(async () => {
  vi.stubGlobal('addEventListener', (_: string, listener: typeof hear) => (hear = listener))
  vi.stubGlobal('postMessage', (reply: Reply) => {
    if (!('stage' in reply)) waiting.get(reply.id)?.(reply)
  })
  await import('#viewer/verify.worker.ts')
})

afterAll(() => vi.unstubAllGlobals())

const ask = (question: Question): Promise<Ended> =>
  new Promise((resolve) => {
    id += 1
    waiting.set(id, resolve)
    hear?.({ data: { id, question } })
  })

const whyNot = (reply: Ended): string => (reply.ok ? '' : reply.why)

const verify = ({ bytes }: Sealed): Promise<Ended> =>
  ask({
    ask: 'verify',
    bytes: bytes.slice().buffer,
    trust: [pinned(signer)],
    asked: {},
    previous: [],
  })

it('[U16] what is required is of the record that the reader looks at, and of no other that took its place', async () => {
  const [one, other] = [
    await approvedRun(signer).seal(),
    await approvedRun(signer, { evidence_id: 'ev-2', run_id: 'run-2' }).seal(),
  ]
  const { head } = one.envelope.integrity.hash_chain
  expect(whyNot(await ask({ ask: 'requirement', head }))).toContain('no longer held')
  await verify(one)
  expect(await ask({ ask: 'requirement', head })).toMatchObject({
    ok: true,
    value: { requirement: { name: 'release', gates: [{ step_id: 'ship' }] } },
  })
  await verify(other)
  expect(whyNot(await ask({ ask: 'requirement', head }))).toContain(
    'another envelope is held by now',
  )
})

it('[V1] of what does not verify nothing is held, nor of what was before it', async () => {
  const whole = await approvedRun(signer).seal()
  await verify(whole)
  const { bytes } = whole
  const changed = new TextDecoder().decode(bytes).replace('Looks right.', 'Looks wrong.')
  const reply = await ask({
    ask: 'verify',
    bytes: new TextEncoder().encode(changed).buffer,
    trust: [pinned(signer)],
    asked: {},
    previous: [],
  })
  expect(reply).toMatchObject({ ok: true, value: { verdict: 'does not verify', summary: null } })
  for (const question of [{ ask: 'entry', seq: 1 }, { ask: 'replayed' }] as const)
    expect(await ask(question)).toMatchObject({ ok: false })
})

it('[U11] says of a file that the browser does not give that it cannot be read, and of nothing else', async () => {
  const file = new Blob(['{}'])
  file.arrayBuffer = async () => {
    throw new DOMException('gone', 'NotFoundError')
  }
  const question = { ask: 'verify' as const, trust: [], asked: {}, previous: [] }
  expect(await ask({ ...question, bytes: file })).toMatchObject({
    ok: false,
    why: 'It is not there any more',
    isUnread: true,
  })
  expect(await ask({ ask: 'replayed' })).toMatchObject({ ok: false, isUnread: false })
})
