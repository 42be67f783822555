import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dayMs, monthlyPrice, openFixture, seconds, startAt, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

describe('seeded subscriptions', () => {
  it('are there at once, each with a customer, its own metadata and the period of now', async () => {
    const { sandbox, stripe } = fixture;
    const price = await monthlyPrice(stripe);
    const before = (await stripe.events.list()).data.length;
    const ids = await sandbox.seed({
      count: 250,
      prices: [price.id],
      createdFrom: startAt - 100 * dayMs,
      createdTo: startAt - dayMs,
      metadata: { user_id: 'user-{n}' },
    });
    const [oldest = ''] = ids;
    expect(await stripe.subscriptions.retrieve(oldest, { expand: ['customer'] })).toMatchObject({
      status: 'active',
      created: seconds(startAt - 100 * dayMs),
      metadata: { user_id: 'user-0' },
      customer: { email: 'seed-0@example.com' },
      items: {
        data: [
          {
            price: { id: price.id },
            current_period_start: seconds(Date.UTC(2026, 0, 7, 12)),
            current_period_end: seconds(Date.UTC(2026, 1, 7, 12)),
          },
        ],
      },
    });
    expect((await stripe.events.list()).data).toHaveLength(before);
  });

  it('are listed newest first, each once, whatever the page and the bounds', async () => {
    const { sandbox, stripe } = fixture;
    const price = await monthlyPrice(stripe);
    const createdFrom = startAt - 250 * dayMs;
    const ids = await sandbox.seed({
      count: 250,
      prices: [price.id],
      createdFrom,
      createdTo: startAt - dayMs,
    });
    const listed: string[] = [];
    for await (const { id } of stripe.subscriptions.list({ status: 'all', limit: 100 })) {
      listed.push(id);
    }
    expect(listed).toEqual(ids.toReversed());
    const bounded = await stripe.subscriptions.list({
      created: { gte: seconds(createdFrom + 10 * dayMs), lt: seconds(createdFrom + 13 * dayMs) },
    });
    expect(bounded.data.map(({ id }) => id)).toEqual(ids.slice(10, 13).reverse());
    expect(bounded.has_more).toBe(false);
    const newer = await stripe.subscriptions.list({ ending_before: ids[100] ?? '', limit: 2 });
    expect(newer.data.map(({ id }) => id)).toEqual([ids[102], ids[101]]);
    expect(newer.has_more).toBe(true);
  });

  it('renew when their time comes', async () => {
    const { sandbox, stripe } = fixture;
    const price = await monthlyPrice(stripe);
    await sandbox.seed({ count: 3, prices: [price.id] });
    await sandbox.clock.advance(32 * dayMs);
    expect((await stripe.invoices.list({ status: 'paid' })).data).toHaveLength(3);
  });

  it('can be made over HTTP', async () => {
    const { sandbox, stripe } = fixture;
    const price = await monthlyPrice(stripe);
    const response = await fetch(`${sandbox.url}/_sandbox/seed`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ count: 2, prices: [price.id], status: 'past_due' }),
    });
    expect(await response.json()).toEqual({ count: 2 });
    expect((await stripe.subscriptions.list({ status: 'past_due' })).data).toHaveLength(2);
  });
});

it('a page in the middle of 20,000 objects costs what the first costs', async () => {
  const { sandbox, stripe } = fixture;
  const price = await monthlyPrice(stripe);
  const ids = await sandbox.seed({
    count: 20_000,
    prices: [price.id],
    createdFrom: startAt - 20_000 * 1000,
  });
  const timed = async (after: string | undefined): Promise<number> => {
    const started = performance.now();
    for (let page = 0; page < 5; page += 1) {
      await stripe.subscriptions.list({
        limit: 1,
        ...(after === undefined ? {} : { starting_after: after }),
      });
    }
    return performance.now() - started;
  };
  await timed(undefined);
  // A walk through half of the table would take far longer than ten times a short page.
  expect(await timed(ids[10_000])).toBeLessThan(10 * (await timed(undefined)) + 50);
});
