import { z } from 'zod';
import type { ApiFault } from '../http/api-faults.ts';
import { listOf } from '../http/params.ts';
import { command, count, nothing, yes, type Command } from './command.ts';

const apiFault = z
  .strictObject({
    path: z.string().optional(),
    path_pattern: z.string().optional(),
    method: z.string().optional(),
    status: count.pipe(z.union([z.literal(404), z.literal(429), z.literal(500)])).optional(),
    hang: yes.optional(),
    empty_page: yes.optional(),
    times: count.optional(),
    retry_after_seconds: count.optional(),
    code: z.enum(['rate_limit', 'lock_timeout']).optional(),
  })
  .transform((rule): ApiFault => {
    const path = rule.path_pattern === undefined ? rule.path : new RegExp(rule.path_pattern);
    return {
      ...(path === undefined ? {} : { path }),
      ...(rule.method === undefined ? {} : { method: rule.method }),
      ...(rule.status === undefined ? {} : { status: rule.status }),
      ...(rule.code === undefined ? {} : { code: rule.code }),
      ...(rule.hang === undefined ? {} : { hang: rule.hang }),
      ...(rule.empty_page === undefined ? {} : { emptyPage: rule.empty_page }),
      ...(rule.times === undefined ? {} : { times: rule.times }),
      ...(rule.retry_after_seconds === undefined
        ? {}
        : { retryAfterSeconds: rule.retry_after_seconds }),
    };
  });

const webhookFaults = z
  .strictObject({
    drop: z.union([yes, listOf(z.string())]).optional(),
    repeat: count.optional(),
    delay_ms: count.optional(),
    shuffle: yes.optional(),
    drop_share: count.optional(),
    jitter_ms: count.optional(),
    livemode: yes.optional(),
    account: z.string().optional(),
  })
  .transform((faults) => ({
    ...(faults.drop === undefined ? {} : { drop: faults.drop }),
    ...(faults.repeat === undefined ? {} : { repeat: faults.repeat }),
    ...(faults.delay_ms === undefined ? {} : { delayMs: faults.delay_ms }),
    ...(faults.shuffle === undefined ? {} : { shuffle: faults.shuffle }),
    ...(faults.drop_share === undefined ? {} : { dropShare: faults.drop_share }),
    ...(faults.jitter_ms === undefined ? {} : { jitterMs: faults.jitter_ms }),
    ...(faults.livemode === undefined ? {} : { livemode: faults.livemode }),
    ...(faults.account === undefined ? {} : { account: faults.account }),
  }));

const eventFaults = z
  .strictObject({
    suppress: listOf(z.string()).optional(),
    twice: listOf(z.string()).optional(),
  })
  .transform(({ suppress, twice }) => ({
    ...(suppress === undefined ? {} : { suppress }),
    ...(twice === undefined ? {} : { twice }),
  }));

/** Commands that inject faults. */
export const faultCommands: readonly Command[] = [
  command(
    { method: 'GET', path: '/faults', takes: '', does: 'Shows the webhook faults.' },
    nothing,
    (sandbox) => ({ webhooks: sandbox.faults.webhooks }),
  ),
  command(
    {
      method: 'POST',
      path: '/faults',
      takes:
        'webhooks[drop|drop_share|repeat|delay_ms|jitter_ms|shuffle|livemode|account], events[suppress|twice], api[][path|path_pattern|method|status|hang|empty_page|times|retry_after_seconds|code], rate_limit, rate_limit_per_endpoint',
      does: 'Injects faults.',
    },
    z.strictObject({
      webhooks: webhookFaults.optional(),
      events: eventFaults.optional(),
      api: listOf(apiFault).optional(),
      rate_limit: count.optional(),
      rate_limit_per_endpoint: count.optional(),
    }),
    (
      sandbox,
      { webhooks, events, api, rate_limit: total, rate_limit_per_endpoint: perEndpoint },
    ) => {
      if (events !== undefined) {
        sandbox.faults.events = events;
      }
      if (webhooks !== undefined) {
        sandbox.faults.webhooks = webhooks;
      }
      sandbox.faults.api(...(api ?? []));
      if (total !== undefined || perEndpoint !== undefined) {
        sandbox.faults.rateLimit({
          ...(total === undefined ? {} : { total }),
          ...(perEndpoint === undefined ? {} : { perEndpoint }),
        });
      }
      return { webhooks: sandbox.faults.webhooks };
    },
  ),
  command(
    { method: 'DELETE', path: '/faults', takes: '', does: 'Clears all faults.' },
    nothing,
    (sandbox) => {
      sandbox.faults.clear();
      return { webhooks: sandbox.faults.webhooks };
    },
  ),
];
