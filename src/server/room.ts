import { existsSync, readFileSync } from 'node:fs'

/** How many connections a server takes at one time, and how many of them may be streams. */
export type Room = { connections: number; streams: number }

const MOST_CONNECTIONS = 10_240

/**
 * Room by how many files the process may have open, sockets among them. Half of these are for what streams must never
 * take: the store, logs, the pipes of steps. A fifth of the connections is for whoever asks for anything else.
 */
export function roomFor(openFiles: number): Room {
  const connections = Math.min(MOST_CONNECTIONS, Math.floor(openFiles / 2))
  return { connections, streams: Math.floor(connections * 0.8) }
}

/** Infinity where the system does not say. Node has raised the limit as far as it may. */
export function mostOpenFiles(limits = '/proc/self/limits'): number {
  const text = existsSync(limits) ? readFileSync(limits, 'utf8') : ''
  return Number(/^Max open files\s+(\d+)/m.exec(text)?.[1] ?? Number.POSITIVE_INFINITY)
}
