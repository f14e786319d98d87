/*
 * SHA-256 (FIPS 180-4), for what is small and digested by the hundred thousand. WebCrypto answers each of them later,
 * and the library that makes a state for each of them takes three times as long in a browser. Tests hold it to both.
 */

/** The 32 bytes, good until the next digest is asked for. */
export function sha256Of(data: Uint8Array): Uint8Array<ArrayBuffer> {
  state.set(START)
  const rest = data.length % BLOCK
  compress(data, data.length - rest)
  // One bit, zeros, and how many bits there were.
  const end = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK
  tail.fill(0)
  tail.set(data.subarray(data.length - rest))
  tail[rest] = 0x80
  tailView.setUint32(end - 8, data.length / 2 ** 29)
  tailView.setUint32(end - 4, data.length * 8)
  compress(tail, end)
  for (let word = 0; word < 8; word += 1) digestView.setInt32(4 * word, state[word] ?? 0)
  return digest
}

const BLOCK = 64
const tail = new Uint8Array(2 * BLOCK)
const tailView = new DataView(tail.buffer)
const digest = new Uint8Array(32)
const digestView = new DataView(digest.buffer)
const state = new Int32Array(8)
const schedule = new Int32Array(64)

/** Whole blocks, into the state. Nothing is called in a round: engines put only so much into one function. */
function compress(data: Uint8Array, end: number): void {
  const w = schedule
  const k = ROUND
  for (let at = 0; at < end; at += BLOCK) {
    for (let i = 0; i < 16; i += 1) {
      const p = at + 4 * i
      const high = ((data[p] ?? 0) << 24) | ((data[p + 1] ?? 0) << 16)
      w[i] = high | ((data[p + 2] ?? 0) << 8) | (data[p + 3] ?? 0)
    }
    for (let i = 16; i < 64; i += 1) {
      const x = w[i - 15] ?? 0
      const y = w[i - 2] ?? 0
      const sx = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
      const sy = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
      w[i] = ((w[i - 16] ?? 0) + sx + (w[i - 7] ?? 0) + sy) | 0
    }
    let a = state[0] ?? 0
    let b = state[1] ?? 0
    let c = state[2] ?? 0
    let d = state[3] ?? 0
    let e = state[4] ?? 0
    let f = state[5] ?? 0
    let g = state[6] ?? 0
    let h = state[7] ?? 0
    for (let i = 0; i < 64; i += 1) {
      const se = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
      const t = (h + se + (g ^ (e & (f ^ g))) + (k[i] ?? 0) + (w[i] ?? 0)) | 0
      const sa = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
      const u = (sa + ((a & b) | (c & (a | b)))) | 0
      h = g
      g = f
      f = e
      e = (d + t) | 0
      d = c
      c = b
      b = a
      a = (t + u) | 0
    }
    state[0] = (state[0] ?? 0) + a
    state[1] = (state[1] ?? 0) + b
    state[2] = (state[2] ?? 0) + c
    state[3] = (state[3] ?? 0) + d
    state[4] = (state[4] ?? 0) + e
    state[5] = (state[5] ?? 0) + f
    state[6] = (state[6] ?? 0) + g
    state[7] = (state[7] ?? 0) + h
  }
}

/** The first 32 bits of the fractional parts of a root of each of the first primes. */
const firstBits = (root: (prime: number) => number, count: number): Int32Array =>
  Int32Array.from(PRIMES.slice(0, count), (prime) => (root(prime) % 1) * 2 ** 32)
const PRIMES = Array.from({ length: 312 }, (_, n) => n).filter(
  (n) => n > 1 && !Array.from({ length: n }, (_, m) => m).some((m) => m > 1 && n % m === 0),
)
const START = firstBits(Math.sqrt, 8)
const ROUND = firstBits(Math.cbrt, 64)
