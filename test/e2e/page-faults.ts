import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { BrowserContext, Page } from 'playwright-core'

/** Everything that goes wrong in any page of the context from now on, in words. */
export async function collectFaults(context: BrowserContext): Promise<() => string[]> {
  const faults: string[] = []
  await context.exposeFunction('runsealFault', (fault: string) => faults.push(fault))
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const report: unknown = Reflect.get(window, 'runsealFault')
      if (typeof report === 'function')
        report(
          `securitypolicyviolation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`,
        )
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
export async function axeViolations(page: Page): Promise<string[]> {
  const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
  // Evaluated by the debugger, which the page's own policy does not reach.
  await page.evaluate(axe)
  return await page.evaluate(async () => {
    const axe: unknown = Reflect.get(window, 'axe')
    if (typeof axe !== 'object' || axe === null || !('run' in axe) || typeof axe.run !== 'function')
      throw new Error('axe is not there')
    const { violations } = await axe.run(document, { resultTypes: ['violations'] })
    return violations.map(
      (violation: { id: string; nodes: { html: string }[] }) =>
        `${violation.id}: ${violation.nodes[0]?.html ?? ''}`,
    )
  })
}
