// @vitest-environment node
import { QueryClient } from '@tanstack/react-query'
import { expect, it, onTestFinished } from 'vitest'
import { offeredTrustQuery } from '#viewer/queries.ts'
import { createRefresh } from '#viewer/stream/refresh.ts'
import { NOTHING_KEPT } from '#viewer/trust-store.ts'

it('[U9] a server that came back is asked anew for its key: it may be another one', () => {
  const client = new QueryClient()
  client.setQueryData(offeredTrustQuery.queryKey, NOTHING_KEPT.pinned)
  const refresh = createRefresh(client)
  onTestFinished(refresh.stop)
  refresh.changed(new Set(['step_finished']))
  expect(client.getQueryState(offeredTrustQuery.queryKey)?.isInvalidated).toBe(false)
  refresh.stop()
  const back = createRefresh(client)
  onTestFinished(back.stop)
  back.changed('all')
  expect(client.getQueryState(offeredTrustQuery.queryKey)?.isInvalidated).toBe(true)
})
