import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, it, vi } from 'vitest'
import { SignInPage } from '#viewer/sign-in-page.tsx'

afterEach(() => vi.unstubAllGlobals())

it.each([
  [null, '/runs'],
  ['/tables', '/tables'],
])('[U9] a person who goes to %s while they are signed in is at %s then', async (gone, there) => {
  const answer = Promise.withResolvers<Response>()
  vi.stubGlobal('fetch', () => answer.promise)
  history.replaceState(null, '', '/sign-in#token')
  render(
    <QueryClientProvider client={new QueryClient()}>
      <SignInPage />
    </QueryClientProvider>,
  )
  fireEvent.click(screen.getByRole('button', { name: 'Sign in' }))
  await screen.findByRole('button', { name: 'Signing in' })
  // Its page may still be on the way, and this one there until it comes.
  if (gone !== null) act(() => history.pushState(null, '', gone))
  const session = { actor: 'user:ann', role: 'admin', secret: 's', expires_at: null }
  await act(async () => answer.resolve(Response.json(session, { status: 201 })))
  await vi.waitFor(() => expect(screen.queryByRole('button', { name: 'Signing in' })).toBe(null))
  await vi.waitFor(() => expect(location.pathname).toBe(there))
})
