import { ENDPOINT } from '#contract/api.ts'
import type { Companion } from './companion.ts'
import { pageOf } from './page.ts'
import { queryOf, route } from './route.ts'

export const gateRoutes = ({ gates }: Companion) => ({
  listGates: route(ENDPOINT.listGates, async (call) => {
    const { state, ...page } = queryOf(ENDPOINT.listGates, call)
    return await gates.list(state ?? null, pageOf(page), call.asker)
  }),

  gate: route(ENDPOINT.gate, async ({ id, asker }) => await gates.get(id('gate_id'), asker)),

  challengeGate: route(
    ENDPOINT.challengeGate,
    async ({ id, person }) => await gates.challenge(id('gate_id'), person()),
  ),

  decideGate: route(ENDPOINT.decideGate, async ({ id, person, body }) => {
    const answer = await body()
    return await gates.decide(id('gate_id'), person(), answer)
  }),
})
