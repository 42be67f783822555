import Stripe from 'stripe';
import { z } from 'zod';
import { isTooDeep, maxJsonDepth } from '../http/json-depth.ts';
import { ProblemError } from '../http/problem.ts';
import { wholeTextSchema } from '../http/schemas.ts';
import { explainIssue, fieldFaults } from '../http/validation.ts';
import { requireGoodHeader, maxClockDifferenceSeconds } from './signature-header.ts';

const eventSchema = z.object({
  id: wholeTextSchema.min(1).max(255),
  object: z.literal('event'),
  type: wholeTextSchema.min(1).max(255),
  created: z.int().nonnegative().max(8_640_000_000_000),
  livemode: z.boolean(),
  /** Absent for our own account. */
  account: wholeTextSchema.optional(),
  /** The event's account, if the destination receives events of several accounts. */
  context: wholeTextSchema.nullish(),
  api_version: wholeTextSchema.nullish(),
  // Not z.record, which copies the object field by field.
  data: z.object({ object: z.custom<Record<string, unknown>>(isRecord, 'must be an object') }),
});

/** A verified event. Only its ids are used, because its shape depends on the endpoint's API version. */
export type VerifiedEvent = z.infer<typeof eventSchema>;

/**
 * Checks the signature over the raw bytes. Any of the secrets may match, so that a secret can be rotated
 * without a gap.
 *
 * @param now epoch milliseconds.
 * @throws ProblemError `signature_invalid`.
 */
export function verifySignature(
  raw: Buffer,
  header: string | string[] | undefined,
  secrets: readonly string[],
  now: number,
): void {
  requireGoodHeader(header, now);
  if (secrets.some((secret) => matches(raw, header, secret, now))) return;
  throw new ProblemError(
    'signature_invalid',
    'The signature matches none of our signing secrets. Send the body unchanged, signed with a secret of this endpoint.',
  );
}

function matches(raw: Buffer, header: string, secret: string, now: number): boolean {
  const { signature } = Stripe.webhooks;
  if (signature === null) throw new Error('the Stripe SDK cannot verify signatures');
  try {
    return signature.verifyHeader(raw, header, secret, maxClockDifferenceSeconds, undefined, now);
  } catch {
    // Any error from the SDK counts as a mismatch.
    return false;
  }
}

/**
 * Parses the event from a payload with a verified signature.
 *
 * @throws ProblemError `payload_invalid` or `thin_event_unsupported`.
 */
export function parseEvent(raw: Buffer): VerifiedEvent {
  const text = raw.toString('utf8');
  if (isTooDeep(text)) {
    throw new ProblemError(
      'payload_invalid',
      `The payload nests deeper than ${maxJsonDepth} levels.`,
    );
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new ProblemError('payload_invalid', 'The payload is not JSON.');
  }
  if (isThin(body)) throw new ProblemError('thin_event_unsupported');
  const parsed = eventSchema.safeParse(body, { error: explainIssue });
  if (!parsed.success) {
    throw new ProblemError('payload_invalid', undefined, fieldFaults(parsed.error.issues));
  }
  return parsed.data;
}

function isThin(body: unknown): boolean {
  return isRecord(body) && body['object'] === 'v2.core.event';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
