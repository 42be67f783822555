import { z } from 'zod';
import { cards } from '../checkout/session-payment.ts';
import { listOf } from '../http/params.ts';
import { billingCommands } from './billing-commands.ts';
import { command, count, nothing, yes, type Command } from './command.ts';
import { faultCommands } from './fault-commands.ts';

const dayMs = 86_400_000;

const id = z.strictObject({ id: z.string() });

const clockCommands: readonly Command[] = [
  command(
    { method: 'GET', path: '/clock', takes: '', does: 'Shows the time.' },
    nothing,
    (sandbox) => timeOf(sandbox.clock.now()),
  ),
  command(
    {
      method: 'POST',
      path: '/clock/advance',
      takes: 'days, hours, ms, or to (epoch ms)',
      does: 'Advances the clock and runs everything that is due.',
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
    { method: 'GET', path: '/deliveries', takes: '', does: 'Lists deliveries and their outcomes.' },
    nothing,
    (sandbox) => ({ data: sandbox.deliveries() }),
  ),
  command(
    { method: 'POST', path: '/deliver', takes: '', does: 'Sends pending deliveries now.' },
    nothing,
    async (sandbox) => {
      await sandbox.deliver();
      return { pending: sandbox.pendingDeliveries().length };
    },
  ),
  command(
    { method: 'POST', path: '/resend', takes: 'id (of an event)', does: 'Resends an event.' },
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
    {
      method: 'POST',
      path: '/buyer/expire',
      takes: 'id (of a session)',
      does: 'Expires the session.',
    },
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
      does: 'Settles or fails an async payment.',
    },
    id.extend({ ok: yes }),
    async (sandbox, { id: sessionId, ok }) => {
      await sandbox.buyer.settleAsync(sessionId, ok);
      return { id: sessionId };
    },
  ),
];

/** All commands that the sandbox serves over HTTP. */
export const commands: readonly Command[] = [
  ...clockCommands,
  ...webhookCommands,
  ...faultCommands,
  ...buyerCommands,
  ...billingCommands,
  command(
    { method: 'GET', path: '/requests', takes: '', does: 'Lists the API requests.' },
    nothing,
    (sandbox) => ({ data: sandbox.requests }),
  ),
  command(
    {
      method: 'GET',
      path: '/requests/counts',
      takes: '',
      does: 'Counts requests per endpoint.',
    },
    nothing,
    (sandbox) => ({ data: sandbox.counts() }),
  ),
  command(
    {
      method: 'POST',
      path: '/seed',
      takes: 'count, prices[], status, created_from and created_to (epoch ms), metadata[…]',
      does: 'Creates many subscriptions in one request, without events.',
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
      does: 'Deletes everything except the webhook endpoints.',
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
