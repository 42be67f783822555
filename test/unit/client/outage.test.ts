import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Check, createLatchkey } from '../../../src/client/index.ts';
import { Facts, windowAt } from './model/facts.ts';
import { Network, type Weather } from './model/network.ts';

const start = Date.parse('2026-11-01T00:00:00.000Z');
const minute = 60_000;
const day = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ now: start });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Users by what happens to them during the outage; minutes after its beginning. */
const crowd = {
  payers: { from: -1, until: day / minute },
  ending: { from: -1, until: 4 },
  starting: { from: 5, until: day / minute },
  revoked: { from: -1, until: day / minute },
};

describe('10 minutes without Latchkey', () => {
  it.each<Weather>(['refuses', 'hangs', 'fails'])(
    'deny no payer and let in nobody after an end, with one probe at a time (%s)',
    async (weather) => {
      const facts = new Facts();
      const network = new Network(facts);
      const latchkey = createLatchkey({
        ...{ url: 'http://latchkey.test', key: 'key', fetch: network.fetch },
      });
      const outageAt = start + 10 * minute;
      const users = Object.entries(crowd).flatMap(([kind, { from, until }]) =>
        Array.from({ length: 25 }, (_, nth) => {
          const userId = `${kind}_${nth}`;
          facts.grant(userId, 'export', outageAt + from * minute, outageAt + until * minute);
          return userId;
        }),
      );
      await vi.advanceTimersByTimeAsync(outageAt - start - 1_000);
      // Everybody was here right before; what comes next for whom is loaded one by one.
      const before = Promise.all(users.map((userId) => latchkey.check(userId, 'export')));
      await vi.advanceTimersByTimeAsync(1_000);
      await before;

      network.weather = weather;
      network.cut();
      await vi.advanceTimersByTimeAsync(1);
      // Latchkey lives on, and nothing of it arrives.
      for (const userId of users) {
        if (userId.startsWith('revoked_')) facts.revoke(userId, 'export');
      }
      const wrong = { denied: 0, letIn: 0, silent: 0 };
      const state = { isDown: false };
      let probesAtOnce = 0;
      latchkey.on('degraded', () => {
        state.isDown = true;
      });
      const judge = (userId: string, check: Check): void => {
        const version = facts.versionAt(userId, outageAt);
        const isPaid = windowAt(version.windows['export'], Date.now()) !== undefined;
        if (isPaid && !check.allowed) wrong.denied += 1;
        if (!isPaid && check.allowed) wrong.letIn += 1;
        if (state.isDown && !['last_known', 'fallback', 'cache'].includes(check.source)) {
          wrong.silent += 1;
        }
      };
      let checks = 0;
      while (Date.now() < outageAt + 10 * minute) {
        const asked = users.map(async (userId) => {
          judge(userId, await latchkey.check(userId, 'export'));
          checks += 1;
        });
        await vi.advanceTimersByTimeAsync(2_000);
        await Promise.all(asked);
        if (state.isDown) probesAtOnce = Math.max(probesAtOnce, network.inFlight);
      }
      expect(checks).toBe(users.length * 300);
      expect(wrong).toEqual({ denied: 0, letIn: 0, silent: 0 });
      expect(probesAtOnce).toBeLessThanOrEqual(1);
      expect(state.isDown).toBe(true);

      network.weather = 'works';
      await vi.advanceTimersByTimeAsync(15_000);
      const after = Promise.all(
        ['revoked_0', 'payers_0'].map((userId) => latchkey.check(userId, 'export')),
      );
      await vi.advanceTimersByTimeAsync(1_000);
      expect((await after).map(({ allowed }) => allowed)).toEqual([false, true]);
      await latchkey.close();
    },
  );
});
