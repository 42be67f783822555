import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buyOnce, eventTypes, openFixture, refusal, type Fixture, idOf } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

describe('refunds', () => {
  it('that add up to the whole refund the charge', async () => {
    const { stripe } = fixture;
    const charge = await buyOnce(fixture);
    await stripe.refunds.create({ charge: charge.id, amount: 1000 });
    expect(await stripe.charges.retrieve(charge.id)).toMatchObject({
      amount_refunded: 1000,
      refunded: false,
    });
    await stripe.refunds.create({ payment_intent: idOf(charge.payment_intent) });
    const refunded = await stripe.charges.retrieve(charge.id, { expand: ['refunds'] });
    expect(refunded).toMatchObject({ amount_refunded: 2500, refunded: true });
    expect(refunded.refunds?.data.map(({ amount }) => amount)).toEqual([1500, 1000]);
    const [event] = (await stripe.events.list({ type: 'charge.refunded' })).data;
    expect(event?.data.previous_attributes).toEqual({ amount_refunded: 1000, refunded: false });
  });

  it('cannot exceed what is left', async () => {
    const { stripe } = fixture;
    const { id } = await buyOnce(fixture);
    expect((await refusal(stripe.refunds.create({ charge: id, amount: 2501 }))).param).toBe(
      'amount',
    );
    await stripe.refunds.create({ charge: id });
    expect((await refusal(stripe.refunds.create({ charge: id }))).code).toBe(
      'charge_already_refunded',
    );
  });

  it('that fail make the charge whole again', async () => {
    const { sandbox, stripe } = fixture;
    const charge = await buyOnce(fixture);
    const refund = await sandbox.billing.refund(charge.id);
    await sandbox.billing.failRefund(refund);
    expect(await stripe.refunds.retrieve(refund)).toMatchObject({ status: 'failed' });
    expect(await stripe.charges.retrieve(charge.id)).toMatchObject({
      amount_refunded: 0,
      refunded: false,
    });
    expect(await eventTypes(stripe)).toEqual(
      expect.arrayContaining([
        'refund.created',
        'charge.refunded',
        'refund.updated',
        'refund.failed',
      ]),
    );
  });
});

describe('disputes', () => {
  it('are opened and won', async () => {
    const { sandbox, stripe } = fixture;
    const charge = await buyOnce(fixture);
    const id = await sandbox.billing.openDispute(charge.id, 500);
    expect(await stripe.disputes.retrieve(id)).toMatchObject({
      status: 'needs_response',
      amount: 500,
      payment_intent: charge.payment_intent,
    });
    expect((await stripe.charges.retrieve(charge.id)).disputed).toBe(true);
    await sandbox.billing.closeDispute(id, 'won');
    expect((await stripe.disputes.retrieve(id)).status).toBe('won');
    expect((await eventTypes(stripe)).slice(-4)).toEqual([
      'charge.dispute.created',
      'charge.dispute.funds_withdrawn',
      'charge.dispute.closed',
      'charge.dispute.funds_reinstated',
    ]);
  });

  it('are accepted by closing them over the API', async () => {
    const { sandbox, stripe } = fixture;
    const charge = await buyOnce(fixture);
    const id = await sandbox.billing.openDispute(charge.id);
    expect((await stripe.disputes.close(id)).status).toBe('lost');
    expect((await stripe.disputes.list({ charge: charge.id })).data).toHaveLength(1);
  });

  it('may be inquiries, which take no money', async () => {
    const { sandbox, stripe } = fixture;
    const charge = await buyOnce(fixture);
    const id = await sandbox.billing.openDispute(charge.id, undefined, { inquiry: true });
    expect((await stripe.disputes.retrieve(id)).status).toBe('warning_needs_response');
    expect(await eventTypes(stripe)).not.toContain('charge.dispute.funds_withdrawn');
  });
});
