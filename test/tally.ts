import type { Reporter, TestCase, TestModule } from 'vitest/node'

/**
 * Closes a test run with the line `N passed, N failed`.
 *
 * A file that could not be loaded and an error outside of any test each count as failed, and so does a skipped
 * test that gives no reason. A skip with a reason (`context.skip(reason)`) is listed before the last line.
 */
export function tally(): Reporter {
  let filtered = false
  return {
    onInit(vitest) {
      // With -t, what does not match is skipped by whoever runs the tests, not by the tests.
      filtered = vitest.config.testNamePattern !== undefined
    },
    onTestRunEnd(modules, unhandledErrors) {
      const count = countResults(modules, unhandledErrors.length, filtered)
      for (const line of count.skips) console.log(line)
      console.log(`${count.passed} passed, ${count.failed} failed`)
      if (count.failed > 0) process.exitCode = 1
    },
  }
}

function countResults(
  modules: readonly TestModule[],
  unhandledErrors: number,
  filtered: boolean,
): { passed: number; failed: number; skips: string[] } {
  const count = { passed: 0, failed: unhandledErrors, skips: new Array<string>() }
  for (const module of modules) {
    count.failed += module.errors().length
    for (const suite of module.children.allSuites()) count.failed += suite.errors().length
    for (const test of module.children.allTests()) {
      const result = test.result()
      switch (result.state) {
        case 'passed':
          count.passed += 1
          break
        case 'failed':
          count.failed += 1
          break
        case 'pending':
          count.failed += 1
          count.skips.push(`never ended: ${nameOf(test)}`)
          break
        case 'skipped':
          if (filtered) break
          if (result.note === undefined) count.failed += 1
          count.skips.push(
            `skipped: ${nameOf(test)}: ${result.note ?? 'no reason given, which is a failure'}`,
          )
          break
      }
    }
  }
  return count
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`
}
