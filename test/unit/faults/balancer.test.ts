import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { freePort } from '../../../src/dev/ports.ts';
import { type Balancer, startBalancer } from '../../faults/balancer.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** An instance that is ready, and cuts off or answers all other requests. */
async function instance(name: string, cuts: boolean) {
  const server = createServer((request, response) => {
    if (request.url !== '/ready' && cuts) request.socket.destroy();
    else response.end(`"${name}"`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => {
    close(server);
  });
  return { target: { name, port: (server.address() as AddressInfo).port }, server };
}

function close(server: Server): void {
  server.closeAllConnections();
  server.close();
}

async function balanced(...targets: { name: string; port: number }[]): Promise<Balancer> {
  const balancer = await startBalancer(await freePort(), targets);
  stops.push(() => balancer.close());
  while (!targets.every(({ name }) => balancer.stateOf(name) === 'ready')) await turn();
  return balancer;
}

it('a GET whose connection breaks is asked of another, a POST is not, and both are on record', async () => {
  const a = await instance('A', true);
  const b = await instance('B', false);
  const { url, served } = await balanced(a.target, b.target);

  for (const method of ['GET', 'GET', 'POST', 'POST']) await fetch(`${url}/x`, { method });

  const byA = served.filter(({ cutBy }) => cutBy.includes('A'));
  expect(byA).toMatchObject([
    { method: 'GET', status: 200, by: 'B', cutBy: ['A'], refusedBy: [] },
    { method: 'POST', status: 502, by: null, cutBy: ['A'], refusedBy: [] },
  ]);
  expect(served).toHaveLength(4);
});

it('a refused connection is retried on another instance, for every method', async () => {
  const a = await instance('A', false);
  const b = await instance('B', false);
  const { url, served } = await balanced(a.target, b.target);
  close(a.server);

  for (const method of ['POST', 'POST']) await fetch(`${url}/x`, { method });
  expect(served).toMatchObject([
    { status: 200, by: 'B', cutBy: [] },
    { status: 200, by: 'B', cutBy: [] },
  ]);

  close(b.server);
  await fetch(`${url}/x`, { method: 'POST' });
  expect(served.at(-1)).toMatchObject({ status: 502, by: null, cutBy: [] });
});
