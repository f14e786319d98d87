import { useEffect, useRef, useState } from 'react'
import type { Look, Looked } from './dropped-files.ts'

/** Sooner than this nothing is drawn anew for it. */
const SHOWN_AFTER_MS = 150

/**
 * What is given is looked through: how far that is, once it takes longer than a blink, and how it is given up. `look`
 * answers null where it was, as it is where the reader goes elsewhere: `isHere` is false then.
 */
export function useLooking(): {
  looked: Looked | null
  look: <T>(through: (look: Look) => Promise<T>) => Promise<T | null>
  stop: () => void
  isHere: () => boolean
} {
  const [looked, setLooked] = useState<Looked | null>(null)
  const under = useRef<AbortController | null>(null)
  const here = useRef(true)
  useEffect(() => {
    here.current = true
    return () => {
      here.current = false
      under.current?.abort()
    }
  }, [])
  const look = async <T,>(through: (look: Look) => Promise<T>): Promise<T | null> => {
    if (!here.current) return null
    const mine = new AbortController()
    under.current = mine
    let now: Looked = { doing: 'finding', found: 0 }
    let isShown = false
    const wait = setTimeout(() => {
      isShown = true
      setLooked(now)
    }, SHOWN_AFTER_MS)
    const onProgress = (next: Looked) => {
      now = next
      if (isShown && !mine.signal.aborted) setLooked(next)
    }
    // At once, whatever a browser or a disk is still busy with.
    const givenUp = new Promise<null>((resolve) => {
      mine.signal.addEventListener('abort', () => resolve(null))
    })
    try {
      return await Promise.race([through({ signal: mine.signal, onProgress }), givenUp])
    } finally {
      clearTimeout(wait)
      under.current = null
      setLooked(null)
    }
  }
  return { looked, look, stop: () => under.current?.abort(), isHere: () => here.current }
}

/** Files that are looked through, and the way out of it. */
export function Looking({ looked, onStop }: { looked: Looked; onStop: () => void }) {
  return (
    <div className="card flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <output className="min-w-64 text-ink-2 tabular-nums">{saidOf(looked)}</output>
      <progress
        className="h-1.5 w-40 text-seal"
        {...(looked.doing === 'finding' ? {} : { max: looked.of, value: looked.done })}
        aria-label="Files read"
      />
      <button type="button" className="button ml-auto" onClick={onStop}>
        Stop
      </button>
    </div>
  )
}

function saidOf(looked: Looked): string {
  if (looked.doing === 'finding')
    return `Reading what you gave: ${looked.found.toLocaleString('en')} files found.`
  const [done, of] = [looked.done.toLocaleString('en'), looked.of.toLocaleString('en')]
  return looked.doing === 'opening'
    ? `Reading ${done} of ${of} files.`
    : `Looking at what each is: ${done} of ${of} files.`
}

/** Of what was given up: named among what is not looked at. */
export const GIVEN_UP = {
  path: 'What you gave',
  why: 'Not read to its end: you stopped it or went elsewhere, and nothing of it is used',
  is: 'passing',
} as const

export const NO_FILE = { path: 'A folder', why: 'No file is in it', is: 'passing' } as const
