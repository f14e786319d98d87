import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'

/** The built viewer's answer to a path; null where it has none. */
export type ViewerFiles = (path: string) => Response | null

/**
 * Every file of the built viewer, by the path it is asked for with. Only what was there at the start is ever served:
 * a path is a key, never a place on the disk.
 */
export async function loadViewer(folder: string): Promise<ViewerFiles> {
  const files = new Map<string, { type: string; bytes: Uint8Array<ArrayBuffer> }>()
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const type = TYPES[extname(path)] ?? 'application/octet-stream'
    const bytes = new Uint8Array(await readFile(path))
    files.set(`/${relative(folder, path).split(sep).join('/')}`, { type, bytes })
  }
  return (path) => {
    const file = files.get(PAGES.test(path) ? '/index.html' : path)
    if (file === undefined) return PAGES.test(path) ? NOT_BUILT() : null
    return new Response(file.bytes, {
      headers: {
        'content-type': file.type,
        // The names of built assets carry a digest of their content.
        'cache-control': path.startsWith('/assets/')
          ? 'public, max-age=31536000, immutable'
          : 'no-cache',
      },
    })
  }
}

/** Paths that the viewer draws itself. */
const PAGES = /^\/$|^\/(runs|gates|evidence|tables|verify|reference|sign-in)(\/|$)/

const NOT_BUILT = () =>
  new Response('The viewer is not built. Run: npm run build:viewer\n', {
    status: 503,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  })

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
}
