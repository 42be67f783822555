import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { WebhookEndpoint } from '../generated/prisma/client.ts';

/** The column `previous_secrets`: secrets that still sign after a rotation, each until an instant. */
const previousSecretsSchema = z.array(z.object({ secret: z.string(), until: z.iso.datetime() }));

export type PreviousSecret = z.infer<typeof previousSecretsSchema>[number];

/** Returns the previous secrets of an endpoint's row. */
export function previousSecretsOf({ previousSecrets }: WebhookEndpoint): PreviousSecret[] {
  return previousSecretsSchema.parse(previousSecrets);
}

/** Returns a new secret: `whsec_` and 32 random bytes in base64. Source: Standard Webhooks. */
export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/** Returns the secrets that sign at an instant (epoch milliseconds): the current one first. */
export function liveSecrets(
  endpoint: { secret: string; previousSecrets: readonly PreviousSecret[] },
  now: number,
): string[] {
  return [
    endpoint.secret,
    ...livePrevious(endpoint.previousSecrets, now).map((each) => each.secret),
  ];
}

/** Returns the previous secrets whose overlap has not ended. */
export function livePrevious(
  previous: readonly PreviousSecret[],
  now: number,
): readonly PreviousSecret[] {
  return previous.filter(({ until }) => now < Date.parse(until));
}
