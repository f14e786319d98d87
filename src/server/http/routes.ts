import { artifactRoutes } from './artifacts.ts'
import type { Companion } from './companion.ts'
import { envelopeRoutes } from './envelopes.ts'
import { gateRoutes } from './gates.ts'
import { logRoutes } from './logs.ts'
import { metricsRoutes } from './metrics.ts'
import { openapiRoutes } from './openapi.ts'
import type { Routes } from './route.ts'
import { peopleRoutes } from './people.ts'
import { runRoutes } from './runs.ts'
import { statusRoutes } from './server-status.ts'
import { sessionRoutes } from './session.ts'
import { streamRoutes } from './stream.ts'
import { tableRoutes } from './tables.ts'

/** One route for every row of ENDPOINT: a row without one does not compile. */
export function routesOf(companion: Companion): Routes {
  return {
    ...statusRoutes(companion),
    ...runRoutes(companion),
    ...logRoutes(companion),
    ...artifactRoutes(companion),
    ...gateRoutes(companion),
    ...envelopeRoutes(companion),
    ...sessionRoutes(companion),
    ...peopleRoutes(companion),
    ...streamRoutes(companion),
    ...metricsRoutes(companion),
    ...openapiRoutes(companion),
    ...tableRoutes(companion),
  }
}
