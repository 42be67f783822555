import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxCursorLength } from '../../src/http/schemas.ts';
import { at } from '../helpers/json.ts';
import { adminKey } from '../helpers/service.ts';
import { type ContractRoute, loadContract } from './contract/document.ts';
import { type Ask, codeOf, send } from './contract/route-sample.ts';
import { sampleOf } from './contract/samples.ts';
import { startWorld, type World } from './contract/world.ts';

/*
 * Cursors that no list, or another list, returned. They are a position in the list or none. They never cause
 * a server error, and show nothing of another project.
 */

let world: World;
let lists: ContractRoute[];

beforeAll(async () => {
  world = await startWorld();
  lists = (await loadContract(world.service)).filter(({ parameters }) =>
    parameters.some(({ name }) => name === 'cursor'),
  );
});
afterAll(() => world.close());

const forged = [
  '0',
  '-1',
  '1 x 1',
  '1 rc_x',
  '2026 x 2026',
  '9'.repeat(15) + ' rc_x',
  '9'.repeat(18),
  '9'.repeat(20),
  '0000-01-01T00:00:00.000Z x -infinity',
  '+275760-09-13T00:00:00.000Z x -infinity',
  'infinity x infinity',
  '2026-11-01T00:00:00.000Z x 2026-11-01T00:00:00.000Z',
  "'; drop table users",
  '\u{10ffff}',
  'x'.repeat(370),
];

const ask = (route: ContractRoute, cursor: string): Ask => {
  const sample = sampleOf(route.name).ask(world.ids);
  return { ...sample, query: { ...sample.query, cursor } };
};
const keyFor = ({ scope }: ContractRoute, key: string) => (scope === 'platform' ? adminKey : key);

describe.each(forged)('a cursor of %j', (text) => {
  it('is a place in the list or a 400, in every list', async () => {
    const cursor = Buffer.from(text).toString('base64url');
    for (const route of lists) {
      const answer = await send(world.app, route, ask(route, cursor), keyFor(route, world.key));
      expect([200, 400], `${route.name}: ${answer.text}`).toContain(answer.status);
    }
  });
});

describe.each(['', '%', '====', 'YQ==', 'Y Q', 'wyg', 'x'.repeat(maxCursorLength + 1)])(
  '%j as a cursor',
  (cursor) => {
    it('is a 400 that names it, in every list', async () => {
      for (const route of lists) {
        const answer = await send(world.app, route, ask(route, cursor), keyFor(route, world.key));
        expect(codeOf(answer), `${route.name}: ${answer.text}`).toBe('bad_request');
        expect(at(JSON.parse(answer.text), 'errors', 0, 'path')).toBe('cursor');
      }
    });
  },
);

/** Pages of one, each by the cursor of the page before. */
async function walk(path: string, idField: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const answer = await world.service.request('GET', `${path}limit=1${query}`, { key: world.key });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    ids.push(String(at(answer.body, 'data', 0, idField)));
    const next = at(answer.body, 'next_cursor');
    cursor = typeof next === 'string' ? next : null;
  }
  return ids;
}

describe('the cursors of the longest ids', () => {
  it.each([
    ['of three-byte characters', '語'.repeat(254)],
    ['of characters outside the basic plane', '\u{1f511}'.repeat(127)],
    ['of ASCII', 'x'.repeat(254)],
  ])('lead through the users of a feature: ids %s', async (_kind, start) => {
    const feature = world.fresh();
    await world.done('PUT', `/admin/features/${feature}`, { name: 'long', type: 'boolean' });
    const userIds = [`${start}a`, `${start}b`, `${start}c`];
    for (const userId of userIds) {
      await world.done('POST', '/admin/grant', {
        user_id: userId,
        feature_code: feature,
        reason: 'a long id',
      });
    }
    expect(await walk(`/features/${feature}/users?`, 'user_id')).toEqual(userIds);
  });

  it('lead through a history of the longest feature codes', async () => {
    const codes = ['a', 'b', 'c'].map((end) => `${'x'.repeat(99)}${end}`);
    for (const code of codes) {
      await world.done('PUT', `/admin/features/${code}`, { name: 'long', type: 'boolean' });
      await world.done('POST', '/admin/grant', {
        user_id: 'long history',
        feature_code: code,
        reason: 'a long code',
      });
    }
    const found = await walk('/entitlements/history?user_id=long%20history&', 'feature_code');
    expect(new Set(found)).toEqual(new Set(codes));
    expect(await walk('/admin/features?', 'feature_code')).toEqual(expect.arrayContaining(codes));
  });

  it('lead through products and prices', async () => {
    const { prisma } = world.service.deps.database;
    const ids = ['a', 'b', 'c'].map((end) => `${'x'.repeat(254)}${end}`);
    await prisma.product.createMany({
      data: ids.map((id) => ({
        id,
        name: id,
        active: true,
        projectId: 'notes',
        takenAt: new Date(),
      })),
    });
    const [productId = ''] = ids;
    await prisma.price.createMany({
      data: ids.map((id) => ({ id, productId, active: true, currency: 'usd', type: 'one_time' })),
    });
    expect(await walk('/admin/products?', 'id')).toEqual(expect.arrayContaining(ids));
    expect(await walk('/admin/prices?', 'id')).toEqual(expect.arrayContaining(ids));
  });
});

it("a cursor of one project's list shows another nothing of it", async () => {
  const about = { user_id: world.ids.user, feature_code: world.ids.feature, reason: 'another' };
  await world.done('POST', '/admin/grant', about);
  const paths = ['features', 'grants', 'events', 'audit', 'projects/notes/keys'];
  for (const path of paths) {
    const first = await world.service.request('GET', `/admin/${path}?limit=1`, { key: world.key });
    const cursor = String(at(first.body, 'next_cursor'));
    const theirs = await world.service.request(
      'GET',
      `/admin/${path.replace('notes', 'other')}?limit=100&cursor=${cursor}`,
      { key: world.otherKey },
    );
    expect(theirs.status, path).toBe(200);
    const own = await world.service.request(
      'GET',
      `/admin/${path.replace('notes', 'other')}?limit=100`,
      { key: world.otherKey },
    );
    const all = JSON.stringify(own.body);
    for (const row of Object.values(at(theirs.body, 'data') ?? {})) {
      expect(all).toContain(JSON.stringify(row));
    }
  }
});
