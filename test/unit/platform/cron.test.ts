import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { scheduleCron } from '../../../src/platform/cron.ts';
import { createLogger } from '../../../src/platform/logger.ts';

const lines: string[] = [];
const logger = createLogger('debug', { write: (line) => void lines.push(line) });
const written = vi.spyOn(console, 'warn');
let table: ReturnType<typeof scheduleCron>;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-24T12:16:58.500Z') });
  lines.length = 0;
});
afterEach(async () => {
  await table.stop();
  vi.useRealTimers();
  written.mockClear();
});

function start(work: (dueAt: Date) => Promise<unknown>): unknown[] {
  const failures: unknown[] = [];
  table = scheduleCron('17 * * * *', work, { logger, onError: (error) => failures.push(error) });
  return failures;
}

describe('a cron schedule', () => {
  it('runs what is due at its instant, once an hour', async () => {
    const due: string[] = [];
    start((dueAt) => Promise.resolve(due.push(dueAt.toISOString())));
    await vi.advanceTimersByTimeAsync(2 * 3_600_000);
    expect(due).toEqual(['2026-11-24T12:17:00.000Z', '2026-11-24T13:17:00.000Z']);
  });

  it('runs it late where the process was held up at that moment', async () => {
    const due: string[] = [];
    start((dueAt) => Promise.resolve(due.push(dueAt.toISOString())));
    vi.setSystemTime(Date.parse('2026-11-24T12:17:20.000Z'));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(due).toEqual(['2026-11-24T12:17:00.000Z']);
  });

  it('reports a failure, and runs the next time', async () => {
    let runs = 0;
    const failures = start(() => {
      runs += 1;
      return Promise.reject(new Error('of a run'));
    });
    await vi.advanceTimersByTimeAsync(2 * 3_600_000);
    expect([runs, failures]).toEqual([2, [new Error('of a run'), new Error('of a run')]]);
  });

  it('waits for a run that takes longer, and says so in the log and nowhere else', async () => {
    let runs = 0;
    let finish = (): void => undefined;
    start(() => {
      runs += 1;
      return new Promise<void>((resolve) => (finish = resolve));
    });
    await vi.advanceTimersByTimeAsync(2 * 3_600_000);
    finish();
    expect(runs).toBe(1);
    expect(lines.join('')).toContain('task still running');
    expect(written).not.toHaveBeenCalled();
  });

  it('ends when what runs is done, and runs nothing after it', async () => {
    let runs = 0;
    let finish = (): void => undefined;
    start(() => {
      runs += 1;
      return new Promise<void>((resolve) => (finish = resolve));
    });
    await vi.advanceTimersByTimeAsync(10_000);
    let isStopped = false;
    const stopped = table.stop().then(() => (isStopped = true));
    await vi.advanceTimersByTimeAsync(1_000);
    expect([runs, isStopped]).toEqual([1, false]);
    finish();
    await stopped;
    await vi.advanceTimersByTimeAsync(2 * 3_600_000);
    expect(runs).toBe(1);
  });
});
