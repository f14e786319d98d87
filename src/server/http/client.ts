import { BlockList, isIP } from 'node:net'

/** Who is at the other end, as far as it can be known. */
export type Client = {
  address: string
  /** As the client sees it. */
  https: boolean
  /** A program on this machine, with no proxy between. */
  local: boolean
  /** What the client asked for as Host. */
  host: string
}

/** Addresses of proxies whose word about the client counts; from anybody else `X-Forwarded-*` is only text. */
export type TrustedProxies = ReadonlySet<string>

/**
 * Attacker: a client that writes `X-Forwarded-For` itself. Each proxy adds at the right, so that the first address from
 * the right which is no trusted proxy is what the outermost trusted one has seen.
 */
export function clientOf(
  incoming: { socket: { remoteAddress?: string | undefined } } | undefined,
  headers: Headers,
  trusted: TrustedProxies,
): Client {
  const host = headers.get('host') ?? ''
  // Without a port nobody but this process can ask.
  if (incoming === undefined) return { address: '127.0.0.1', https: false, local: true, host }
  const peer = plainAddress(incoming.socket.remoteAddress ?? '')
  const proto = lastOf(headers.get('x-forwarded-proto'))
  const hops = headers.get('x-forwarded-for')
  if (!trusted.has(peer) || (proto === null && hops === null)) {
    const https = 'encrypted' in incoming.socket && incoming.socket.encrypted === true
    return { address: peer, https, local: isLoopback(peer), host }
  }
  const addresses = (hops ?? '').split(',').map((hop) => plainAddress(hop.trim()))
  const seen = addresses.findLast((address) => !trusted.has(address))
  return {
    address: seen !== undefined && isIP(seen) !== 0 ? seen : peer,
    https: proto === 'https',
    local: false,
    host: lastOf(headers.get('x-forwarded-host')) ?? host,
  }
}

export function isLoopback(address: string): boolean {
  const family = isIP(address)
  return family !== 0 && LOOPBACK.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** An IPv4 address that came over an IPv6 socket is that IPv4 address. */
export function plainAddress(address: string): string {
  return address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
}

/** Whom a limit by address is for: an IPv6 network of 64 bits, whose addresses are all at the hand of one, is one. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [before = [], after] = address.split('::').map((part) => part.split(':').filter(Boolean))
  const head = [...before]
  if (after !== undefined)
    head.push(...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after)
  return head
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}

function lastOf(list: string | null): string | null {
  return list?.split(',').at(-1)?.trim() || null
}
