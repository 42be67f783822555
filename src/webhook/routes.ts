import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { Deps } from '../deps.ts';
import type { App } from '../http/app-types.ts';
import { bodyLimits } from '../http/body-limits.ts';
import { clientNetwork } from '../http/client-network.ts';
import { ProblemError } from '../http/problem.ts';
import { addToLogLine } from '../http/request-log.ts';
import { createLogThrottle } from '../platform/log-throttle.ts';
import { createInbox } from './inbox.ts';
import { requireGoodHeader } from './signature-header.ts';
import { createSignatureLimit } from './signature-limit.ts';
import { triage } from './triage.ts';
import { parseEvent, verifySignature } from './verify.ts';

interface WebhookDeps extends Pick<Deps, 'clock' | 'database' | 'logger' | 'metrics'> {
  config: Pick<Config, 'stripe'>;
  /** Wakes the worker of this process. */
  wake: () => void;
}

/** Minimum interval between warnings about wrong signatures, milliseconds. */
const signatureWarningEveryMs = 60_000;

/**
 * The event as documented in the contract. The signature covers the raw bytes, so the handler parses them
 * itself.
 */
const documentedEvent = z
  .looseObject({
    id: z.string().meta({ examples: ['evt_1NG8Du2eZvKYlo2CUI79vXWy'] }),
    type: z.string().meta({ examples: ['customer.subscription.updated'] }),
    created: z.int().meta({ examples: [1_793_491_200] }),
    data: z.looseObject({
      object: z.looseObject({ id: z.string().meta({ examples: ['sub_1'] }) }),
    }),
  })
  .describe('A Stripe snapshot event');

const signatureHeader = z.object({
  'Stripe-Signature': z
    .string()
    .describe("Stripe's signature over the body")
    .meta({
      examples: ['t=1793491200,v1=…'],
    }),
});

/**
 * Registers the route to which Stripe posts its events. A 2xx response means that the event is in Postgres.
 */
export function webhookRoutes(app: App, deps: WebhookDeps): void {
  const { config, clock, logger, metrics, wake } = deps;
  const inbox = createInbox(deps);
  const limit = createSignatureLimit();
  const wrongSignatures = createLogThrottle(signatureWarningEveryMs);
  const signed = new WeakSet<FastifyRequest>();

  /** Rejects a request with a bad header or from a throttled client, before its body is read. */
  function admit(
    request: FastifyRequest,
    reply: FastifyReply,
    done: (error?: Error) => void,
  ): void {
    requireGoodHeader(request.headers['stripe-signature'], clock());
    const client = clientNetwork(request.ip);
    const waitMs = limit.waitMs(client, bytesOf(request), clock());
    if (waitMs > 0) {
      metrics.rateLimited.inc({ limit: 'signature' });
      throw new ProblemError(
        'too_many_requests',
        'Too many requests from this address had a wrong signature.',
        undefined,
        Math.ceil(waitMs / 1_000),
      );
    }
    // Reading an unfinished or oversized body has a cost, so such a body counts as a wrong signature.
    reply.raw.once('close', () => {
      if (signed.has(request)) limit.noteCorrect(client, clock());
      else limit.noteWrong(client, clock());
    });
    done();
  }

  function verify(raw: Buffer, header: string | string[] | undefined): void {
    try {
      verifySignature(raw, header, config.stripe.webhookSecrets, clock());
    } catch (error) {
      const suppressed = wrongSignatures.next(clock());
      if (suppressed !== null) {
        logger.warn(
          { suppressed },
          'rejected a webhook: its signature matches no secret in STRIPE_WEBHOOK_SECRETS; compare these with the signing secret of the endpoint in Stripe',
        );
      }
      throw error;
    }
  }

  app.register((scope: App, _options, done) => {
    // The signature covers the raw bytes, so they must not be parsed before it is verified.
    scope.removeAllContentTypeParsers();
    const asBuffer = { parseAs: 'buffer' } as const;
    scope.addContentTypeParser('application/json', asBuffer, (_request, body, parsed) => {
      parsed(null, body);
    });

    scope.post(
      '/api/v1/webhooks/stripe',
      {
        bodyLimit: bodyLimits.webhook,
        onRequest: admit,
        config: {
          auth: 'open',
          work: 'webhook',
          problems: [
            'signature_invalid',
            'payload_invalid',
            'thin_event_unsupported',
            'payload_too_large',
            'unsupported_media_type',
            'too_many_requests',
            'internal_error',
            'not_ready',
            'overloaded',
          ],
          documented: { body: documentedEvent, headers: signatureHeader },
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
        verify(raw, request.headers['stripe-signature']);
        signed.add(request);
        const event = parseEvent(raw);
        addToLogLine(request, { event: event.type });
        const decision = triage(event, config.stripe);
        const { duplicate } = await inbox.store(event, raw, decision);
        metrics.webhookEvents.inc({ outcome: duplicate ? 'duplicate' : decision.outcome });
        if (!duplicate) {
          metrics.webhookDelaySeconds.observe(Math.max(0, clock() / 1_000 - event.created));
        }
        if (decision.objects.length > 0 && !duplicate) wake();
        return { received: true as const, duplicate };
      },
    );
    done();
  });
}

/** Returns the declared length of the body; undefined if the body is chunked. */
function bytesOf({ headers }: FastifyRequest): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}
