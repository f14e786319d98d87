/** So many fit into memory beside their text. The largest record that is read has fewer: of a step there are 30 in 1 kB. */
export const MOST_VALUES = 10_000_000

/**
 * Is there room for what this text would be parsed to? A value of three bytes takes sixty once it is an object, and where
 * an engine has no room left it ends the page, or the process, instead of throwing. So they are counted first: in one
 * pass that keeps nothing, and before anything says that the text is JSON. Where it is, each value but the outermost
 * stands behind a bracket or a comma.
 */
export function isRoomFor(bytes: Uint8Array, mostValues = MOST_VALUES): boolean {
  let values = 0
  let isText = false
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (isText) {
      if (byte === BACKSLASH) at += 1
      else if (byte === QUOTE) isText = false
    } else if (byte === QUOTE) isText = true
    else if (byte === COMMA || byte === OPEN_ARRAY || byte === OPEN_OBJECT) values += 1
    if (values > mostValues) return false
  }
  return true
}

const [QUOTE, COMMA, BACKSLASH, OPEN_ARRAY, OPEN_OBJECT] = [0x22, 0x2c, 0x5c, 0x5b, 0x7b]
