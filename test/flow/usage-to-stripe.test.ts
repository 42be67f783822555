import type Stripe from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { StripeFault } from '../../src/sandbox/stripe-error.ts';
import { keepHouse } from '../../src/ops/housekeeping.ts';
import { measureMeterEvents } from '../../src/usage/meters/measure.ts';
import { wakeWaiting } from '../../src/usage/meters/wake-waiting.ts';
import { text } from '../helpers/json.ts';
import { type MeterWorld, minute, startMeterWorld } from '../helpers/meter-world.ts';

const hour = 3_600_000;
const day = 86_400_000;
const path = '/v1/billing/meter_events';

let world: MeterWorld;
let users = 0;

const newUser = (): string => `u_${(users += 1)}`;
const now = (): number => world.shop.service.clock.now();

function valuesOf(customer: string): number[] {
  return world.received(customer).map(({ value }) => value);
}

/** Returns how many requests to report usage Stripe has got. */
function requests(): number {
  return world.shop.sandbox.requests.filter((one) => one.path === path).length;
}

function reverse(entry: unknown) {
  return world.app.post(`/usage/entries/${text(entry, 'entry_id')}/reverse`, { reason: 'a test' });
}

async function lastInvoice(customer: string): Promise<Stripe.Invoice> {
  const { data } = await world.shop.stripe.invoices.list({ customer });
  const [invoice] = data;
  if (invoice === undefined) throw new Error('there is no invoice');
  return invoice;
}

afterEach(() => {
  world.shop.sandbox.faults.clear();
});
afterAll(() => world.shop.close());

describe('overage', () => {
  beforeAll(async () => {
    world = await startMeterWorld('overage');
  });
  afterAll(() => world.shop.close());

  it('is on the invoice at the end of the month, once', async () => {
    const user = newUser();
    const { customer, endsAt } = await world.subscribe(user);
    await world.app.consume(user, 8);
    await world.report();
    expect(valuesOf(customer)).toEqual([]);
    await world.app.consume(user, 7);
    await world.report();
    await world.send();
    expect(valuesOf(customer)).toEqual([5]);
    // The last second of the period is reported when the next one has begun, and the first of the next one.
    await world.shop.advanceTo(endsAt - 1_000);
    await world.app.consume(user, 20);
    await world.shop.advanceTo(endsAt);
    await world.app.consume(user, 13);
    await world.report();
    const received = world.received(customer).toSorted((a, b) => a.timestamp - b.timestamp);
    expect(received.map(({ value, timestamp }) => [value, timestamp * 1_000])).toEqual([
      [5, expect.any(Number)],
      [20, endsAt - minute],
      [3, endsAt],
    ]);
    await world.advance(2 * hour);
    const invoice = await lastInvoice(customer);
    expect(invoice).toMatchObject({ status: 'paid', billing_reason: 'subscription_cycle' });
    expect(invoice.lines.data.map(({ amount, quantity }) => [amount, quantity])).toEqual([
      [1_000, 1],
      [50, 25],
    ]);
    await world.advance(32 * day);
    expect((await lastInvoice(customer)).lines.data[1]).toMatchObject({ amount: 6, quantity: 3 });
  });

  it('is taken back by a reversal, in the minute in which the units were used', async () => {
    const user = newUser();
    const { customer } = await world.subscribe(user);
    const within = await world.app.consume(user, 9);
    await world.advance(5 * minute);
    await world.app.consume(user, 6);
    await world.report();
    await world.advance(3 * day);
    const reversed = await reverse(within.body);
    expect((await reverse(within.body)).body).toEqual(reversed.body);
    await world.send();
    const [used, back] = world.received(customer);
    expect([used?.value, back?.value]).toEqual([5, -5]);
    expect((used?.timestamp ?? 0) - (back?.timestamp ?? 0)).toBe(5 * 60);
    await world.app.consume(user, 5);
    await world.report();
    expect(valuesOf(customer)).toEqual([5, -5, 1]);
  });

  it('of a hold is reported when it is settled, and not if it is released', async () => {
    const user = newUser();
    const { customer } = await world.subscribe(user);
    const holdOf = async (amount: number): Promise<string> => {
      const held = await world.app.post('/usage/holds', {
        ...{ user_id: user, feature_code: 'credits', amount, expires_in_seconds: 600 },
      });
      return text(held.body, 'hold_id');
    };
    const [first, second] = [await holdOf(10), await holdOf(4)];
    await world.app.consume(user, 3);
    await world.report();
    expect(valuesOf(customer)).toEqual([]);
    await world.app.post(`/usage/holds/${first}/settle`, { amount: 9 });
    await world.app.send('DELETE', `/usage/holds/${second}`);
    await world.report();
    expect(valuesOf(customer)).toEqual([2]);
  });
});

describe('all usage', () => {
  beforeAll(async () => {
    world = await startMeterWorld('all');
  });

  it('is summed per user and minute, with the parameters of Stripe’s API', async () => {
    const [user, other] = [newUser(), newUser()];
    const { customer } = await world.subscribe(user);
    const { customer: otherCustomer } = await world.subscribe(other);
    await world.app.consume(user, 3);
    await world.app.consume(user, 4);
    await world.app.consume(other, 1);
    await world.send();
    expect(valuesOf(customer)).toEqual([]);
    await world.advance(minute);
    await world.app.consume(user, 5);
    await world.send();
    await world.report();
    expect(valuesOf(customer)).toEqual([7, 5]);
    expect(valuesOf(otherCustomer)).toEqual([1]);
    const [first, second] = world.received(customer);
    expect((second?.timestamp ?? 0) - (first?.timestamp ?? 0)).toBe(60);
    expect(await world.statuses(user)).toEqual(['sent', 'sent']);
  });

  it('is counted once if Stripe accepted it and answered with a 500', async () => {
    const user = newUser();
    const { customer } = await world.subscribe(user);
    await world.app.consume(user, 5);
    world.shop.sandbox.faults.api({
      ...{ path, times: 1 },
      alter: () => {
        throw new StripeFault(500, { type: 'api_error', message: 'An unknown error occurred' });
      },
    });
    await world.report();
    expect(await world.statuses(user)).toEqual(['pending']);
    await world.advance(1_000);
    await world.send();
    expect(await world.statuses(user)).toEqual(['sent']);
    expect(valuesOf(customer)).toEqual([5]);
  });

  it('is retried with a back-off that doubles, for as long as Stripe refuses it', async () => {
    const user = newUser();
    const { customer } = await world.subscribe(user);
    await world.app.consume(user, 5);
    await world.shop.stripe.billing.meters.deactivate(world.meterId);
    await world.report();
    const before = requests();
    for (const seconds of [1, 2, 4, 8]) {
      await world.advance(seconds * 1_000 - 1);
      await world.send();
      expect(requests()).toBe(before + Math.log2(seconds));
      await world.advance(1);
      await world.send();
    }
    for (let hours = 0; hours < 30; hours += 1) {
      await world.advance(hour);
      await world.send();
    }
    await world.shop.stripe.billing.meters.reactivate(world.meterId);
    await world.advance(hour);
    await world.send();
    expect(valuesOf(customer)).toEqual([5]);
  });

  it('is not sent again a day after an attempt of unknown outcome, which an alarm shows', async () => {
    const user = newUser();
    const { customer } = await world.subscribe(user);
    await world.app.consume(user, 5);
    world.shop.sandbox.faults.api({ path, status: 500 });
    await world.report();
    await world.advance(22 * hour);
    await world.send();
    expect(await world.statuses(user)).toEqual(['pending']);
    await world.advance(hour);
    world.shop.sandbox.faults.clear();
    const before = requests();
    await world.send();
    expect(await world.statuses(user)).toEqual(['failed']);
    expect([requests(), valuesOf(customer)]).toEqual([before, []]);
    await measureMeterEvents(world.shop.service.deps);
    const metrics = await world.shop.service.deps.metrics.registry.metrics();
    expect(metrics).toContain('latchkey_meter_events_held{state="failed"} 1');
    expect(metrics).toContain('latchkey_meter_events_total{outcome="failed"} 1');
  });

  it('is not sent again a day after an attempt of unknown outcome, if Stripe refused later ones', async () => {
    const user = newUser();
    const { customer } = await world.subscribe(user);
    await world.app.consume(user, 5);
    world.shop.sandbox.faults.api({ path, times: 1, status: 500 });
    await world.report();
    world.shop.sandbox.faults.api({ path, status: 429 });
    for (const ms of [minute, hour, 22 * hour]) {
      expect(await world.statuses(user)).toEqual(['pending']);
      await world.advance(ms);
      if (ms === 22 * hour) world.shop.sandbox.faults.clear();
      await world.send();
    }
    expect(await world.statuses(user)).toEqual(['failed']);
    expect(valuesOf(customer)).toEqual([]);
  });

  it('of a user without a customer waits for one, as long as Stripe accepts it', async () => {
    const [user, late] = [newUser(), newUser()];
    for (const each of [user, late]) {
      await world.app.grant(each, { amount: 100 });
      await world.app.consume(each, 6);
    }
    const usedAt = now();
    await world.report();
    await wakeWaiting(world.shop.service.deps);
    await world.send();
    expect(await world.statuses(user)).toEqual(['waiting']);
    await world.advance(10 * day);
    const { customer } = await world.subscribe(user);
    await wakeWaiting(world.shop.service.deps);
    await world.send();
    const [event, ...more] = world.received(customer);
    expect([event?.value, more]).toEqual([6, []]);
    expect(usedAt - (event?.timestamp ?? 0) * 1_000).toBeLessThan(minute);
    await world.advance(25 * day);
    await world.subscribe(late);
    await wakeWaiting(world.shop.service.deps);
    await world.send();
    expect(await world.statuses(late)).toEqual(['waiting']);
    await world.advance(6 * day);
    await keepHouse({ ...world.shop.service.deps, ...world.shop.service.deps.config });
    expect([await world.statuses(user), await world.statuses(late)]).toEqual([[], []]);
  });

  it('that is reversed within its minute is not sent, and later is corrected exactly once', async () => {
    const user = newUser();
    const { customer } = await world.subscribe(user);
    const first = await world.app.consume(user, 5);
    await reverse(first.body);
    await world.report();
    expect(await world.statuses(user)).toEqual(['empty']);
    const second = await world.app.consume(user, 7);
    await world.app.consume(user, 1);
    await world.report();
    await world.advance(2 * day);
    await reverse(second.body);
    await reverse(second.body);
    await world.send();
    const [used, back] = world.received(customer);
    expect([used?.value, back?.value]).toEqual([8, -7]);
    expect(back?.timestamp).toBe(used?.timestamp);
    const third = await world.app.consume(user, 2);
    await world.report();
    await world.advance(35 * day);
    await reverse(third.body);
    await world.report();
    expect(valuesOf(customer)).toEqual([8, -7, 2]);
  });

  it('that is added while its event is sent goes into another event', async () => {
    const user = newUser();
    const { customer } = await world.subscribe(user);
    await world.app.consume(user, 5);
    const { pool } = world.shop.service.deps.database;
    const client = await pool.connect();
    try {
      await client.query('begin');
      await client.query('update meter_events set value = value + 2 where sealed_at is null');
      await world.report();
      expect(await world.statuses(user)).toEqual(['pending']);
      await client.query('commit');
    } finally {
      client.release();
    }
    await world.send();
    expect(valuesOf(customer)).toEqual([7]);
    // A transaction that began in the minute commits after the event was sent.
    await pool.query(
      `insert into meter_events (id, project_id, uid, feature_code, event_name, at, value, created_at, next_attempt_at)
       select 'um_late', project_id, uid, feature_code, event_name, at, 3, created_at, at
       from meter_events where uid = (select uid from users where user_id = $1)
       on conflict (uid, feature_code, event_name, at) where sealed_at is null
         do update set value = meter_events.value + excluded.value`,
      [user],
    );
    await world.send();
    expect(valuesOf(customer)).toEqual([7, 3]);
  });

  it('is sent once by instances that send at once', async () => {
    const customers: string[] = [];
    for (let count = 0; count < 6; count += 1) {
      const user = newUser();
      customers.push((await world.subscribe(user)).customer);
      await world.app.consume(user, count + 1);
    }
    await world.advance(minute);
    const before = requests();
    await Promise.all([world.send(), world.send(), world.send()]);
    await world.send();
    expect(customers.map(valuesOf)).toEqual([[1], [2], [3], [4], [5], [6]]);
    expect(requests() - before).toBe(6);
  });
});
