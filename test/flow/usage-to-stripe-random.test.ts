import { afterAll, beforeAll, expect, it } from 'vitest';
import { StripeFault } from '../../src/sandbox/stripe-error.ts';
import { at } from '../helpers/json.ts';
import { type MeterWorld, minute, startMeterWorld } from '../helpers/meter-world.ts';

/* Random use, reversals and failures of Stripe, sent by several instances at once. */

const path = '/v1/billing/meter_events';
const hour = 3_600_000;

let world: MeterWorld;

beforeAll(async () => {
  world = await startMeterWorld('all');
});
afterAll(() => world.shop.close());

/** Returns numbers from 0 to `below - 1`, the same for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Makes the next requests fail, before or after Stripe has accepted them. */
function fail(kind: number, times: number): void {
  const { faults } = world.shop.sandbox;
  const lost = () => {
    throw new StripeFault(500, { type: 'api_error', message: 'An unknown error occurred' });
  };
  if (kind === 0) faults.api({ path, times, status: 500 });
  if (kind === 1) faults.api({ path, times, alter: lost });
  if (kind === 2) faults.api({ path, times, status: 429 });
}

it.each([1, 2, 3])('Stripe has the sums of the ledger (seed %i)', async (seed) => {
  const random = randomOf(seed);
  const users: { id: string; customer: string }[] = [];
  for (let count = 0; count < 3; count += 1) {
    const id = `u_${seed}_${count}`;
    users.push({ id, customer: (await world.subscribe(id)).customer });
  }
  const entries: string[] = [];
  for (let step = 0; step < 40; step += 1) {
    const { id } = users[random(users.length)] ?? { id: '' };
    const [reversed] = random(4) === 0 ? entries.splice(random(entries.length), 1) : [];
    fail(random(6), 1 + random(4));
    const work: Promise<unknown>[] = [world.send(), world.send()];
    if (reversed !== undefined) {
      work.push(world.app.post(`/usage/entries/${reversed}/reverse`, { reason: 'a test' }));
    } else {
      work.push(
        world.app.consume(id, 1 + random(9)).then(({ body }) => {
          entries.push(String(at(body, 'entry_id')));
        }),
      );
    }
    await Promise.all(work);
    await world.advance([1_000, 20_000, minute, 2 * hour][random(4)] ?? 0);
  }
  world.shop.sandbox.faults.clear();
  for (let rounds = 0; rounds < 14; rounds += 1) {
    await world.advance(hour);
    await world.send();
  }
  for (const { customer, id } of users) {
    const { rows } = await world.shop.service.deps.database.pool.query<{ sum: string }>(
      `select coalesce(sum(amount), 0) as sum from usage_entries
       where uid = (select uid from users where user_id = $1) and kind <> 'hold'`,
      [id],
    );
    const sum = world.received(customer).reduce((total, { value }) => total + value, 0);
    expect(sum, id).toBe(Number(rows[0]?.sum));
    const statuses = new Set(await world.statuses(id));
    expect([...statuses].filter((status) => status !== 'sent' && status !== 'empty')).toEqual([]);
  }
});
