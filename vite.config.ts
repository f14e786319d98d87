import tailwind from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import manifest from './package.json' with { type: 'json' }
import { tally } from './test/tally.ts'

const companion = 'http://localhost:3000'

export default defineConfig(({ isSsrBuild }) => ({
  plugins: [react(), tailwind()],
  build: isSsrBuild
    ? { outDir: 'dist/cli', target: 'node24', copyPublicDir: false }
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
  ssr: { noExternal: true, external: Object.keys(manifest.dependencies) },
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
        },
      },
      {
        extends: true,
        test: {
          name: 'viewer',
          include: ['test/viewer/**/*.test.{ts,tsx}'],
          environment: 'jsdom',
          setupFiles: 'test/dom-cleanup.ts',
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
