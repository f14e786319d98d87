import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium } from 'playwright-core'

/**
 * A real Chromium, without a profile, that speaks to nobody but the page it is given. `keepsPages`: with the
 * back/forward cache that Playwright otherwise switches off.
 */
export function launchChromium({ keepsPages = false } = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    ...(keepsPages ? { ignoreDefaultArgs: ['--disable-back-forward-cache'] } : {}),
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--disable-features=${[...PLAYWRIGHT_LEAVES_OUT, ...UNSEEN].join(',')}`,
    ],
  })
}

/**
 * What nobody sees of a browser without a window, and half of what a page of its own costs: parts of its frame that are
 * web pages of a process each, and a process that is kept ready for the next site.
 */
export const UNSEEN = [
  'WebUIReloadButton',
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'SpareRendererForSitePerProcess',
]

/** Its chromiumSwitches.ts. Of two lists Chromium takes the last alone. */
const PLAYWRIGHT_LEAVES_OUT = [
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
]

/** Where Chromium is on this machine. Throws where there is none. */
export function chromiumPath(): string {
  const found = findChromium()
  if (found === undefined) throw new Error(`no Chromium in ${usualPlaces().join(', ')}`)
  return found
}

/** Installs Chromium where there is none and none is named: from Debian's packages as root, else by Playwright. */
export function installChromium(): void {
  if (findChromium() !== undefined || process.env['RUNSEAL_CHROMIUM'] !== undefined) return
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    run('apt-get', ['update'])
    run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'])
  } else {
    const cli = fileURLToPath(new URL('cli.js', import.meta.resolve('playwright-core')))
    run(process.execPath, [cli, 'install', 'chromium'])
  }
}

function findChromium(): string | undefined {
  return usualPlaces().find((place) => existsSync(place))
}

function usualPlaces(): string[] {
  const named = process.env['RUNSEAL_CHROMIUM']
  if (named !== undefined) return [named]
  return [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/usr/bin/google-chrome-stable',
    chromium.executablePath(),
  ]
}

function run(command: string, args: string[]): void {
  execFileSync(command, args, {
    stdio: 'inherit',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}
