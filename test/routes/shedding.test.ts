import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { text } from '../helpers/json.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;
let key: string;
let delayMs = 0;

beforeAll(async () => {
  service = await startTestService({
    loopDelay: { ms: () => delayMs, restart: () => undefined, stop: () => undefined },
  });
  ({ key } = await service.createProject('notes'));
});
afterAll(() => service.close());

/** Which kinds of work are refused while the event loop is so late. */
async function refusedAt(ms: number): Promise<string[]> {
  delayMs = ms;
  try {
    const answers = {
      list: await service.request('GET', '/admin/grants', { key }),
      checkout: await service.request('POST', '/checkout/sessions', { key, body: {} }),
      portal: await service.request('POST', '/portal/sessions', { key, body: {} }),
      webhook: await service.request('POST', '/webhooks/stripe', { body: {} }),
      read: await service.request('GET', '/entitlements?user_id=u', { key }),
    };
    return Object.entries(answers).flatMap(([name, { status }]) => (status === 503 ? [name] : []));
  } finally {
    delayMs = 0;
  }
}

describe('an overloaded process', () => {
  it('refuses operators first, then buyers, then Stripe, and what apps read last', async () => {
    expect(await refusedAt(199)).toEqual([]);
    expect(await refusedAt(200)).toEqual(['list']);
    expect(await refusedAt(399)).toEqual(['list']);
    expect(await refusedAt(400)).toEqual(['list', 'checkout', 'portal']);
    expect(await refusedAt(700)).toEqual(['list', 'checkout', 'portal', 'webhook']);
    expect(await refusedAt(999)).not.toContain('read');
    expect(await refusedAt(1_000)).toEqual(['list', 'checkout', 'portal', 'webhook', 'read']);
    expect(await refusedAt(0)).toEqual([]);
  });

  it('503 with Retry-After, before it looks at the key, and counts it', async () => {
    delayMs = 5_000;
    const refused = await service.request('GET', '/entitlements?user_id=u');
    delayMs = 0;
    expect(refused).toMatchObject({ status: 503, body: { code: 'overloaded' } });
    expect(refused.headers['retry-after']).toBe('1');
    const { values } = await service.deps.metrics.shedRequests.get();
    expect(values).toContainEqual({ labels: { work: 'read' }, value: 2 });
  });

  it('still deletes keys: a leaked key must stop even under load', async () => {
    const made = await service.request('POST', '/admin/projects/notes/keys', {
      key,
      body: { name: 'leaked', scopes: ['read'] },
    });
    delayMs = 60_000;
    const path = `/admin/projects/notes/keys/${text(made.body, 'id')}`;
    expect((await service.request('DELETE', path, { key })).status).toBe(200);
    delayMs = 0;
  });

  it('still answers probes, which tell of it', async () => {
    delayMs = 60_000;
    for (const url of ['/live', '/ready']) {
      expect((await service.app.inject(url)).statusCode).toBe(200);
    }
    delayMs = 0;
  });
});
