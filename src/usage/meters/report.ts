import { reportOverage } from '../core/overage.ts';
import type { Booking } from '../core/facts.ts';
import { entryInstant } from '../entry-id.ts';
import type { Done, Found } from '../perform.ts';

/** Units to add to the event of a billing meter. */
export interface MeterReport {
  eventName: string;
  /** The start of the minute to which the units belong, epoch milliseconds. */
  at: number;
  /** Negative if units were given back. */
  units: number;
}

/** A deed with what it reports. */
export interface ReportedDone extends Done {
  report?: MeterReport;
}

const minuteMs = 60_000;

/** How far back Stripe accepts events, milliseconds: 35 days, less the time that an attempt may take. */
export const maxEventAgeMs = 35 * 86_400_000 - 3_600_000;

/**
 * Adds to a deed what it reports to a billing meter. A reversal takes back what its entry reported, dated at the
 * entry, so that it corrects the billing period in which the units were used. Entries that are older than Stripe
 * accepts stay reported.
 */
export function withMeterReport(done: Done, found: Found): ReportedDone {
  const { entry, outcome } = done;
  const meter = found.usage?.feature?.meter ?? null;
  if (entry === undefined || outcome === undefined || entry.kind === 'hold') return done;
  if (entry.kind === 'reverse') {
    const { entry: given } = found;
    const usedAt = given === null ? null : entryInstant(given.id);
    if (given === null || usedAt === null || usedAt < entry.at - maxEventAgeMs) return done;
    const at = minuteOf(usedAt, given.bookings);
    if (given.meterEvent !== null) {
      return { ...done, report: { eventName: given.meterEvent, at, units: outcome.units } };
    }
    return meter?.report === 'overage' ? withOverage(done, meter.eventName, at) : done;
  }
  if (meter === null) return done;
  const { eventName } = meter;
  const at = minuteOf(entry.at, outcome.bookings);
  return meter.report === 'overage'
    ? withOverage(done, eventName, at)
    : {
        ...done,
        entry: { ...entry, meterEvent: eventName },
        report: { eventName, at, units: outcome.units },
      };
}

function withOverage(done: Done, eventName: string, at: number): ReportedDone {
  const { entry, outcome: before } = done;
  if (entry === undefined || before === undefined) return done;
  const { outcome, units } = reportOverage(before, entry.at);
  return { ...done, outcome, report: { eventName, at, units } };
}

/**
 * Returns the start of the minute that contains an instant. Minutes are counted from the start of the bucket's
 * period, so that no minute lies in two billing periods.
 */
function minuteOf(instant: number, bookings: readonly Booking[]): number {
  const from = bookings.at(-1)?.periodStart ?? 0;
  return from + Math.floor((instant - from) / minuteMs) * minuteMs;
}
