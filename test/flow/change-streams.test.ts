import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openEventStream, type StreamClient } from '../helpers/event-stream.ts';
import { at, text } from '../helpers/json.ts';
import type { TestService } from '../helpers/service.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };
let url: string;
const clients: StreamClient[] = [];

beforeAll(async () => {
  ({ service, notes, other } = await startTwoProjects(
    { export: 'boolean' },
    { config: { maxStreams: 103 } },
  ));
  url = await service.listen();
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(() => service.close());

async function follow(
  query = '',
  { key = notes.key, headers = {} }: { key?: string; headers?: Record<string, string> } = {},
): Promise<StreamClient> {
  const client = await openEventStream(`${url}/api/v1/changes/stream${query}`, key, headers);
  clients.push(client);
  return client;
}

/** Grants, and hands the change out, as a process with its background work does by itself. */
async function grant(userId: string): Promise<void> {
  await service.request('POST', '/admin/grant', {
    key: notes.key,
    body: { user_id: userId, feature_code: 'export', reason: 'a test' },
  });
  await service.deps.feed.look();
}

const usersIn = (client: StreamClient): unknown[] =>
  client.events.filter(({ event }) => event === 'change').map(({ data }) => at(data, 'user_id'));

describe('GET /changes/stream', () => {
  it('begins with its place, and sends each change once under its cursor', async () => {
    const client = await follow();
    expect(client.headers).toMatchObject({ 'content-type': 'text/event-stream; charset=utf-8' });
    const [ready] = await client.take(1);
    expect(ready).toMatchObject({ event: 'ready', data: { cursor: ready?.id } });
    await grant('ann');
    await grant('bo');
    const [, first, second] = await client.take(3);
    expect(first).toMatchObject({
      event: 'change',
      data: { cursor: first?.id, user_id: 'ann', revision: 1, gained: ['export'] },
    });
    expect(second).toMatchObject({ event: 'change', data: { user_id: 'bo' } });
  });

  it('goes on after the last event that its reader got, which goes before `after`', async () => {
    const before = await follow();
    await grant('cy');
    await grant('di');
    const events = await before.take(3);
    before.close();
    await grant('ed');
    const after = await follow('?after=start', {
      headers: { 'last-event-id': events[1]?.id ?? '' },
    });
    await after.take(3);
    await grant('fi');
    await after.take(4);
    expect(usersIn(after)).toEqual(['di', 'ed', 'fi']);
  });

  it('sends one user, and nothing of another project', async () => {
    const [one, foreign] = await Promise.all([
      follow('?user_id=hal'),
      follow('', { key: other.key }),
    ]);
    await Promise.all([one.take(1), foreign.take(1)]);
    await grant('gus');
    await grant('hal');
    await one.take(2);
    expect(usersIn(one)).toEqual(['hal']);
    expect(usersIn(foreign)).toEqual([]);
  });

  it('says `reset` where changes may be missing before its place', async () => {
    const { id } = (await (await follow()).take(1))[0] ?? { id: '' };
    await grant('ida');
    await service.deps.database.pool.query(
      'update change_feed set deleted_position = last_position',
    );
    const client = await follow(`?after=${id}`);
    const [ready, reset] = await client.take(2);
    expect([ready?.event, reset?.event]).toEqual(['ready', 'reset']);
    expect(reset?.data).toEqual({ cursor: ready?.id });
    await grant('jo');
    await client.take(3);
    expect(usersIn(client)).toEqual(['jo']);
  });

  it('ends when its key is deleted, and others stay', async () => {
    const made = await service.request('POST', '/admin/projects/notes/keys', {
      key: notes.key,
      body: { name: 'a stream', scopes: ['read'] },
    });
    const [client, stays] = [await follow('', { key: text(made.body, 'key') }), await follow()];
    await service.request('DELETE', `/admin/projects/notes/keys/${text(made.body, 'id')}`, {
      key: notes.key,
    });
    await client.ended;
    await grant('kim');
    await stays.take(2);
    expect(usersIn(stays)).toEqual(['kim']);
  });

  it('ends when its key expires', async () => {
    const expires_at = new Date(service.clock.now() + 60_000).toISOString();
    const made = await service.request('POST', '/admin/projects/notes/keys', {
      key: notes.key,
      body: { name: 'a while', scopes: ['read'], expires_at },
    });
    const client = await follow('', { key: text(made.body, 'key') });
    await client.take(1);
    service.clock.advance(61_000);
    await client.ended;
  });

  it('is closed, not waited for, when its reader is too slow', async () => {
    const [slow, quick] = [await follow(), await follow()];
    await Promise.all([slow.take(1), quick.take(1)]);
    slow.pause();
    const { metrics } = service.deps;
    const closed = async (): Promise<number> => {
      const { values } = await metrics.changeStreamsClosed.get();
      return values.find(({ labels }) => labels.reason === 'slow')?.value ?? 0;
    };
    // Some 20 MB of events, more than any socket buffers.
    await service.deps.database.pool.query(
      `insert into changes (uid, project_id, revision, cause, at, recorded_at, gained, lost, changed)
       select uid, project_id, revision, 'stripe', now(), now(), array_fill(repeat('x', 100), array[10]), '{}', '{}'
       from users, generate_series(1, 15000) where project_id = 'notes' and user_id = 'ann'`,
    );
    await service.deps.feed.look();
    expect(await closed()).toBe(1);
    await grant('after');
    while (!usersIn(quick).includes('after')) await quick.take(quick.events.length + 1);
  });

  it('gives its slot back when its client leaves before the first event', async () => {
    const { database, metrics } = service.deps;
    const held = async (): Promise<number | undefined> =>
      (await metrics.changeStreams.get()).values[0]?.value;
    await expect.poll(held).toBe(0);
    const blocking = await database.pool.connect();
    try {
      await blocking.query('begin; select from change_feed for update');
      // Publishing this change waits, and with it the stream's first page.
      await service.request('POST', '/admin/grant', {
        key: notes.key,
        body: { user_id: 'nan', feature_code: 'export', reason: 'a test' },
      });
      const leaving = new AbortController();
      const sent = fetch(`${url}/api/v1/changes/stream`, {
        headers: { authorization: `Bearer ${notes.key}` },
        signal: leaving.signal,
      });
      await expect.poll(held).toBe(1);
      leaving.abort();
      await expect(sent).rejects.toThrow();
    } finally {
      await blocking.query('commit');
      blocking.release();
    }
    await expect.poll(held).toBe(0);
  });

  it('429: more than 100 of one key; 503: more than the instance may hold', async () => {
    const ofKey = await Promise.all(Array.from({ length: 100 }, () => follow()));
    expect(new Set(ofKey.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await follow()).toMatchObject({ status: 429 });
    const made = await service.request('POST', '/admin/projects/notes/keys', {
      key: notes.key,
      body: { name: 'a second key', scopes: ['read'] },
    });
    const second = { key: text(made.body, 'key') };
    for (let more = 0; more < 3; more += 1) {
      expect(await follow('', second)).toMatchObject({ status: 200 });
    }
    const refused = await follow('', second);
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBe('1');
    // Another project gets a slot of the one that holds them all.
    expect(await follow('', { key: other.key })).toMatchObject({ status: 200 });
  });
});

describe('a long poll', () => {
  const cursorNow = async (): Promise<string> =>
    text((await service.request('GET', '/changes', { key: notes.key })).body, 'next_cursor');

  it('answers as soon as there is a change that it asks for', async () => {
    const cursor = await cursorNow();
    const answer = service.request('GET', `/changes?after=${cursor}&user_id=moe&wait_seconds=25`, {
      key: notes.key,
    });
    await grant('leo');
    await grant('moe');
    expect(await answer).toMatchObject({ status: 200, body: { data: [{ user_id: 'moe' }] } });
  });

  it('answers with its place when the wait is over', async () => {
    const cursor = await cursorNow();
    const { status, body } = await service.request(
      'GET',
      `/changes?after=${cursor}&wait_seconds=1`,
      { key: notes.key },
    );
    expect([status, body]).toEqual([200, { data: [], next_cursor: cursor }]);
  });
});

describe('a long poll whose key ends', () => {
  it('answers 401, and shows nothing more', async () => {
    const made = await service.request('POST', '/admin/projects/notes/keys', {
      key: notes.key,
      body: { name: 'a poll', scopes: ['read'] },
    });
    const { body } = await service.request('GET', '/changes', { key: notes.key });
    const polling = service.request(
      'GET',
      `/changes?after=${text(body, 'next_cursor')}&wait_seconds=25`,
      { key: text(made.body, 'key') },
    );
    await expect
      .poll(async () => (await service.deps.metrics.changeStreams.get()).values[0]?.value)
      .toBeGreaterThan(0);
    await service.request('DELETE', `/admin/projects/notes/keys/${text(made.body, 'id')}`, {
      key: notes.key,
    });
    expect(await polling).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  });
});

describe('a process that stops', () => {
  it('ends its streams and long polls at once, so that they go on elsewhere', async () => {
    const client = await follow();
    const [ready] = await client.take(1);
    const polling = service.request('GET', `/changes?after=${ready?.id}&wait_seconds=25`, {
      key: notes.key,
    });
    await expect
      .poll(async () => (await service.deps.metrics.changeStreams.get()).values[0]?.value)
      .toBe(2);
    service.deps.lifecycle.beginStop();
    await client.ended;
    expect(await polling).toMatchObject({ status: 200, body: { data: [] } });
  });
});
