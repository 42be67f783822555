import { missing } from '../stripe-error.ts';
import type { SandboxClock } from './clock.ts';
import type { SandboxEvent, Tables } from './tables.ts';

/** What happens to a subscription whose invoice could not be collected. */
export interface Dunning {
  /** Days after the first failed attempt at which it is tried again, ascending. */
  retryDays: readonly number[];
  /** What follows the last one. */
  then: 'cancel' | 'unpaid' | 'past_due';
}

/** The state and what it needs to move on. One per sandbox; nothing in it is global. */
export interface World {
  readonly tables: Tables;
  readonly clock: SandboxClock;
  readonly accountId: string;
  dunning: Dunning;
  /** Epoch seconds before which nothing falls due; 0 when something changed since it was worked out. */
  dueAt: number;
  /** Where the sandbox listens, for the links that it hands out. */
  baseUrl: string;
  /** The API request in hand, which events name. */
  request: { id: string; idempotencyKey: string | null } | null;
  /** Called with each new event, after it was stored. */
  onEvent: (event: SandboxEvent) => void;
}

/** The object, or Stripe's `resource_missing`. */
export function need<T>(
  table: ReadonlyMap<string, T>,
  kind: string,
  id: string,
  param?: string,
  status?: number,
): T {
  const found = table.get(id);
  if (found === undefined) {
    throw missing(kind, id, param, status);
  }
  return found;
}
