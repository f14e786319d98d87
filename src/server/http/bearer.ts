/** The bearer token of a request; '' where there is none, or none that could be one. */
export function bearerOf(headers: Headers): string {
  const [, token = ''] =
    /^Bearer ([\w.~+/=-]{1,256})$/i.exec(headers.get('authorization') ?? '') ?? []
  return token
}
