import { createHash } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ArtifactError, keepArtifact } from '#server/runs/artifact.ts'

function folders(): { root: string; outside: string; kept: string } {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-artifact-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [root, outside] = [join(folder, 'root'), join(folder, 'outside')]
  mkdirSync(join(root, 'sub'), { recursive: true })
  mkdirSync(outside)
  return { root, outside, kept: join(folder, 'kept') }
}

/** Does this again and again, between whatever else happens, until the test is over. */
function meanwhile(act: () => void): void {
  let timer = setImmediate(again)
  function again() {
    act()
    timer = setImmediate(again)
  }
  onTestFinished(() => clearImmediate(timer))
}

const ANY = { bytes: 1_000_000, owner: null }

it('[R13] is never what a link leads to, though its folder is swapped for one while it is opened', async () => {
  const { root, outside, kept } = folders()
  writeFileSync(join(root, 'sub', 'out'), 'inside')
  writeFileSync(join(outside, 'out'), 'outside')
  symlinkSync(outside, join(root, 'link'))
  const [sub, link, aside] = ['sub', 'link', 'aside'].map((name) => join(root, name))
  let steps = 0
  meanwhile(() => {
    // Folder, link, folder, link …, one rename at a time.
    const moves = [
      [sub, aside],
      [link, sub],
      [sub, link],
      [aside, sub],
    ]
    const [from = '', to = ''] = moves[steps++ % 4] ?? []
    renameSync(from, to)
  })
  const found = new Set<string>()
  for (let attempt = 0; attempt < 300; attempt++) {
    try {
      const { sha256 } = await keepArtifact(root, 'sub/out', kept, ANY)
      found.add(readFileSync(join(kept, sha256), 'utf8'))
    } catch (error) {
      if (!(error instanceof ArtifactError)) throw error
      found.add(error.message)
    }
  }
  expect(found).not.toContain('outside')
  expect(found.size).toBeGreaterThan(1)
})

it('[R13] has the digest of what was kept, though it changes while it is copied', async () => {
  const { root, kept } = folders()
  const file = join(root, 'out')
  writeFileSync(file, 'x'.repeat(300_000))
  let steps = 0
  meanwhile(() => writeFileSync(file, String(steps++ % 10).repeat(300_000)))
  for (let attempt = 0; attempt < 50; attempt++) {
    const { sha256, bytes } = await keepArtifact(root, 'out', kept, ANY)
    const copy = readFileSync(join(kept, sha256))
    expect(createHash('sha256').update(copy).digest('hex')).toBe(sha256)
    expect(copy.length).toBe(bytes)
  }
})

it('[R13] is refused when it outgrows its bound while it is copied, and leaves nothing', async () => {
  const { root, kept } = folders()
  const file = join(root, 'out')
  writeFileSync(file, 'x'.repeat(900_000))
  meanwhile(() => {
    const isBegun = existsSync(kept) && readdirSync(kept).length > 0
    if (isBegun) appendFileSync(file, 'x'.repeat(100_000))
  })
  await expect(keepArtifact(root, 'out', kept, ANY)).rejects.toThrow(
    'artifact is larger than 1000000 bytes: out',
  )
  expect(readdirSync(kept)).toEqual([])
})
