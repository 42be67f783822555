import { z } from 'zod';
import { cards } from '../checkout/session-payment.ts';
import { listOf } from '../http/params.ts';
import type { ApiFault } from '../http/api-faults.ts';
import { billingCommands } from './billing-commands.ts';
import { command, count, nothing, yes, type Command } from './command.ts';

const dayMs = 86_400_000;

const apiFault = z
  .strictObject({
    path: z.string().optional(),
    path_pattern: z.string().optional(),
    method: z.string().optional(),
    status: count.pipe(z.union([z.literal(429), z.literal(500)])).optional(),
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

const id = z.strictObject({ id: z.string() });

const clockCommands: readonly Command[] = [
  command({ method: 'GET', path: '/clock', takes: '', does: 'The time.' }, nothing, (sandbox) =>
    timeOf(sandbox.clock.now()),
  ),
  command(
    {
      method: 'POST',
      path: '/clock/advance',
      takes: 'days, hours, ms, or to (epoch ms)',
      does: 'Moves the time on; what falls due is done.',
    },
    z.strictObject({
      days: count.optional(),
      hours: count.optional(),
      ms: count.optional(),
      to: count.optional(),
    }),
    async ({ clock }, { days = 0, hours = 0, ms = 0, to }) => {
      await clock.advanceTo(to ?? clock.now() + days * dayMs + hours * (dayMs / 24) + ms);
      return timeOf(clock.now());
    },
  ),
];

const webhookCommands: readonly Command[] = [
  command(
    { method: 'GET', path: '/deliveries', takes: '', does: 'What was sent and what became of it.' },
    nothing,
    (sandbox) => ({ data: sandbox.deliveries() }),
  ),
  command(
    { method: 'POST', path: '/deliver', takes: '', does: 'Sends what is pending, now.' },
    nothing,
    async (sandbox) => {
      await sandbox.deliver();
      return { pending: sandbox.pendingDeliveries().length };
    },
  ),
  command(
    { method: 'POST', path: '/resend', takes: 'id (of an event)', does: 'Sends an event again.' },
    id,
    (sandbox, { id: eventId }) => ({ found: sandbox.resend(eventId) }),
  ),
  command(
    {
      method: 'POST',
      path: '/endpoints',
      takes: 'url, secret, enabled_events[], api_version, thin',
      does: 'Adds a webhook endpoint.',
    },
    z.strictObject({
      url: z.url(),
      secret: z.string().min(1),
      enabled_events: listOf(z.string()).optional(),
      api_version: z.string().optional(),
      thin: yes.optional(),
    }),
    (sandbox, { url, secret, enabled_events: enabledEvents, api_version: apiVersion, thin }) => {
      sandbox.addEndpoint({
        url,
        secret,
        ...(enabledEvents === undefined ? {} : { enabledEvents }),
        ...(apiVersion === undefined ? {} : { apiVersion }),
        ...(thin === undefined ? {} : { thin }),
      });
      return { url };
    },
  ),
];

const faultCommands: readonly Command[] = [
  command(
    { method: 'GET', path: '/faults', takes: '', does: 'The faults of the webhooks.' },
    nothing,
    (sandbox) => ({ webhooks: sandbox.faults.webhooks }),
  ),
  command(
    {
      method: 'POST',
      path: '/faults',
      takes:
        'webhooks[drop|drop_share|repeat|delay_ms|jitter_ms|shuffle|livemode|account], events[suppress|twice], api[][path|path_pattern|method|status|hang|empty_page|times|retry_after_seconds|code], rate_limit, rate_limit_per_endpoint',
      does: 'Makes things go wrong.',
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
    { method: 'DELETE', path: '/faults', takes: '', does: 'Makes everything go well again.' },
    nothing,
    (sandbox) => {
      sandbox.faults.clear();
      return { webhooks: sandbox.faults.webhooks };
    },
  ),
];

const buyerCommands: readonly Command[] = [
  command(
    {
      method: 'POST',
      path: '/buyer/pay',
      takes: `id (of a session), card (${cards.join(', ')}), email`,
      does: 'Submits the checkout page.',
    },
    id.extend({ card: z.enum(cards).optional(), email: z.string().optional() }),
    async (sandbox, { id: sessionId, card, email }) => {
      await sandbox.buyer.pay(sessionId, {
        ...(card === undefined ? {} : { card }),
        ...(email === undefined ? {} : { email }),
      });
      return { id: sessionId };
    },
  ),
  command(
    { method: 'POST', path: '/buyer/expire', takes: 'id (of a session)', does: 'Its time is up.' },
    id,
    async (sandbox, { id: sessionId }) => {
      await sandbox.buyer.expire(sessionId);
      return { id: sessionId };
    },
  ),
  command(
    {
      method: 'POST',
      path: '/buyer/settle',
      takes: 'id (of a session), ok',
      does: 'A slow payment arrives, or not.',
    },
    id.extend({ ok: yes }),
    async (sandbox, { id: sessionId, ok }) => {
      await sandbox.buyer.settleAsync(sessionId, ok);
      return { id: sessionId };
    },
  ),
];

/** All that the sandbox can be told over HTTP. */
export const commands: readonly Command[] = [
  ...clockCommands,
  ...webhookCommands,
  ...faultCommands,
  ...buyerCommands,
  ...billingCommands,
  command(
    { method: 'GET', path: '/requests', takes: '', does: 'What the API was asked.' },
    nothing,
    (sandbox) => ({ data: sandbox.requests }),
  ),
  command(
    {
      method: 'GET',
      path: '/requests/counts',
      takes: '',
      does: 'How often each endpoint was asked.',
    },
    nothing,
    (sandbox) => ({ data: sandbox.counts() }),
  ),
  command(
    {
      method: 'POST',
      path: '/seed',
      takes: 'count, prices[], status, created_from and created_to (epoch ms), metadata[…]',
      does: 'Makes many subscriptions at once, without events.',
    },
    z.strictObject({
      count,
      prices: listOf(z.string()),
      status: z.enum(['active', 'past_due', 'unpaid', 'canceled']).optional(),
      created_from: count.optional(),
      created_to: count.optional(),
      metadata: z.record(z.string(), z.string()).optional(),
    }),
    async (sandbox, seed) => {
      const ids = await sandbox.seed({
        count: seed.count,
        prices: seed.prices,
        ...(seed.status === undefined ? {} : { status: seed.status }),
        ...(seed.created_from === undefined ? {} : { createdFrom: seed.created_from }),
        ...(seed.created_to === undefined ? {} : { createdTo: seed.created_to }),
        ...(seed.metadata === undefined ? {} : { metadata: seed.metadata }),
      });
      return { count: ids.length };
    },
  ),
  command(
    {
      method: 'POST',
      path: '/reset',
      takes: '',
      does: 'Forgets everything but the webhook endpoints.',
    },
    nothing,
    async (sandbox) => {
      await sandbox.reset();
      return timeOf(sandbox.clock.now());
    },
  ),
];

function timeOf(now: number): object {
  return { now, iso: new Date(now).toISOString() };
}
