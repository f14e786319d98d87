import type { OpenApiDocument, Operation } from '#contract/openapi.ts'
import { useQuery } from '@tanstack/react-query'
import { Answered } from './parts/answered.tsx'
import { SkeletonRows } from './parts/notice.tsx'
import { Page } from './parts/page.tsx'
import { referenceQuery } from './queries.ts'

/** Every endpoint, from the document that the server makes of the schemas it parses by. */
export function ReferencePage() {
  const reference = useQuery(referenceQuery)
  return (
    <Page
      title="API"
      actions={
        <a href="/api/openapi.json" download="openapi.json" className="button">
          Download openapi.json
        </a>
      }
    >
      <Answered
        of={reference}
        waiting={
          <div className="card overflow-hidden">
            <SkeletonRows rows={10} height="h-10" />
          </div>
        }
      >
        {(document) => <Endpoints document={document} />}
      </Answered>
    </Page>
  )
}

function Endpoints({ document: { paths, info } }: { document: OpenApiDocument }) {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  return (
    <>
      <p className="max-w-prose text-ink-2">
        {info.title} {info.version} answers JSON; errors are problem details with a stable code,
        lists are pages with a cursor. A change needs a session or a token: send it as{' '}
        <code className="font-mono">Authorization: Bearer …</code>.
      </p>
      <ul className="card divide-y divide-line overflow-hidden" aria-label="Endpoints">
        {operations.map(({ path, method, operation }) => (
          <li key={operation.operationId}>
            <details className="group">
              <summary className="grid list-none grid-cols-[4rem_minmax(0,1fr)_auto] items-baseline gap-x-4 gap-y-0.5 px-4 py-2 hover:bg-hover focus-visible:-outline-offset-2">
                <span className="font-mono text-xs font-semibold text-ink-2 uppercase">
                  {method}
                </span>
                <span className="min-w-0">
                  <code className="font-mono break-all">{path}</code>
                  <span className="block text-ink-2">{operation.summary}</span>
                </span>
                <span className="text-xs text-ink-2">{ACCESS[operation['x-runseal-access']]}</span>
              </summary>
              <Details operation={operation} />
            </details>
          </li>
        ))}
      </ul>
    </>
  )
}

const ACCESS: Readonly<Record<string, string>> = {
  anyone: 'anyone',
  read: 'whoever can read',
  operate: 'operators',
  decide: 'approvers',
  administer: 'admins',
}

function Details({ operation }: { operation: Operation }) {
  const { parameters, requestBody, responses } = operation
  return (
    <div className="flex flex-col gap-3 px-4 pt-1 pb-4 sm:pl-24">
      {parameters.length > 0 && (
        <dl className="grid gap-x-4 gap-y-1 sm:grid-cols-[10rem_minmax(0,1fr)]">
          {parameters.map(({ name, in: place, required, schema }) => (
            <div key={`${place} ${name}`} className="contents">
              <dt className="font-mono">{name}</dt>
              <dd className="text-ink-2">
                {place}
                {required ? ', required' : ''}{' '}
                <code className="font-mono text-xs break-all">{JSON.stringify(schema)}</code>
              </dd>
            </div>
          ))}
        </dl>
      )}
      {Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => (
        <Schema key={type} of={operation.operationId} title={`Send ${type}`} schema={schema} />
      ))}
      {Object.entries(responses).flatMap(([status, { content }]) =>
        Object.entries(content ?? {}).map(([type, { schema }]) => (
          <Schema
            key={`${status} ${type}`}
            of={operation.operationId}
            title={`${status === 'default' ? 'An error' : status} answers ${type}`}
            schema={schema}
          />
        )),
      )}
    </div>
  )
}

function Schema({ of, title, schema }: { of: string; title: string; schema: object | undefined }) {
  return (
    <details>
      <summary className="cursor-pointer text-ink-2">{title}</summary>
      {schema && (
        <section
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable by keyboard
          tabIndex={0}
          aria-label={`${of}: ${title}`}
          className="mt-1 max-h-96 overflow-auto rounded-md bg-sunken p-2"
        >
          <pre className="font-mono text-xs">{JSON.stringify(schema, null, 2)}</pre>
        </section>
      )}
    </details>
  )
}
