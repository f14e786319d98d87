/** Why a text is not JSON with one meaning; `message` goes on after the text's name. */
export class JsonFault extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'JsonFault'
  }
}

/** The value of a JSON text, no deeper than `maxDepth`, with no member twice and none called `__proto__`; else a `JsonFault`. */
export function strictJson(text: string, maxDepth: number): unknown {
  const { depth, members } = shapeOf(text)
  if (depth > maxDepth) throw new JsonFault(`nests deeper than ${maxDepth}`)
  const value = valueOf(text)
  // Attacker: two members of one name, of which whoever looked before us took the other one.
  if (membersIn(value) !== members) throw new JsonFault('has a member twice')
  return value
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new JsonFault('is not JSON')
  }
}

/**
 * Deepest nesting of brackets and number of colons outside of strings, in one pass: it runs before anything says the
 * text is JSON. Where it is, each member has one colon.
 */
function shapeOf(text: string): { depth: number; members: number } {
  let depth = 0
  let deepest = 0
  let members = 0
  let inString = false
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    if (inString && char === '\\') at += 1
    else if (char === '"') inString = !inString
    else if (inString) continue
    else if (char === ':') members += 1
    else if (char === '[' || char === '{') deepest = Math.max(deepest, (depth += 1))
    else if (char === ']' || char === '}') depth -= 1
  }
  return { depth: deepest, members }
}

/** Members of all objects, of a value that is no deeper than `maxDepth`. */
function membersIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  if (Object.hasOwn(value, '__proto__')) throw new JsonFault('has a member __proto__')
  const inside = Object.values(value).reduce<number>((sum, one) => sum + membersIn(one), 0)
  return inside + (Array.isArray(value) ? 0 : Object.keys(value).length)
}
