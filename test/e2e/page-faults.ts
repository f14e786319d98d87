import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BrowserContext, Page } from 'playwright-core'
import * as z from 'zod/mini'

/** Everything that goes wrong in any page of the context from now on, in words. */
export async function collectFaults(context: BrowserContext): Promise<() => string[]> {
  const faults: string[] = []
  await context.exposeFunction('runsealFault', (fault: string) => {
    faults.push(fault)
  })
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const fault = `${event.violatedDirective} ${event.blockedURI} ${event.sample}`
      const tell: unknown = Reflect.get(window, 'runsealFault')
      if (typeof tell === 'function') Reflect.apply(tell, undefined, [`policy: ${fault}`])
    })
  })
  context.on('weberror', (error) => faults.push(`page error: ${error.error().message}`))
  context.on('console', (message) => {
    // The browser itself reports every answer of 4xx and 5xx; which of those are right is for each journey to say.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      faults.push(`console: ${message.text()}`)
  })
  return () => faults
}

/** axe's findings on the page as it stands: rule and first place. */
export const axeViolations = (page: Page): Promise<string[]> => axe(page, {})

/** Those by the rules that ask for colours: of a page that has been looked at whole in others. */
export const colourViolations = (page: Page): Promise<string[]> =>
  axe(page, { runOnly: ['color-contrast', 'link-in-text-block'] })

async function axe(page: Page, rules: { runOnly?: readonly string[] }): Promise<string[]> {
  // Evaluated by the debugger, which the page's own policy does not reach.
  if (await page.evaluate(`typeof axe === 'undefined'`)) await page.evaluate(AXE)
  const options = JSON.stringify({ resultTypes: ['violations'], ...rules })
  const found = await page.evaluate(
    `axe.run(document, ${options}).then(({ violations }) => violations)`,
  )
  return Violations.parse(found).map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`)
}

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
const Violations = z.array(
  z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) }),
)
