import type { Random } from './random.ts';

export const yearStart = Date.parse('2026-01-01T00:00:00.000Z');
/** When the reports are made. */
export const yearNow = Date.parse('2026-12-30T12:00:00.000Z');

export const day = 86_400_000;

/** Whole seconds, as Stripe's; one in five is the beginning of a month, where windows begin and end. */
export function instant(random: Random, from = yearStart, to = yearNow): Date {
  const at = random.percent(20)
    ? Date.UTC(2026, random.integer(0, 11), 1)
    : yearStart + random.integer(0, 364) * day + random.integer(0, 86_399) * 1_000;
  return new Date(Math.max(from, Math.min(to, at)));
}
