import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '#contract/envelope.ts'
import { base64InBytes, encodeBase64, tryBase64 } from '#evidence/base64.ts'
import { utf8 } from '#evidence/canonical.ts'
import {
  bytesOfBlock,
  type CarriedAs,
  carriedIn,
  carriedTag,
  MOST_BEFORE_A_PAGE,
} from '#evidence/carried.ts'
import { SEED } from './seed.ts'

const DIGEST = 'ab'.repeat(32)
const [LOG, ARTIFACT] = [`logs/${DIGEST}`, `artifacts/${DIGEST}`]
const block = (as: CarriedAs, name: string, text: string) =>
  `${carriedTag(as, name)}${encodeBase64(utf8(text))}</script>`
const ENVELOPE = block('envelope', 'envelope.json', '{"closing":{}}')
const TRUST = block('trust', 'offered-trust.json', '{}')
/** As in the verifier: its script has the words, and the form of a tag. */
const PROGRAM = `<script>const t=(a,n)=>\`<script type="text/plain" data-part="\${a}" data-name="\${n}">\`;a<b</script>`
const page = (...blocks: readonly string[]) =>
  utf8(`<!doctype html>\n<p>—</p>\n${[...blocks, PROGRAM].join('\n')}\n</body>\n</html>\n`)

describe('[C24] a page carries', () => {
  it('an envelope, what it offers and what is beside it, byte for byte', () => {
    const bytes = page(
      ENVELOPE,
      TRUST,
      block('attached', LOG, 'a log\n'),
      block('attached', ARTIFACT, ''),
    )
    const carried = carriedIn(bytes)
    if (carried?.ok !== true) throw new Error('it carries them')
    const { envelope, trust, attached } = carried
    expect([envelope, trust, ...attached]).toMatchObject([
      { name: 'envelope.json', size: 14 },
      { name: 'offered-trust.json', size: 2 },
      { name: LOG, size: 6 },
      { name: ARTIFACT, size: 0 },
    ])
    expect(bytesOfBlock(bytes, envelope)).toEqual(utf8('{"closing":{}}'))
    expect(attached.map((one) => bytesOfBlock(bytes, one))).toEqual([utf8('a log\n'), utf8('')])
  })

  it('nothing where it is no page, or one of something else', () => {
    for (const bytes of [
      utf8(''),
      utf8(`x ${ENVELOPE}`),
      utf8(`${' '.repeat(MOST_BEFORE_A_PAGE + 1)}${ENVELOPE}`),
      utf8(`{"closing":"${ENVELOPE}"}`),
      utf8('<!doctype html><p>502</p>'),
      utf8(`<!doctype html><script src="data-part"></script>`),
      page(),
    ])
      expect(carriedIn(bytes)).toBeNull()
  })

  it('thousands of them, and each once', () => {
    const names = Array.from({ length: 5000 }, (_, nth) => `logs/${String(nth).padStart(64, '0')}`)
    const bytes = page(ENVELOPE, ...names.map((name) => block('attached', name, name)))
    const carried = carriedIn(bytes)
    if (carried?.ok !== true) throw new Error('it carries them')
    expect(carried.attached.map(({ name }) => name)).toEqual(names)
  })

  it('what a gateway left whole, with another end of the line', () => {
    const bytes = utf8(new TextDecoder().decode(page(ENVELOPE, TRUST)).replaceAll('\n', '\r\n'))
    expect(carriedIn(bytes)).toMatchObject({ ok: true, trust: { name: 'offered-trust.json' } })
  })

  it('what a browser passes over before and between, and nothing where it is longer than any is read', () => {
    const whole = page(ENVELOPE, TRUST)
    for (const before of ['\ufeff', '\n', '\ufeff \r\n\t\f', ' '.repeat(MOST_BEFORE_A_PAGE)])
      expect(carriedIn(Uint8Array.from([...utf8(before), ...whole]))).toMatchObject({ ok: true })
    expect(carriedIn(page(ENVELOPE, '\f', TRUST))).toMatchObject({ ok: true })
    const long = new Uint8Array(LIMITS.bytes + 1)
    long.set(whole)
    expect(carriedIn(long)).toBeNull()
    expect(carriedIn(long.subarray(0, LIMITS.bytes))).toMatchObject({ ok: true })
  })

  const other = (text: string) => ENVELOPE.replace('envelope.json', text)
  it.each([
    ['two envelopes', page(ENVELOPE, ENVELOPE), /more than one envelope/],
    ['two trust files', page(ENVELOPE, TRUST, TRUST), /more than one trust file/],
    ['no envelope', page(TRUST), /no envelope/],
    ['another order', page(TRUST, ENVELOPE), /another order/],
    ['keys behind the rest', page(ENVELOPE, block('attached', LOG, ''), TRUST), /another order/],
    [
      'a log twice',
      page(ENVELOPE, block('attached', LOG, 'a'), block('attached', LOG, 'b')),
      /twice/,
    ],
    ['another name', page(other('../envelope.json')), /a name that no export gives/],
    ['no name', page(other('')), /a name that no export gives/],
    ['a log that is no digest', page(ENVELOPE, block('attached', 'logs/mine', '')), /a name that/],
    [
      'another part',
      page(ENVELOPE.replace('"envelope"', '"other"')),
      /a name that no export gives/,
    ],
    ['data behind a script', page('<script></script>', ENVELOPE), /in other places/],
    ['data behind its program', page(ENVELOPE, PROGRAM, TRUST), /in other places/],
    ['words between', page(ENVELOPE, 'and', TRUST), /in other places/],
    ['a tag that is damaged', page(ENVELOPE.replace('text', 'test'), TRUST), /in other places/],
    ['an end that is damaged', page(ENVELOPE.replace('</s', '<!s'), TRUST), /in other places/],
    ['an end that is gone', page(ENVELOPE, TRUST.replace('</script>', '')), null],
  ])('nothing that counts where it has %s, and says so', (_, bytes, why) => {
    const carried = carriedIn(bytes)
    if (why !== null) return expect(carried?.ok === false ? carried.why : '').toMatch(why)
    if (carried?.ok !== true || carried.trust === null) throw new Error('it carries a trust file')
    expect(bytesOfBlock(bytes, carried.trust)).toBeNull()
    expect(bytesOfBlock(bytes, carried.envelope)).not.toBeNull()
  })

  // What the verifier in the page would draw must not be another record than the one that is read here.
  it.each([
    ['another order of attributes', '<script data-part="envelope" type="text/plain">'],
    ['capitals', '<SCRIPT type="text/plain" DATA-PART="envelope">'],
    ['other spaces', '<script/type="text/plain"\n data-part\t=\f"envelope">'],
    ['other quotes', "<script type='text/plain' data-part='envelope'>"],
    ['no quotes', '<script type=text/plain data-part=envelope>'],
    ['a letter by its number', '<script type="text/plain" data-part="&#101;nvelope">'],
    ['a space before it', '<script type="text/plain" data-part=" envelope">'],
    ['a digit', '<script type="text/plain" data-part="1">'],
    ['a letter of another alphabet', '<script type="text/plain" data-part="ā">'],
    ['nothing', '<script type="text/plain" data-part="">'],
    ['nothing, in other quotes', "<script type='text/plain' data-part=''>"],
    ['nothing, in none', '<script type=text/plain data-part=>'],
  ])('nothing that counts where another one is there with %s, wherever', (_, tag) => {
    const another = `${tag}e30=</script>`
    for (const bytes of [
      page(`<!-- ${ENVELOPE} --> ${another}`),
      page(`<style>${ENVELOPE}${TRUST}</style>`, another),
      page(another, ENVELOPE),
      page(`<p>${another.replace('script', 'SCRIPT')}</p><!-- ${ENVELOPE} -->`),
    ]) {
      const carried = carriedIn(bytes)
      expect(carried?.ok === false ? carried.why : '').toMatch(/in other places/)
    }
    expect(carriedIn(page(another))).toBeNull()
  })

  it('a block that is damaged or cut off by itself', () => {
    const log = block('attached', LOG, 'a longer log')
    const cut = (text: string) => utf8(`<!doctype html>${ENVELOPE}${text}`)
    for (const damaged of [
      log.replace('YSBs', 'YS\nBs'),
      log.replace('YSBs', 'YS!s'),
      log.replace('YSBs', 'YSs'),
      log.replace('YSBs', 'YS=='),
      log.slice(0, -12),
    ]) {
      const bytes = damaged.endsWith('>') ? page(ENVELOPE, damaged) : cut(damaged)
      const carried = carriedIn(bytes)
      if (carried?.ok !== true) throw new Error('it carries them')
      expect(carried.attached.map((one) => bytesOfBlock(bytes, one))).toEqual([null])
      expect(bytesOfBlock(bytes, carried.envelope)).not.toBeNull()
    }
  })

  it('and never throws, whatever is cut off or changed', () => {
    const whole = page(ENVELOPE, TRUST, block('attached', LOG, 'a log'))
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(whole.length), fc.nat(255), (end, at, byte) => {
        const bytes = whole.slice(0, end)
        bytes[at] = byte
        const carried = carriedIn(bytes)
        if (carried?.ok === true)
          for (const one of [carried.envelope, ...carried.attached]) {
            const found = bytesOfBlock(bytes, one)
            expect(found === null || found.length === one.size).toBe(true)
          }
      }),
      { seed: SEED, numRuns: 2000 },
    )
  })
})

describe('[V13] base64 in bytes', () => {
  it('is that of a text, and refuses the same', () => {
    const alphabet = fc.constantFrom(...Array.from('AQgw+/9z=\n-_é'))
    const text = fc.oneof(
      fc.string({ unit: alphabet, maxLength: 12 }),
      fc.uint8Array({ maxLength: 40 }).map(encodeBase64),
    )
    fc.assert(
      fc.property(text, (one) => {
        expect(base64InBytes(utf8(one))).toEqual(tryBase64(one))
      }),
      { seed: SEED, numRuns: 3000 },
    )
  })
})
