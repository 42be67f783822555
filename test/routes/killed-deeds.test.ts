import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../../src/app.ts';
import type { EntitlementCache } from '../../src/entitlements/read/cache.ts';
import type { App } from '../../src/http/app-types.ts';
import { isIdempotent } from '../../src/http/idempotency.ts';
import type { Database } from '../../src/platform/database.ts';
import { adminKey } from '../helpers/service.ts';
import { digestTables } from './contract/digest.ts';
import { type ContractRoute, loadContract } from './contract/document.ts';
import { type Ask, send } from './contract/route-sample.ts';
import { sampleOf, samples } from './contract/samples.ts';
import { startWorld, type World } from './contract/world.ts';

/*
 * A process is killed between the commit of a deed and its answer, and the client repeats the request
 * under its key. The deed's transaction holds all that the next instance needs.
 */

let world: World;
let routes: ContractRoute[];
/** Skips everything after a commit: it neither stores a response then, nor invalidates the cache. */
let killed: App;

beforeAll(async () => {
  world = await startWorld();
  routes = await loadContract(world.service);
  const { deps } = world.service;
  const cache: EntitlementCache = { ...deps.cache, forget: () => Promise.resolve() };
  killed = await buildApp({ ...deps, cache, database: withoutLaterAnswers(deps.database) });
});
afterAll(async () => {
  await killed.close();
  await world.close();
});

/** Writes the answers that are part of a transaction, and no others. */
function withoutLaterAnswers(database: Database): Database {
  const query = database.pool.query.bind(database.pool) as (...args: unknown[]) => unknown; // promised forms alone
  const pool = new Proxy(database.pool, {
    get: (target, name, receiver): unknown =>
      name !== 'query'
        ? Reflect.get(target, name, receiver)
        : (...args: unknown[]) =>
            /^(update|delete from) idempotency_records/.test(String(args[0]))
              ? Promise.reject(new Error('the process is dead'))
              : query(...args),
  });
  return { ...database, pool };
}

/** The ids in a response: the created objects, and their audit rows. */
function namesIn(text: string): string[] {
  return [...new Set(text.match(/"(?:[a-z]{2,4}_[0-9a-z]{20}|(?:cs|bps)_[\w]+)"/g))].sort();
}

async function auditRows(): Promise<number> {
  return world.service.deps.database.prisma.auditEntry.count();
}

const names = Object.keys(samples).filter((name) => {
  const [method = '', url = ''] = name.split(' ');
  return isIdempotent({ method, url });
});

describe.each(names.sort())('%s', (name) => {
  it('repeated after its process was killed, answers as the deed did, and does it once', async () => {
    const route = routes.find((each) => each.name === name);
    if (route === undefined) throw new Error(`${name} is no route`);
    const sample = sampleOf(name);
    const ids = { ...world.ids, ...(await sample.make?.(world)) };
    const asked = sample.ask(ids);
    const ask: Ask = { ...asked, headers: { ...asked.headers, 'idempotency-key': world.fresh() } };
    const key = route.scope === 'platform' ? adminKey : world.key;
    const first = await send(killed, route, ask, key);
    expect(first.status, first.text).toBeLessThan(300);
    const before = [await digestTables(world.service), await auditRows()];

    world.service.clock.advance(60_001);
    const again = await send(world.app, route, ask, key);
    expect([again.status, namesIn(again.text)]).toEqual([first.status, namesIn(first.text)]);
    expect([await digestTables(world.service), await auditRows()]).toEqual(before);
  });
});

describe('a checkout', () => {
  it('whose process was killed before it stored the session, continues with that session', async () => {
    const user = world.fresh();
    const route = { method: 'POST', path: '/api/v1/checkout/sessions' } as const;
    const ask = {
      ...sampleOf(`${route.method} ${route.path}`).ask({ ...world.ids, user }),
      headers: { 'idempotency-key': world.fresh() },
    };
    const { database } = world.service.deps;
    const transaction: Database['transaction'] = (work, attempts) =>
      database.transaction(async (tx) => {
        const result = await work(tx);
        if (result === true) throw new Error('the process is dead'); // storeSession's
        return result;
      }, attempts);
    const dying = await buildApp({
      ...world.service.deps,
      database: { ...withoutLaterAnswers(database), transaction },
    });
    expect((await send(dying, route, ask, world.key)).status).toBe(500);
    const sessions = async () =>
      (await world.shop.stripe.checkout.sessions.list({ limit: 100 })).data
        .filter(({ metadata }) => metadata?.['user_id'] === user)
        .map(({ id }) => id);
    const made = await sessions();
    expect(made).toHaveLength(1);

    world.service.clock.advance(60_001);
    const again = await send(world.app, route, ask, world.key);
    expect([again.status, await sessions()]).toEqual([201, made]);
    expect(again.text).toContain(`"${made[0]}"`);
    const intents = await database.prisma.checkoutIntent.findMany({
      where: { user: { userId: user } },
    });
    expect(intents.map(({ status, sessionId }) => [status, sessionId])).toEqual([
      ['open', made[0]],
    ]);
    await dying.close();
  });
});

describe('a portal session', () => {
  it('whose answer was lost is repeated with the customer and the configuration of now', async () => {
    const user = world.fresh();
    const customerOf = async (linked: boolean): Promise<string> => {
      const { stripe, prices } = world.shop;
      const metadata = { project_id: 'notes' };
      const { id } = await stripe.customers.create({ metadata });
      if (linked)
        await stripe.subscriptions.create({ customer: id, items: [{ price: prices.pro }] });
      const body = { stripe_customer_id: id };
      await world.done('POST', `/admin/users/${user}/customers`, body);
      return id;
    };
    const configure = (portal_configuration_id: string | null) =>
      world.done('PATCH', '/admin/projects/notes', { settings: { portal_configuration_id } });
    const route = { method: 'POST', path: '/api/v1/portal/sessions' } as const;
    const ask = {
      ...sampleOf(`${route.method} ${route.path}`).ask({ ...world.ids, user }),
      headers: { 'idempotency-key': world.fresh() },
    };
    const create = vi.spyOn(world.service.deps.stripe.billingPortal.sessions, 'create');
    const first = await customerOf(false);
    const answers = [await send(killed, route, ask, world.key)];
    const paying = await customerOf(true);
    world.service.clock.advance(60_001);
    answers.push(await send(killed, route, ask, world.key));
    const { id: configuration } = await world.shop.stripe.billingPortal.configurations.create({
      features: { invoice_history: { enabled: true } },
    });
    await configure(configuration);
    world.service.clock.advance(60_001);
    answers.push(await send(world.app, route, ask, world.key));
    await configure(null);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(create.mock.calls.map(([params]) => params)).toMatchObject([
      { customer: first },
      { customer: paying },
      { customer: paying, configuration },
    ]);
    create.mockRestore();
  });
});

describe('a replayed grant', () => {
  const read = async (user: string): Promise<string> => {
    const route = { method: 'GET', path: '/api/v1/entitlements' } as const;
    return (await send(world.app, route, { query: { user_id: user } }, world.key)).text;
  };

  it('shows in every later read, though its process did not invalidate the cache', async () => {
    const user = world.fresh();
    expect(await read(user)).toContain('"entitlements":[]');
    const route = { method: 'POST', path: '/api/v1/admin/grant' } as const;
    const ask = {
      body: { user_id: user, feature_code: world.ids.feature, reason: 'a sample' },
      headers: { 'idempotency-key': world.fresh() },
    };
    await send(killed, route, ask, world.key);
    expect((await send(world.app, route, ask, world.key)).status).toBe(201);
    expect(await read(user)).toContain(`"${world.ids.feature}"`);
  });

  it('belongs to the request that took its key over: the slow first one does nothing', async () => {
    const user = world.fresh();
    const route = { method: 'POST', path: '/api/v1/admin/grant' } as const;
    const ask = {
      body: { user_id: user, feature_code: world.ids.feature, reason: 'a sample' },
      headers: { 'idempotency-key': world.fresh() },
    };
    const { database } = world.service.deps;
    const reached = Promise.withResolvers<undefined>();
    const mayGo = Promise.withResolvers<undefined>();
    const slow = await buildApp({
      ...world.service.deps,
      database: {
        ...database,
        transaction: async (work, attempts) => {
          reached.resolve(undefined);
          await mayGo.promise;
          return database.transaction(work, attempts);
        },
      },
    });
    const first = send(slow, route, ask, world.key);
    await reached.promise;
    world.service.clock.advance(60_001);
    const second = await send(world.app, route, ask, world.key);
    mayGo.resolve(undefined);
    expect([second.status, (await first).status]).toEqual([201, 409]);
    expect(await database.prisma.grant.count({ where: { user: { userId: user } } })).toBe(1);
    await slow.close();
  });
});
