import type { Tone } from '#contract/status.ts'
import { useStandsStill } from './clock.tsx'

/** Shape of a state: never told by colour alone. Outcomes are round or angular, evidence is always a seal. */
export function Glyph({ tone, family }: { tone: Tone; family: 'outcome' | 'evidence' }) {
  const still = useStandsStill()
  const Shape = family === 'outcome' ? OUTCOME_SHAPE[tone] : EVIDENCE_SHAPE[tone]
  return (
    <svg
      viewBox="0 0 16 16"
      className={`size-4 shrink-0 ${still ? '*:animate-none' : ''}`}
      aria-hidden="true"
    >
      {Shape}
    </svg>
  )
}

export const SEAL_PATH =
  'M10.33 2.36A2.61 2.61 0 0 1 13.64 5.67A2.61 2.61 0 0 1 13.64 10.33A2.61 2.61 0 0 1 10.33 13.64A2.61 2.61 0 0 1 5.67 13.64A2.61 2.61 0 0 1 2.36 10.33A2.61 2.61 0 0 1 2.36 5.67A2.61 2.61 0 0 1 5.67 2.36A2.61 2.61 0 0 1 10.33 2.36z'

const line = {
  fill: 'none',
  stroke: 'currentColor',
  strokeWidth: 1.5,
  strokeLinecap: 'round',
  strokeLinejoin: 'round',
} as const
const cut = { ...line, className: 'stroke-paper' } as const

const OUTCOME_SHAPE = {
  idle: <circle cx="8" cy="8" r="5.5" {...line} strokeDasharray="2.4 2.2" />,
  active: (
    <>
      <circle cx="8" cy="8" r="5.5" {...line} opacity="0.3" />
      <path d="M8 2.5a5.5 5.5 0 0 1 5.5 5.5" {...line} className="origin-center animate-turn" />
      <circle cx="8" cy="8" r="2" fill="currentColor" />
    </>
  ),
  waiting: (
    <>
      <path d="M8 1.5 14.5 8 8 14.5 1.5 8z" fill="currentColor" />
      <path d="M8 5v3.4M8 10.9v.1" {...cut} />
    </>
  ),
  good: (
    <>
      <circle cx="8" cy="8" r="6.5" fill="currentColor" />
      <path d="m5.2 8.2 2 2 3.7-4.2" {...cut} />
    </>
  ),
  bad: (
    <>
      <rect x="1.8" y="1.8" width="12.4" height="12.4" rx="2" fill="currentColor" />
      <path d="m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8" {...cut} />
    </>
  ),
  muted: (
    <>
      <circle cx="8" cy="8" r="5.5" {...line} />
      <path d="m4.4 11.6 7.2-7.2" {...line} />
    </>
  ),
  neutral: <circle cx="8" cy="8" r="5.5" {...line} />,
} as const satisfies Record<Tone, unknown>

const EVIDENCE_SHAPE = {
  idle: <path d={SEAL_PATH} {...line} strokeDasharray="1.6 2.2" />,
  active: <path d={SEAL_PATH} {...line} className="animate-flash" />,
  waiting: (
    <>
      <path d={SEAL_PATH} {...line} />
      <path d="M5.8 8h4.4" {...line} />
    </>
  ),
  good: (
    <>
      <path d={SEAL_PATH} fill="currentColor" />
      <path d="m5.4 8.2 1.9 1.9 3.4-4" {...cut} />
    </>
  ),
  bad: (
    <>
      <path d={SEAL_PATH} fill="currentColor" />
      <path d="m6 6 4 4m0-4-4 4" {...cut} />
    </>
  ),
  muted: <path d={SEAL_PATH} {...line} strokeDasharray="1.6 2.2" />,
  neutral: (
    <>
      <path d={SEAL_PATH} {...line} />
      <circle cx="8" cy="8" r="1.6" fill="currentColor" />
    </>
  ),
} as const satisfies Record<Tone, unknown>
