import type { DeniedReason } from './core/answer.ts';
import { type AnswerReason, sourceDenials } from './core/reasons.ts';
import type { FeatureWord } from './read/cached-answer.ts';
import type { UserName } from './users.ts';

/** What a user has left of a metered feature, as Postgres knows it. */
export interface FeatureBalance {
  featureCode: string;
  reason: AnswerReason;
  /** Infinity if unlimited. */
  balance: number;
  overage: 'deny' | 'allow';
}

/** Reads balances, which are never cached. */
export interface Balances {
  /**
   * Returns the balances of the metered features that the user's timeline includes.
   *
   * @param featureCode limits the answer to this feature; null for all.
   * @param at epoch milliseconds; now by default.
   */
  of(user: UserName, featureCode: string | null, at?: number): Promise<FeatureBalance[]>;
}

/** Returns whether an amount may be consumed, as `consume` would decide. */
export function isEnough({ balance, overage, reason }: FeatureBalance, amount: number): boolean {
  return reason === 'granted' && (overage === 'allow' || balance >= amount);
}

/** Returns a balance as serialized JSON; `null` if unlimited. */
export function balanceText({ balance }: FeatureBalance): string {
  return balance === Infinity ? 'null' : String(balance);
}

/**
 * Returns the answer for a metered feature with the balance as its value; null if the user no longer has a
 * source.
 */
export function withBalance(
  word: FeatureWord,
  found: FeatureBalance | undefined,
): FeatureWord | null {
  if (found === undefined || !word.allowed) return word;
  const { balance, reason } = found;
  if (reason === 'granted') {
    return { ...word, value: balance === Infinity ? '"unlimited"' : String(balance) };
  }
  return isDenial(reason) ? { allowed: false, reason } : null;
}

function isDenial(reason: AnswerReason): reason is DeniedReason {
  return reason === 'revoked' || Object.hasOwn(sourceDenials, reason);
}
