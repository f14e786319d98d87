import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Debian's folder of what only root usually runs is on nobody else's path. */
const PLACES = ['nginx', '/usr/sbin/nginx']

const program = PLACES.find((place) => spawnSync(place, ['-v']).status === 0)

/** The reason to skip what needs nginx, or null. */
export function whyNoNginx(): string | null {
  return program === undefined
    ? 'there is no nginx on this machine (Debian: apt-get install nginx)'
    : null
}

/** nginx over a folder of its own, on a socket that nobody else has: no port of the machine is taken. */
export type Nginx = { socketPath: string; pid: number; end: () => Promise<void> }

/** `main` and `server` are lines of its configuration, at the top and in the one server. */
export async function startNginx(server: string, main = ''): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-nginx-'))
  const socketPath = join(folder, 'nginx.sock')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  await writeFile(
    join(folder, 'nginx.conf'),
    `${main}
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 8192; }
http {
  access_log off;
  ${temporary.join('\n  ')}
  server {
    listen unix:${socketPath};
    ${server}
  }
}
`,
  )
  // As root its worker would be another user, whom the folder is closed to.
  const asUser = process.getuid?.() === 0 ? ['-g', 'user root;'] : []
  const child = spawn(
    program ?? 'nginx',
    ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf'), ...asUser],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const ended = once(child, 'exit')
  while (!existsSync(socketPath)) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`)
    await sleep(10)
  }
  return {
    socketPath,
    pid: child.pid ?? 0,
    async end() {
      child.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}
