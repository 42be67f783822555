import { expect } from 'vitest';
import { countAlarms } from '../helpers/alarms.ts';
import type { Shop } from '../helpers/shop.ts';
import { payAt, subscribe } from './buying.ts';
import { bases, type ScenarioGroup } from './scenario.ts';
import { expectAccess, idOf, ownedBy, pro } from './steps.ts';
import { post, postBody, selectEvents } from './telling.ts';

/** A subscription that has ended at Stripe, without an event yet. */
async function endedInSilence(shop: Shop, userId: string): Promise<{ id: string; object: string }> {
  const { id } = await subscribe(shop, userId);
  shop.sandbox.faults.webhooks = { drop: true };
  await shop.stripe.subscriptions.cancel(id);
  shop.sandbox.faults.webhooks = {};
  return { id, object: 'subscription' };
}

async function outcomeOf(shop: Shop, eventId: string): Promise<string> {
  const { outcome } = await shop.service.deps.database.prisma.webhookEvent.findFirstOrThrow({
    where: { eventId },
  });
  return outcome;
}

const deleted = 'customer.subscription.deleted';

/** Events of foreign origin or unexpected content. */
export const foreign: ScenarioGroup = {
  subject: 'Foreign and broken events',
  scenarios: [
    {
      title: 'an event of the other mode is acknowledged and stored, but not applied',
      basis: bases.webhooks,
      async run(shop, userId) {
        const object = await endedInSilence(shop, userId);
        const id = `evt_${userId}`;
        const { status } = await post(shop, { id, type: deleted, object, livemode: true });
        expect([status, await outcomeOf(shop, id)]).toEqual([200, 'foreign_mode']);
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'an event of another account is acknowledged and stored, but not applied',
      basis: bases.webhooks,
      async run(shop, userId) {
        const object = await endedInSilence(shop, userId);
        const id = `evt_${userId}`;
        const { status } = await post(shop, { id, type: deleted, object, account: 'acct_other' });
        expect([status, await outcomeOf(shop, id)]).toEqual([200, 'foreign_account']);
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a thin event is refused with its own code',
      basis: bases.thinEvents,
      async run(shop) {
        const { status, body } = await postBody(shop, {
          id: 'evt_test_thin',
          object: 'v2.core.event',
          type: 'v1.customer.subscription.deleted',
          livemode: false,
          related_object: { id: 'sub_1', type: 'subscription' },
        });
        expect(status).toBe(400);
        expect(body).toMatchObject({ code: 'thin_event_unsupported' });
      },
    },
    {
      title: 'an event of a type outside the table is acknowledged and stored',
      basis: bases.webhooks,
      async run(shop, userId) {
        const id = `evt_${userId}`;
        const { status } = await post(shop, {
          id,
          type: 'toaster.popped',
          object: { id: 'toast_1', object: 'toast' },
        });
        expect([status, await outcomeOf(shop, id)]).toEqual([200, 'unknown_type']);
      },
    },
    {
      title: 'an event without an id is acknowledged and stored',
      basis: bases.webhooks,
      async run(shop, userId) {
        const id = `evt_${userId}`;
        const { status } = await post(shop, { id, type: deleted, object: {} });
        expect([status, await outcomeOf(shop, id)]).toEqual([200, 'no_object']);
      },
    },
    {
      title:
        'a payload that says "canceled" of an active subscription changes nothing: only its id is read',
      basis: bases.events,
      async run(shop, userId) {
        const { id } = await subscribe(shop, userId);
        await post(shop, {
          type: deleted,
          object: { id, object: 'subscription', status: 'canceled', ended_at: 1 },
        });
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a payload that says "active" of an ended subscription gives nothing',
      basis: bases.events,
      async run(shop, userId) {
        const object = await endedInSilence(shop, userId);
        await post(shop, {
          type: 'customer.subscription.updated',
          object: { ...object, status: 'active' },
        });
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'metadata in a payload are ignored; those of the fetched object count',
      basis: bases.metadata,
      async run(shop, userId) {
        const { id } = await subscribe(shop, `${userId}_owner`);
        await post(shop, {
          type: 'customer.subscription.updated',
          object: { id, object: 'subscription', metadata: ownedBy(shop, userId) },
        });
        await expectAccess(shop, userId, {});
        await expectAccess(shop, `${userId}_owner`, pro);
      },
    },
    {
      title: 'a payload in the shape of an older API version leads to the same object',
      basis: bases.versions,
      async run(shop, userId) {
        const object = await endedInSilence(shop, userId);
        await post(shop, {
          type: 'invoice.payment_failed',
          api_version: '2022-11-15',
          object: { id: 'in_old', object: 'invoice', subscription: object.id },
        });
        await expectAccess(shop, userId, {});
      },
    },
    {
      title: 'an endpoint of an older API version works as well as a current one',
      basis: bases.versions,
      async run(shop, userId) {
        selectEvents(shop, '2024-06-20');
        try {
          const session = await payAt(shop, userId, {
            mode: 'subscription',
            prices: [shop.prices.pro],
          });
          await shop.settle();
          await expectAccess(shop, userId, pro);
          await shop.stripe.subscriptions.cancel(idOf(session.subscription));
          await shop.settle();
          await expectAccess(shop, userId, {});
        } finally {
          selectEvents(shop);
        }
      },
    },
    {
      title: 'an object that Stripe does not know raises an alarm, and no user loses access',
      basis: bases.promises,
      async run(shop, userId) {
        await subscribe(shop, userId);
        // Objects that other histories left unknown become missing first.
        await tryAgain(shop);
        const alarms = await countAlarms(shop.service, 'object_missing');
        for (const [type, object] of [
          [deleted, { id: `sub_${userId}`, object: 'subscription' }],
          ['checkout.session.completed', { id: `cs_${userId}`, object: 'checkout.session' }],
          ['charge.refunded', { id: `ch_${userId}`, object: 'charge' }],
          ['charge.dispute.created', { id: `du_${userId}`, object: 'dispute' }],
          ['customer.deleted', { id: `cus_${userId}`, object: 'customer' }],
          ['product.updated', { id: `prod_${userId}`, object: 'product' }],
        ] as const) {
          expect((await post(shop, { type, object })).status).toBe(200);
        }
        // A webhook can arrive before the API shows its object, so a never-seen one is retried several times.
        expect(await countAlarms(shop.service, 'object_missing')).toBe(alarms);
        await tryAgain(shop);
        expect(await countAlarms(shop.service, 'object_missing')).toBe(alarms + 6);
        await expectAccess(shop, userId, pro);
      },
    },
    {
      title: 'a refund of a charge without a purchase changes no user',
      basis: bases.webhooks,
      async run(shop, userId) {
        await subscribe(shop, userId);
        const { id } = await shop.stripe.checkout.sessions.create({
          mode: 'payment',
          line_items: [
            {
              quantity: 1,
              price_data: {
                currency: 'usd',
                unit_amount: 500,
                product_data: { name: 'of another shop' },
              },
            },
          ],
          success_url: 'https://elsewhere.example',
        });
        await shop.sandbox.buyer.pay(id);
        const { payment_intent: intent } = await shop.stripe.checkout.sessions.retrieve(id);
        const { latest_charge: charge } = await shop.stripe.paymentIntents.retrieve(idOf(intent));
        await shop.sandbox.billing.refund(idOf(charge));
        await shop.settle();
        await expectAccess(shop, userId, pro);
      },
    },
  ],
};

/** Retries before a never-seen object counts as missing. */
async function tryAgain(shop: Shop): Promise<void> {
  for (let tries = 0; tries < 3; tries += 1) {
    await shop.advanceTo(shop.service.clock.now() + 10_000);
    await shop.settle();
  }
}
