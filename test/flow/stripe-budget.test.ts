import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bucketsOf, type Share, takeRequest } from '../../src/platform/stripe-budget.ts';
import { startTestService, testStart, type TestService } from '../helpers/service.ts';

let service: TestService;
const endpoint = 'GET /v1/subscriptions/:id';

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());
beforeEach(async () => {
  await service.deps.database.pool.query('delete from stripe_budget');
});

interface Asker {
  share: Share;
  asked: string;
}

/** All ask as often as they can for so long, in turns, on one clock; when each was let. */
async function letAt(askers: Asker[], maxRps: number, forMs: number): Promise<number[][]> {
  const times = askers.map((): number[] => []);
  for (let at = testStart; at < testStart + forMs; at += 10) {
    for (const [nth, { share, asked }] of askers.entries()) {
      const buckets = bucketsOf(share, asked, maxRps);
      while ((await takeRequest(service.deps.database, buckets, at)) === 0) times[nth]?.push(at);
    }
  }
  return times;
}

/** The most that fell into any second. */
function mostInASecond(times: number[]): number {
  return Math.max(
    ...times.map((from) => times.filter((at) => at >= from && at < from + 1_000).length),
  );
}

describe('requests to Stripe', () => {
  it('keep below the limit of an endpoint in any second, and come close to it', async () => {
    const times = (await letAt([{ share: 'buyers', asked: endpoint }], 80, 3_000)).flat();
    expect(mostInASecond(times)).toBeLessThanOrEqual(20);
    expect(times.length).toBeGreaterThan(3 * 17);
  });

  it('keep below the limit over all endpoints', async () => {
    const askers = Array.from({ length: 6 }, (_, nth) => ({
      share: 'buyers' as const,
      asked: `GET /v1/${nth}`,
    }));
    const times = (await letAt(askers, 40, 2_000)).flat();
    expect(mostInASecond(times)).toBeLessThanOrEqual(40);
    expect(times.length).toBeGreaterThan(2 * 34);
  });

  it('background work leaves a quarter to buyers, however much of it there is', async () => {
    const [background = [], buyers = []] = await letAt(
      [
        { share: 'background', asked: endpoint },
        { share: 'buyers', asked: endpoint },
      ],
      80,
      2_000,
    );
    expect(background.length).toBeLessThanOrEqual(2 * 15);
    expect(buyers.length).toBeGreaterThanOrEqual(2 * 4);
  });

  it('an instance whose clock is ahead lets no more through', async () => {
    const { database } = service.deps;
    const buckets = bucketsOf('buyers', endpoint, 80);
    const ahead = await takeRequest(database, buckets, testStart + 5_000);
    expect(ahead).toBe(0);
    const passed: number[] = [];
    for (let asked = 0; asked < 40; asked += 1) {
      const at = testStart + asked * 25;
      if ((await takeRequest(database, buckets, at)) === 0) passed.push(at);
    }
    expect(passed.length).toBeLessThanOrEqual(20);
  });
});
