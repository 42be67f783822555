import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dayMs, monthlyPrice, openFixture, seconds, startAt, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

const frozen = seconds(Date.UTC(2020, 0, 1));

/** A subscription of a customer on a test clock that stands years before the sandbox's own. */
async function subscribeOnClock() {
  const { stripe } = fixture;
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: frozen });
  const customer = await stripe.customers.create({ test_clock: clock.id });
  const price = await monthlyPrice(stripe);
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id }],
  });
  return { clock, id, periodOf: async () => (await stripe.subscriptions.retrieve(id)).items.data };
}

describe('a test clock', () => {
  it('is the time of its customers, independent of the time of others', async () => {
    const { id, periodOf } = await subscribeOnClock();
    expect(await fixture.stripe.subscriptions.retrieve(id)).toMatchObject({ created: frozen });
    await fixture.sandbox.clock.advance(90 * dayMs);
    expect(await periodOf()).toMatchObject([{ current_period_start: frozen }]);
  });

  it('renews what falls due on its way, and moves nothing else', async () => {
    const { stripe, sandbox } = fixture;
    const { clock, periodOf } = await subscribeOnClock();
    const march = seconds(Date.UTC(2020, 2, 15));
    const advanced = await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: march });
    expect(advanced).toMatchObject({ status: 'ready', frozen_time: march });
    expect(await periodOf()).toMatchObject([
      { current_period_start: seconds(Date.UTC(2020, 2, 1)) },
    ]);
    expect(sandbox.clock.now()).toBe(startAt);
  });

  it('is deleted with its customers', async () => {
    const { stripe } = fixture;
    const { clock, id } = await subscribeOnClock();
    expect(await stripe.testHelpers.testClocks.del(clock.id)).toMatchObject({ deleted: true });
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({ status: 'canceled' });
  });
});
