import type { components } from '../wire.ts';

/** Whether units of a metered feature were consumed, and what is left. */
export interface Consumption {
  readonly allowed: boolean;
  /**
   * `granted`; `limit_reached` if too little is left; otherwise why the feature is denied, as in a check.
   * `unavailable` if Latchkey is unreachable and the fail mode decided.
   */
  readonly reason: string;
  /** The units that were counted; 0 if the use was denied, or allowed while Latchkey is unreachable. */
  readonly consumed: number;
  /** What is left; Infinity if unlimited, null if Latchkey is unreachable. */
  readonly balance: number | null;
  /** The entry of the ledger, which can be reversed; null if nothing was counted. */
  readonly entryId: string | null;
  readonly source: 'server' | 'fallback';
}

/** What a hold used when it ended. */
export interface Settlement {
  /** The units that were counted. */
  readonly consumed: number;
  /** What is left, as in a {@link Consumption}; null if the hold was not counted. */
  readonly balance: number | null;
  /** Null if the hold was not counted. */
  readonly entryId: string | null;
}

/** Units of a metered feature that count as used until the hold is settled, released or expires. */
export interface Hold extends Omit<Consumption, 'consumed' | 'entryId'> {
  /** The units that are held; 0 if the hold was denied, or allowed while Latchkey is unreachable. */
  readonly held: number;
  /** Null if nothing is held. */
  readonly holdId: string | null;
  /** When the units count as unused again, ISO 8601; null if nothing is held. */
  readonly expiresAt: string | null;
  /**
   * Counts what was really used, by default the amount of the hold, and gives back the rest. More than was held
   * is taken even below zero. A later call changes nothing and returns the same.
   *
   * @throws LatchkeyError `hold_expired` if the hold has expired: then consume what was used.
   * @throws LatchkeyUnavailable if Latchkey stays unreachable; call it again.
   * @throws Error if the hold was denied.
   */
  settle: (amount?: number) => Promise<Settlement>;
  /** Gives back everything. Does nothing if nothing is held. Throws like `settle`. */
  release: () => Promise<Settlement>;
}

/** A use of a metered feature, which its key makes countable once. */
export interface Use<Code extends string = string> {
  userId: string;
  feature: Code;
  amount?: number | undefined;
  /** Names the work. Requests with the same key count once, for as long as entries are kept. */
  idempotencyKey: string;
  /** Takes what is left if that is less than the amount. */
  partial?: boolean | undefined;
  /** Kept with the entry. */
  metadata?: Record<string, unknown> | undefined;
}

export type ConsumeOptions = Partial<Pick<Use, 'idempotencyKey' | 'partial' | 'metadata'>>;

/** Returns a balance of the service, where null means unlimited. */
export function balanceOf(balance: number | null): number {
  return balance ?? Infinity;
}

export function toConsumption(answer: components['schemas']['Consumed']): Consumption {
  const { allowed, reason, consumed, balance, entry_id: entryId } = answer;
  return { allowed, reason, consumed, balance: balanceOf(balance), entryId, source: 'server' };
}

/** Returns the body of a request to consume. */
export function toConsumeBody({
  userId,
  feature,
  amount,
  partial,
  metadata,
}: Omit<Use, 'idempotencyKey'>) {
  return { user_id: userId, feature_code: feature, amount, partial, metadata };
}
