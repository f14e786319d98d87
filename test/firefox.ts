import { existsSync } from 'node:fs'
import puppeteer, { type Browser } from 'puppeteer-core'

/** A real Firefox, driven over WebDriver BiDi: Debian's own build, which Playwright does not drive. */
export function launchFirefox(): Promise<Browser> {
  const executablePath = findFirefox()
  if (executablePath === undefined) throw new Error(whyNoFirefox() ?? '')
  return puppeteer.launch({
    browser: 'firefox',
    executablePath,
    headless: true,
    extraPrefsFirefox: {
      'ui.prefersReducedMotion': 1,
      // No process is kept ready for a page that nobody opens.
      'dom.ipc.processPrelaunch.enabled': false,
    },
  })
}

/** The reason to skip what needs Firefox, or null. */
export function whyNoFirefox(): string | null {
  return findFirefox() === undefined
    ? `no Firefox in ${usualPlaces().join(', ')}: install firefox-esr or set RUNSEAL_FIREFOX`
    : null
}

function findFirefox(): string | undefined {
  return usualPlaces().find((place) => existsSync(place))
}

function usualPlaces(): string[] {
  const named = process.env['RUNSEAL_FIREFOX']
  return named === undefined ? ['/usr/bin/firefox-esr', '/usr/bin/firefox'] : [named]
}
