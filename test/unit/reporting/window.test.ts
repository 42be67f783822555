import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../src/http/problem.ts';
import { reportWindow } from '../../../src/reporting/window.ts';

const now = Date.parse('2026-11-15T12:00:00.000Z');
const day = 86_400_000;
const first = Date.parse('0001-01-01T00:00:00.000Z');

describe('the window', () => {
  it.each([
    ['none given: 30 days up to now, which is in it', {}, [now + 1 - 30 * day, now + 1]],
    ['its beginning: from there up to now', { from: now - 5 * day }, [now - 5 * day, now + 1]],
    ['its end: 30 days before it', { to: now }, [now - 30 * day, now]],
    ['both', { from: now - 2, to: now - 1 }, [now - 2, now - 1]],
    ['the first day: what there is of it', { to: first + day }, [first, first + day]],
    ['now alone', { from: now }, [now, now + 1]],
  ])('%s', (_name, given, [from, to]) => {
    expect(reportWindow(given, now)).toEqual({ from, to });
  });

  it.each([
    ['empty', { from: now, to: now }],
    ['reversed', { from: now, to: now - 1 }],
    ['in the future', { from: now + 1 }],
    ['before everything', { to: first }],
  ])('%s: refused', (_name, given) => {
    expect(() => reportWindow(given, now)).toThrow(ProblemError);
  });

  it('longer than it may be: refused', () => {
    expect(() => reportWindow({ from: now - 3 * day, to: now + 1 }, now, 3)).toThrow('3 days');
    expect(reportWindow({ from: now - 3 * day, to: now }, now, 3).to).toBe(now);
  });
});
