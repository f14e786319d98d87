import { fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { encodeBase64 } from '#evidence/base64.ts'
import { utf8 } from '#evidence/canonical.ts'
import { type CarriedAs, carriedTag } from '#evidence/carried.ts'
import { sha256 } from '#evidence/digest.ts'
import { newSigner, planStep, serverKeyOf, startRun, trustFileOf } from '#test/evidence/fixture.ts'
import { newJudge } from '#viewer/offline/judging.ts'
import { VerifierPage } from '#viewer/offline/verifier-page.tsx'

/* The whole of verifier.html, and what its reader gives it one after another. */

const signer = await newSigner()

/** A record with one log, by itself and in one page with that log. */
async function exported(name: string, nth: number) {
  const log = `log of ${name}\n`
  const digest = sha256(log)
  const ids = { evidence_id: `ev-${name}`, run_id: `run-${name}` }
  const run = startRun(signer, { steps: [planStep('build')] }, ids)
  const [bytes, chunks] = [log.length, [digest]]
  run.step('build', { log: { sha256: digest, bytes, lines: 1, truncated: false, chunks } })
  const previous = nth === 1 ? null : { evidence_id: `ev-before-${name}`, head: 'a'.repeat(64) }
  const sealed = await run.seal({ seal_seq: nth, previous })
  const block = (as: CarriedAs, called: string, content: Uint8Array) =>
    `${carriedTag(as, called)}${encodeBase64(content)}</script>`
  const envelope = block('envelope', 'envelope.json', sealed.bytes)
  const attached = block('attached', `logs/${digest}`, utf8(log))
  const pageOf = (...blocks: string[]) => `<!doctype html>${blocks.join('\n')}`
  const damaged = (one: string) => one.replace('</script>', '!</script>')
  const file = (content: BlobPart, end: string) => new File([content], `${name}${end}`)
  return {
    alone: file(sealed.bytes.slice(), '.json'),
    whole: file(pageOf(envelope, attached), '.html'),
    damaged: file(pageOf(damaged(envelope)), '.html'),
    logDamaged: file(pageOf(envelope, damaged(attached)), '.html'),
    logMissing: file(pageOf(envelope), '.html'),
  }
}

const [one, two, three] = [
  await exported('one', 1),
  await exported('two', 9),
  await exported('three', 18),
]
const trustFile = (over: Parameters<typeof serverKeyOf>[1] = {}) => {
  const server_keys = [serverKeyOf(signer, over)]
  return new File([JSON.stringify(trustFileOf(signer, { server_keys }))], 'trust.json')
}

beforeEach(() => {
  // It judges on this thread then.
  vi.stubGlobal(
    'Worker',
    class extends EventTarget {
      terminate = () => undefined
      postMessage = () => queueMicrotask(() => this.dispatchEvent(new Event('error')))
    },
  )
  vi.stubGlobal(
    'URL',
    class extends URL {
      static override createObjectURL = () => 'blob:of-this-page'
      static override revokeObjectURL = () => undefined
    },
  )
  const nothing = { envelopes: [], brought: [], attached: [], left: [] }
  render(<VerifierPage embedded={nothing} judge={newJudge('')} />)
})
afterEach(() => vi.unstubAllGlobals())

type Place = 'Envelope' | 'Trust file' | 'Logs and artifacts'
const give = (place: Place, ...files: File[]) =>
  fireEvent.drop(screen.getByRole('region', { name: place }), {
    dataTransfer: { types: ['Files'], files, items: [] },
  })
const confirm = async () => fireEvent.click(await screen.findByLabelText(/I compared/))
const proven = 'The record is proven to be whole and sealed by a key you trust'
const judged = async (name: string) =>
  await waitFor(() => within(screen.getByRole('region', { name: 'Verdict' })).getByText(name))
const rowsAre = async (...rows: string[]) =>
  await waitFor(() =>
    expect(
      within(screen.getByRole('region', { name: 'Files that were judged' }))
        .getAllByRole('button')
        .map(({ textContent }) => textContent),
    ).toEqual(rows),
  )

it('[U11] what could not be read is said over every verdict beside it, until another envelope takes the place of that', async () => {
  give('Envelope', two.damaged)
  await screen.findByText('1 thing that you gave is not looked at')
  give('Trust file', trustFile())
  give('Envelope', one.alone)
  await confirm()
  const verdict = await screen.findByText(proven)
  const over = screen.getByText('Not all that you gave is judged')
  expect(over.compareDocumentPosition(verdict)).toBe(Node.DOCUMENT_POSITION_FOLLOWING)
  // Over the places for files too, however much stands in those.
  const places = screen.getByRole('region', { name: 'Envelope' })
  expect(verdict.compareDocumentPosition(places)).toBe(Node.DOCUMENT_POSITION_FOLLOWING)
  expect(over.parentElement?.textContent).toContain('two.html/envelope.json is not looked at')

  // What is said in passing is said once, and does not stay.
  give('Logs and artifacts')
  await screen.findByText('2 things that you gave are not looked at')
  give('Logs and artifacts')
  give('Logs and artifacts', new File(['a log'], 'a.log'))
  await screen.findByText('Something beside the record does not verify')
  screen.getByText('1 thing that you gave is not looked at')
  screen.getByText('Not all that you gave is judged')

  // A program is none of what is judged.
  give('Envelope', three.alone, new File(['<!doctype html>'], 'verifier.html'))
  await judged('three.json')
  screen.getByText('A program, and no part of the record')
  expect(screen.queryByText('Not all that you gave is judged')).toBe(null)
  fireEvent.click(screen.getByRole('button', { name: 'Take away what is not looked at' }))
  await waitFor(() => expect(screen.queryByText(/not looked at$/)).toBe(null))
})

it('[U11] of several records each row says what the command line does of what is beside it, and of a key that has ended', async () => {
  give('Trust file', trustFile())
  await confirm()
  give('Envelope', one.logDamaged, two.logMissing, three.whole)
  const open = 'The record is proven, but not all that belongs beside it'
  await rowsAre(
    `one.html/envelope.json${open}`,
    `two.html/envelope.json${open}`,
    `three.html/envelope.json${proven}`,
  )
  screen.getByText('Not all that you gave is judged')
  // What nobody said is there is not missing.
  give('Envelope', one.alone, two.alone)
  await rowsAre(`one.json${proven}`, `two.json${proven}`)

  give('Trust file', trustFile({ status: 'revoked', last_seal_seq: 9 }))
  const rests = 'This rests on a key that is revoked: whoever has that key now can have made it.'
  fireEvent.click(await screen.findByRole('button', { name: 'Take away trust.json' }))
  await confirm()
  await rowsAre(`one.json${proven}${rests}`, `two.json${proven}${rests}`)
})

it('[U11] files of one name, as every export has its envelope, are told apart before one is opened', async () => {
  give('Trust file', trustFile())
  await confirm()
  const called = async (file: File) => new File([await file.arrayBuffer()], 'envelope.json')
  const damaged = new File([(await two.alone.text()).replace('build', 'built')], 'envelope.json')
  give('Envelope', await called(one.alone), damaged, three.alone)
  await rowsAre(
    'envelope.json2 of 2This file does not verify',
    `envelope.json1 of 2, run run-one${proven}`,
    `three.json${proven}`,
  )
  // By the same words where one is taken away, and where it is open.
  screen.getByRole('button', { name: 'Take away three.json' })
  screen.getByRole('button', { name: 'Take away envelope.json, 1 of 2' })
  fireEvent.click(screen.getByRole('button', { name: /^envelope\.json\s*1 of 2/ }))
  screen.getByRole('region', { name: 'envelope.json, 1 of 2, run run-one' })
  fireEvent.click(screen.getByRole('button', { name: 'Take away envelope.json, 2 of 2' }))
  await rowsAre(`envelope.json${proven}`, `three.json${proven}`)
})

it('[U11] a file that says what it is is that, whatever place it is put in', async () => {
  give('Envelope', one.alone)
  await judged('one.json')
  give('Envelope', trustFile())
  await confirm()
  await screen.findByText(proven)
  await judged('one.json')
  give('Trust file', two.alone)
  await judged('two.json')
  // What does not say so is what its place is for.
  give('Trust file', new File(['{}'], 'no-trust.json'))
  await screen.findByText('The trust file is refused, and nothing of it is used')
  give('Envelope', new File(['{}'], 'no-envelope.json'))
  await screen.findByText('This file is no evidence envelope')
})
