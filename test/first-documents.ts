import * as z from 'zod/mini'

/*
 * What the two documents that Runseal began with show of the stream, letter by letter: frames and ways to read them.
 */

/** Each frame that is shown there: its `event:` line and its `data:`. */
export const SHOWN_FRAMES: readonly (readonly [name: string, data: string])[] = [
  ['run_started', '{ "type": "run_started", "run_id": "#runId", "timestamp": "..." }'],
  [
    'step_started',
    '{ "type": "step_started", "run_id": "#runId", "step_id": "#stepId", "kind": "test", "timestamp": "..." }',
  ],
  [
    'step_finished',
    '{ "type": "step_finished", "run_id": "#runId", "step_id": "#stepId", "kind": "test", "exit_code": 0, "timestamp": "..." }',
  ],
  [
    'needs_input',
    '{ "type": "needs_input", "run_id": "#runId", "gate_id": "#gateId", "reason": "Human approval required" }',
  ],
  [
    'run_finalized',
    '{ "type": "run_finalized", "run_id": "#runId", "evidence_id": "#evidenceId", "timestamp": "..." }',
  ],
  [
    'run_failed',
    '{ "type": "run_failed", "run_id": "#runId", "reason": "Step exited with non-zero", "status": "failed" }',
  ],
  [
    'run_aborted',
    '{ "type": "run_aborted", "run_id": "#runId", "reason": "User cancelled", "status": "aborted" }',
  ],
  [
    'materialize.start',
    '{"kind":"materialize.start","ts":"2026-05-10T12:34:56Z","actor":"agent:demo","targets":null,"record_ids":null,"force":false}',
  ],
  [
    'materialize.end',
    '{"kind":"materialize.end","ts":"2026-05-10T12:35:01Z","actor":"agent:demo","materialized":12,"skipped":0,"failures":0,"total_cost":0.0}',
  ],
  [
    'materialize.end',
    `{
"kind": "materialize.end",
"ts": "2026-05-10T12:35:01Z",
"actor": "agent:demo",
"materialized": 12,
"skipped": 7,
"failures": 0,
"total_cost": 0.0
}`,
  ],
  [
    'materialize.error',
    `{
"kind": "materialize.error",
"ts": "2026-05-10T12:35:01Z",
"actor": "agent:demo",
"error_type": "FolioError",
"message": "..."
}`,
  ],
]

/** The documents' own ways to read the stream; only the port is another. */
export const SHOWN_READERS = {
  curl: (port) => ['curl', '-N', `http://127.0.0.1:${port}/events`],
  python3: (port) => [
    'python3',
    // A pipe is no terminal, and Python would keep what it prints.
    '-u',
    '-c',
    `import urllib.request, json
with urllib.request.urlopen("http://127.0.0.1:3000/events") as r:
    for raw in r:
        line = raw.decode("utf-8").rstrip()
        if line.startswith("data: "):
            print(json.loads(line[len("data: "):]))
`.replace('3000', String(port)),
  ],
} as const satisfies Record<string, (port: number) => readonly [string, ...string[]]>

/**
 * What a reader may rely on that knows the shown frame alone: all of its members, of the same sort. Others may be
 * there. A member that is shown as null is null or, as the document says, a list of names.
 */
export function schemaOf(data: string): z.ZodMiniType {
  const shown = membersOf(data)
  // A step has a kind of its own.
  const named = 'type' in shown ? 'type' : 'kind'
  return z.looseObject({
    ...Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, like(name, value)])),
    [named]: z.literal(z.string().parse(shown[named])),
  })
}

export function membersOf(data: string): Record<string, unknown> {
  return z.record(z.string(), z.unknown()).parse(JSON.parse(data))
}

function like(name: string, value: unknown): z.ZodMiniType {
  // What a signal ended, or nothing ever began, has none, and 0 would say that it went well.
  if (name === 'exit_code') return z.nullable(z.int())
  if (value === null) return z.nullable(z.array(z.string()))
  if (typeof value === 'number') return z.number()
  return typeof value === 'boolean' ? z.boolean() : z.string()
}
