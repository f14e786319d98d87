import type { Walked } from './walk-chain.ts'

/** Why those that have a place are not proven, each cause with its number; '' where all are. */
export function unprovenOf(placed: readonly Judged[]): string {
  const unproven = placed.filter(({ verdict }) => verdict === 'not proven')
  if (unproven.length === 0) return ''
  const by = Map.groupBy(unproven, causeOf)
  const causes = (['key', 'definition', 'requirement'] as const).flatMap((cause) => {
    const count = by.get(cause)?.length ?? 0
    return count === 0 ? [] : [[count, CAUSE[cause]] as const]
  })
  const why = causes.map(([count, said]) =>
    causes.length === 1 ? said : `${count.toLocaleString('en')} ${said}`,
  )
  const who =
    unproven.length === placed.length
      ? unproven.length === 1
        ? 'It is not'
        : 'None of them is'
      : `${unproven.length.toLocaleString('en')} of them ${unproven.length === 1 ? 'is' : 'are'} not`
  return `${who} proven: ${why.join(', ')}. `
}

type Judged = Pick<Walked, 'verdict' | 'sealed_by' | 'unexpected'>

const CAUSE = {
  key: 'of a key that you did not pin',
  definition: 'by its own word alone of a definition of which you require less',
  requirement: 'with something that you require left open',
} as const

const causeOf = ({ sealed_by, unexpected }: Judged): keyof typeof CAUSE =>
  sealed_by?.source !== 'pinned' ? 'key' : unexpected === null ? 'requirement' : 'definition'
