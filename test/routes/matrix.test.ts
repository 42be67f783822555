import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminKey } from '../helpers/service.ts';
import { type ContractRoute, loadContract, registeredRoutes } from './contract/document.ts';
import { digestTables } from './contract/digest.ts';
import { type Answer, type Ask, codeOf, inProject, send } from './contract/route-sample.ts';
import { sampleOf, samples } from './contract/samples.ts';
import { watchWork } from './contract/work.ts';
import { type Ids, startWorld, type World } from './contract/world.ts';

/*
 * Every route by every kind of key. The routes are those of the running application, and the requests
 * those of ./contract/samples: a route without one fails here, with how to add it.
 */

/** All that may be asked without an API key. `/metrics` has a token of its own. */
const openRoutes = [
  'GET /.well-known/jwks.json',
  'GET /live',
  'GET /metrics',
  'GET /ready',
  'POST /api/v1/webhooks/stripe',
];

/** The contract itself, and the page to read it. */
const undocumented = [
  'GET /docs',
  'GET /docs/',
  'GET /docs/js/scalar.js',
  'GET /docs/openapi.json',
  'GET /docs/openapi.yaml',
  'GET /openapi.json',
];

/**
 * Routes on which the platform key may leave the project out although the path has no id: they cover all
 * projects.
 */
const overAllProjects = [
  'GET /api/v1/admin/audit',
  'GET /api/v1/admin/events',
  'GET /api/v1/admin/reconciliations',
  'GET /api/v1/admin/webhook-endpoints',
  'GET /api/v1/changes',
  'GET /api/v1/changes/stream',
  'GET /api/v1/metrics',
  'GET /api/v1/metrics/daily',
];

const names = Object.keys(samples).sort();
const keyed = names.filter((name) => !openRoutes.includes(name));

let world: World;
let routes: ContractRoute[];
let expired: string;
let deleted: string;

beforeAll(async () => {
  world = await startWorld();
  const { service, done, keyOf } = world;
  routes = await loadContract(service);
  const all = ['read', 'checkout', 'usage', 'admin'];
  const soon = new Date(service.clock.now() + 1_000).toISOString();
  ({ key: expired } = await keyOf(all, { expires_at: soon }));
  service.clock.set(service.clock.now() + 2_000);
  const gone = await keyOf(all);
  await done('DELETE', `/admin/projects/notes/keys/${gone.id}`);
  deleted = gone.key;
});
afterAll(() => world.close());

describe('the routes', () => {
  it('all have a sample request, so that this file asks each of them', () => {
    for (const { name } of routes) sampleOf(name);
    expect(names).toEqual(routes.map(({ name }) => name).sort());
  });

  it('are all documented, but for the document and its page', () => {
    const known = [...routes.map(({ name }) => name), ...undocumented];
    const registered = registeredRoutes(world.service).filter(
      (name) => !name.startsWith('OPTIONS'),
    );
    expect(registered.sort()).toEqual(known.sort());
  });

  it('are open only where this file says so', () => {
    const open = routes.filter(({ scope }) => scope === null).map(({ name }) => name);
    expect(open.sort()).toEqual(openRoutes);
  });
});

describe.each(keyed)('%s', (name) => {
  it('401: without a valid key, whatever its fault, and nothing changes', async () => {
    const [route, success] = [routeOf(name), await successOf(name)];
    const before = await digestTables(world.service);
    const none = await send(world.app, route, success, undefined);
    expect(outcomeOf(none)).toBe('401 unauthorized');
    for (const authorization of [
      '',
      'Bearer',
      'Bearer  ',
      'Bearer two words',
      `Basic ${world.key}`,
      world.key,
    ]) {
      const headers = { ...success.headers, authorization };
      const answer = await send(world.app, route, { ...success, headers });
      expect(comparable(answer), authorization).toEqual(comparable(none));
    }
    const unknown = await send(world.app, route, success, `${world.key.slice(0, -4)}0000`);
    expect(outcomeOf(unknown)).toBe('401 unauthorized');
    for (const key of [expired, deleted, 'x', 'x'.repeat(5_000)]) {
      const answer = await send(world.app, route, success, key);
      expect(comparable(answer), key.slice(0, 20)).toEqual(comparable(unknown));
    }
    expect(await digestTables(world.service)).toEqual(before);
  });

  it('403: with a key that lacks the scope, and nothing changes', async () => {
    const [route, success] = [routeOf(name), await successOf(name)];
    const before = await digestTables(world.service);
    const answer = await send(world.app, route, success, world.lacking(route.scope));
    expect(outcomeOf(answer)).toBe('403 scope_missing');
    expect(await digestTables(world.service)).toEqual(before);
  });

  it("what is another project's looks exactly like what does not exist", async () => {
    const route = routeOf(name);
    const sample = sampleOf(name);
    const theirs: Ids = { ...world.ids, ...(await sample.make?.(world)) };
    const nobodys = world.nobodys();
    const before = await digestTables(world.service);
    const work = watchWork(world.shop.sandbox);
    const hidden = await send(world.app, route, sample.ask(theirs), world.otherKey);
    const hiddenWork = work.done();
    if (hidden.status >= 400) expect(await digestTables(world.service)).toEqual(before);
    work.done();
    const missing = await send(world.app, route, sample.ask(nobodys), world.otherKey);
    const missingWork = work.done();
    work.stop();
    expect(comparable(hidden, theirs)).toEqual(comparable(missing, nobodys));
    // Nor does the time tell: the same is asked of Stripe and of Postgres.
    if (hidden.status >= 400) expect(hiddenWork).toEqual(missingWork);
    for (const id of Object.values(world.ids))
      expect(comparable(hidden, theirs).text).not.toContain(id);
  });

  it("another project's id looks like an unknown one", async () => {
    const route = routeOf(name);
    if (!route.takesProject) return;
    const success = await successOf(name);
    const before = await digestTables(world.service);
    const work = watchWork(world.shop.sandbox);
    const hidden = await send(world.app, route, inProject(route, success, 'notes'), world.otherKey);
    const hiddenWork = work.done();
    const missing = await send(
      world.app,
      route,
      inProject(route, success, 'nowhere'),
      world.otherKey,
    );
    const missingWork = work.done();
    work.stop();
    expect(outcomeOf(hidden)).toBe('404 project_not_found');
    expect(comparable(hidden)).toEqual(comparable(missing));
    expect(hiddenWork).toEqual(missingWork);
    expect(await digestTables(world.service)).toEqual(before);
  });

  it('2xx: with a key of its project that has the scope, and with no more than that', async () => {
    const route = routeOf(name);
    const key =
      route.scope === 'platform' ? adminKey : (await world.keyOf([route.scope ?? ''])).key;
    expect(await send(world.app, route, await successOf(name), key)).toMatchObject({
      status: successStatus(route),
    });
  });

  it('2xx: with the platform key, which has to name the project', async () => {
    const route = routeOf(name);
    const success = await successOf(name);
    const unnamed = await send(world.app, route, success, adminKey);
    const needsName =
      route.takesProject && !route.path.includes('{id}') && !overAllProjects.includes(name);
    expect(route.codes.includes('project_id_required')).toBe(needsName);
    if (needsName) expect(outcomeOf(unnamed)).toBe('400 project_id_required');
    else expect(unnamed).toMatchObject({ status: successStatus(route) });
    const named = inProject(route, await successOf(name), 'notes');
    expect(await send(world.app, route, named, adminKey)).toMatchObject({
      status: successStatus(route),
    });
  });
});

function routeOf(name: string): ContractRoute {
  const route = routes.find((each) => each.name === name);
  if (route === undefined) throw new Error(`${name} is no route, but has a sample`);
  return route;
}

/** The request that the key of `notes` would be answered with a 2xx. */
async function successOf(name: string): Promise<Ask> {
  const sample = sampleOf(name);
  return sample.ask({ ...world.ids, ...(await sample.make?.(world)) });
}

function successStatus({ statuses }: ContractRoute): number {
  return Math.min(...statuses);
}

function outcomeOf(answer: Answer): string {
  return `${answer.status} ${codeOf(answer) ?? ''}`;
}

/** An answer without what differs between any two: the ids asked for, and those made for it. */
function comparable({ status, text, type }: Answer, asked: Partial<Ids> = {}): Answer {
  const named = Object.entries(asked)
    .toSorted(([, a], [, b]) => b.length - a.length)
    .reduce((rest, [kind, id]) => rest.replaceAll(id, `<${kind}>`), withClaims(text));
  return {
    status,
    type,
    text: named
      .replace(/"request_id":"[^"]+"/, '')
      .replaceAll(/\b(gr|rv|au|key|rf|lr|we|whd|ue|uh)_[0-9a-z]{10,}/g, '<$1>')
      .replaceAll(/"(key|prefix|secret)":"[^"]+"/g, '"$1":"<secret>"'),
  };
}

/** The text with the claims of its tokens instead of the tokens, except for their random ids. */
function withClaims(text: string): string {
  return text.replaceAll(/eyJ[\w-]+\.([\w-]+)\.[\w-]+/g, (_token, claims: string) =>
    Buffer.from(claims, 'base64url')
      .toString('utf8')
      .replace(/"jti":"[^"]+"/, ''),
  );
}
