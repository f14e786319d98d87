import { Input, tryAll } from './portable.ts'

// Bundled into a page by test/e2e/vectors.test.ts: fetches what is to be tried and writes down what came out.
const response = await fetch('/input.json')
const result = await tryAll(Input.parse(await response.json()))
document.body.textContent = JSON.stringify(result)
document.body.id = 'done'
