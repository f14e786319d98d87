import type { Tone } from '#contract/status.ts'
import { Glyph } from '#viewer/parts/glyph.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import type { ReactNode } from 'react'
import type { ProofSentence } from './proof-sentence.ts'

/** What stands over every verdict, wherever it was made: what is proven, by whose key, and what is not. */
export function VerdictCard({
  sentence: { tone, title, text, rests, open },
  children,
}: {
  sentence: ProofSentence
  children: ReactNode
}) {
  const { look, text: colour, glyph } = VERDICT_LOOK[tone]
  return (
    <section
      aria-label="Verdict"
      className={`card flex gap-4 p-4 @max-[16rem]:flex-col ${look} ${colour}`}
    >
      <span className="mt-0.5 shrink-0 [&>svg]:size-8">
        <Glyph family="evidence" tone={glyph} />
      </span>
      <div className="flex min-w-0 flex-col gap-1">
        <h2 className="text-lg font-semibold">{title}</h2>
        <p className="max-w-prose text-ink">
          <RunText text={text} max={600} />
        </p>
        {rests !== '' && <p className="max-w-prose font-medium text-ink">{rests}</p>}
        {open !== '' && <p className="max-w-prose text-ink">{open}</p>}
        {children}
      </div>
    </section>
  )
}

/** How each kind of verdict looks, wherever one stands. Only where a known key has sealed it has it the seal's colour. */
export const VERDICT_LOOK = {
  proven: { look: 'border-seal bg-seal-wash', text: 'text-seal', glyph: 'good' },
  part: { look: 'border-line-strong', text: 'text-seal', glyph: 'neutral' },
  read: { look: 'border-line-strong', text: 'text-ink', glyph: 'waiting' },
  refused: { look: 'border-broken bg-broken-wash', text: 'text-broken', glyph: 'bad' },
} as const satisfies Record<ProofSentence['tone'], { look: string; text: string; glyph: Tone }>
