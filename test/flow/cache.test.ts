import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type EntitlementCache } from '../../src/entitlements/read/cache.ts';
import { finishAnswer } from '../../src/entitlements/read/cached-answer.ts';
import { loadTimeline } from '../../src/entitlements/read/load-timelines.ts';
import { answerOf, readEntitlements } from '../../src/entitlements/read/read-entitlements.ts';
import { sweepBehindCatalog, sweepPendingCache } from '../../src/entitlements/refresh/sweeps.ts';
import { updateUser } from '../../src/entitlements/refresh/update-user.ts';
import type { UserName } from '../../src/entitlements/users.ts';
import { grantExport, startGrantingService } from '../helpers/granting.ts';
import type { TestService } from '../helpers/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startGrantingService();
});
afterAll(() => service.close());

let counter = 0;
function newUser(): UserName {
  counter += 1;
  return { projectId: 'notes', userId: `u_${counter}` };
}

const grant = (user: UserName, cache?: EntitlementCache): Promise<void> =>
  grantExport(service, user, cache);

async function isEntitled(user: UserName): Promise<boolean> {
  const { answer } = await readEntitlements(service.deps, user);
  return answer.bodyText.includes('"export"');
}

describe('promise 3: when a change has returned, every later read shows it', () => {
  it('a cached answer is gone with the change', async () => {
    const user = newUser();
    expect(await isEntitled(user)).toBe(false);
    await grant(user);
    expect(await isEntitled(user)).toBe(true);
  });

  it('a reader that is slower than the change cannot fill the cache with what it read before', async () => {
    const { cache, database, clock } = service.deps;
    const user = newUser();
    const slow = await cache.read(user, clock());
    if (slow.state !== 'leased') throw new Error(`expected a lease, got ${slow.state}`);
    const stale = await loadTimeline(database, user);
    await grant(user);
    await cache.fill(user, slow.lease, finishAnswer(answerOf(user, stale, clock()), null), {
      requestedAt: clock(),
      now: clock(),
    });
    expect(await isEntitled(user)).toBe(true);
  });

  it('nor can it after its lease was lost and another reader has one', async () => {
    const { cache, database, clock, redis } = service.deps;
    // A name that no other file uses: Redis is shared, and the key is found by it.
    const user = { ...newUser(), userId: 'u_whose_lease_is_lost' };
    const slow = await cache.read(user, clock());
    if (slow.state !== 'leased') throw new Error(`expected a lease, got ${slow.state}`);
    const stale = await loadTimeline(database, user);
    const keys = (await redis?.keys(`latchkey:*:notes:${user.userId}`)) ?? [];
    expect(keys).toHaveLength(1);
    await redis?.del(...keys);
    await grant(user);
    const next = await cache.read(user, clock());
    expect(next.state).toBe('leased');
    await cache.fill(user, slow.lease, finishAnswer(answerOf(user, stale, clock()), null), {
      requestedAt: clock(),
      now: clock(),
    });
    expect((await cache.read(user, clock())).state).toBe('busy');
    expect(await isEntitled(user)).toBe(true);
  });

  it('readers at the same time get one lease', async () => {
    const { cache, clock } = service.deps;
    const user = newUser();
    const reads = await Promise.all(Array.from({ length: 20 }, () => cache.read(user, clock())));
    expect(reads.filter(({ state }) => state === 'leased')).toHaveLength(1);
    expect(reads.filter(({ state }) => state === 'busy')).toHaveLength(19);
  });

  it('a change whose process died before it invalidated the cache is invalidated by the sweep', async () => {
    const user = newUser();
    expect(await isEntitled(user)).toBe(false);
    const died: EntitlementCache = { ...service.deps.cache, forget: () => Promise.resolve() };
    await grant(user, died);
    expect(await isEntitled(user)).toBe(false);
    service.clock.advance(2_000);
    expect(await sweepPendingCache(service.deps)).toBe(1);
    expect(await isEntitled(user)).toBe(true);
    expect(await sweepPendingCache(service.deps)).toBe(0);
  });

  it('nor does it wait for the sweep where the same user is written again, though nothing changes', async () => {
    const user = newUser();
    expect(await isEntitled(user)).toBe(false);
    const died: EntitlementCache = { ...service.deps.cache, forget: () => Promise.resolve() };
    await grant(user, died);
    await updateUser(service.deps, 'notes', user.userId, () => Promise.resolve());
    expect(await isEntitled(user)).toBe(true);
    const row = await service.deps.database.prisma.user.findFirstOrThrow({ where: user });
    expect([row.revision, row.cachePendingAt]).toEqual([1n, null]);
  });

  it('an answer lives for the published bound, counted from when it was asked for', async () => {
    const { cache, clock, database, redis } = service.deps;
    const user = { ...newUser(), userId: 'u_whose_reader_is_slow' };
    const slow = await cache.read(user, clock());
    if (slow.state !== 'leased') throw new Error(`expected a lease, got ${slow.state}`);
    const answer = finishAnswer(answerOf(user, await loadTimeline(database, user), clock()), null);
    await cache.fill(user, slow.lease, answer, { requestedAt: clock(), now: clock() + 4_000 });
    const [key = ''] = (await redis?.keys(`latchkey:*:notes:${user.userId}`)) ?? [];
    expect(await redis?.pttl(key)).toBeLessThanOrEqual(56_000);
    expect(await redis?.pttl(key)).toBeGreaterThan(0);
  });

  it('the sweep of an older change does not take the mark of a newer one', async () => {
    const user = newUser();
    const { cache, database } = service.deps;
    await grant(user);
    const died: EntitlementCache = { ...cache, forget: () => Promise.resolve() };
    await updateUser({ ...service.deps, cache: died }, 'notes', user.userId, (tx, { uid }) =>
      tx.grant.updateMany({ where: { uid }, data: { endedAt: new Date(service.clock.now()) } }),
    );
    const row = await database.prisma.user.findFirstOrThrow({ where: user });
    await cache.forget([{ user: { ...user, uid: row.uid }, revision: 1, cachePending: true }]);
    const after = await database.prisma.user.findFirstOrThrow({ where: user });
    expect(after.revision).toBe(2n);
    expect(after.cachePendingAt).not.toBeNull();
  });
});

/** Projects with a user each who was computed under an older catalog. */
async function openBehindCatalog(projectIds: readonly string[]): Promise<void> {
  for (const projectId of projectIds) {
    await service.createProject(projectId);
    await updateUser(service.deps, projectId, 'u_1', () => Promise.resolve());
    await service.deps.database.prisma.project.update({
      where: { id: projectId },
      data: { catalogRevision: { increment: 1 } },
    });
  }
}

describe('a project whose users cannot be refreshed', () => {
  it('does not hold up those behind it', async () => {
    const { database } = service.deps;
    await openBehindCatalog(['a_broken', 'b_waiting']);
    const transaction = vi
      .spyOn(database, 'transaction')
      .mockRejectedValueOnce(new Error('read ECONNRESET'));
    try {
      expect(await sweepBehindCatalog(service.deps)).toBe(1);
      expect(await sweepBehindCatalog(service.deps)).toBe(1);
    } finally {
      transaction.mockRestore();
    }
  });
});

describe('refreshing users after a change of the catalog', () => {
  it('ends between two projects if the process stops, and continues the next time', async () => {
    await openBehindCatalog(['c_first', 'd_second']);
    let left = 1;
    expect(await sweepBehindCatalog(service.deps, () => left-- === 0)).toBe(1);
    expect(await sweepBehindCatalog(service.deps)).toBe(1);
  });
});

describe('an upgrade across a change of the cached text', () => {
  it('serves nothing that another release wrote', async () => {
    const { redis } = service.deps;
    const user = { ...newUser(), userId: 'u_of_another_release' };
    await grant(user);
    await isEntitled(user);
    const [key = ''] = (await redis?.keys(`latchkey:*:notes:${user.userId}`)) ?? [];
    expect(await redis?.set(key, JSON.stringify({ entitlements: [] }), 'XX')).toBe('OK');
    const { from, answer } = await readEntitlements(service.deps, user);
    expect([from, answer.revision]).toEqual(['miss', 1]);
    expect(answer.bodyText).toContain('"export"');
  });
});

describe('a user who changed nothing', () => {
  it('keeps the revision and the cached answer', async () => {
    const user = newUser();
    await grant(user);
    await isEntitled(user);
    await updateUser(service.deps, 'notes', user.userId, () => Promise.resolve());
    const { from, answer } = await readEntitlements(service.deps, user);
    expect([from, answer.revision]).toEqual(['hit', 1]);
  });
});
