import { existsSync, openAsBlob } from 'node:fs'
import { join } from 'node:path'
import { ENDPOINT } from '#contract/api.ts'
import { parse } from '#contract/parse.ts'
import { Sha256 } from '#contract/scalar.ts'
import { ProblemError } from '#server/problem.ts'
import type { Companion } from './companion.ts'
import { route } from './route.ts'

export const artifactRoutes = ({ artifacts }: Companion) => ({
  artifact: route(ENDPOINT.artifact, async ({ id }) => {
    const sha256 = id('sha256')
    const file = join(artifacts, sha256)
    if (!parse(Sha256, sha256).ok || !existsSync(file))
      throw new ProblemError('not_found', 'there is no artifact of this digest')
    const found = await openAsBlob(file)
    return new Response(found.stream(), {
      headers: {
        // Attacker: a run whose artifact is a page. It is never displayed in this origin.
        'content-type': ENDPOINT.artifact.answer,
        'content-disposition': 'attachment',
        'content-length': String(found.size),
        'cache-control': 'private, max-age=31536000, immutable',
        etag: `"${sha256}"`,
      },
    })
  }),
})
