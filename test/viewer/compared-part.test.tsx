import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, it, vi } from 'vitest'
import { PROBLEM, type Problem } from '#contract/problem.ts'
import { ComparedPart } from '#viewer/review/compared-part.tsx'

/* Bytes of a step that are to be compared with what is on record. */

afterEach(() => vi.unstubAllGlobals())

it('[U10] what the server does not have any more is said to be on record all the same', async () => {
  const gone: Problem = { ...PROBLEM.not_found, type: 'about:blank', code: 'not_found' }
  vi.stubGlobal(
    'fetch',
    vi.fn<typeof fetch>(async () =>
      Response.json(gone, {
        status: 404,
        headers: { 'content-type': 'application/problem+json' },
      }),
    ),
  )
  const part = { kind: 'artifact', index: 0 } as const
  const log = { run_id: 'run-1', step_id: 'pack', attempt: 1 }
  render(
    <QueryClientProvider client={new QueryClient()}>
      <ComparedPart
        address={{ ...log, document: 'ev-1', seq: 1, part, sha256: 'ab'.repeat(32) }}
        origin={{ from: 'server', evidence_id: 'ev-1' }}
        told="verified"
        name="the artifact"
        path="out/a.tgz"
        file="a.tgz"
      />
    </QueryClientProvider>,
  )
  fireEvent.click(screen.getByRole('button', { name: /^Fetch and compare the artifact/ }))
  const said = await screen.findByRole('alert')
  expect(said.textContent).toMatch(/^The artifact is on record, and the server answers that it/)
  screen.getByLabelText('Compare a file with the artifact out/a.tgz')
})
