import puppeteer, { type Browser } from 'puppeteer-core'
import { chromiumPath, UNSEEN } from './chromium.ts'
import { launchFirefox, whyNoFirefox } from './firefox.ts'

/** The two engines that a reader's own copy of the verifier has to work in, driven alike. */
export const BROWSERS: readonly {
  name: string
  /** The reason to skip what needs it, or null. */
  whyNot: () => string | null
  launch: () => Promise<Browser>
}[] = [
  {
    name: 'Chromium',
    whyNot: () => null,
    launch: () =>
      puppeteer.launch({
        browser: 'chrome',
        executablePath: chromiumPath(),
        headless: true,
        args: [
          '--no-sandbox',
          '--disable-gpu',
          '--force-prefers-reduced-motion',
          `--disable-features=${UNSEEN.join(',')}`,
        ],
      }),
  },
  { name: 'Firefox', whyNot: whyNoFirefox, launch: launchFirefox },
]
