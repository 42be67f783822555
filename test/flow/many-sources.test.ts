import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sweepBehindCatalog } from '../../src/entitlements/refresh/sweeps.ts';
import { updateUser } from '../../src/entitlements/refresh/update-user.ts';
import { at } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { startTestService, testStart, type TestService } from '../helpers/service.ts';

/*
 * A user who bought the same top-up many times, without end: every segment has one source more than the one
 * before.
 */

let service: TestService;
let key: string;

const minute = 60_000;
const iso = (instant: number) => new Date(instant).toISOString();

beforeAll(async () => {
  service = await startTestService();
  key = (await service.createProject('notes')).key;
  await service.request('PUT', '/admin/features/credits', {
    key,
    body: { name: 'Credits', type: 'limit', merge: 'sum' },
  });
});
afterAll(() => service.close());

/** Gives the user top-ups numbered from `first` on, each a minute after the one before, in one change. */
async function topUp(userId: string, first: number, count: number, validTo: string | null = null) {
  const { deps } = service;
  const numbers = Array.from({ length: count }, (_, index) => first + index);
  await updateUser(deps, 'notes', userId, (tx, { uid }) =>
    tx.grant.createMany({
      data: numbers.map((number) => ({
        id: `gr_${userId}_${String(number).padStart(5, '0')}`,
        uid,
        projectId: 'notes',
        featureCode: 'credits',
        value: 10,
        validFrom: new Date(testStart + number * minute),
        validTo,
        reason: 'test',
        auditId: 'au_test',
        createdAt: new Date(deps.clock()),
      })),
    }),
  );
}

const read = (userId: string, query = '') =>
  service.request('GET', `/entitlements?user_id=${userId}${query}`, { key });

async function rows<T>(sql: string, values: unknown[]): Promise<T[]> {
  return (await service.deps.database.pool.query<T & object>(sql, values)).rows;
}

/** The stored timeline of a user: numbers of live and superseded rows, and the bytes of the live ones. */
async function stored(userId: string): Promise<{ rows: number; liveBytes: number }> {
  const [found] = await rows<{ rows: number; liveBytes: number }>(
    `select count(*)::int as rows,
       (sum(bytes) filter (where superseded_at is null))::int as "liveBytes"
     from (
       select uid, superseded_at, pg_column_size(s) as bytes from entitlement_segments s
       union all
       select uid, superseded_at, pg_column_size(c) from entitlement_source_spans c
     ) parts join users using (uid) where user_id = $1`,
    [userId],
  );
  return found ?? { rows: 0, liveBytes: 0 };
}

async function rowsOfOneMore(userId: string, number: number): Promise<number> {
  const before = await stored(userId);
  await topUp(userId, number, 1);
  return (await stored(userId)).rows - before.rows;
}

describe('one more top-up', () => {
  it('writes as few rows after 400 as after 20', async () => {
    await topUp('few', 1, 20);
    await topUp('many', 1, 400);
    const few = await rowsOfOneMore('few', 21);
    expect(few).toBe(3); // two segments replace the last, and the start of the new source
    expect(await rowsOfOneMore('many', 401)).toBe(few);
  });

  it('that began before the others writes a row for each segment whose value it raises', async () => {
    await topUp('late', 2, 100);
    expect(await rowsOfOneMore('late', 1)).toBeLessThanOrEqual(110);
  });
});

it('four times the top-ups take four times the room', async () => {
  await topUp('room_100', 1, 100);
  await topUp('room_400', 1, 400);
  const small = await stored('room_100');
  expect((await stored('room_400')).liveBytes).toBeLessThan(4.2 * small.liveBytes);
});

describe('what is read', () => {
  it('lists every source that counts and no other, at any instant', async () => {
    await topUp('reader', 1, 30, iso(testStart + 1000 * minute));
    for (const [minutes, count] of [
      [0, 0],
      [1, 1],
      [4, 4],
      [5, 5],
      [29, 29],
      [999, 30],
      [1000, 0],
    ] as const) {
      const { body } = await read('reader', `&at=${iso(testStart + minutes * minute)}`);
      const [entry] = rowsOf(body, 'entitlements');
      const ids = rowsOf(entry, 'sources').map((source) => at(source, 'id'));
      expect(ids).toEqual(
        Array.from(
          { length: count },
          (_, index) => `gr_reader_${String(index + 1).padStart(5, '0')}`,
        ),
      );
      expect(at(entry, 'value') ?? 0).toBe(10 * count);
    }
  });

  it('next changes where only the sources do', async () => {
    const { body } = await read('reader', `&at=${iso(testStart + 10 * minute)}`);
    expect(at(body, 'next_change_at')).toBe(iso(testStart + 11 * minute));
  });
});

/** The answers after each step in the life of one user, with their instants. */
async function liveThrough(userId: string, steps: (() => Promise<unknown>)[]) {
  const answers: { instant: number; body: unknown; etag: unknown }[] = [];
  for (const step of steps) {
    service.clock.advance(minute);
    await step();
    const { body, headers } = await read(userId);
    answers.push({ instant: service.clock.now(), body, etag: headers['etag'] });
  }
  return answers;
}

const operate = async (path: string, body: object) => {
  const answer = await service.request('POST', `/admin/${path}`, {
    key,
    body: { reason: 'test', ...body },
  });
  if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
};

describe('the past', () => {
  const about = { user_id: 'past', feature_code: 'credits' };
  let answers: Awaited<ReturnType<typeof liveThrough>>;

  beforeAll(async () => {
    service.clock.set(testStart + 100 * minute);
    answers = await liveThrough('past', [
      () => topUp('past', 1, 3),
      () => topUp('past', 4, 1),
      // From here on they are more than a segment lists itself.
      () => topUp('past', 5, 1),
      () => topUp('past', 6, 10),
      () => operate('revoke', { grant_id: 'gr_past_00003' }),
      () => operate('revoke', about),
      () => operate('grant', { ...about, value: 7 }),
      () => topUp('past', 16, 1),
      () => operate('revoke', { ...about, block: true }),
    ]);
  });

  it('is answered as it was: sources, revision and tag', async () => {
    const counts = answers.map(({ body }) => {
      const [entry] = rowsOf(body, 'entitlements');
      return rowsOf(entry, 'sources').length;
    });
    expect(counts).toEqual([3, 4, 5, 15, 14, 0, 15, 16, 0]);
    for (const { instant, body, etag } of answers) {
      const then = await read('past', `&known_at=${iso(instant)}`);
      expect(then.body).toEqual(body);
      expect(then.headers['etag']).toBe(etag);
    }
  });

  it('is listed in the history with the sources that counted then', async () => {
    const { body } = await service.request(
      'GET',
      '/entitlements/history?user_id=past&feature_code=credits&limit=100',
      { key },
    );
    const segments = rowsOf(body, 'data');
    for (const { instant, body: answer } of answers) {
      const now = iso(instant);
      const held = segments.find((segment) => {
        const holds = (from: string, to: string) =>
          [at(segment, from)].every((start) => typeof start !== 'string' || start <= now) &&
          [at(segment, to)].every((end) => typeof end !== 'string' || now < end);
        return holds('valid_from', 'valid_to') && holds('recorded_at', 'superseded_at');
      });
      const [entry] = rowsOf(answer, 'entitlements');
      expect(at(held, 'sources') ?? []).toEqual(at(entry, 'sources') ?? []);
    }
  });

  it('grows by one revision with every change', () => {
    expect(answers.map(({ body }) => at(body, 'revision'))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe('segments as the last release wrote them, each with all of its sources', () => {
  it('are read as they are, and are stored anew by the sweep; the history stays', async () => {
    service.clock.set(testStart + 100 * minute);
    await topUp('old', 1, 20);
    const before = await read('old', '&consistency=strong');
    await rows(
      `with old as (select uid from users where user_id = 'old'), gone as (
         delete from entitlement_source_spans using old where entitlement_source_spans.uid = old.uid returning *
       )
       update entitlement_segments s set sources = (
         select jsonb_agg(g.source order by g.source->>'id') from gone g
         where g.valid_from <= s.valid_from and (g.valid_to is null or g.valid_to > s.valid_from)
       ) from old where s.uid = old.uid and s.allowed and s.sources = '[]'`,
      [],
    );
    const asWritten = await read('old', '&consistency=strong');
    expect(asWritten.body).toEqual(before.body);
    expect((await stored('old')).rows).toBe(21);

    service.clock.advance(minute);
    await rows(`update users set catalog_revision = 0 where user_id = 'old'`, []);
    await sweepBehindCatalog(service.deps);
    const [sharing] = await rows<{ count: number }>(
      `select count(*)::int from entitlement_segments s join users u using (uid)
       where u.user_id = 'old' and s.superseded_at is null and jsonb_array_length(s.sources) > 4`,
      [],
    );
    expect(sharing?.count).toBe(0);
    const after = await read('old', '&consistency=strong');
    expect(at(after.body, 'entitlements')).toEqual(at(before.body, 'entitlements'));
    const then = await read('old', `&known_at=${iso(testStart + 100 * minute)}`);
    expect(then.body).toEqual(before.body);
  });
});

describe('the page of one user', () => {
  it('shows 100 segments: what holds and is to come, then what ended last', async () => {
    service.clock.set(testStart + 100 * minute);
    await topUp('paged', 1, 60);
    await topUp('paged', 101, 60);
    const { body } = await service.request('GET', '/admin/users/paged', { key });
    const timeline = rowsOf(body, 'timeline');
    const starts = timeline.map((segment) => at(segment, 'valid_from'));
    expect(starts).toHaveLength(100);
    expect(starts).toEqual(starts.toSorted());
    expect(starts.at(-1)).toBe(iso(testStart + 160 * minute));
    expect(starts).toContain(iso(testStart + 60 * minute));
    expect(starts).not.toContain(iso(testStart + minute));
    expect(rowsOf(timeline.at(-1), 'sources')).toHaveLength(120);
  });
});
