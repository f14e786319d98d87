import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LIMITS, type Content, type Limits, type Link, type Seal } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { Outcome } from '#contract/status.ts'
import { entriesOf, extendChain, openChain } from '#evidence/chain.ts'
import { sha256OfMany } from '#evidence/digest.ts'
import { encodeBase64 } from '#evidence/base64.ts'
import { EvidenceError } from '#evidence/fault.ts'
import { readEnvelope } from '#evidence/read.ts'
import {
  assembleEnvelope,
  buildContent,
  prepareSeal,
  signStatement,
  type RecordedEntry,
  type Signer,
} from '#evidence/seal.ts'
import { countsOf } from '#evidence/summarise.ts'
import { faultWords } from '#server/disk-fault.ts'
import { ProblemError } from '#server/problem.ts'
import type { Recorder } from '#server/runs/record.ts'
import {
  isDamage,
  StorageError,
  type PreparedSeal,
  type RecordedFact,
  type Storage,
} from '#server/storage/storage.ts'
import { makeFolder, writeDurably } from './durable-file.ts'

/** Makes the envelope of every ended run, one run at a time. */
export type Sealer = {
  /**
   * Resolves when the run is sealed, or when it is on record that it could not be (`seal_failed`): it can be called
   * again then, and goes on with the same number and the same statement. Nothing is done for a run that is sealed.
   * `not_found`, `run_not_ended`.
   */
  seal(run_id: string): Promise<void>
  /** Seals every run that ended and is not sealed: what a crash left, by the same way. */
  resume(): Promise<void>
  /**
   * The bytes as they are on disk now, and the digest that they had when they were sealed: whether the two fit is for
   * the reader to find out. `not_found`.
   */
  read(evidence_id: string): Promise<{ bytes: Uint8Array; sha256: string }>
}

export function createSealer({
  storage: { runs, seals },
  recorder,
  signer,
  folder,
  now,
  failed,
  limits = LIMITS,
}: {
  storage: Pick<Storage, 'runs' | 'seals'>
  recorder: Recorder
  signer: Signer
  /** Of the envelopes; made when the first is written. */
  folder: string
  now: () => Date
  /** Told what went wrong, in full; the record has the reason alone. */
  failed: (error: unknown) => void
  limits?: Limits
}): Sealer {
  let tail: Promise<unknown> = Promise.resolve()
  const pathOf = (evidence_id: string) => join(folder, `${evidence_id}.json`)

  function seal(run_id: string): Promise<void> {
    const done = tail.then(() => sealNow(run_id))
    tail = done.catch(() => null)
    return done
  }

  async function sealNow(run_id: string): Promise<void> {
    const current = await recorder.read(run_id)
    if (current === null) throw new ProblemError('not_found', `there is no run ${run_id}`)
    const { run, evidence_id } = current
    if (run.ended === null) throw new ProblemError('run_not_ended', `${run_id} has not ended`)
    if (run.sealed) return
    const timestamp = () => later(now().toISOString(), run.ended?.at ?? '')
    try {
      const { seal_seq } = await makeEnvelope(run_id, evidence_id, timestamp())
      await recorder.record(run_id, () => [
        { type: 'run_finalized', run_id, timestamp: timestamp(), evidence_id, seal_seq },
      ])
    } catch (error) {
      failed(error)
      const reason = reasonOf(error)
      await recorder.record(run_id, () => [
        { type: 'seal_failed', run_id, timestamp: timestamp(), reason },
      ])
    }
  }

  async function makeEnvelope(
    run_id: string,
    evidence_id: string,
    at: string,
  ): Promise<PreparedSeal> {
    const facts = await runs.facts(run_id)
    const prepared = await seals.of(evidence_id)
    const place = prepared ?? (await nextPlace(at))
    const { content, links } = documentOf(facts, place)
    if (content.opening.server !== signer.key_id)
      throw new EvidenceError('signer-mismatch', 'the run was opened under another sealing key')
    const chain = { count: links.length, head: links.at(-1)?.link ?? '' }
    const statement = prepareSeal(content, chain, place.sealed_at)
    if (prepared && !Buffer.from(statement).equals(prepared.statement))
      throw new StorageError('damaged', 'the record is not the one whose statement was prepared')
    const row: PreparedSeal = prepared ?? {
      ...place,
      evidence_id,
      run_id,
      head: chain.head,
      definition: content.opening.definition.name,
      outcome: content.closing.outcome,
      statement,
    }
    if (!prepared) {
      // Before it takes a number: one that no verifier would read must not stand in every later envelope's way.
      readEnvelope(assembleEnvelope(content, links, unsigned(statement, signer)), limits)
      await seals.prepare(row)
    }
    const bytes = assembleEnvelope(content, links, await signStatement(row.statement, signer))
    await makeFolder(folder)
    await writeDurably(pathOf(evidence_id), bytes)
    await seals.written(evidence_id, { sha256: await sha256OfMany(bytes), bytes: bytes.length })
    return row
  }

  async function nextPlace(sealed_at: string): Promise<Place> {
    const last = await seals.last()
    return {
      seal_seq: (last?.seal_seq ?? 0) + 1,
      previous: last && { evidence_id: last.evidence_id, head: last.head },
      sealed_at,
    }
  }

  return {
    seal,
    async resume() {
      for (const run_id of await runs.unfinished())
        try {
          if ((await recorder.read(run_id))?.run.ended) await seal(run_id)
        } catch (error) {
          // One record that is damaged must not keep the others from being sealed, nor the server from starting.
          if (!isDamage(error)) throw error
          failed(error)
        }
    },
    async read(evidence_id) {
      const row = await seals.of(evidence_id)
      if (!row?.file) throw new ProblemError('not_found', `there is no envelope ${evidence_id}`)
      try {
        return { bytes: await readFile(pathOf(evidence_id)), sha256: row.file.sha256 }
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
        throw new ProblemError('not_found', `the file of envelope ${evidence_id} is gone`)
      }
    },
  }
}

type Place = Pick<PreparedSeal, 'seal_seq' | 'previous' | 'sealed_at'>

/** The document is what the facts say and where it stands among the others: nothing is looked up anywhere else. */
function documentOf(
  facts: readonly RecordedFact[],
  { seal_seq, previous }: Place,
): { content: Content; links: Link[] } {
  const [first] = facts
  const end = facts.map(({ fact }) => endOf(fact)).find((end) => end !== null)
  if (first?.fact.type !== 'run_started' || !end)
    throw new StorageError('damaged', 'the record has no beginning or no end')
  const recorded = facts.flatMap(({ fact }) => entryOf(fact))
  const steps = recorded.flatMap((entry) => (entry.kind === 'step' ? [entry.body] : []))
  const gates = recorded.flatMap((entry) => (entry.kind === 'gate' ? [entry.body] : []))
  const { evidence_id, run_id, opening } = first.fact
  const content = buildContent({
    evidence_id,
    run_id,
    opening,
    recorded,
    closing: { state: 'Still', ...end, counts: countsOf(steps, gates), seal_seq, previous },
  })
  return { content, links: linksOf(content, facts) }
}

function entryOf(fact: Fact): RecordedEntry[] {
  if (fact.type === 'step_finished') return [{ kind: 'step', body: fact.entry }]
  return fact.type === 'gate_resolved' ? [{ kind: 'gate', body: fact.entry }] : []
}

function endOf(fact: Fact): { outcome: Outcome; finished_at: string; reason?: string } | null {
  const finished_at = fact.timestamp
  switch (fact.type) {
    case 'run_succeeded':
      return { outcome: 'succeeded', finished_at }
    case 'run_failed':
      return { outcome: 'failed', finished_at, reason: fact.reason }
    case 'run_aborted':
      return { outcome: 'aborted', finished_at, reason: fact.reason }
    case 'run_started':
    case 'step_started':
    case 'step_finished':
    case 'needs_input':
    case 'gate_decided':
    case 'gate_resolved':
    case 'run_finalized':
    case 'seal_failed':
      return null
  }
}

// The links of the entries are those that were recorded while the run grew, or nothing is sealed.
function linksOf(content: Content, facts: readonly RecordedFact[]): Link[] {
  const recorded = facts.flatMap(({ link }) => link ?? [])
  let state = openChain(content.evidence_id, content.run_id)
  const links: Link[] = []
  for (const { kind, body, seq } of entriesOf(content)) {
    const extended = extendChain(state, kind, body)
    state = extended.state
    if (seq < recorded.length && extended.link.link !== recorded[seq])
      throw new StorageError('damaged', `entry ${seq} is not the one that was recorded`)
    links.push(extended.link)
  }
  return links
}

/** As long as the seal that will be. */
function unsigned(statement: Uint8Array, { key_id }: Signer): Seal {
  return {
    payloadType: 'application/vnd.in-toto+json',
    payload: encodeBase64(statement),
    signatures: [{ keyid: key_id, sig: encodeBase64(new Uint8Array(64)) }],
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof EvidenceError)
    return `no envelope can be made: ${error.where} ${error.message}`
  if (error instanceof StorageError && error.code === 'failed')
    return `the store could not be written: ${faultWords(error.cause)}`
  if (error instanceof StorageError) return `the store refused (${error.code}): ${error.message}`
  return codeOf(error) === null
    ? 'the envelope could not be made'
    : `the envelope could not be written: ${faultWords(error)}`
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : null
}

function later(a: string, b: string): string {
  return a > b ? a : b
}
