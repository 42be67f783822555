import { z } from 'zod';
import { disputeStatuses } from '../billing/dispute.ts';
import type { Sandbox } from '../contract.ts';
import { command, count, yes, type Command } from './command.ts';

const id = z.strictObject({ id: z.string() });

/**
 * Returns a command that acts on one object. It responds with the id of the object it creates, or else with
 * the given id.
 */
function billing<S extends typeof id>(
  name: string,
  of: string,
  does: string,
  schema: S,
  run: (billing: Sandbox['billing'], input: z.output<S>) => Promise<string | undefined>,
): Command {
  const others = Object.keys(schema.shape).filter((key) => key !== 'id');
  return command(
    {
      method: 'POST',
      path: `/billing/${name}`,
      takes: [`id (of ${of})`, ...others].join(', '),
      does,
    },
    schema,
    async (sandbox, input) => ({ id: (await run(sandbox.billing, input)) ?? input.id }),
  );
}

/** Resolves with undefined, so that the command responds with the given id. */
function done(work: Promise<void>): Promise<undefined> {
  return work.then(() => undefined);
}

const subscription = 'a subscription';
const invoice = 'an invoice';

/** Commands that change payments and subscriptions outside the API. */
export const billingCommands: readonly Command[] = [
  billing(
    'cancel-now',
    subscription,
    'Cancels the subscription immediately.',
    id,
    (to, { id: target }) => done(to.cancelNow(target)),
  ),
  billing(
    'cancel-at-period-end',
    subscription,
    'Cancels the subscription at the period end.',
    id,
    (to, { id: target }) => done(to.cancelAtPeriodEnd(target)),
  ),
  billing('keep', subscription, 'Withdraws a scheduled cancellation.', id, (to, { id: target }) =>
    done(to.keep(target)),
  ),
  billing('pause', subscription, 'Pauses the subscription.', id, (to, { id: target }) =>
    done(to.pause(target)),
  ),
  billing('resume', subscription, 'Resumes the subscription.', id, (to, { id: target }) =>
    done(to.resume(target)),
  ),
  billing(
    'change-plan',
    subscription,
    'Changes the price of an item.',
    id.extend({ item: z.string(), price: z.string(), quantity: count.optional() }),
    (to, input) => done(to.changePlan(input.id, input.item, input.price, input.quantity)),
  ),
  billing(
    'fail-next-payments',
    'a customer',
    'Makes later payments fail, or succeed again.',
    id.extend({ fail: yes }),
    (to, input) => done(to.failNextPayments(input.id, input.fail)),
  ),
  billing(
    'require-authentication',
    'a customer',
    'Makes the bank require authentication for later payments, or stop requiring it.',
    id.extend({ required: yes }),
    (to, input) => done(to.requireAuthentication(input.id, input.required)),
  ),
  billing(
    'set-card',
    'a customer',
    'Sets or removes the card.',
    id.extend({ card: yes }),
    (to, input) => done(to.setCard(input.id, input.card)),
  ),
  billing('pay-invoice', invoice, 'Pays an open invoice.', id, (to, { id: target }) =>
    done(to.payOpenInvoice(target)),
  ),
  billing('void-invoice', invoice, 'Voids the invoice.', id, (to, { id: target }) =>
    done(to.voidInvoice(target)),
  ),
  billing(
    'mark-uncollectible',
    invoice,
    'Marks the invoice as uncollectible.',
    id,
    (to, { id: target }) => done(to.markUncollectible(target)),
  ),
  billing(
    'refund',
    'a charge',
    'Refunds the charge.',
    id.extend({ amount: count.optional(), pending: yes.optional() }),
    (to, input) => to.refund(input.id, input.amount, { pending: input.pending ?? false }),
  ),
  billing('settle-refund', 'a refund', 'Completes a pending refund.', id, (to, { id: target }) =>
    done(to.settleRefund(target)),
  ),
  billing('fail-refund', 'a refund', 'Fails the refund.', id, (to, { id: target }) =>
    done(to.failRefund(target)),
  ),
  billing(
    'open-dispute',
    'a charge',
    'Opens a dispute.',
    id.extend({
      amount: count.optional(),
      currency: z.string().optional(),
      inquiry: yes.optional(),
    }),
    (to, { id: target, amount, currency, inquiry = false }) =>
      to.openDispute(target, amount, { inquiry, ...(currency === undefined ? {} : { currency }) }),
  ),
  billing(
    'move-dispute',
    'a dispute',
    'Changes the status of the dispute.',
    id.extend({ status: z.enum(disputeStatuses) }),
    (to, input) => done(to.moveDispute(input.id, input.status)),
  ),
  billing(
    'close-dispute',
    'a dispute',
    'Closes the dispute with a final status.',
    id.extend({ status: z.enum(['won', 'lost', 'warning_closed', 'prevented']) }),
    (to, input) => done(to.closeDispute(input.id, input.status)),
  ),
];
