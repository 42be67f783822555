import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

export interface RedisProxy {
  url: string;
  /** Holds all of Redis's replies from now on, as if it hung. */
  hold(): void;
  /** Releases the held replies and all later ones. */
  release(): void;
  /** Blocks the present connections; new ones work. */
  strand(): void;
  close(): Promise<void>;
}

/** A proxy to the run's Redis that a test can block, since other tests share that Redis. */
export async function startRedisProxy(redisUrl: string): Promise<RedisProxy> {
  const { hostname, port } = new URL(redisUrl);
  let answers: Socket[] = [];
  const sockets: Socket[] = [];
  let isHeld = false;
  const server = createServer((client) => {
    const redis = createConnection({ host: hostname, port: Number(port) });
    sockets.push(client, redis);
    for (const socket of [client, redis]) socket.on('error', () => socket.destroy());
    client.pipe(redis);
    redis.on('data', (chunk) => client.write(chunk));
    answers.push(redis);
    if (isHeld) redis.pause();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    url: `redis://127.0.0.1:${address.port}`,
    hold() {
      isHeld = true;
      for (const socket of answers) socket.pause();
    },
    release() {
      isHeld = false;
      for (const socket of answers) socket.resume();
    },
    strand() {
      for (const socket of answers) socket.pause();
      answers = [];
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
