import { describe, expect, it } from 'vitest';
import { createPace, nextRate } from '../../../src/platform/pace.ts';

/** A pace over a loop whose utilization is set, with a clock that is moved. */
function openPace() {
  let now = 0;
  const times = { active: 0, idle: 0 };
  const pace = createPace(
    () => now,
    () => ({ ...times }),
  );
  /** Lets time pass at a utilization of the loop; each tenant asks every 10 ms for work that costs so much. */
  function play(
    { seconds, utilization }: { seconds: number; utilization: number | ((rate: number) => number) },
    tenants: Record<string, number>,
  ): Record<string, number> {
    const begun = Object.fromEntries(Object.keys(tenants).map((tenant) => [tenant, 0]));
    let lately = 0;
    for (let tick = 0; tick < seconds * 100; tick += 1) {
      now += 10;
      const busy = typeof utilization === 'number' ? utilization : utilization(lately);
      times.active += 10 * busy;
      times.idle += 10 * (1 - busy);
      lately *= 0.9;
      for (const [tenant, cost] of Object.entries(tenants)) {
        if (!pace.admits(tenant, cost)) continue;
        begun[tenant] = (begun[tenant] ?? 0) + 1;
        lately += cost * 10;
      }
    }
    return begun;
  }
  return { pace, play, wait: (ms: number) => (now += ms) };
}

describe('nextRate', () => {
  it('falls while the loop is busier than the target, rises while it is not, and has bounds', () => {
    expect(nextRate(100, 1, 50)).toBeLessThan(100);
    expect(nextRate(100, 0.6, 50)).toBe(100);
    expect(nextRate(100, 0.2, 50)).toBeGreaterThan(100);
    // At a difference of 0.5 from the target, 100 ms change the rate by a factor of e.
    expect(nextRate(100, 0.1, 100)).toBeCloseTo(100 * Math.E, 6);
    expect(nextRate(100, 1, 60_000)).toBe(2);
    expect(nextRate(100, 0, 60_000)).toBe(10_000);
  });
});

describe('a pace', () => {
  it('holds up the tenant that does much, and none that does little, while the loop is busy', () => {
    const { play } = openPace();
    const begun = play({ seconds: 10, utilization: 1 }, { noisy: 1, quiet: 1 / 64 });
    expect(begun['quiet']).toBe(1_000);
    expect(begun['noisy']).toBeLessThan(250);
    // Every tenant makes progress, however busy the loop is.
    expect(begun['noisy']).toBeGreaterThanOrEqual(20);
  });

  it('holds up no tenant while the loop has room', () => {
    const { play } = openPace();
    const begun = play({ seconds: 10, utilization: 0.5 }, { noisy: 1, quiet: 1 / 64 });
    expect(begun).toEqual({ noisy: 1_000, quiet: 1_000 });
  });

  it('holds up no tenant that is active alone, and does once another one is seen', () => {
    const { pace, play, wait } = openPace();
    expect(play({ seconds: 5, utilization: 1 }, { only: 1 })).toEqual({ only: 500 });
    pace.note('other');
    expect(pace.admits('only', 1)).toBe(false);
    wait(999);
    expect([pace.admits('only', 1_000), pace.admits('only', 1)]).toEqual([true, false]);
    wait(2);
    expect(pace.admits('only', 1)).toBe(true);
  });

  it('holds against no tenant what it did while it was active alone', () => {
    const { play } = openPace();
    play({ seconds: 600, utilization: 1 }, { only: 1 });
    const loop = { seconds: 2, utilization: (rate: number) => Math.min(1, rate / 200) };
    const begun = play(loop, { only: 1, quiet: 1 / 64 });
    expect(begun['quiet']).toBe(200);
    expect(begun['only']).toBeGreaterThan(50);
  });

  it('lets a tenant save up its rate for a fifth of a second', () => {
    const { pace, wait } = openPace();
    pace.note('other');
    // The rate is at its maximum, 10,000 a second.
    const admitted = (): number => {
      let count = 0;
      while (count < 5_000 && pace.admits('one', 1)) count += 1;
      return count;
    };
    expect(admitted()).toBe(2_000);
    wait(100);
    expect(admitted()).toBe(1_000);
    wait(900);
    pace.note('other');
    expect(admitted()).toBe(2_000);
  });

  it('gives tenants that do much the same, and finds the rate that the loop can do', () => {
    const { play } = openPace();
    // 200 units a second keep the loop busy.
    const loop = { seconds: 30, utilization: (rate: number) => Math.min(1, rate / 200) };
    const { heavy = 0, light = 0 } = play(loop, { heavy: 3, light: 1 });
    expect((heavy * 3) / light).toBeGreaterThan(0.8);
    expect((heavy * 3) / light).toBeLessThan(1.25);
    const perSecond = (heavy * 3 + light) / 30;
    expect(perSecond).toBeGreaterThan(85);
    expect(perSecond).toBeLessThan(155);
  });

  it('lets work begin that costs more than was saved, and makes its tenant wait for it afterwards', () => {
    const { pace, play } = openPace();
    play({ seconds: 5, utilization: 1 }, { a: 1 / 64, b: 1 / 64 });
    expect(pace.admits('a', 3)).toBe(true);
    expect(pace.admits('a', 1)).toBe(false);
    expect(pace.admits('b', 1)).toBe(true);
  });

  it('charges kinds of work apart: what waits of one takes no turn from another of its tenant', () => {
    const { pace, play } = openPace();
    play({ seconds: 5, utilization: 1 }, { a: 1, b: 1 });
    const admitted = Array.from({ length: 10 }, () => pace.admits('a', 1, 'read'));
    expect(admitted.at(-1)).toBe(false);
    expect(pace.admits('a', 1, 'checkout')).toBe(true);
    // Two kinds of one tenant are still one tenant, which never waits alone.
    play({ seconds: 5, utilization: 1 }, { a: 1 });
    expect([1, 2, 3].map(() => pace.admits('a', 1, 'read'))).toEqual([true, true, true]);
  });
});
