import { describe, expect, it, vi } from 'vitest';
import { newKey } from '../../src/auth/api-key.ts';
import { createKeyLookup } from '../../src/auth/key-lookup.ts';
import type { TestResponse, TestService } from '../helpers/service.ts';
import { useServices } from '../helpers/services.ts';

const start = useServices();

/** Runs `work` and returns how many queries looked a key up meanwhile. */
async function lookups(service: TestService, work: () => Promise<unknown>): Promise<number> {
  const query = vi.spyOn(service.deps.database.reservedPool, 'query');
  await work();
  const asked = query.mock.calls.filter(([request]) =>
    JSON.stringify(request).includes('find-key'),
  );
  query.mockRestore();
  return asked.length;
}

describe('keys that are not valid', () => {
  const ask = (service: TestService, key: string, address?: string): Promise<TestResponse> =>
    service.request('GET', '/entitlements?user_id=u_1', {
      key,
      headers: address === undefined ? {} : { 'x-forwarded-for': address },
    });
  const guess = (service: TestService, address?: string): Promise<TestResponse> =>
    ask(service, newKey().key, address);
  const guesses = (service: TestService, count: number): Promise<TestResponse[]> =>
    Promise.all(Array.from({ length: count }, () => guess(service)));
  const statusesOf = (answers: TestResponse[]): number[] => [
    ...new Set(answers.map(({ status }) => status)),
  ];

  it('401 without a query where the checksum is wrong, however many there are', async () => {
    const service = await start({});
    const { key } = newKey();
    const madeUp = Array.from({ length: 300 }, (_, number) =>
      number % 2 === 0 ? `lk_guessed_${number}` : `${key.slice(0, -1)}-`,
    );
    const asked = await lookups(service, async () => {
      const answers = await Promise.all(madeUp.map((each) => ask(service, each)));
      expect(statusesOf(answers)).toEqual([401]);
    });
    expect(asked).toBe(0);
  });

  it('well-formed ones share queries from the hundred and first on, and lock out no valid key of their address', async () => {
    const service = await start({});
    const { key: known } = await service.createProject('notes');
    await ask(service, known);
    const { key: unseen } = await service.createProject('other');
    const asked = await lookups(service, async () => {
      expect(statusesOf(await guesses(service, 100))).toEqual([401]);
      const [flood, seen, fresh] = await Promise.all([
        guesses(service, 300),
        ask(service, known),
        ask(service, unseen),
      ]);
      expect(statusesOf(flood)).toEqual([401]);
      expect([seen.status, fresh.status]).toEqual([200, 200]);
    });
    // 300 and the valid one, up to 100 a query.
    expect(asked).toBeLessThanOrEqual(100 + 5);
    expect(asked).toBeGreaterThan(100);
  });

  it('429 where a thousand of an address wait; those of other addresses are looked up', async () => {
    const service = await start({});
    const lookup = createKeyLookup(service.deps);
    const from = (client: string, count: number): Promise<PromiseSettledResult<unknown>[]> =>
      Promise.allSettled(
        Array.from({ length: count }, () => {
          const { key, hash } = newKey();
          return lookup.find(key, hash, () => client);
        }),
      );
    const refused = { reason: expect.objectContaining({ code: 'too_many_requests' }) as unknown };
    const guessed = await Promise.all([
      from('203.0.113.1', 100),
      from('203.0.113.1', 1_000),
      from('203.0.113.1', 10),
      from('203.0.113.2', 110),
    ]);
    const [first, slow, beyond, other] = guessed;
    for (const each of beyond) expect(each).toMatchObject(refused);
    expect(beyond).toHaveLength(10);
    const unknown = { status: 'fulfilled', value: null };
    for (const each of [...first, ...slow, ...other]) expect(each).toEqual(unknown);
    const { values } = await service.deps.metrics.rateLimited.get();
    expect(values).toContainEqual({ labels: { limit: 'client' }, value: 10 });
  });

  it('share queries where they come from hundreds of addresses at once', async () => {
    const service = await start({});
    const lookup = createKeyLookup(service.deps);
    const asked = await lookups(service, async () => {
      const found = await Promise.all(
        Array.from({ length: 400 }, (_, number) => {
          const { key, hash } = newKey();
          return lookup.find(key, hash, () => `198.51.${number >> 8}.${number & 255}`);
        }),
      );
      expect(new Set(found)).toEqual(new Set([null]));
    });
    expect(asked).toBeLessThan(150);
  });

  it('cost one query where they are the same and come at once; valid ones cost nothing in the end', async () => {
    const service = await start({});
    const { key } = await service.createProject('notes');
    const crowd = (of: string): Promise<TestResponse[]> =>
      Promise.all(Array.from({ length: 300 }, () => ask(service, of)));
    expect(await lookups(service, () => crowd(newKey().key))).toBe(1);
    expect(statusesOf(await crowd(key))).toEqual([200]);
    // 99 are left, so none of these waits to share a query.
    expect(await lookups(service, () => guesses(service, 99))).toBe(99);
  });

  it('count for the address that a trusted proxy names, and for no address that a client makes up', async () => {
    const behind = await start({ config: { trustedProxies: ['loopback'] } });
    const exposed = await start({});
    const sharedBy = async (service: TestService): Promise<boolean> => {
      for (let number = 0; number < 100; number += 1) await guess(service, '203.0.113.1');
      const another = (): Promise<TestResponse[]> =>
        Promise.all(Array.from({ length: 10 }, () => guess(service, '203.0.113.2')));
      return (await lookups(service, another)) < 10;
    };
    expect(await sharedBy(behind)).toBe(false);
    expect(await sharedBy(exposed)).toBe(true);
  });

  it('cost no token where Postgres could not be asked', async () => {
    const service = await start({});
    const { reservedPool } = service.deps.database;
    const query = vi
      .spyOn(reservedPool, 'query')
      // `never`: the spy is typed after the callback forms, which nothing here uses.
      .mockImplementation(() => Promise.reject(new Error('connect ECONNREFUSED')) as never);
    for (let number = 0; number < 150; number += 1) {
      expect((await guess(service)).status).toBe(503);
    }
    query.mockRestore();
    expect(await lookups(service, () => guesses(service, 100))).toBe(100);
  });
});
