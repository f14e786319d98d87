import { visit, type JSONVisitor } from 'jsonc-parser'

/**
 * The line, from 1, where a text that is no deeper than `strictJson` lets it be stops to be JSON, or has a member for the
 * second time. null: nowhere. A parser says only that there is one: this goes over the text again, once it is refused.
 */
export function lineOfJsonFault(text: string): number | null {
  let found: number | null = null
  const objects: Set<string>[] = []
  const fault = (line: number) => {
    found ??= line + 1
  }
  const visitor: JSONVisitor = {
    onObjectBegin: () => {
      objects.push(new Set())
    },
    onObjectProperty: (name, _offset, _length, line) => {
      const members = objects.at(-1)
      if (members?.has(name) === true) fault(line)
      members?.add(name)
    },
    onObjectEnd: () => {
      objects.pop()
    },
    onError: (_error, _offset, _length, line) => fault(line),
  }
  visit(text, visitor, { disallowComments: true })
  return found
}
