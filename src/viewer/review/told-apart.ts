/**
 * Of each of several files what tells it from others of its name, as every export has an `envelope.json`: which of them it
 * is, in the order that they were given in, and its run where that is known. '' where no other has its name.
 */
export function toldApart(
  files: readonly { readonly name: string; readonly run_id?: string | undefined }[],
): string[] {
  const same = Map.groupBy(files, ({ name }) => name)
  const places = new Map<string, number>()
  return files.map(({ name, run_id }) => {
    const count = same.get(name)?.length ?? 1
    if (count === 1) return ''
    const place = (places.get(name) ?? 0) + 1
    places.set(name, place)
    const which = `${place.toLocaleString('en')} of ${count.toLocaleString('en')}`
    return run_id === undefined ? which : `${which}, run ${run_id}`
  })
}
