import { beforeEach, describe, expect, it } from 'vitest';
import { createDatabaseClock, type DatabaseClock } from '../../../src/platform/database-clock.ts';

/** The three clocks: what passes passes on all of them, and each can be set. */
let passed: number;
let database: number;
let machine: number;
let tripMs: number;
let clock: DatabaseClock;

function pass(ms: number): void {
  passed += ms;
  database += ms;
  machine += ms;
}

beforeEach(() => {
  passed = 7;
  database = 1_000_000;
  machine = 1_000_000;
  tripMs = 0;
  clock = createDatabaseClock({
    readDatabase() {
      pass(tripMs / 2);
      const read = database;
      pass(tripMs / 2);
      return Promise.resolve(read);
    },
    machine: () => machine,
    monotonic: () => passed,
  });
});

describe('the clock of a process', () => {
  it('is the machine’s until Postgres’ clock was measured, and Postgres’ from then on', async () => {
    machine += 90_000;
    clock = createDatabaseClock({
      readDatabase: () => Promise.resolve(database),
      machine: () => machine,
      monotonic: () => passed,
    });
    expect([clock.now(), clock.offsetMs()]).toEqual([1_090_000, null]);
    await clock.measure();
    expect([clock.now(), clock.offsetMs()]).toEqual([1_000_000, 90_000]);
    pass(60_000);
    expect(clock.now()).toBe(1_060_000);
  });

  it('does not follow the machine’s when that is set', async () => {
    await clock.measure();
    machine -= 240_000;
    pass(10);
    expect(clock.now()).toBe(1_000_010);
    machine += 1_000_000;
    expect(clock.now()).toBe(1_000_010);
    await clock.measure();
    expect([clock.now(), clock.offsetMs()]).toEqual([1_000_010, 760_000]);
  });

  it('follows Postgres’ when that is set, forward and back', async () => {
    await clock.measure();
    database -= 240_000;
    expect(clock.now()).toBe(1_000_000);
    expect(await clock.measure()).toBe(240_000);
    expect(clock.now()).toBe(760_000);
    database += 600_000;
    expect(await clock.measure()).toBe(0);
    expect(clock.now()).toBe(1_360_000);
  });

  it('does not go back for less than a second', async () => {
    await clock.measure();
    clock.now();
    database -= 900;
    await clock.measure();
    expect(clock.now()).toBe(1_000_000);
    pass(899);
    expect(clock.now()).toBe(1_000_000);
    pass(2);
    expect(clock.now()).toBe(1_000_001);
  });

  it('keeps its time where the trip to Postgres leaves it open', async () => {
    await clock.measure();
    tripMs = 400;
    database += 150;
    await clock.measure();
    expect(clock.now()).toBe(1_000_400);
    tripMs = 2;
    await clock.measure();
    expect(clock.now()).toBe(1_000_552);
  });

  it('does not take a slow first trip of its own for a clock that was set back', async () => {
    machine += 3_000;
    let connectMs = 4_000;
    clock = createDatabaseClock({
      readDatabase() {
        pass(connectMs);
        return Promise.resolve(database);
      },
      machine: () => machine,
      monotonic: () => passed,
    });
    await clock.measure();
    expect(clock.now()).toBe(database + 3_000);
    connectMs = 0;
    expect(await clock.measure()).toBe(0);
    expect(clock.now()).toBe(database);
    database -= 2_000;
    expect(await clock.measure()).toBe(2_000);
  });

  it('runs on while Postgres cannot be asked', async () => {
    await clock.measure();
    clock = createDatabaseClock({
      readDatabase: () => Promise.reject(new Error('away')),
      machine: () => machine,
      monotonic: () => passed,
    });
    await expect(clock.measure()).rejects.toThrow('away');
    pass(5);
    expect(clock.now()).toBe(1_000_005);
  });
});
