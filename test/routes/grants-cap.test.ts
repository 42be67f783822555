import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxSources } from '../../src/entitlements/core/source-cap.ts';
import { ensureUsers } from '../../src/entitlements/users.ts';
import { countAlarms } from '../helpers/alarms.ts';
import { at } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { type Shop, startShop } from '../helpers/shop.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());

/** Grants of `export` as they are stored, without the timeline that would be theirs. */
async function storeGrants(userId: string, count: number, validTo: Date | null = null) {
  const { database, clock } = shop.service.deps;
  await database.transaction(async (tx) => {
    await ensureUsers(tx, [{ projectId: 'notes', userId }], clock());
    const { uid } = await tx.user.findUniqueOrThrow({
      where: { projectId_userId: { projectId: 'notes', userId } },
    });
    await tx.grant.createMany({
      data: Array.from({ length: count }, (_, index) => ({
        id: `gr_${userId}_${validTo === null ? 'open' : 'over'}_${index}`,
        ...{ uid, projectId: 'notes', featureCode: 'export', value: true, validTo },
        validFrom: new Date(clock() - 86_400_000),
        ...{ reason: 'test', auditId: 'au_test', createdAt: new Date(clock()) },
      })),
    });
  });
}

const post = (path: string, body: object) =>
  shop.service.request('POST', `/admin/${path}`, {
    key: shop.key,
    body: { reason: 'test', ...body },
  });

const grant = (userId: string) => ({ user_id: userId, feature_code: 'export' });

const alarms = () => countAlarms(shop.service, 'too_many_sources');

describe('a user with as many grants as are possible', () => {
  it('gets no more until one ends', async () => {
    await storeGrants('full', maxSources);
    expect(await post('grant', grant('full'))).toMatchObject({
      status: 422,
      body: { code: 'too_many_grants', errors: [{ path: 'user_id' }] },
    });
    expect(await post('revoke', { grant_id: 'gr_full_open_7' })).toMatchObject({ status: 200 });
    expect(await post('grant', grant('full'))).toMatchObject({ status: 201 });
    expect(await post('grant', grant('full'))).toMatchObject({ status: 422 });
  });

  it('is not one whose grants are over', async () => {
    await storeGrants('former', maxSources, new Date(shop.service.clock.now() - 1));
    expect(await post('grant', grant('former'))).toMatchObject({ status: 201 });
  });

  it('has the rows of a list refused that are one too many, each with its problem', async () => {
    await storeGrants('nearly', maxSources - 1);
    const grants = [grant('nearly'), grant('nearly'), grant('other')];
    const { status, body } = await post('grants/bulk', { grants, atomic: false });
    expect(status).toBe(200);
    expect(rowsOf(body, 'results').map((row) => at(row, 'problem', 'code') ?? null)).toEqual([
      null,
      'too_many_grants',
      null,
    ]);
  });

  it('has a whole list refused that is all or nothing', async () => {
    await storeGrants('atomic', maxSources - 1);
    const grants = [grant('other'), grant('atomic'), grant('atomic')];
    expect(await post('grants/bulk', { grants, atomic: true })).toMatchObject({
      status: 422,
      body: { code: 'too_many_grants', errors: [{ path: 'grants[2].user_id' }] },
    });
    const count = await shop.service.deps.database.prisma.grant.count({
      where: { user: { userId: 'atomic' } },
    });
    expect(count).toBe(maxSources - 1);
  });

  it('gets what is paid for all the same, with an alarm', async () => {
    await storeGrants('buyer', maxSources);
    const before = await alarms();
    await shop.buy('buyer', 'pro');
    await shop.settle();
    const bought = await alarms();
    expect(bought).toBeGreaterThan(before);
    await shop.service.request('PUT', '/admin/features/export', {
      key: shop.key,
      body: { name: 'Renamed', type: 'boolean' },
    });
    expect(await alarms()).toBeGreaterThan(bought);
    const { body } = await shop.service.request('GET', '/entitlements?user_id=buyer', {
      key: shop.key,
    });
    const sources = rowsOf(body, 'entitlements').flatMap((entry) => rowsOf(entry, 'sources'));
    expect(sources.some((source) => at(source, 'type') === 'subscription')).toBe(true);
  });
});
