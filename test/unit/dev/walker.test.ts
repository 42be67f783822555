import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNarrator } from '../../../src/dev/narrator.ts';
import { Walker } from '../../../src/dev/walker.ts';

/** A service whose change is committed, and whose cache still has the answer from before. */
let server: Server;
let walker: Walker;

const before = { allowed: true, reason: 'granted', value: true, valid_to: null, revision: 2 };
const after = { allowed: false, reason: 'expired', value: null, valid_to: null, revision: 3 };

beforeAll(async () => {
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://service');
    const fresh =
      searchParams.get('consistency') === 'strong' || Number(searchParams.get('min_revision')) >= 3;
    const body = pathname.endsWith('/check')
      ? fresh
        ? after
        : before
      : { revision: fresh ? 3 : 2, entitlements: [] };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  walker = new Walker({
    serviceUrl: `http://127.0.0.1:${address.port}`,
    sandboxUrl: 'http://unused',
    adminKey: 'key',
    stripeKey: 'key',
    clock: null,
    cached: true,
    narrator: createNarrator(new PassThrough().resume()),
  });
});
afterAll(() => {
  server.close();
});

it('a read after a change is never older than the change', async () => {
  await walker.waitForWebhook('u_1', 'export', ({ allowed }) => !allowed);

  expect(await walker.check('u_1', 'export')).toMatchObject({ allowed: false, reason: 'expired' });
  expect((await walker.entitlements('u_1')).body.revision).toBe(3);
});
