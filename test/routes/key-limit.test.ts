import { beforeAll, describe, expect, it } from 'vitest';
import type { TestResponse, TestService } from '../helpers/service.ts';
import { useServices } from '../helpers/services.ts';

const start = useServices();

describe('the limit of a key', () => {
  const maxRps = 20;
  let service: TestService;
  let notes: string;
  let other: string;
  const read = (key: string): Promise<TestResponse> =>
    service.request('GET', '/entitlements?user_id=u_1', { key });
  const reads = (key: string, count: number): Promise<TestResponse[]> =>
    Promise.all(Array.from({ length: count }, () => read(key)));

  beforeAll(async () => {
    service = await start({ config: { keyMaxRps: maxRps } });
    ({ key: notes } = await service.createProject('notes'));
    ({ key: other } = await service.createProject('other'));
  });

  it('429 with Retry-After above it, and another key still works', async () => {
    service.clock.advance(1_000);
    const answers = await reads(notes, maxRps + 5);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(5);
    expect(refused[0]).toMatchObject({ body: { code: 'too_many_requests' } });
    expect(refused[0]?.headers['retry-after']).toBe('1');
    expect(await read(other)).toMatchObject({ status: 200 });
    const { values } = await service.deps.metrics.rateLimited.get();
    expect(values).toContainEqual({ labels: { limit: 'key' }, value: 5 });
  });

  it('is open again after what Retry-After says', async () => {
    service.clock.advance(1_000);
    await reads(notes, maxRps);
    expect((await read(notes)).status).toBe(429);
    service.clock.advance(1_000);
    expect((await read(notes)).status).toBe(200);
  });

  it('counts all routes of the key together, the refused ones too short of a scope included', async () => {
    service.clock.advance(1_000);
    await reads(notes, maxRps - 1);
    expect(
      (await service.request('POST', '/admin/projects', { key: notes, body: {} })).status,
    ).toBe(403);
    expect((await read(notes)).status).toBe(429);
  });

  it('does not apply to routes without a key: probes and the webhook', async () => {
    for (let count = 0; count <= maxRps; count += 1) {
      const [live, ready, webhook] = await Promise.all([
        service.app.inject('/live'),
        service.app.inject('/ready'),
        service.request('POST', '/webhooks/stripe', { body: {} }),
      ]);
      expect([live.statusCode, ready.statusCode, webhook.status]).toEqual([200, 200, 400]);
    }
  });
});
