import { OpenFeature } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openEventStream, type StreamClient } from '../helpers/event-stream.ts';
import { at, entriesAt, text } from '../helpers/json.ts';
import { withoutPostgres } from '../helpers/outage.ts';
import { testStart, type TestService } from '../helpers/service.ts';
import { testSigning } from '../helpers/signing.ts';
import { putFeature, startTwoProjects } from '../helpers/two-projects.ts';

/* Features as flags, read by OpenFeature's own server SDK and its OFREP provider, both unchanged. */

const day = 86_400_000;
const iso = (instant: number) => new Date(instant).toISOString();
const streams: StreamClient[] = [];

let service: TestService;
let key: string;
let otherKey: string;
let url: string;

beforeAll(async () => {
  const started = await startTwoProjects(
    { export: 'boolean', seats: 'limit', storage: 'limit', theme: 'config', beta: 'boolean' },
    { config: testSigning },
  );
  service = started.service;
  key = started.notes.key;
  otherKey = started.other.key;
  url = await service.listen();
  for (const body of [
    { feature_code: 'export', valid_to: iso(testStart + day) },
    { feature_code: 'seats', value: 5 },
    { feature_code: 'storage', value: 'unlimited' },
    { feature_code: 'theme', value: { dark: true } },
  ]) {
    await grant('u_1', body);
  }
});
afterAll(async () => {
  await OpenFeature.close();
  await service.close();
});
beforeEach(() => {
  service.clock.set(testStart);
});
afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});

async function grant(userId: string, body: object): Promise<void> {
  const { status } = await service.request('POST', '/admin/grant', {
    key,
    body: { user_id: userId, reason: 'test', ...body },
  });
  expect(status).toBe(201);
  await service.deps.feed.look();
}

async function tokenOf(userId: string): Promise<string> {
  const made = await service.request('POST', '/user-tokens', { key, body: { user_id: userId } });
  return text(made.body, 'token');
}

/** A client of OpenFeature with these headers, in a domain of its own. */
async function clientWith(headers: Record<string, string>) {
  const domain = JSON.stringify(headers);
  const provider = new OFREPProvider({ baseUrl: url, headers: Object.entries(headers) });
  await OpenFeature.setProviderAndWait(domain, provider);
  return OpenFeature.getClient(domain);
}

const user = (targetingKey: string) => ({ targetingKey, plan: 'ignored', age: 42 });

const bulk = (body: object, by = key, headers: Record<string, string> = {}, query = '') =>
  service.request('POST', `/ofrep/v1/evaluate/flags${query}`, { key: by, body, headers });

const context = (targetingKey: string) => ({ context: { targetingKey } });

describe("OpenFeature's server SDK", () => {
  it.each(['Authorization', 'X-API-Key'])('reads every type of feature, by %s', async (header) => {
    const client = await clientWith({ [header]: header === 'X-API-Key' ? key : `Bearer ${key}` });
    expect(await client.getBooleanDetails('export', false, user('u_1'))).toMatchObject({
      value: true,
      reason: 'TARGETING_MATCH',
      variant: 'granted',
      flagMetadata: { reason: 'granted', revision: 4, valid_to: iso(testStart + day) },
    });
    expect(await client.getNumberValue('seats', -1, user('u_1'))).toBe(5);
    expect(await client.getNumberDetails('storage', -1, user('u_1'))).toMatchObject({
      value: Number.MAX_SAFE_INTEGER,
      flagMetadata: { unlimited: true },
    });
    expect(await client.getObjectValue('theme', {}, user('u_1'))).toEqual({ dark: true });
  });

  it('gets what is denied as false, as 0, and as the default where there is no value', async () => {
    const client = await clientWith({ Authorization: `Bearer ${key}` });
    const denied = await client.getBooleanDetails('export', true, user('nobody'));
    expect(denied).toMatchObject({
      value: false,
      reason: 'DISABLED',
      variant: 'denied',
      flagMetadata: { reason: 'no_source', revision: 0 },
    });
    expect(denied.flagMetadata).not.toHaveProperty('valid_to');
    expect(await client.getNumberValue('seats', -1, user('nobody'))).toBe(0);
    expect(await client.getObjectValue('theme', { light: true }, user('nobody'))).toEqual({
      light: true,
    });
  });

  it('learns that a flag or its targeting key is missing', async () => {
    const client = await clientWith({ Authorization: `Bearer ${key}` });
    for (const code of ['unheard_of', 'Not-A-Code', 'of_other']) {
      expect(await client.getBooleanDetails(code, true, user('u_1')), code).toMatchObject({
        value: true,
        errorCode: 'FLAG_NOT_FOUND',
      });
    }
    expect(await client.getBooleanDetails('export', false, { plan: 'pro' })).toMatchObject({
      value: false,
      errorCode: 'TARGETING_KEY_MISSING',
    });
  });

  it('falls back to the default where the key is wrong', async () => {
    const client = await clientWith({ Authorization: 'Bearer wrong' });
    expect(await client.getBooleanValue('export', false, user('u_1'))).toBe(false);
  });

  it('reads with a user token its user alone', async () => {
    const client = await clientWith({ Authorization: `Bearer ${await tokenOf('u_1')}` });
    expect(await client.getBooleanValue('export', false, {})).toBe(true);
    expect(await client.getBooleanValue('export', false, user('u_1'))).toBe(true);
    expect(await client.getBooleanDetails('export', true, user('u_2'))).toMatchObject({
      value: true,
      reason: 'ERROR',
    });
  });
});

describe('POST /ofrep/v1/evaluate/flags/{feature_code}', () => {
  const single = (code: string, body: unknown = context('u_1'), headers = {}) =>
    service.request('POST', `/ofrep/v1/evaluate/flags/${code}`, { key, body, headers });

  it('agrees with `check`, at a boundary too', async () => {
    for (const instant of [testStart, testStart + day - 1, testStart + day]) {
      service.clock.set(instant);
      for (const code of ['export', 'seats', 'beta']) {
        const evaluation = await single(code);
        const check = await service.request(
          'GET',
          `/entitlements/check?user_id=u_1&feature_code=${code}`,
          { key },
        );
        expect(at(evaluation.body, 'metadata', 'reason')).toBe(at(check.body, 'reason'));
        expect(at(evaluation.body, 'variant') === 'granted').toBe(at(check.body, 'allowed'));
      }
    }
  });

  it('is a hit of the cache after the first read', async () => {
    await single('export', context('u_hit'));
    expect((await single('seats', context('u_hit'))).headers['latchkey-cache']).toBe('hit');
    await withoutPostgres(service.deps.database, async () => {
      expect((await single('seats', context('u_hit'))).status).toBe(200);
    });
  });

  it('knows a feature that was just made', async () => {
    expect((await single('just_made')).status).toBe(404);
    await putFeature(service, key, 'just_made', 'limit');
    expect((await single('just_made')).body).toMatchObject({ value: 0 });
  });

  it('answers errors in the shape of the protocol, and as problems', async () => {
    expect((await single('unheard_of')).body).toMatchObject({
      key: 'unheard_of',
      errorCode: 'FLAG_NOT_FOUND',
      errorDetails: expect.any(String) as unknown,
      code: 'feature_not_found',
      status: 404,
    });
    for (const [body, errorCode] of [
      [{ context: {} }, 'TARGETING_KEY_MISSING'],
      [{}, 'TARGETING_KEY_MISSING'],
      [context(''), 'TARGETING_KEY_MISSING'],
      [{ context: { targetingKey: 42 } }, 'INVALID_CONTEXT'],
      [context('a\u0000b'), 'INVALID_CONTEXT'],
      [context('..'), 'INVALID_CONTEXT'],
      [{ context: 'u_1' }, 'TARGETING_KEY_MISSING'],
      ['{"context"', 'PARSE_ERROR'],
      [{ ...context('u_1'), flags: [] }, 'GENERAL'],
    ] as const) {
      const { status, body: problem } = await single('export', body);
      expect([status, problem], JSON.stringify(body)).toMatchObject([
        400,
        { key: 'export', errorCode, code: 'bad_request' },
      ]);
    }
  });

  it('prefers `Authorization` to `X-API-Key`', async () => {
    const { body } = await single('seats', context('u_1'), { 'x-api-key': otherKey });
    expect(at(body, 'value')).toBe(5);
    const anonymous = await service.app.inject({
      method: 'POST',
      url: '/api/v1/entitlements/batch',
      headers: { 'x-api-key': key },
      payload: { user_ids: ['u_1'] },
    });
    expect(anonymous.statusCode).toBe(401);
  });
});

describe('POST /ofrep/v1/evaluate/flags', () => {
  const keysOf = (body: unknown) => entriesAt(body, 'flags').map(([, flag]) => at(flag, 'key'));

  it('evaluates all features as one by one', async () => {
    const { status, body } = await bulk(context('u_1'));
    expect(status).toBe(200);
    expect(at(body, 'metadata')).toEqual({ revision: 4 });
    expect(keysOf(body)).toEqual(expect.arrayContaining(['beta', 'export', 'seats', 'theme']));
    for (const [, flag] of entriesAt(body, 'flags')) {
      const single = await service.request(
        'POST',
        `/ofrep/v1/evaluate/flags/${text(flag, 'key')}`,
        { key, body: context('u_1') },
      );
      expect(flag).toEqual(single.body);
    }
  });

  it('has a tag, and answers 304 until something changes', async () => {
    const { headers } = await bulk(context('u_tag'));
    const tagged = { 'if-none-match': text(headers, 'etag') };
    expect(await bulk(context('u_tag'), key, tagged)).toMatchObject({
      status: 304,
      body: undefined,
    });
    await grant('u_tag', { feature_code: 'export' });
    expect((await bulk(context('u_tag'), key, tagged)).status).toBe(200);
  });

  it('changes its tag at a boundary and with the features of the project', async () => {
    const { headers } = await bulk(context('u_1'));
    const tagged = { 'if-none-match': text(headers, 'etag') };
    await putFeature(service, key, 'newest', 'boolean');
    service.clock.advance(5_000);
    const second = await bulk(context('u_1'), key, tagged);
    expect([second.status, keysOf(second.body).includes('newest')]).toEqual([200, true]);
    service.clock.set(testStart + day);
    const atBoundary = { 'if-none-match': text(second.headers, 'etag') };
    expect((await bulk(context('u_1'), key, atBoundary)).status).toBe(200);
  });

  it('names a stream whose URL stays for a while, and changes its tag with the URL', async () => {
    const urlIn = (body: unknown) => text(body, 'eventStreams', 0, 'url');
    const first = await bulk(context('u_1'));
    service.clock.advance(899_000);
    const later = await bulk(context('u_1'));
    service.clock.advance(1_000);
    const next = await bulk(context('u_1'));
    expect(urlIn(first.body)).toMatch(
      /^https:\/\/latchkey\.example\/api\/v1\/changes\/stream\?format=ofrep&access_token=eyJ/,
    );
    expect(urlIn(later.body)).toBe(urlIn(first.body));
    expect(urlIn(next.body)).not.toBe(urlIn(first.body));
    const tags = [first, later, next].map(({ headers }) => headers['etag']);
    expect(tags[1]).toBe(tags[0]);
    expect(tags[2]).not.toBe(tags[0]);
  });

  it("gives a user token's page that very token, so that no token renews itself", async () => {
    const token = await tokenOf('u_1');
    const { body } = await bulk({}, token);
    expect(text(body, 'eventStreams', 0, 'url')).toContain(`access_token=${token}`);
  });

  it('shows at least the revision of the event that made the client ask', async () => {
    await bulk(context('u_event'));
    // As if the invalidation of the cache had been lost.
    const { cache } = service.deps;
    const forget = cache.forget.bind(cache);
    cache.forget = () => Promise.resolve();
    await grant('u_event', { feature_code: 'export' });
    cache.forget = forget;
    const outdated = await bulk(context('u_event'));
    expect(at(outdated.body, 'metadata', 'revision')).toBe(0);
    const fresh = await bulk(context('u_event'), key, {}, '?flagConfigEtag=%221-0%22');
    expect(at(fresh.body, 'metadata', 'revision')).toBe(1);
    const unknown = await bulk(context('u_event'), key, {}, '?flagConfigEtag=x');
    expect(unknown.status).toBe(200);
  });

  it("shows nothing of another project's features and users", async () => {
    expect((await bulk(context('u_1'), otherKey)).body).toMatchObject({
      flags: [],
      metadata: { revision: 0 },
    });
  });
});

describe('the stream that an answer names', () => {
  async function follow(query: string, by?: string): Promise<StreamClient> {
    const stream = await openEventStream(`${url}/api/v1/changes/stream${query}`, by);
    streams.push(stream);
    return stream;
  }

  it('tells the client to evaluate again after each change of its user', async () => {
    const { body } = await bulk(context('u_live'));
    const named = new URL(text(body, 'eventStreams', 0, 'url'));
    const stream = await follow(named.search);
    expect(stream.status).toBe(200);
    await grant('u_another', { feature_code: 'export' });
    await grant('u_live', { feature_code: 'export' });
    const [event] = await stream.take(1);
    expect(event).toMatchObject({ event: 'message', data: { type: 'refetchEvaluation' } });
    const etag = encodeURIComponent(text(event?.data, 'etag'));
    const again = await bulk(context('u_live'), key, {}, `?flagConfigEtag=${etag}`);
    expect(at(again.body, 'metadata', 'revision')).toBe(1);
  });

  it('goes on after the last event that the client got', async () => {
    const query = `?format=ofrep&access_token=${await tokenOf('u_resumes')}`;
    const stream = await follow(query);
    await grant('u_resumes', { feature_code: 'export' });
    const [event] = await stream.take(1);
    stream.close();
    await grant('u_resumes', { feature_code: 'beta' });
    const resumed = await follow(`${query}&after=${event?.id}`);
    expect((await resumed.take(1))[0]).toMatchObject({ data: { type: 'refetchEvaluation' } });
  });

  it('400: needs a user', async () => {
    expect((await follow('?format=ofrep', key)).status).toBe(400);
    expect((await follow('?format=ofrep&user_id=u_1', key)).status).toBe(200);
    expect((await follow('?format=other&user_id=u_1', key)).status).toBe(400);
  });
});
