import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminKey } from '../helpers/service.ts';
import { type ContractRoute, loadContract } from './contract/document.ts';
import { digestTables } from './contract/digest.ts';
import { send } from './contract/route-sample.ts';
import { sampleOf, samples } from './contract/samples.ts';
import { startWorld, type World } from './contract/world.ts';

/*
 * A change and its audit row are one transaction: if a process ends between them, neither exists. Here
 * Postgres refuses the audit row.
 */

let world: World;
let routes: ContractRoute[];

beforeAll(async () => {
  world = await startWorld();
  routes = await loadContract(world.service);
  await world.service.deps.database.pool.query(`
    create function refuse_audit() returns trigger language plpgsql as $$
    begin raise exception 'no row today'; end $$`);
});
afterAll(() => world.close());

const changing = Object.keys(samples)
  .filter((name) => /^(POST|PUT|PATCH|DELETE) \/api\/v1\/admin\//.test(name))
  // A test message changes nothing.
  .filter((name) => !name.endsWith('/test'))
  .sort();

describe.each(changing)('%s', (name) => {
  it('does nothing if its audit row cannot be written', async () => {
    const route = routes.find((each) => each.name === name);
    if (route === undefined) throw new Error(`${name} is no route`);
    const sample = sampleOf(name);
    const ids = { ...world.ids, ...(await sample.make?.(world)) };
    if (name.endsWith('/catalog/import')) await newProduct();
    const before = await digestTables(world.service);
    const answer = await withoutAudit(() =>
      send(world.app, route, sample.ask(ids), route.scope === 'platform' ? adminKey : world.key),
    );
    expect(answer.status, answer.text).toBe(500);
    expect(await digestTables(world.service)).toEqual(before);
  });
});

/** One that an import has not taken yet. */
async function newProduct(): Promise<void> {
  await world.shop.stripe.products.create({ name: 'New', metadata: { project_id: 'notes' } });
}

async function withoutAudit<T>(work: () => Promise<T>): Promise<T> {
  const { pool } = world.service.deps.database;
  await pool.query(`create trigger refuse_audit before insert on audit_entries
    for each statement execute function refuse_audit()`);
  try {
    return await work();
  } finally {
    await pool.query('drop trigger refuse_audit on audit_entries');
  }
}
