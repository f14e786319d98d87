import { fireEvent, render, screen, within } from '@testing-library/react'
import { describe, expect, it, vi } from 'vitest'
import type { Part } from '#evidence/attached.ts'
import { type Claim, claimOf } from '#evidence/claims.ts'
import { newSigner, pinned, planStep, startRun } from '#test/evidence/fixture.ts'
import { AttachedFiles } from '#viewer/offline/attached-files.tsx'
import { judge } from '#viewer/offline/judge.ts'
import type { Judge } from '#viewer/offline/judging.ts'
import { VerifierPage } from '#viewer/offline/verifier-page.tsx'

const attached = (kind: Part['kind'], text: string) => {
  const part: Part = {
    kind,
    step_id: 'build',
    attempt: 1,
    where: `/execution/steps/0/${kind}`,
    path: kind === 'log' ? null : 'out/page.html',
    sha256: 'ab'.repeat(32),
    bytes: text.length,
    chunks: [],
  }
  const claim = claimOf('attached-whole', { message: 'It is.' })
  return { claim, file: new File([text], 'ab'.repeat(32)), part }
}

describe('what came beside a record, in the verifier', () => {
  it('[U1] is read to its end: all lines of a log, numbered, and a long one by itself', async () => {
    vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(320)
    const line = 'a line of a log that is longer than what is shown at once\n'
    const long = `${'x'.repeat(20_000)}the end of it`
    render(<AttachedFiles attached={[attached('log', `${line.repeat(10_000)}${long}`)]} />)
    fireEvent.click(screen.getByRole('button', { name: 'Read the log of build, attempt 1' }))
    const content = await screen.findByRole('region', {
      name: 'Content of the log of build, attempt 1',
    })
    content.scrollTop = 10_001 * 20 - 320
    fireEvent.scroll(content)
    fireEvent.click(screen.getByRole('button', { name: 'Show all of line 10001' }))
    const whole = screen.getByRole('region', { name: 'All of line 10001' })
    whole.scrollTop = 200 * 20 - 320
    fireEvent.scroll(whole)
    expect(whole.textContent).toContain('the end of it')
    fireEvent.click(screen.getByRole('button', { name: 'Close the log of build, attempt 1' }))
    expect(screen.queryByRole('region', { name: /^Content of/ })).toBe(null)
  })

  it('[U1] is text also where it is an artifact; what is none is not drawn', async () => {
    const page = '<script>alert(1)</script>'
    const { unmount } = render(<AttachedFiles attached={[attached('artifact', page)]} />)
    const read = { name: 'Read out/page.html of build, attempt 1' }
    fireEvent.click(screen.getByRole('button', read))
    await screen.findByText(page)
    unmount()
    render(<AttachedFiles attached={[attached('artifact', 'a\0b')]} />)
    fireEvent.click(screen.getByRole('button', read))
    await screen.findByText('It is not text, so it is not drawn.')
  })

  it('[U1] says why it cannot be read any more', async () => {
    const gone = attached('log', 'a')
    vi.spyOn(gone.file, 'arrayBuffer').mockRejectedValue(
      new DOMException('gone', 'NotReadableError'),
    )
    render(<AttachedFiles attached={[gone]} />)
    fireEvent.click(screen.getByRole('button', { name: 'Read the log of build, attempt 1' }))
    expect((await screen.findByRole('alert')).textContent).not.toBe('')
  })

  it('[U5] draws of a great many files what fails first', () => {
    const failing = claimOf('attached-differs', { message: 'It is another one.' })
    const alone = (claim: Claim) => ({ claim, file: null, part: null })
    const many = Array.from({ length: 300 }, () => alone(attached('log', 'a').claim))
    render(<AttachedFiles attached={[...many, alone(failing)]} />)
    const [first] = screen.getAllByRole('listitem')
    expect(first?.textContent).toContain('It is another one.')
    expect(first?.querySelector('details')?.open).toBe(true)
    screen.getByText('200 of 301 are shown.')
  })
})

it('[U11] of several records one has its row by what fails beside it', async () => {
  const signer = await newSigner()
  const file = (path: string, content: BlobPart) => ({ path, file: new File([content], path) })
  const [first, second] = await Promise.all(
    ['first', 'second'].map(async (name, nth) => {
      const ids = { evidence_id: `ev-${name}`, run_id: `run-${name}` }
      const run = startRun(signer, { steps: [planStep(name)] }, ids)
      run.step(name)
      const head = 'a'.repeat(64)
      const previous = nth === 0 ? null : { evidence_id: 'ev-before', head }
      return await run.seal({ seal_seq: 1 + 9 * nth, previous })
    }),
  )
  if (!first || !second) throw new Error('nothing is sealed')
  const envelopes = [
    file('first.json', first.bytes.slice()),
    file('second.json', second.bytes.slice()),
  ]
  const { sha256 = '' } = second.content.execution.steps[0]?.log ?? {}
  const attached = [file(`logs/${sha256}`, 'another log')]
  const judgement = await judge(
    { envelopes, attached, trust: [pinned(signer)], refused: [], former: [] },
    { onProgress: () => undefined },
  )
  const now = { state: 'judged', ...judgement } as const
  const page: Judge = {
    now: () => now,
    subscribe: () => () => undefined,
    ask: () => undefined,
    stop: () => undefined,
  }
  render(<VerifierPage embedded={{ envelopes, attached, brought: [], left: [] }} judge={page} />)
  const rows = within(screen.getByRole('region', { name: 'Files that were judged' }))
  expect(rows.getAllByRole('button').map(({ textContent }) => textContent)).toEqual([
    'second.jsonSomething beside the record does not verify',
    // Its own log is not among what is here.
    'first.jsonThe record is proven, but not all that belongs beside it',
  ])
})
