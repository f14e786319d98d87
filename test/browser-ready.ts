import { execFileSync } from 'node:child_process'
import { chromiumPath, installChromium } from './chromium.ts'

/** Once before all that needs a browser: Chromium is there and the viewer is built. */
export function setup(): void {
  installChromium()
  console.log(`Chromium: ${chromiumPath()}`)
  execFileSync('npm', ['run', '--silent', 'build:viewer'], { stdio: 'inherit' })
}
