import { z } from 'zod';
import type { Config } from '../config.ts';
import type { App } from '../http/app-types.ts';
import { bodyLimits } from '../http/body-limits.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Metrics } from '../platform/metrics.ts';
import { ProblemError } from '../http/problem.ts';
import { createInbox } from './inbox.ts';
import { triage } from './triage.ts';
import { verifyEvent } from './verify.ts';

export interface WebhookDeps {
  config: Pick<Config, 'stripe'>;
  clock: Clock;
  database: Database;
  metrics: Metrics;
  /** Tells the worker of this process that an object is wanted. */
  wake: () => void;
}

/** Where Stripe posts its events. A 2xx means that the event is in Postgres. */
export function webhookRoutes(app: App, deps: WebhookDeps): void {
  const { config, clock, metrics, wake } = deps;
  const inbox = createInbox(deps);

  app.register((scope: App, _options, done) => {
    // The signature is over the raw bytes, so nothing may parse them first.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer' },
      (_request, body, parsed) => {
        parsed(null, body);
      },
    );

    scope.post(
      '/api/v1/webhooks/stripe',
      {
        bodyLimit: bodyLimits.webhook,
        config: {
          auth: 'open',
          work: 'webhook',
          problems: [
            'signature_invalid',
            'payload_invalid',
            'thin_event_unsupported',
            'payload_too_large',
            'unsupported_media_type',
            'internal_error',
            'not_ready',
            'overloaded',
          ],
        },
        schema: {
          tags: ['Stripe'],
          summary: "Receive an event, signed with one of the endpoint's secrets",
          response: { 200: z.object({ received: z.literal(true), duplicate: z.boolean() }) },
        },
      },
      async (request) => {
        const raw = request.body;
        if (!Buffer.isBuffer(raw)) throw new ProblemError('payload_invalid', 'The body is empty.');
        const event = verifyEvent(
          raw,
          request.headers['stripe-signature'],
          config.stripe.webhookSecrets,
          clock(),
        );
        const asked = triage(event, config.stripe);
        const { duplicate } = await inbox.store(event, raw, asked);
        metrics.webhookEvents.inc({ outcome: duplicate ? 'duplicate' : asked.outcome });
        if (!duplicate) {
          metrics.webhookDelaySeconds.observe(Math.max(0, clock() / 1_000 - event.created));
        }
        if (asked.follow.length > 0 && !duplicate) wake();
        return { received: true as const, duplicate };
      },
    );
    done();
  });
}
