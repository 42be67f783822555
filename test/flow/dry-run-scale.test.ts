import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestService, type TestResponse, type TestService } from '../helpers/service.ts';
import { startStripeCatalog, type StripeCatalog } from '../helpers/stripe-catalog.ts';

/** Three batches of 500 users. */
const subscribers = 1_200;

let stripe: StripeCatalog;
let service: TestService;
let key: string;

beforeAll(async () => {
  stripe = await startStripeCatalog();
  service = await startTestService({ stripeUrl: stripe.url });
  ({ key } = await service.createProject('notes'));
  for (const size of ['large', 'small']) {
    await service.request('PUT', `/admin/features/seats_${size}`, {
      key,
      body: { name: 'Seats', type: 'limit' },
    });
    stripe.addProduct(`prod_${size}`, { metadata: { project_id: 'notes' } });
    stripe.addPrice(`price_${size}`, `prod_${size}`);
    expect(await putSeats(size, 10)).toMatchObject({ status: 200 });
  }
  await storeSubscribers('large', subscribers);
  await storeSubscribers('small', 1);
});
afterAll(async () => {
  await service.close();
  await stripe.close();
});

const putSeats = (size: string, seats: number, query = ''): Promise<TestResponse> =>
  service.request('PUT', `/admin/products/prod_${size}${query}`, {
    key,
    body: { features: { [`seats_${size}`]: seats } },
  });

const dryRun = (size: string): Promise<TestResponse> => putSeats(size, 3, '?dry_run=true');

async function storeSubscribers(size: string, count: number): Promise<void> {
  const { pool } = service.deps.database;
  const started = new Date(service.clock.now() - 1_000);
  const ends = new Date(service.clock.now() + 30 * 86_400_000);
  await pool.query(
    `insert into users (project_id, user_id, created_at)
     select 'notes', $1 || '_' || n, $2 from generate_series(1, $3) n`,
    [size, started, count],
  );
  await pool.query(
    `insert into subscriptions (id, uid, customer_id, status, effective_status, currency,
       collection_method, created_at, start_date, cancel_at_period_end)
     select 'sub_' || user_id, uid, 'cus_' || user_id, 'active', 'active', 'usd',
       'charge_automatically', $2, $2, false
     from users where user_id like $1 || '%'`,
    [size, started],
  );
  await pool.query(
    `insert into subscription_items (id, subscription_id, price_id, product_id, quantity,
       created_at, current_period_start, current_period_end, position)
     select 'si_' || id, id, 'price_' || $1, 'prod_' || $1, 1, $2, $2, $3, 0
     from subscriptions where id like 'sub_' || $1 || '%'`,
    [size, started, ends],
  );
}

/** Runs `work` and returns how many statements Postgres ran for it. */
async function statementsOf(work: () => Promise<unknown>): Promise<number> {
  const client = await service.deps.database.pool.connect();
  client.release();
  const query = vi.spyOn(Object.getPrototypeOf(client) as typeof client, 'query');
  await work();
  const { length } = query.mock.calls;
  query.mockRestore();
  return length;
}

describe('a dry run that reaches many users', () => {
  it('runs five statements per batch: its transaction, the names and the facts', async () => {
    const small = await statementsOf(() => dryRun('small'));
    const large = await statementsOf(async () => {
      expect(await dryRun('large')).toMatchObject({
        body: { counts: { lowered: subscribers } },
      });
    });
    expect(large - small).toBe(2 * 5);
  });

  it('holds up neither a read nor a change of a reached user between two batches', async () => {
    const { database } = service.deps;
    const original = database.transaction.bind(database);
    const last = `large_${subscribers}`;
    const answers: TestResponse[] = [];
    let transactions = 0;
    const gated = vi.spyOn(database, 'transaction').mockImplementation(async (work, attempts) => {
      transactions += 1;
      // The first tries the change out, the second is the first batch.
      if (transactions === 3) {
        const body = {
          user_id: last,
          feature_code: 'seats_large',
          value: 20,
          reason: 'bought more',
        };
        answers.push(
          await service.request('POST', '/admin/grant', { key, body }),
          await service.request('GET', `/entitlements?user_id=${last}`, { key }),
        );
      }
      return original(work, attempts);
    });
    const answer = await dryRun('large');
    gated.mockRestore();
    expect(answers).toMatchObject([
      { status: 201 },
      { status: 200, body: { entitlements: [{ value: 20 }] } },
    ]);
    // The last user's batch comes after the grant, which outweighs what the product carries.
    expect(answer).toMatchObject({ body: { counts: { lowered: subscribers - 1 } } });
  });
});
