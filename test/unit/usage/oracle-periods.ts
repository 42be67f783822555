/* The oracle's calendar: periods are found by walking day by day, and looked at, not calculated. */
import { halfDayMs, type Version, type WorldSource } from './world.ts';

export interface Due {
  label: string;
  birth: number;
  end: number;
}

const dayMs = 2 * halfDayMs;

export function versionAt({ versions }: WorldSource, tau: number): Version {
  const version = versions.findLast(({ at }) => at <= tau);
  if (version === undefined) throw new Error('The source has not begun.');
  return version;
}

/** The period of a schedule that covers an instant, found by walking from its anchor. */
export function dueAt({ startAt }: WorldSource, { interval, anchorAt }: Version, tau: number): Due {
  if (interval === null) return { label: 'once', birth: startAt, end: Infinity };
  if (tau < anchorAt) return { label: 'trial', birth: startAt, end: anchorAt };
  const label = `${interval.count} ${interval.unit}`;
  const births = birthsOf(interval, anchorAt);
  const next = births.findIndex((at) => tau < at);
  return { label, birth: births[next - 1] ?? NaN, end: births[next] ?? NaN };
}

const walked = new Map<string, number[]>();

/** The starts of the periods of some years, found by walking day by day from the anchor. */
function birthsOf({ unit, count }: NonNullable<Version['interval']>, anchorAt: number): number[] {
  const key = `${anchorAt} ${count} ${unit}`;
  const known = walked.get(key);
  if (known !== undefined) return known;
  const births = [anchorAt];
  let steps = 0;
  for (let day = 1; day <= 1500; day += 1) {
    const at = anchorAt + day * dayMs;
    if (!isStep(unit, anchorAt, at)) continue;
    steps += 1;
    if (steps % count === 0) births.push(at);
  }
  walked.set(key, births);
  return births;
}

/** Whether a day, a week, a month or a year of the anchor's ends on this day. */
function isStep(unit: 'day' | 'week' | 'month' | 'year', anchorAt: number, at: number): boolean {
  const wanted = new Date(anchorAt);
  const day = new Date(at);
  const isLastOfMonth = new Date(at + dayMs).getUTCMonth() !== day.getUTCMonth();
  switch (unit) {
    case 'day':
      return true;
    case 'week':
      return day.getUTCDay() === wanted.getUTCDay();
    case 'month':
      return (
        day.getUTCDate() === wanted.getUTCDate() ||
        (isLastOfMonth && wanted.getUTCDate() > day.getUTCDate())
      );
    case 'year':
      return day.getUTCMonth() === wanted.getUTCMonth() && isStep('month', anchorAt, at);
  }
}
