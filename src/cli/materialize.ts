import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod/mini'
import { ENDPOINT, RunStartedAnswer } from '#contract/api.ts'
import { Totals } from '#contract/envelope.ts'
import type { Materialize, Provenance } from '#contract/provenance.ts'
import { roughly } from '#contract/roughly.ts'
import type { RunResource } from '#contract/run.ts'
import { keysOf, CELL_STATE, OUTCOME } from '#contract/status.ts'
import { ask, UnreachableError, type Server } from './ask.ts'
import { readLine, type Command } from './command.ts'
import { inOneLine } from './defuse.ts'
import { listing } from './listing.ts'
import { SERVER_HELP, SERVER_OPTIONS, serverNamed } from './server-named.ts'
import { progressOf, shownProgress } from './progress.ts'

const NOT_STARTED = 3

export const materialize: Command = {
  help: `Usage: runseal materialize [TARGET…] [--record ID]… [--force] [--no-queue] [--dry-run]

Derives the cells that are not fresh, waits until that run has ended and is sealed, and prints the
run's id on stdout. Progress and what came of it go to stderr. Ctrl-C stops the waiting, not the run,
which is aborted on its page.

  TARGET           TABLE or TABLE.FIELD, with what it is made from; default all
  --record ID      only this record; may be repeated
  --force          fresh cells too
  --no-queue       fail at once where another run writes such a table; else it is waited for, a minute
  --dry-run        derive nothing; print what would be derived, and what it would roughly cost
${SERVER_HELP}

Exit codes: 0 succeeded and every cell that was asked for is fresh, 1 a cell failed, or the run (by a
target or a record that is not there too: what was asked for is on record), 2 aborted, 3 could not be
started.`,
  // 2 would say that the run was aborted.
  usageExit: NOT_STARTED,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      {
        record: { type: 'string', multiple: true },
        force: { type: 'boolean' },
        'no-queue': { type: 'boolean' },
        'dry-run': { type: 'boolean' },
        ...SERVER_OPTIONS,
      },
      [0, Infinity],
    )
    const server = serverNamed(values)
    const body = {
      targets: positionals.length === 0 ? null : positionals,
      record_ids: values.record ?? null,
      force: values.force === true,
      ...(values['no-queue'] === true && { lock_timeout_ms: 0 }),
    }
    if (values['dry-run'] === true) return await preview(server, body)
    const row = { ...ENDPOINT.materialize, answer: RunStartedAnswer }
    const { run_id } = await ask(
      server,
      row,
      { body, headers: { prefer: 'respond-async' } },
      NOT_STARTED,
    )
    console.log(run_id)
    return await tellOf(server, await ended(server, run_id))
  },
}

async function preview(server: Server, body: Materialize): Promise<number> {
  const { fields } = await ask(server, ENDPOINT.previewMaterialize, { body }, NOT_STARTED)
  const states = keysOf(CELL_STATE)
  console.log(
    listing([
      ['FIELD', ...states.map((state) => state.toUpperCase()), 'COST', 'SECONDS', 'BY CELLS'],
      ...fields.map(({ table, field, cells, cost, duration_ms, basis }) => [
        `${table}.${field}`,
        ...states.map((state) => String(cells[state])),
        cost && roughly(cost),
        duration_ms === null ? null : (duration_ms / 1000).toFixed(1),
        String(basis),
      ]),
    ]),
  )
  return 0
}

/** The run when it has ended and nothing more happens to its seal. A server that is away is waited for. */
async function ended(server: Server, run_id: string): Promise<RunResource> {
  const progress = shownProgress(process.stderr)
  const onInterrupt = () => {
    progress.end()
    const page = `${server.url}/runs/${encodeURIComponent(run_id)}`
    console.error(`the run goes on: runseal status; to look at it or to abort it: ${page}`)
    // Ends as who is interrupted does: a shell that runs a script stops with it.
    process.kill(process.pid, 'SIGINT')
  }
  process.once('SIGINT', onInterrupt)
  let away = false
  for (;;) {
    try {
      const run = await ask(server, ENDPOINT.run, { params: { run_id } }, 1)
      if (run.outcome !== null && run.seal !== 'pending') {
        process.off('SIGINT', onInterrupt)
        progress.end()
        return run
      }
      progress.show(progressOf(run, await ask(server, ENDPOINT.status, {}, 1)))
      away = false
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error
      progress.end()
      if (!away) console.error(`not connected: ${error.message}`)
      away = true
    }
    await sleep(LOOK_MS)
  }
}

/** Often enough for a bar that moves, seldom enough to be no load. */
const LOOK_MS = 250

/** Says what came of a run, and answers the exit code. */
async function tellOf(server: Server, run: RunResource): Promise<number> {
  const { run_id, evidence_id, outcome, reason } = run
  const totals = evidence_id === null ? null : await totalsOf(server, evidence_id)
  const failed = totals?.failures === 0 ? [] : await failuresOf(server, run_id)
  for (const { table, record_id, field, error } of failed.slice(0, FAILURES_SHOWN))
    console.error(inOneLine(`failed  ${table}/${record_id}/${field}: ${error ?? 'without a word'}`))
  // What failed in this run may be fresh by now; the record says how many did.
  const count = Math.max(failed.length, totals?.failures ?? 0)
  const more = count - Math.min(failed.length, FAILURES_SHOWN)
  if (more > 0) {
    const rest = `${server.url}/api/provenance?run_id=${encodeURIComponent(run_id)}&state=failed`
    console.error(`failed  and ${totals === null ? '' : `${more} `}more: ${rest}`)
  }
  if (totals !== null)
    console.error(
      `${totals.materialized} materialized, ${totals.skipped} skipped, ${totals.failures} failed, cost ${totals.total_cost}`,
    )
  if (outcome !== 'succeeded') console.error(inOneLine(`${outcome}: ${reason ?? 'without a word'}`))
  console.error(evidence_id === null ? 'not sealed' : `evidence ${evidence_id}`)
  if (outcome === null || (outcome === 'succeeded' && count > 0)) return 1
  return OUTCOME[outcome].exitCode
}

const FAILURES_SHOWN = 20

/** The first of them, and one more than are shown. A page may be empty before the last one. */
async function failuresOf(server: Server, run_id: string): Promise<Provenance[]> {
  const found: Provenance[] = []
  let cursor: string | null = ''
  while (cursor !== null && found.length <= FAILURES_SHOWN) {
    const limit = String(FAILURES_SHOWN + 1 - found.length)
    const query = { run_id, state: 'failed', limit, ...(cursor !== '' && { cursor }) }
    const page: ProvenancePage = await ask(server, ENDPOINT.provenance, { query }, 1)
    found.push(...page.items)
    cursor = page.next_cursor
  }
  return found
}

type ProvenancePage = z.infer<typeof ENDPOINT.provenance.answer>

// What the record says; `materialize.end` says the same, as a hint.
async function totalsOf(server: Server, evidence_id: string): Promise<Totals | null> {
  const row = { ...ENDPOINT.envelope, answer: SealedTotals }
  const { closing } = await ask(server, row, { params: { evidence_id } }, 1)
  return closing.totals ?? null
}

const SealedTotals = z.object({ closing: z.object({ totals: z.optional(Totals) }) })
