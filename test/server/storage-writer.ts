import type { Fact } from '#contract/fact.ts'
import { openSqlite } from '#server/storage/sqlite.ts'
import { appendOf, started, stepStarted } from '#test/recorded.ts'

// A process of its own for storage.test.ts, which kills it: appends without end, sixteen at once, and prints what has
// resolved.
const store = await openSqlite(process.argv[2] ?? '', { server: true })
const facts: Fact[] = [started('run_killed')]
await store.runs.append(appendOf([], facts))
for (;;) {
  const group = Array.from({ length: 16 }, async () => {
    const fact = stepStarted('run_killed', facts.length)
    const append = appendOf(facts, [fact])
    facts.push(fact)
    await store.runs.append(append)
    console.log(append.after + 1)
  })
  await Promise.all(group)
}
