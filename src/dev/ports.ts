import { createServer } from 'node:net';

/** Returns a free TCP port on the loopback interface. */
export async function freePort(): Promise<number> {
  const port = await portIfFree(0);
  if (port === undefined) throw new Error('This machine has no free port.');
  return port;
}

/** Returns the first free port of the 100 that start at `first`. */
export async function nextFreePort(first: number): Promise<number> {
  for (let port = first; port < first + 100; port += 1) {
    if ((await portIfFree(port)) !== undefined) return port;
  }
  throw new Error(`No port from ${first} to ${first + 99} is free. Stop a program that uses one.`);
}

function portIfFree(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(undefined);
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(address === null || typeof address === 'string' ? undefined : address.port);
      });
    });
  });
}
