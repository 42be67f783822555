import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSigning } from '../../src/signing/signing.ts';
import { text } from '../helpers/json.ts';
import { adminKey, requestTo } from '../helpers/service.ts';
import { testSigning } from '../helpers/signing.ts';
import { digestTables } from './contract/digest.ts';
import { type ContractRoute, loadContract } from './contract/document.ts';
import { type Answer, type Ask, codeOf, inProject, send } from './contract/route-sample.ts';
import { sampleOf, samples } from './contract/samples.ts';
import { startWorld, type World } from './contract/world.ts';

/*
 * Every route by every kind of user token. The routes are those of the running application: one that is
 * not listed here has to refuse user tokens.
 */

const readable = [
  'GET /api/v1/changes/stream',
  'GET /api/v1/entitlements',
  'GET /api/v1/entitlements/check',
  'GET /api/v1/entitlements/explain',
  'GET /api/v1/usage',
  'POST /ofrep/v1/evaluate/flags',
  'POST /ofrep/v1/evaluate/flags/{feature_code}',
];

const names = Object.keys(samples).sort();

let world: World;
let routes: ContractRoute[];
let tokens: Record<'own' | 'others' | 'foreign', string>;
let refused: Record<string, string>;

beforeAll(async () => {
  world = await startWorld();
  routes = await loadContract(world.service);
  const { service, app, ids } = world;
  const request = requestTo(app);
  const make = async (projectId: string, userId: string, ttl = 3_600) => {
    const body = { project_id: projectId, user_id: userId, ttl_seconds: ttl };
    const made = await request('POST', '/user-tokens', { key: adminKey, body });
    return text(made.body, 'token');
  };
  const short = await make('notes', ids.user, 1);
  service.clock.advance(1_000);
  const document = await request('GET', `/entitlements/document?user_id=${ids.user}`, {
    key: world.key,
  });
  tokens = {
    own: await make('notes', ids.user),
    others: await make('notes', 'someone_else'),
    foreign: await make('other', ids.user),
  };
  const signing = createSigning(testSigning) ?? expect.fail('no signing');
  const [header = '', payload = '', signature = ''] = tokens.own.split('.');
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const signed = (more: object, by = signing) =>
    by.sign('latchkey-user+jwt', JSON.stringify(Object.assign({}, claims, more)));
  const none = Buffer.from('{"alg":"none","typ":"latchkey-user+jwt"}').toString('base64url');
  const otherKey = { ...testSigning, signingKeys: [generateKeyPairSync('ed25519').privateKey] };
  refused = {
    'that has expired': short,
    'whose signature is cut': `${header}.${payload}.${signature.slice(0, -2)}`,
    'with `alg: none`': `${none}.${payload}.`,
    'of a key that the service does not have': signed(
      {},
      createSigning(otherKey) ?? expect.fail('no signing'),
    ),
    'of another issuer': signed({ iss: 'https://elsewhere.example' }),
    'of a project that does not exist': signed({ aud: 'nowhere' }),
    'without a user': signed({ sub: undefined }),
    'without an end': signed({ exp: undefined }),
    'that is a document': text(document.body, 'document'),
    'that is longer than any': signed({ sub: 'x'.repeat(4_000) }),
  };
}, 60_000);
afterAll(() => world.close());

function routeOf(name: string): ContractRoute {
  return routes.find((each) => each.name === name) ?? expect.fail(`${name} is no route`);
}

async function successOf(name: string): Promise<Ask> {
  const sample = sampleOf(name);
  return sample.ask({ ...world.ids, ...(await sample.make?.(world)), user: world.ids.user });
}

const outcomeOf = (answer: Answer): string => `${answer.status} ${codeOf(answer) ?? ''}`;

it('the contract names the routes that take user tokens, and no others', () => {
  const documented = routes.filter(({ takesUserTokens }) => takesUserTokens);
  expect(documented.map(({ name }) => name).sort()).toEqual(readable);
});

describe.each(names)('%s', (name) => {
  it('answers a user token if it reads that user, and refuses it otherwise', async () => {
    const [route, success] = [routeOf(name), await successOf(name)];
    const before = await digestTables(world.service);
    const answer = await send(world.app, route, success, tokens.own);
    if (readable.includes(name)) expect(answer).toMatchObject({ status: 200 });
    else if (route.scope === null) {
      // An open route does not look at it.
      expect(outcomeOf(answer)).toBe(outcomeOf(await send(world.app, route, success, 'none')));
    } else expect(outcomeOf(answer)).toBe('403 scope_missing');
    if (route.scope !== null) expect(await digestTables(world.service)).toEqual(before);
  });

  it('refuses the token of another user, and shows another project nothing of this one', async () => {
    const route = routeOf(name);
    if (!readable.includes(name)) return;
    const success = await successOf(name);
    const others = await send(world.app, route, success, tokens.others);
    expect(outcomeOf(others)).toBe('403 scope_missing');
    const nobodys = await send(
      world.app,
      route,
      sampleOf(name).ask({ ...world.ids, user: 'nobody_at_all' }),
      tokens.others,
    );
    expect({ ...nobodys, text: '' }).toEqual({ ...others, text: '' });
    const foreign = await send(world.app, route, success, tokens.foreign);
    // 404: the feature that the path names is none of the other project.
    expect([200, 404]).toContain(foreign.status);
    for (const id of [world.ids.grant, world.ids.price, world.ids.revocation]) {
      expect(foreign.text).not.toContain(id);
    }
    const named = await send(world.app, route, inProject(route, success, 'notes'), tokens.foreign);
    expect(outcomeOf(named)).toBe('404 project_not_found');
  });

  it('401: for every token that is not valid', async () => {
    const route = routeOf(name);
    if (route.scope === null) return;
    const success = await successOf(name);
    for (const [fault, token] of Object.entries(refused)) {
      const answer = await send(world.app, route, success, token);
      expect(outcomeOf(answer), `a token ${fault}`).toBe('401 unauthorized');
    }
  });
});
