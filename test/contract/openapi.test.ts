import { expect, it } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { OpenApiDocument } from '#contract/openapi.ts'
import { parse } from '#contract/parse.ts'
import { openapiOf } from '#server/http/openapi.ts'

it('[A1] the page of the API reads the document that is made of the endpoint table, row for row', () => {
  const read = parse(OpenApiDocument, JSON.parse(JSON.stringify(openapiOf('1.0.0'))))
  const operations = read.ok
    ? Object.values(read.value.paths).flatMap((methods) => Object.values(methods))
    : []
  expect(read).toMatchObject({ ok: true })
  expect(operations.map(({ operationId }) => operationId).toSorted()).toEqual(
    Object.keys(ENDPOINT).toSorted(),
  )
})
