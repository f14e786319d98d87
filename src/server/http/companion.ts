import type { DefinitionSummary, Status } from '#contract/api.ts'
import type { ServerKey } from '#contract/trust.ts'
import type { Bus } from '#server/events/bus.ts'
import type { EventStreams } from '#server/events/sse.ts'
import type { Gates } from '#server/gates/gates.ts'
import type { Asker } from '#server/identity/asker.ts'
import type { MaterializeAnswers } from '#server/materialize/materialize-answer.ts'
import type { Materializer } from '#server/materialize/materializer.ts'
import type { ProvenanceViews } from '#server/materialize/provenance-views.ts'
import type { MaterializeRequest } from '#server/materialize/request.ts'
import type { TableViews } from '#server/materialize/table-views.ts'
import type { People } from '#server/identity/people.ts'
import type { Recorder } from '#server/runs/record.ts'
import type { Storage } from '#server/storage/storage.ts'

/** All that HTTP asks of the rest of the server. */
export type Companion = {
  storage: Storage
  recorder: Recorder
  engine: {
    definitions(): DefinitionSummary[]
    start(
      name: string,
      inputs: Readonly<Record<string, string>>,
      asker: Asker,
    ): Promise<{ run_id: string }>
    abort(run_id: string, asker: Asker, reason: string): Promise<void>
    rerun(run_id: string, from: 'start' | 'failed', asker: Asker): Promise<{ run_id: string }>
    materialize(request: MaterializeRequest, asker: Asker): Promise<{ run_id: string }>
    check(): void
  }
  /** `look`: sources and derivations are looked at, soon and not too often. */
  tables: TableViews & { look: () => void }
  provenance: ProvenanceViews
  materialize: { answer: MaterializeAnswers; preview: Materializer['preview'] }
  sealer: {
    seal(run_id: string): Promise<void>
    read(evidence_id: string): Promise<{ bytes: Uint8Array }>
  }
  gates: Gates
  people: People
  bus: Bus
  streams: EventStreams
  serverKey: ServerKey
  about: Pick<Status['server'], 'version' | 'project' | 'started_at' | 'reads' | 'isolation'>
  /** How it stands with a proxy that lies before this server; null without one. */
  chaos: () => Status['server']['chaos']
  /** Folder of the logs. */
  logs: string
  /** Folder of the artifacts, each named by its digest. */
  artifacts: string
  cookieName: () => string
  now: () => Date
}
