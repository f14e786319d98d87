import tailwind from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { basename, dirname, join } from 'node:path'
import { defineConfig, type Plugin } from 'vitest/config'
import manifest from './package.json' with { type: 'json' }
import { tally } from './test/tally.ts'

const companion = 'http://localhost:3000'

export default defineConfig(({ isSsrBuild }) => ({
  plugins: [react(), tailwind(), childProcesses()],
  build: isSsrBuild
    ? {
        outDir: 'dist/cli',
        target: 'node24',
        copyPublicDir: false,
        // Flat, so that what is found beside a file or above it is found from every chunk.
        rolldownOptions: { output: { chunkFileNames: '[name]-[hash].js' } },
      }
    : {
        outDir: 'dist/viewer',
        target: 'es2024',
        // The page is served under `script-src 'self'; style-src 'self'`: nothing may end up inline.
        modulePreload: { polyfill: false },
        assetsInlineLimit: 0,
        reportCompressedSize: false,
      },
  worker: { format: 'es' },
  // What is no runtime dependency of the package is built into it.
  ssr: isSsrBuild ? { noExternal: true, external: Object.keys(manifest.dependencies) } : {},
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
          exclude: ['test/viewer/**', 'test/e2e/**', 'test/bench/**'],
          // Ends what hangs. How long a machine takes that does other things too is nothing to fail for.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'viewer',
          include: ['test/viewer/**/*.test.{ts,tsx}'],
          environment: 'jsdom',
          setupFiles: 'test/dom-cleanup.ts',
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: 'test/browser-ready.ts',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // What a page is waited for is said by the test, how long by how loaded a machine may be.
          expect: { poll: { timeout: 30_000 } },
          // After the others, so that a journey has both cores to itself.
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

/** A program started from its file's URL becomes a chunk of its own in the built package. */
function childProcesses(): Plugin {
  const fileUrl = /new URL\('(\.\/[^']+\.ts)', import\.meta\.url\)/g
  return {
    name: 'runseal:child-processes',
    enforce: 'pre',
    apply: (_, { isSsrBuild }) => isSsrBuild === true,
    transform(code, id) {
      return code.replaceAll(fileUrl, (_, file: string) => {
        const fileName = basename(file).replace('.ts', '.js')
        this.emitFile({ type: 'chunk', id: join(dirname(id), file), fileName })
        return `new URL('./${fileName}', import.meta.url)`
      })
    },
  }
}
