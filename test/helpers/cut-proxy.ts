import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

/** A network between a client and a service, which a test breaks. */
export interface CutProxy {
  url: string;
  /** Closes all connections, and refuses new ones. */
  cut(): void;
  /** Lets connections open, and passes nothing on from now on. */
  hang(): void;
  /** Works again; connections that hung are closed. */
  restore(): void;
  /** Closes the open connections; new ones work. */
  reset(): void;
  close(): Promise<void>;
}

/** Starts a proxy to a service. */
export async function startCutProxy(serviceUrl: string): Promise<CutProxy> {
  const { hostname, port } = new URL(serviceUrl);
  const sockets = new Set<Socket>();
  let mode: 'works' | 'cut' | 'hangs' = 'works';
  const server = createServer((client) => {
    if (mode === 'cut') {
      client.destroy();
      return;
    }
    const service = createConnection({ host: hostname, port: Number(port) });
    for (const [socket, other] of [
      [client, service],
      [service, client],
    ] as const) {
      sockets.add(socket);
      socket.on('data', (data) => {
        if (mode === 'works') other.write(data);
      });
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const reset = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut() {
      mode = 'cut';
      reset();
    },
    hang() {
      mode = 'hangs';
    },
    restore() {
      if (mode === 'hangs') reset();
      mode = 'works';
    },
    reset,
    async close() {
      reset();
      server.close();
      await once(server, 'close');
    },
  };
}
