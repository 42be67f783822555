import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());

async function explain(userId: string, featureCode: string): Promise<unknown> {
  const { status, body } = await shop.service.request(
    'GET',
    `/entitlements/explain?user_id=${userId}&feature_code=${featureCode}`,
    { key: shop.key },
  );
  expect(status).toBe(200);
  return body;
}

/** The source of one kind in an explanation. */
function sourceOf(explanation: unknown, type: string): unknown {
  return rowsOf(explanation, 'sources').find((source) => at(source, 'type') === type);
}

/** The ids at a field of a source. */
function idsOf(source: unknown, field: 'stripe_ids' | 'event_ids'): string[] {
  return rowsOf(source, field).map(String);
}

async function operate(action: 'grant' | 'revoke', body: object): Promise<unknown> {
  const answer = await shop.service.request('POST', `/admin/${action}`, {
    key: shop.key,
    body: { user_id: 'u_1', reason: 'test', ...body },
  });
  expect([200, 201]).toContain(answer.status);
  return answer.body;
}

describe('explain', () => {
  it('explains a subscription, a refunded purchase, a grant and a revocation', async () => {
    const { prisma } = shop.service.deps.database;
    const passSession = await shop.buy('u_1', 'pass');
    await shop.settle();
    const charge = await shop.chargeOf('u_1');
    const subscriptionSession = await shop.buy('u_1', 'pro');
    await shop.settle();
    const subscription = await shop.subscriptionOf('u_1');
    const customer = await shop.customerOf('u_1');
    shop.service.clock.advance(60_000);
    const refund = await shop.stripe.refunds.create({ charge: charge.id });
    await shop.settle();
    const grant = await operate('grant', { feature_code: 'export' });
    const revoked = await operate('revoke', { feature_code: 'export' });

    const story = await explain('u_1', 'export');
    expect(story).toMatchObject({
      allowed: false,
      reason: 'revoked',
      value: null,
      rule: 'last_word',
      revocations: [
        {
          id: text(revoked, 'revocation', 'id'),
          decides: true,
          audit_id: text(revoked, 'audit_id'),
        },
      ],
    });
    expect(rowsOf(story, 'sources').map((source) => at(source, 'type'))).toEqual([
      'grant',
      'purchase',
      'subscription',
    ]);

    const held = sourceOf(story, 'subscription');
    expect(held).toMatchObject({
      id: subscription.id,
      price_id: shop.prices.pro,
      valid_to: null,
      value: true,
      counted: false,
      why: 'revoked',
    });
    expect(idsOf(held, 'stripe_ids').sort()).toEqual(
      [subscription.id, subscription.items.data[0]?.id ?? '', customer, subscriptionSession].sort(),
    );

    const purchase = await prisma.purchase.findFirstOrThrow({ where: { sessionId: passSession } });
    const bought = sourceOf(story, 'purchase');
    expect(bought).toMatchObject({
      id: purchase.id,
      price_id: shop.prices.pass,
      valid_to: new Date(refund.created * 1_000).toISOString(),
      counted: false,
      why: 'refunded',
    });
    expect(idsOf(bought, 'stripe_ids').sort()).toEqual(
      [
        purchase.id,
        passSession,
        customer,
        purchase.paymentIntentId ?? '',
        charge.id,
        refund.id,
      ].sort(),
    );

    const given = sourceOf(story, 'grant');
    expect(given).toMatchObject({
      id: text(grant, 'grant', 'id'),
      why: 'revoked',
      audit_id: text(grant, 'audit_id'),
      stripe_ids: [],
      event_ids: [],
    });

    // The stored events about these objects and no others, the newest first.
    for (const source of [held, bought]) {
      const events = await prisma.webhookEvent.findMany({
        where: { objectId: { in: idsOf(source, 'stripe_ids') } },
        orderBy: { number: 'desc' },
      });
      expect(events.length).toBeGreaterThan(1);
      expect(idsOf(source, 'event_ids')).toEqual(events.map(({ eventId }) => eventId));
    }
  });

  it('of a debt names the unpaid invoice and its events', async () => {
    await shop.buy('u_debt', 'pro');
    await shop.settle();
    const { id } = await shop.subscriptionOf('u_debt');
    const customer = await shop.customerOf('u_debt');
    const invoice = await shop.service.deps.database.prisma.invoice.create({
      data: {
        id: 'in_unpaid',
        customerId: customer,
        subscriptionId: id,
        status: 'open',
        currency: 'usd',
        amountDue: 1_000,
        amountPaid: 0,
        total: 1_000,
        attemptCount: 1,
        createdAt: new Date(shop.service.clock.now()),
      },
    });
    const held = sourceOf(await explain('u_debt', 'export'), 'subscription');
    expect(idsOf(held, 'stripe_ids')).toContain(invoice.id);
  });

  it('of a refund and a dispute that name no payment intent finds them by their charge', async () => {
    const { prisma } = shop.service.deps.database;
    await shop.buy('u_bare', 'pass');
    await shop.settle();
    const charge = await shop.chargeOf('u_bare');
    const reversal = {
      chargeId: charge.id,
      amount: 100,
      currency: 'usd',
      createdAt: new Date(shop.service.clock.now()),
    };
    await prisma.refund.create({ data: { ...reversal, id: 're_bare', status: 'succeeded' } });
    await prisma.dispute.create({ data: { ...reversal, id: 'dp_bare', status: 'needs_response' } });
    const bought = sourceOf(await explain('u_bare', 'export'), 'purchase');
    expect(idsOf(bought, 'stripe_ids')).toEqual(expect.arrayContaining(['re_bare', 'dp_bare']));
  });

  it("names nothing of another user's", async () => {
    await shop.buy('u_2', 'pass');
    await shop.settle();
    const mine = JSON.stringify(await explain('u_2', 'export'));
    const theirs = sourceOf(await explain('u_1', 'export'), 'purchase');
    for (const field of ['stripe_ids', 'event_ids'] as const) {
      for (const id of idsOf(theirs, field)) expect(mine).not.toContain(`"${id}"`);
    }
  });

  it('names at most the newest 20 events of a source', async () => {
    await shop.buy('u_3', 'pro');
    await shop.settle();
    const { id } = await shop.subscriptionOf('u_3');
    for (let turn = 0; turn < 25; turn += 1) {
      await shop.stripe.subscriptions.update(id, { metadata: { turn: String(turn) } });
    }
    await shop.settle();
    const held = sourceOf(await explain('u_3', 'export'), 'subscription');
    const newest = await shop.service.deps.database.prisma.webhookEvent.findMany({
      where: { objectId: id },
      orderBy: { number: 'desc' },
      take: 20,
    });
    expect(idsOf(held, 'event_ids')).toEqual(newest.map(({ eventId }) => eventId));
  });
});
