import { connect, type Socket } from 'node:net'

/*
 * Many readers of one stream in one process, which do as little as a reader can: count frames. `readers` opens them,
 * `rounds` publishes again and again, each time when everybody has what was published before, and tells how many
 * deliveries there were in a second and how long the slowest took. What publishes is one write: a line to a server of
 * ours, so many requests to nchan.
 */

const [, , port = '', controlPort = ''] = process.argv
const MARK = '\ndata:'
const buffer = Buffer.alloc(256 * 1024)
const sockets: Socket[] = []
let missing = 0
let latencies: number[] = []
let publishedAt = 0
let allCame = () => {}

const FRAME =
  '{"type":"step_finished","run_id":"run_01KB0M6C3V8J0T9Q4Z2X","step_id":"unit-tests","kind":"test","attempt":1,"exit_code":0,"signal":null,"outcome":"succeeded","timestamp":"2026-11-12T09:30:00.000Z"}'
const POST = `POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${FRAME.length}\r\n\r\n${FRAME}`
const trigger = (frames: number) => (controlPort === port ? POST.repeat(frames) : `${frames}\n`)
const control = connect({ port: Number(controlPort), host: '127.0.0.1', noDelay: true })
control.resume()

process.on('message', (message) => {
  if (typeof message === 'string') void obey(message)
})

async function obey(message: string): Promise<void> {
  const [act, ...numbers] = message.split(' ')
  const [first = 0, second = 0] = numbers.map(Number)
  if (act === 'open') {
    for (let opened = 0; opened < first; opened += 50)
      await Promise.all(Array.from({ length: Math.min(50, first - opened) }, openReader))
    process.send?.('opened')
  }
  if (act === 'rounds') process.send?.(JSON.stringify(await rounds(first, second)))
}

/** A reader, once its head has come. A mark that is cut by the end of a chunk is found with the next. */
function openReader(): Promise<void> {
  return new Promise((resolve, reject) => {
    let cut = ''
    const socket = connect({
      port: Number(port),
      host: '127.0.0.1',
      onread: {
        buffer,
        callback(length) {
          resolve()
          const chunk = buffer.subarray(0, length)
          let count =
            cut !== '' && chunk.toString('latin1', 0, 6).startsWith(MARK.slice(cut.length)) ? 1 : 0
          for (let at = chunk.indexOf(MARK); at !== -1; at = chunk.indexOf(MARK, at + 6)) count += 1
          const end = chunk.toString('latin1', Math.max(0, length - 5))
          cut =
            [5, 4, 3, 2, 1].map((n) => MARK.slice(0, n)).find((part) => end.endsWith(part)) ?? ''
          if (count > 0) came(count)
          return true
        },
      },
    })
    socket.on('error', reject)
    socket.write(
      `GET /events HTTP/1.1\r\nHost: localhost:${port}\r\nAccept: text/event-stream\r\n\r\n`,
    )
    sockets.push(socket)
  })
}

function came(count: number): void {
  latencies.push(performance.now() - publishedAt)
  missing -= count
  if (missing <= 0) allCame()
}

async function rounds(frames: number, times: number) {
  latencies = []
  const startedAt = performance.now()
  for (let round = 0; round < times; round += 1) {
    missing = sockets.length * frames
    publishedAt = performance.now()
    await new Promise<void>((resolve) => {
      allCame = resolve
      control.write(trigger(frames))
    })
  }
  const seconds = (performance.now() - startedAt) / 1000
  const sorted = latencies.toSorted((a, b) => a - b)
  return {
    perSecond: (sockets.length * frames * times) / seconds,
    p99: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0,
  }
}
