import tailwind from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { createHash } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'
import { COMPILE_CACHE } from './src/server/compile-cache.ts'
import manifest from './package.json' with { type: 'json' }
import { tally } from './test/tally.ts'

const companion = 'http://localhost:3000'
/** Whoever starts the server is not told how long a busy machine takes to build. */
const checks = { bundlerTimings: false }

// Every file of tests is a process of its own, and most of a short one is its start.
process.env['NODE_COMPILE_CACHE'] ??= COMPILE_CACHE

// Whatever a shell exports: the same commit is the same bytes [C20], and never the development build of React.
if (process.argv[2] === 'build') process.env['NODE_ENV'] = 'production'

export default defineConfig(({ isSsrBuild, mode }) => ({
  plugins: [react(), tailwind(), childProcesses(), oneFile()],
  build: isSsrBuild
    ? {
        outDir: mode === 'whole' ? 'dist/whole' : 'dist/cli',
        // What was started from it goes on.
        emptyOutDir: mode !== 'whole',
        target: 'node24',
        copyPublicDir: false,
        // Flat, so that what is found beside a file or above it is found from every chunk.
        rolldownOptions: { output: { chunkFileNames: '[name]-[hash].js' }, checks },
      }
    : mode === 'verifier'
      ? {
          outDir: 'dist',
          emptyOutDir: false,
          // A stylesheet of its own: split up, it would be put into the script.
          cssCodeSplit: false,
          copyPublicDir: false,
          target: 'es2024',
          reportCompressedSize: false,
          rolldownOptions: {
            input: 'src/viewer/offline/main.tsx',
            output: { format: 'iife' },
            checks,
          },
        }
      : {
          outDir: 'dist/viewer',
          target: 'es2024',
          // The page is served under `script-src 'self'; style-src 'self'`: nothing may end up inline.
          modulePreload: { polyfill: false },
          assetsInlineLimit: 0,
          rolldownOptions: { checks },
          reportCompressedSize: false,
        },
  worker: { format: 'es' },
  // What is no runtime dependency of the package is built into it, and for the tests all that can be.
  ssr: isSsrBuild
    ? {
        noExternal: true,
        external: mode === 'whole' ? ['better-sqlite3'] : Object.keys(manifest.dependencies),
      }
    : {},
  server: { proxy: { '/api': companion, '/events': companion } },
  test: {
    reporters: ['default', tally()],
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['server', 'cli', 'viewer', 'e2e', 'bench'].map((name) => `test/${name}/**`),
          // Functions of what they are given: they may share what they import.
          isolate: false,
          // Ends what hangs. How long a machine takes that does other things too is nothing to fail for.
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        plugins: [builtChildren()],
        test: {
          name: 'server',
          // Real processes, disks and ports: of `npm test`, and not of every check.
          include: ['test/{server,cli}/**/*.test.ts'],
          globalSetup: 'test/cli/ready.ts',
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'viewer',
          include: ['test/viewer/**/*.test.{ts,tsx}'],
          environment: 'jsdom',
          // What they import is theirs together: to start a process and React for each is a third of the time of all.
          pool: 'threads',
          isolate: false,
          setupFiles: 'test/dom-cleanup.ts',
          testTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/browser-ready.ts', 'test/cli/ready.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // What a page is waited for is said by the test, how long by how loaded a machine may be.
          expect: { poll: { timeout: 60_000 } },
          // After the others, so that a journey shares the machine with journeys alone, which mostly wait.
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'bench',
          include: ['test/bench/**/*.test.ts'],
          globalSetup: 'test/browser-ready.ts',
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
}))

const FILE_URL = /new URL\('(\.\/[^']+\.ts)', import\.meta\.url\)/g

/** A program started from its file's URL becomes a chunk of its own in the built package. */
function childProcesses(): Plugin {
  return {
    name: 'runseal:child-processes',
    enforce: 'pre',
    apply: (_, { isSsrBuild }) => isSsrBuild === true,
    transform(code, id) {
      return code.replaceAll(FILE_URL, (_, file: string) => {
        const fileName = basename(file).replace('.ts', '.js')
        this.emitFile({ type: 'chunk', id: join(dirname(id), file), fileName })
        return `new URL('./${fileName}', import.meta.url)`
      })
    },
  }
}

/** What a server within a test starts is what test/cli/ready.ts has built: to begin from sources costs it three times. */
function builtChildren(): Plugin {
  return {
    name: 'runseal:built-children',
    enforce: 'pre',
    transform: {
      filter: { id: /\/src\/server\// },
      handler: (code) =>
        code.replaceAll(FILE_URL, (_, file: string) => {
          const built = resolve('dist/whole', basename(file).replace('.ts', '.js'))
          return `new URL(${JSON.stringify(pathToFileURL(built))})`
        }),
    },
  }
}

/**
 * verifier.html: one script and one style, inline, allowed by their digests, and a worker that only this script can
 * make. Nothing else is allowed at all.
 */
function oneFile(): Plugin {
  return {
    name: 'runseal:one-file',
    enforce: 'post',
    apply: (_, { mode }) => mode === 'verifier',
    generateBundle(_, bundle) {
      let [script, style] = ['', '']
      for (const [name, output] of Object.entries(bundle)) {
        if (output.type === 'chunk') script += output.code
        else if (name.endsWith('.css')) style += String(output.source)
        else this.error(`${name} does not fit into one file`)
        delete bundle[name]
      }
      // What would end the element, or begin a comment in it. Inside of a string both say the same.
      script = script
        .replaceAll('</script', String.raw`<\/script`)
        .replaceAll('<!--', String.raw`\x3C!--`)
      if (/<\/style|\r|\0/.test(style) || /[\r\0]/.test(script))
        this.error('a browser would read other bytes than those whose digest allows them')
      const allowed = (text: string) =>
        `'sha256-${createHash('sha256').update(text).digest('base64')}'`
      const policy = `default-src 'none'; script-src ${allowed(script)}; style-src ${allowed(style)}; worker-src blob:; base-uri 'none'; form-action 'none'`
      this.emitFile({
        type: 'asset',
        fileName: 'verifier.html',
        source: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Runseal verifier</title>
<style>${style}</style>
</head>
<body>
<div id="root"></div>
<noscript>The verifier needs JavaScript.</noscript>
<!-- evidence -->
<script>${script}</script>
</body>
</html>
`,
      })
    },
  }
}
