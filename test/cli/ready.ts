import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'

/** The command line as one program: from its sources, most of a short run is to find and to read four hundred files. */
export const MAIN = resolve('dist/whole/main.js')

/** Once before all that starts it. */
export function setup(): void {
  const args = ['build', '--logLevel', 'warn', '--ssr', 'src/cli/main.ts', '--mode', 'whole']
  execFileSync('node_modules/.bin/vite', args, { stdio: 'inherit' })
}
