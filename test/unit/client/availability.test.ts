import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAvailability } from '../../../src/client/availability.ts';
import { LatchkeyError, LatchkeyUnavailable } from '../../../src/client/index.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const away = new LatchkeyUnavailable('away');

function start(probe: () => Promise<unknown>) {
  const changes: boolean[] = [];
  const availability = createAvailability(probe, (isUp) => changes.push(isUp));
  return { availability, changes };
}

describe('the availability of the service', () => {
  it('ends with an unreachable service, and with no other error', () => {
    const { availability, changes } = start(() => Promise.reject(away));
    availability.begin()(new LatchkeyError(403, { code: 'scope_missing' }));
    expect(availability.isUp()).toBe(true);
    availability.begin()(away);
    availability.begin()(away);
    expect(availability.isUp()).toBe(false);
    expect(changes).toEqual([false]);
    availability.close();
  });

  it('is probed once at a time, however long a probe takes, and reports the recovery once', async () => {
    const outcomes: ((outcome: 'away' | 'back') => void)[] = [];
    const probe = () =>
      new Promise<void>((resolve, reject) => {
        outcomes.push((outcome) => {
          if (outcome === 'back') resolve();
          else reject(away);
        });
      });
    const { availability, changes } = start(probe);
    availability.begin()(away);
    for (const count of [1, 2, 3, 4]) {
      // The one that runs has no outcome yet, so no other one begins.
      await vi.advanceTimersByTimeAsync(60_000);
      expect(outcomes).toHaveLength(count);
      outcomes.at(-1)?.(count < 4 ? 'away' : 'back');
    }
    await vi.advanceTimersByTimeAsync(60_000);
    expect(outcomes).toHaveLength(4);
    expect(changes).toEqual([false, true]);
  });

  it('is back if the probe is refused, such as for a deleted user: the service responds', async () => {
    const { availability, changes } = start(() =>
      Promise.reject(new LatchkeyError(404, { code: 'user_not_found' })),
    );
    availability.begin()(away);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(changes).toEqual([false, true]);
  });

  it('does not end by a request that began before the recovery', async () => {
    const { availability, changes } = start(() => Promise.resolve());
    const slow = availability.begin();
    availability.begin()(away);
    await vi.advanceTimersByTimeAsync(2_000);
    slow(away);
    expect(changes).toEqual([false, true]);
  });

  it('is not probed after it was closed, and lets every request try', async () => {
    const probe = vi.fn(() => Promise.resolve());
    const { availability } = start(probe);
    availability.begin()(away);
    availability.close();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(probe).not.toHaveBeenCalled();
    expect(availability.isUp()).toBe(true);
  });
});
