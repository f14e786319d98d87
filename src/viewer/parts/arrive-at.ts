/**
 * Once, when what was asked for is drawn: the focus goes there with the reader, from what opened it or from nowhere in
 * particular. Who has gone on to something else is not called away [U9].
 */
export function arriveAt(place: HTMLElement | null): void {
  const { activeElement: at, body } = document
  if (at !== null && at !== body && at.id !== 'main' && !at.matches('[aria-expanded="true"]'))
    return
  place?.focus({ preventScroll: true })
  place?.scrollIntoView({ block: 'nearest' })
}
