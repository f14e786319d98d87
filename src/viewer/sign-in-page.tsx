import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'
import { wordsOf } from './api.ts'
import { Notice } from './parts/notice.tsx'
import { Page } from './parts/page.tsx'
import { signIn } from './queries.ts'
import { placeToReturn } from './return-to.ts'
import { renewStream } from './stream/use-event-stream.ts'

/**
 * Opened by a one-time link, `/sign-in#TOKEN`. The fragment reaches no server and no log; a person's click spends it,
 * so that a link preview cannot.
 */
export function SignInPage() {
  const client = useQueryClient()
  const [, navigate] = useLocation()
  const [token] = useState(() => location.hash.slice(1))
  const enter = useMutation(signIn(client))
  if (token === '')
    return (
      <Page title="Sign in">
        <Notice title="Open a sign-in link">
          <p>
            The server prints one when it starts. An administrator makes another with{' '}
            <code className="font-mono">runseal user add NAME --role ROLE</code>. A link is good for
            one sign-in, within ten minutes.
          </p>
        </Notice>
      </Page>
    )
  return (
    <Page title="Sign in">
      <Notice
        title="Sign in on this browser"
        tone={enter.isError ? 'bad' : 'plain'}
        action={
          <button
            type="button"
            className="button"
            data-look="main"
            disabled={enter.isPending}
            onClick={() =>
              enter.mutate(token, {
                onSuccess: () => {
                  renewStream()
                  const place = placeToReturn()
                  // Who went elsewhere as soon as they were signed in stays there.
                  if (location.pathname === '/sign-in') navigate(place, { replace: true })
                },
              })
            }
          >
            {enter.isPending ? 'Signing in' : 'Sign in'}
          </button>
        }
      >
        {enter.isError
          ? `${wordsOf(enter.error).title}: ${wordsOf(enter.error).detail}`
          : 'Your link is used up by this, and this browser stays signed in for a while.'}
      </Notice>
    </Page>
  )
}
