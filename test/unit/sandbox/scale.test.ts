import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tablePage } from '../../../src/sandbox/http/list.ts';
import { Table } from '../../../src/sandbox/state/table.ts';
import {
  dayMs,
  monthlyPrice,
  openFixture,
  seconds,
  startAt,
  type Fixture,
  withKey,
} from './fixture.ts';

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

  it('are listed newest first, each once, for every page size and bounds', async () => {
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
      headers: { ...withKey, 'content-type': 'application/json' },
      body: JSON.stringify({ count: 2, prices: [price.id], status: 'past_due' }),
    });
    expect(await response.json()).toEqual({ count: 2 });
    expect((await stripe.subscriptions.list({ status: 'past_due' })).data).toHaveLength(2);
  });
});

it('a page looks at as many rows as it shows, wherever in the list it lies', () => {
  const table = new Table<{ id: string; created: number }>({});
  for (let row = 0; row < 20_000; row += 1) {
    table.set(`row-${row}`, { id: `row-${row}`, created: row });
  }
  const looked = vi.fn(() => true);
  const pages = [
    { starting_after: 'row-10000', limit: 100 },
    { ending_before: 'row-10000', limit: 100 },
    { limit: 100 },
  ].map((params) =>
    tablePage(
      { largestPage: 100 },
      table,
      { matches: looked, created: { gte: 5_000, lt: 15_000 } },
      params,
      '/v1/rows',
      (row) => ({ ...row }),
    ),
  );
  expect(pages).toMatchObject([
    { data: [{ id: 'row-9999' }, ...Array<object>(99).fill({})], has_more: true },
    { data: [{ id: 'row-10100' }, ...Array<object>(99).fill({})], has_more: true },
    { data: [{ id: 'row-14999' }, ...Array<object>(99).fill({})], has_more: true },
  ]);
  expect(looked).toHaveBeenCalledTimes(3 * 101);
});

it('rows that come out of their order, or go, leave the list in order', () => {
  const table = new Table<{ id: string; created: number }, 'even'>({
    even: ({ created }) => (created % 2 === 0 ? 'yes' : null),
  });
  for (const created of [5, 1, 4, 2, 3]) {
    table.set(`row-${created}`, { id: `row-${created}`, created });
  }
  const newest = () => [...table.walk()].map(({ created }) => created);
  expect(newest()).toEqual([5, 4, 3, 2, 1]);
  table.delete('row-4');
  expect(newest()).toEqual([5, 3, 2, 1]);
  expect([...table.walk({ created: { gte: 2, lte: 4 } })].map(({ id }) => id)).toEqual([
    'row-3',
    'row-2',
  ]);
  expect([...table.walk({ created: { gt: 2, lt: 5 } })].map(({ id }) => id)).toEqual(['row-3']);
  expect(table.where('even', 'yes').map(({ created }) => created)).toEqual([2]);
  table.set('row-2', { id: 'row-2', created: 7 });
  expect(table.where('even', 'yes')).toEqual([]);
});
