import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { at, entriesAt, text } from '../helpers/json.ts';
import { withoutPostgres } from '../helpers/outage.ts';
import { testStart, type TestService } from '../helpers/service.ts';
import { putFeature, startTwoProjects } from '../helpers/two-projects.ts';

/* Why features are denied, in the answer itself. */

const day = 86_400_000;
const iso = (instant: number) => new Date(instant).toISOString();

let service: TestService;
let key: string;

beforeAll(async () => {
  const features = { export: 'boolean', seats: 'limit', theme: 'config', constructor: 'boolean' };
  const started = await startTwoProjects(features);
  service = started.service;
  key = started.notes.key;
  await putFeature(service, started.other.key, 'of_other', 'boolean');
  await putFeature(service, key, 'former', 'boolean');
  await service.request('DELETE', '/admin/features/former', { key });
  for (const body of [
    { feature_code: 'export' },
    { feature_code: 'seats', value: 1, valid_to: iso(testStart + day) },
    { feature_code: 'theme', value: 'dark', valid_from: iso(testStart + day) },
  ]) {
    const made = await service.request('POST', '/admin/grant', {
      key,
      body: { user_id: 'u_1', reason: 'test', ...body },
    });
    expect(made.status).toBe(201);
  }
});
afterAll(() => service.close());
beforeEach(() => {
  service.clock.set(testStart);
});

const read = (query: string, headers: Record<string, string> = {}) =>
  service.request('GET', `/entitlements?user_id=u_1${query}`, { key, headers });

const denied = { theme: 'not_yet_valid', constructor: 'no_source', former: 'no_source' };

describe('include=reasons', () => {
  it('says why each other feature of the project is denied, from the cache as from Postgres', async () => {
    const miss = await read('&include=reasons');
    const hit = await read('&include=reasons');
    expect([miss, hit].map(({ headers }) => headers['latchkey-cache'])).toEqual(['miss', 'hit']);
    expect(at(miss.body, 'denied')).toEqual(denied);
    expect(hit.body).toEqual(miss.body);
    const plain = await read('');
    expect(plain.body).toEqual({ ...Object.fromEntries(entriesAt(hit.body)), denied: undefined });
  });

  it('says of each feature what `check` says of it, at any instant', async () => {
    for (const instant of [testStart, testStart + day]) {
      const { body } = await read(`&include=reasons&at=${iso(instant)}`);
      for (const code of ['export', 'seats', 'theme', 'constructor', 'former', 'unheard_of']) {
        const check = await service.request(
          'GET',
          `/entitlements/check?user_id=u_1&feature_code=${code}&at=${iso(instant)}`,
          { key },
        );
        const isGranted = entriesAt(body, 'entitlements').some(
          ([, entry]) => at(entry, 'feature_code') === code,
        );
        const reasons = new Map(entriesAt(body, 'denied'));
        const said = isGranted ? 'granted' : (reasons.get(code) ?? 'feature_not_found');
        expect(said, code).toBe(at(check.body, 'reason'));
      }
    }
  });

  it('keeps to the features that are asked for', async () => {
    const { body } = await read('&include=reasons&feature_code=theme&feature_code=unheard_of');
    expect(body).toMatchObject({ entitlements: [] });
    expect(at(body, 'denied')).toEqual({ theme: 'not_yet_valid' });
  });

  it('costs one round trip to Redis on a hit, and no query', async () => {
    await read('&include=reasons');
    const { redis, database } = service.deps;
    const command = vi.spyOn(redis ?? expect.fail('the test runs with Redis'), 'sendCommand');
    await withoutPostgres(database, async () => {
      expect((await read('&include=reasons')).headers['latchkey-cache']).toBe('hit');
    });
    expect(command).toHaveBeenCalledTimes(1);
    command.mockRestore();
  });

  it('has a tag of its own, which changes when the project gets a feature', async () => {
    const plain = text((await read('')).headers, 'etag');
    const etag = text((await read('&include=reasons')).headers, 'etag');
    expect(etag).not.toBe(plain);
    const statuses = async (query: string) =>
      Promise.all(
        [plain, etag].map(async (tag) => (await read(query, { 'if-none-match': tag })).status),
      );
    expect(await statuses('')).toEqual([304, 200]);
    expect(await statuses('&include=reasons')).toEqual([200, 304]);
    await putFeature(service, key, 'late', 'boolean');
    service.clock.advance(5_000);
    const { status, body } = await read('&include=reasons', { 'if-none-match': etag });
    expect([status, at(body, 'denied', 'late')]).toEqual([200, 'no_source']);
  });

  it('goes on with the known features while Postgres cannot be reached', async () => {
    await read('&include=reasons');
    await withoutPostgres(service.deps.database, async () => {
      service.clock.advance(30_000);
      expect(await read('&include=reasons')).toMatchObject({ status: 200, body: { denied } });
    });
  });

  it('400: names any other word', async () => {
    expect(await read('&include=everything')).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'include' }] },
    });
  });
});

describe('a batch with `include: ["reasons"]`', () => {
  it('answers for each user what GET /entitlements answers', async () => {
    const body = { user_ids: ['nobody', 'u_1'], include: ['reasons'] };
    for (const codes of [undefined, ['seats', 'theme', 'unheard_of']]) {
      const batch = await service.request('POST', '/entitlements/batch', {
        key,
        body: { ...body, feature_codes: codes },
      });
      const query = (codes ?? []).map((code) => `&feature_code=${code}`).join('');
      const singles = await Promise.all(
        body.user_ids.map((id) =>
          service.request('GET', `/entitlements?user_id=${id}&include=reasons${query}`, { key }),
        ),
      );
      expect(batch.body).toEqual({ data: singles.map((single) => single.body) });
    }
  });
});
