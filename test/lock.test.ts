import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as z from 'zod/mini'

const Lock = z.object({
  packages: z.record(
    z.string(),
    z.object({
      resolved: z.optional(z.string()),
      optionalDependencies: z.optional(z.record(z.string(), z.string())),
    }),
  ),
})
const { packages } = Lock.parse(JSON.parse(readFileSync('package-lock.json', 'utf8')))

// A registry that lacks the binaries of other platforms makes npm leave them out, and then npm ci refuses the lock.
test('the lock names every optional dependency, also those of other platforms', () => {
  const named = Object.values(packages).flatMap((entry) =>
    Object.keys(entry.optionalDependencies ?? {}),
  )
  expect(named.filter((name) => !Object.hasOwn(packages, `node_modules/${name}`))).toEqual([])
})

test('the lock names no registry', () => {
  expect(Object.values(packages).filter((entry) => entry.resolved !== undefined)).toEqual([])
})
