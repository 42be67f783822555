import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import { newId } from '../platform/ids.ts';
import { balanceOf, bucketsAt } from './core/balance.ts';
import { consume, hold, type Outcome, reverse, settle } from './core/deeds.ts';
import type { Booking, BucketRow } from './core/facts.ts';
import type { ConsumeDeed, Deed, HoldDeed, ReverseDeed, SettleDeed } from './deed.ts';
import { newEntryId } from './entry-id.ts';
import type { JsonObject } from './json-object.ts';
import type { LoadedUsage } from './load-usage.ts';
import type { StoredEntry, StoredHold } from './targets.ts';

/** A feature of a user whose usage a deed changes. */
interface Place {
  projectId: string;
  uid: bigint;
  featureCode: string;
}

/** What a deed finds: locked, and as left by the deeds before it in the same transaction. */
export interface Found {
  /** Null if the user has no facts, or the deed names an entry or hold that does not exist. */
  place: Place | null;
  /** Null only if the deed names an entry or hold that does not exist. */
  usage: LoadedUsage | null;
  entry: StoredEntry | null;
  hold: StoredHold | null;
}

export interface NewEntry extends Place {
  id: string;
  at: number;
  kind: StoredEntry['kind'];
  amount: number;
  bookings: readonly Booking[];
  key: string | null;
  metadata: JsonObject | null;
  balanceAfter: number | null;
  /** The billing meter to which the whole amount is reported. */
  meterEvent: string | null;
}

export interface NewHold extends Place {
  id: string;
  bookings: readonly Booking[];
  createdAt: number;
  expiresAt: number;
}

/** The answer to a deed, and what to store together with it. */
export interface Done {
  /** The body of the response. */
  answer: object;
  /** The facts after the deed; absent if nothing changed. */
  outcome?: Outcome;
  entry?: NewEntry;
  newHold?: NewHold;
  /** The hold that the deed ended, or the entry that it reversed. */
  ended?: { table: 'hold' | 'entry'; id: string; at: number };
}

/**
 * Performs one deed on the facts that it found. Stores nothing.
 *
 * @throws ProblemError `feature_not_metered`, `hold_not_found`, `hold_expired`, `entry_not_found`,
 *   `entry_not_reversible`.
 */
export function perform(deed: Deed, key: string | null, found: Found): Done {
  switch (deed.kind) {
    case 'consume':
      return performConsume(deed, key, found);
    case 'hold':
      return performHold(deed, key, found);
    case 'settle':
      return performSettle(deed, key, found);
    case 'reverse':
      return performReverse(deed, key, found);
  }
}

function performConsume(deed: ConsumeDeed, key: string | null, found: Found): Done {
  const { place, usage } = meteredOf(found);
  const { amount, partial, metadata } = deed;
  const nothing = { allowed: false, consumed: 0, entry_id: null };
  if (place === null || usage.feature === null || usage.reason !== 'granted') {
    const { reason } = usage;
    return { answer: { ...nothing, reason, balance: balanceAt(usage) } };
  }
  const { overage } = usage.feature;
  const outcome = consume(usage.facts, amount, { overage, partial }, usage.at);
  const balance = shown(outcome.balance.balance);
  if (outcome.units === 0) return { answer: { ...nothing, reason: 'limit_reached', balance } };
  const entry = entryOf('consume', place, usage, outcome, { key, metadata });
  return {
    answer: {
      ...{ allowed: true, reason: 'granted', consumed: outcome.units, balance },
      entry_id: entry.id,
    },
    ...{ outcome, entry },
  };
}

function performHold(deed: HoldDeed, key: string | null, found: Found): Done {
  const { place, usage } = meteredOf(found);
  const nothing = { hold_id: null, allowed: false, held: 0, expires_at: null };
  if (place === null || usage.feature === null || usage.reason !== 'granted') {
    return { answer: { ...nothing, reason: usage.reason, balance: balanceAt(usage) } };
  }
  const { overage } = usage.feature;
  const id = newId('uh');
  const expiresAt = usage.at + deed.expiresInSeconds * 1_000;
  const outcome = hold(usage.facts, deed.amount, { id, expiresAt, overage }, usage.at);
  const balance = shown(outcome.balance.balance);
  if (outcome.units === 0) return { answer: { ...nothing, reason: 'limit_reached', balance } };
  const { bookings } = outcome;
  return {
    answer: {
      ...{ hold_id: id, allowed: true, reason: 'granted', held: outcome.units, balance },
      expires_at: new Date(expiresAt).toISOString(),
    },
    outcome,
    entry: entryOf('hold', place, usage, outcome, { key, metadata: { hold_id: id } }),
    newHold: { ...place, id, bookings, createdAt: usage.at, expiresAt },
  };
}

function performSettle({ holdId, amount }: SettleDeed, key: string | null, found: Found): Done {
  const { hold: open, place, usage } = found;
  if (open === null || place === null || usage === null) {
    throw notFound('hold_not_found', 'id', holdId);
  }
  if (open.answer !== null) return { answer: parsed(open.answer) };
  if (usage.at >= open.expiresAt) {
    throw new ProblemError(
      'hold_expired',
      `The hold expired at ${new Date(open.expiresAt).toISOString()}, and its units count as unused. Consume what was used: POST /api/v1/usage/consume.`,
    );
  }
  const outcome = settle(usage.facts, open, amount, usage.at);
  const entry = entryOf('settle', place, usage, outcome, { key, metadata: { hold_id: holdId } });
  return {
    answer: {
      ...{ hold_id: holdId, consumed: outcome.units },
      ...{ balance: entry.balanceAfter, entry_id: entry.id },
    },
    ...{ outcome, entry },
    ended: { table: 'hold', id: holdId, at: usage.at },
  };
}

function performReverse({ entryId, reason }: ReverseDeed, key: string | null, found: Found): Done {
  const { entry: given, place, usage } = found;
  if (given === null || place === null || usage === null) {
    throw notFound('entry_not_found', 'id', entryId);
  }
  if (given.kind !== 'consume' && given.kind !== 'settle') {
    throw new ProblemError(
      'entry_not_reversible',
      `The entry has the kind \`${given.kind}\`. Reverse an entry of the kind \`consume\` or \`settle\`.`,
    );
  }
  if (given.answer !== null) return { answer: parsed(given.answer) };
  const outcome = reverse(usage.facts, given.bookings, usage.at);
  const metadata = { entry_id: entryId, reason };
  const entry = entryOf('reverse', place, usage, outcome, { key, metadata });
  return {
    answer: {
      ...{ entry_id: entry.id, reversed_entry_id: entryId, returned: Math.abs(outcome.units) },
      balance: entry.balanceAfter,
    },
    ...{ outcome, entry },
    ended: { table: 'entry', id: entryId, at: usage.at },
  };
}

/**
 * Returns what was found, of a metered feature or one that the project does not have.
 *
 * @throws ProblemError `feature_not_metered`.
 */
function meteredOf({ place, usage }: Found): { place: Place | null; usage: LoadedUsage } {
  if (usage === null) throw new Error('the usage of the feature was not loaded');
  requireMetered(usage);
  return { place, usage };
}

/** @throws ProblemError `feature_not_metered` if the project has the feature, with another type. */
export function requireMetered({ feature, featureCode }: LoadedUsage): void {
  if (feature === null || feature.type === 'metered') return;
  throw new ProblemError('feature_not_metered', undefined, [
    {
      path: 'feature_code',
      message: `names the feature \`${featureCode}\` of the type \`${feature.type}\`: only a \`metered\` feature has usage`,
    },
  ]);
}

function entryOf(
  kind: NewEntry['kind'],
  place: Place,
  { at }: LoadedUsage,
  { balance, bookings, units }: Outcome,
  given: Pick<NewEntry, 'key' | 'metadata'>,
): NewEntry {
  const { projectId, uid, featureCode } = place;
  return {
    ...{ projectId, uid, featureCode, kind, at, bookings, ...given },
    ...{ id: newEntryId(at), amount: units, balanceAfter: shown(balance.balance) },
    meterEvent: null,
  };
}

function balanceAt({ facts, at }: LoadedUsage): number | null {
  return shown(balanceOf(bucketsAt(facts, at)).balance);
}

/** Returns a balance as answers show it: null if unlimited. */
export function shown(balance: number): number | null {
  return balance === Infinity ? null : balance;
}

function parsed(answer: string): object {
  return JSON.parse(answer) as object; // written by this service
}

/** Returns the rows to write of several outcomes: the last version of each bucket. */
export function lastRows(
  outcomes: readonly { place: Place; rows: readonly BucketRow[] }[],
): { place: Place; row: BucketRow }[] {
  const last = new Map<string, { place: Place; row: BucketRow }>();
  for (const { place, rows } of outcomes) {
    for (const row of rows) {
      last.set(`${place.uid} ${place.featureCode} ${row.periodStart} ${row.part}`, { place, row });
    }
  }
  return [...last.values()];
}
