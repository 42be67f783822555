import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, entriesAt } from '../helpers/json.ts';
import { adminKey } from '../helpers/service.ts';
import { type ContractRoute, loadContract } from './contract/document.ts';
import { digestTables } from './contract/digest.ts';
import { send } from './contract/route-sample.ts';
import { sampleOf, samples } from './contract/samples.ts';
import { startWorld, type World } from './contract/world.ts';

/*
 * JSON can carry text that Postgres and Stripe cannot: U+0000, and unpaired surrogates. Every field refuses
 * it by name; it is never stored as something else.
 */

let world: World;
let routes: ContractRoute[];

beforeAll(async () => {
  world = await startWorld();
  routes = await loadContract(world.service);
});
afterAll(() => world.close());

const takers = Object.keys(samples)
  .filter((name) => /^(POST|PUT|PATCH) /.test(name) && !name.endsWith('/webhooks/stripe'))
  .sort();

describe.each(takers)('%s', (name) => {
  it('400: names the field of text that cannot be stored, and changes nothing', async () => {
    const route = routes.find((each) => each.name === name);
    if (route === undefined) throw new Error(`${name} is no route`);
    const sample = sampleOf(name);
    const ask = sample.ask({ ...world.ids, ...(await sample.make?.(world)) });
    const before = await digestTables(world.service);
    for (const field of textFields(route.body)) {
      const good = at(ask.body, field);
      for (const bad of ['\ud83d', '\0']) {
        const text = `${typeof good === 'string' ? good : 'some'}${bad}text`;
        const body = { ...Object.fromEntries(entriesAt(ask.body)), [field]: text };
        const key = route.scope === 'platform' ? adminKey : world.key;
        const answer = await send(world.app, route, { ...ask, body }, key);
        expect(answer.status, `${field}: ${answer.text}`).toBe(400);
        const faults = entriesAt(JSON.parse(answer.text), 'errors');
        expect(faults.map(([, fault]) => at(fault, 'path'))).toContain(field);
      }
    }
    expect(await digestTables(world.service)).toEqual(before);
  });
});

it('there is text to be taken', () => {
  const fields = new Set(routes.flatMap(({ body }) => textFields(body)));
  expect([...fields]).toEqual(expect.arrayContaining(['name', 'reason', 'user_id', 'success_url']));
});

/** The fields of a body that take any text, or text of a pattern. */
function textFields(body: unknown): string[] {
  return [body, ...entriesAt(body, 'anyOf').map(([, schema]) => schema)].flatMap((schema) =>
    entriesAt(schema, 'properties').flatMap(([name, property]) =>
      at(property, 'type') === 'string' ? [name] : [],
    ),
  );
}
