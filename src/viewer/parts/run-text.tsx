import { visible } from './visible.ts'

/**
 * The one way that text of a run, a definition or a person reaches the screen. Text only, isolated in its direction,
 * bounded in length, with every character that would act or hide made visible.
 */
export function RunText({
  text,
  max = 500,
  block = false,
  keep = block ? '\n\t' : '',
  isOfBytes = false,
}: {
  text: string
  max?: number
  block?: boolean
  keep?: '' | '\n\t' | '\t'
  /** As lines of bytes come: what was no text among them is named as the byte that it is. */
  isOfBytes?: boolean
}) {
  const cut = text.length > max
  const pieces = visible(cut ? text.slice(0, max) : text, keep, isOfBytes)
  return (
    <bdi className={`[overflow-wrap:anywhere] ${block ? 'whitespace-pre-wrap' : ''}`}>
      {pieces.map((piece, index) =>
        'shown' in piece ? (
          piece.shown
        ) : (
          <span key={index} className="control-character" title={piece.means}>
            {piece.named}
          </span>
        ),
      )}
      {cut && (
        <span className="text-ink-3" title="The rest is not drawn here">
          … {(text.length - max).toLocaleString('en')} more characters
        </span>
      )}
    </bdi>
  )
}
