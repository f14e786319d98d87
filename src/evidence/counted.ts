/** The first of many names, and how many more there are. */
export function fewOf(names: readonly string[], most = 5): string {
  const more = names.length - most
  return `${names.slice(0, most).join(', ')}${more > 0 ? ` and ${more.toLocaleString('en')} more` : ''}`
}

/** `1 step`, `12,000 steps`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

/** `a, b and c`; of more than are named `a, b, c and 5 more`. */
export const listed = (named: readonly string[], of = named.length): string =>
  of > named.length
    ? `${named.join(', ')} and ${(of - named.length).toLocaleString('en')} more`
    : [named.slice(0, -1).join(', '), ...named.slice(-1)].filter(Boolean).join(' and ')
