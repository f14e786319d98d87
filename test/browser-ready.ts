import { execFileSync } from 'node:child_process'
import { chromiumPath, installChromium } from './chromium.ts'

/** Once before all that needs a browser: Chromium is there and the viewer is built. */
export function setup(): void {
  installChromium()
  console.log(`Chromium: ${chromiumPath()}`)
  // Built apart from the test process: its NODE_ENV would bundle the development build of React.
  const { NODE_ENV: _, ...env } = process.env
  execFileSync('npm', ['run', '--silent', 'build:viewer'], { stdio: 'inherit', env })
}
