import { existsSync, openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ENDPOINT } from '#contract/api.ts'
import { parse } from '#contract/parse.ts'
import { Sha256 } from '#contract/scalar.ts'
import { ProblemError } from '#server/problem.ts'
import type { Companion } from './companion.ts'
import { route } from './route.ts'

export const artifactRoutes = ({ artifacts }: Companion) => ({
  artifact: route(ENDPOINT.artifact, async ({ id, context }) => {
    const sha256 = id('sha256')
    const file = join(artifacts, sha256)
    if (!parse(Sha256, sha256).ok || !existsSync(file))
      throw new ProblemError('not_found', 'there is no artifact of this digest')
    const found = await openAsBlob(file)
    const { ino, mtimeMs } = await stat(file)
    // Of the file that is there now, which may be cut or changed, and asked again each time: no cache is to stand between
    // a reader and what became of it.
    const etag = `"${sha256}-${found.size}-${ino}-${mtimeMs}"`
    const headers = { etag, 'cache-control': 'private, no-cache' }
    if (context.req.header('if-none-match') === etag)
      return new Response(null, { status: 304, headers })
    return new Response(found.stream(), {
      headers: {
        ...headers,
        // Attacker: a run whose artifact is a page. It is never displayed in this origin.
        'content-type': ENDPOINT.artifact.answer,
        'content-disposition': 'attachment',
        'content-length': String(found.size),
      },
    })
  }),
})
