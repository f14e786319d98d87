import { describe, expect, it } from 'vitest'
import { frameName, parseFrame } from '#contract/frame.ts'
import { membersOf, schemaOf, SHOWN_FRAMES } from '#test/first-documents.ts'

describe('the frames of the first two documents', () => {
  it.each(SHOWN_FRAMES)(
    '[F1] %s is read as it stands there, and nothing of it is lost',
    (name, data) => {
      const reading = parseFrame(name, data)
      expect(reading).toEqual({ state: 'frame', frame: membersOf(data) })
      expect(reading.state === 'frame' && frameName(reading.frame)).toBe(name)
    },
  )

  it.each(SHOWN_FRAMES)('[F1] a reader that knows %s alone wants all of its members', (_, data) => {
    const schema = schemaOf(data)
    const shown = membersOf(data)
    expect(schema.safeParse({ ...shown, attempt: 1 }).success).toBe(true)
    for (const name of Object.keys(shown))
      expect(schema.safeParse({ ...shown, [name]: undefined }).success).toBe(false)
  })
})
