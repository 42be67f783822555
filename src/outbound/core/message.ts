import type { EntitlementsBody } from '../../entitlements/core/answer.ts';

/** The types of messages that endpoints can subscribe to, with their meanings. */
export const messageTypes = {
  'entitlements.changed': 'a user gained or lost a feature, or its value changed',
  'entitlements.rescheduled': 'only later instants moved, such as by a scheduled cancellation',
  'entitlements.expiring': 'a known end lies `settings.expiring_notice_days` ahead; once per end',
  'webhook.test': 'a test that an operator sent',
} as const;

export type MessageType = keyof typeof messageTypes;

/** The types that a new endpoint gets by default. */
export const defaultTypes: readonly MessageType[] = [
  'entitlements.changed',
  'entitlements.expiring',
  'webhook.test',
];

/** Maximum size of a body, bytes. Source: Standard Webhooks, "Payload size". */
const maxBodyBytes = 20_000;

/** Returns the type of the message about a change. */
export function typeOfChange(change: {
  gained: readonly string[];
  lost: readonly string[];
  changed: readonly string[];
}): MessageType {
  const isChanged = change.gained.length + change.lost.length + change.changed.length > 0;
  return isChanged ? 'entitlements.changed' : 'entitlements.rescheduled';
}

/**
 * A message as recorded. `bodyOf` adds the user's current entitlements, which are read anew for each attempt.
 */
export interface Message {
  type: MessageType;
  /** When it was recorded, ISO 8601. */
  timestamp: string;
  data: object;
}

/**
 * Returns the body of a message. If it would be too large, omits the entitlements, then also the lists of
 * features, and sets `truncated`.
 *
 * @param current the user's current entitlements; null for a message that is not about a user.
 */
export function bodyOf(
  { type, timestamp, data }: Message,
  current: Pick<EntitlementsBody, 'entitlements' | 'revision'> | null,
): string {
  if (current === null) return JSON.stringify({ type, timestamp, data });
  const { entitlements, revision: entitlements_revision } = current;
  const whole = JSON.stringify({
    type,
    timestamp,
    data: { ...data, entitlements_revision, entitlements },
  });
  if (Buffer.byteLength(whole) < maxBodyBytes) return whole;
  const short = JSON.stringify({ type, timestamp, data: { ...data, truncated: true } });
  if (Buffer.byteLength(short) < maxBodyBytes) return short;
  const kept = Object.entries(data).filter(([, value]) => !Array.isArray(value));
  return JSON.stringify({
    type,
    timestamp,
    data: { ...Object.fromEntries(kept), truncated: true },
  });
}
