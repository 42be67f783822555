import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sweepBehindCatalog } from '../../src/entitlements/refresh/sweeps.ts';
import { countAlarms } from '../helpers/alarms.ts';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

/*
 * A user whose timeline cannot be computed, here since Postgres refuses to store it. It is the trouble
 * of one person: it must not be everybody's.
 */

let service: TestService;
let key: string;

const minute = 60_000;
const users = Array.from({ length: 250 }, (_, index) => `u_${index}`);
/** Among the first, in the middle, and two side by side. */
const broken = ['u_0', 'u_120', 'u_201', 'u_202'];

beforeAll(async () => {
  service = await startTestService();
  ({ key } = await service.createProject('notes'));
  await addUp('max');
  for (const value of [3, 4]) {
    await done('POST', '/admin/grants/bulk', {
      grants: users.map((user) => ({ user_id: user, feature_code: 'seats', value })),
      reason: 'a stock',
    });
  }
  await service.deps.database.pool.query(`
    create function refuse_segment() returns trigger language plpgsql as $$
    begin
      if new.uid in (select uid from users where user_id = any('{${broken.join(',')}}')) then
        raise exception 'a segment that cannot be';
      end if;
      return new;
    end $$`);
});
afterAll(() => service.close());

const refuse = () =>
  service.deps.database.pool.query(`create trigger refuse_segment
    before insert on entitlement_segments for each row execute function refuse_segment()`);
const mend = () =>
  service.deps.database.pool.query('drop trigger refuse_segment on entitlement_segments');

async function done(method: 'POST' | 'PUT' | 'GET', path: string, body?: object) {
  const answer = await service.request(method, path, {
    key,
    ...(body === undefined ? {} : { body }),
  });
  if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
  return answer.body;
}

/** Changes the answer for everybody: 4 seats, or 7. */
const addUp = (merge: 'max' | 'sum') =>
  done('PUT', '/admin/features/seats', { name: 'Seats', type: 'limit', merge });

/** How many seats each of the users has. */
async function seats(): Promise<Map<string, unknown>> {
  const counts = new Map<string, unknown>();
  for (let start = 0; start < users.length; start += 100) {
    const user_ids = users.slice(start, start + 100);
    for (const answer of rowsOf(await done('POST', '/entitlements/batch', { user_ids }))) {
      counts.set(text(answer, 'user_id'), at(answer, 'entitlements', 0, 'value'));
    }
  }
  return counts;
}

const seatsOf = (others: number, ofBroken: number) =>
  new Map(users.map((user) => [user, broken.includes(user) ? ofBroken : others]));

const alarms = () => countAlarms(service, 'timeline_not_computed');

describe('a change of the catalog', () => {
  it('is in the answers of all but those who fail, who keep what they had, and raises an alarm for each', async () => {
    const before = await alarms();
    await refuse();
    const changed = await addUp('sum');
    expect(changed).toMatchObject({ refresh: { users: users.length, status: 'running' } });
    expect(await seats()).toEqual(seatsOf(7, 4));
    expect(await alarms()).toBe(before + broken.length);
    const path = `/admin/refreshes/${text(changed, 'refresh', 'id')}`;
    expect(await done('GET', path)).toMatchObject({ status: 'running', behind: broken.length });
  });

  it('leaves those who fail to the sweep, which tries them again once five minutes have passed', async () => {
    await mend();
    expect(await sweepBehindCatalog(service.deps)).toBe(0);
    service.clock.advance(5 * minute);
    expect(await sweepBehindCatalog(service.deps)).toBe(0);
    service.clock.advance(1);
    expect(await sweepBehindCatalog(service.deps)).toBe(broken.length);
    expect(await seats()).toEqual(seatsOf(7, 7));
    expect(await service.deps.database.prisma.refresh.count({ where: { finishedAt: null } })).toBe(
      0,
    );
  });

  it('tries those who failed before it at once: it may be what mends them', async () => {
    await refuse();
    await addUp('max');
    await mend();
    service.clock.advance(1);
    await addUp('max');
    expect(await seats()).toEqual(seatsOf(4, 4));
  });

  it('is done for the other projects where one cannot be swept', async () => {
    const { database } = service.deps;
    const stock = { code: 'seats', name: 'Seats', type: 'limit', createdAt: new Date() };
    for (const projectId of ['first', 'second']) {
      await service.createProject(projectId);
      await database.prisma.feature.create({ data: { ...stock, projectId } });
      await database.prisma.user.create({
        data: { projectId, userId: 'u', createdAt: new Date() },
      });
      await database.prisma.project.update({
        where: { id: projectId },
        data: { catalogRevision: { increment: 1 } },
      });
    }
    const query = database.pool.query.bind(database.pool);
    let failed = 0;
    const failing = vi.spyOn(database.pool, 'query').mockImplementation((...given: unknown[]) => {
      if (!JSON.stringify(given).includes('["first"')) {
        return Reflect.apply(query, database.pool, given) as unknown;
      }
      failed += 1;
      throw new Error('a query that fails');
    });
    try {
      expect(await sweepBehindCatalog(service.deps)).toBe(1);
    } finally {
      failing.mockRestore();
    }
    expect(failed).toBe(1);
    expect(await sweepBehindCatalog(service.deps)).toBe(1);
  });

  it('is done for one who failed as soon as something else of theirs changes', async () => {
    await refuse();
    await addUp('sum');
    await mend();
    const [user] = broken;
    await done('POST', '/admin/grant', {
      user_id: user,
      feature_code: 'seats',
      value: 10,
      reason: 'more',
    });
    const row = await service.deps.database.prisma.user.findFirstOrThrow({
      where: { userId: user ?? '' },
    });
    expect(row.refreshFailedAt).toBeNull();
    expect((await seats()).get(user ?? '')).toBe(17);
  });
});
