import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepHouse } from '../../src/ops/housekeeping.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

/** An answer that is kept under an `Idempotency-Key`. */
function idempotencyRecord(key: string, createdAt: Date) {
  return {
    actor: 'platform',
    route: 'POST /x',
    key,
    requestHash: new Uint8Array(32),
    status: 'done',
    responseStatus: 201,
    responseBody: '{}',
    lockedAt: createdAt,
    createdAt,
  };
}

describe('housekeeping', () => {
  const day = 86_400_000;
  const retention = { eventRetentionDays: 30, changeRetentionDays: 7 };

  it('takes the payload of an event out after the retention, and keeps the event itself', async () => {
    const { prisma } = service.deps.database;
    const limit = service.clock.now() - 30 * day;
    const event = (eventId: string, receivedAt: Date) => ({
      eventId,
      livemode: false,
      type: 'account.updated',
      outcome: 'unknown_type',
      createdAt: receivedAt,
      receivedAt,
      payload: { id: eventId },
    });
    await prisma.webhookEvent.createMany({
      data: [event('evt_old', new Date(limit - 1)), event('evt_new', new Date(limit))],
    });
    expect(await keepHouse({ ...service.deps, ...retention })).toMatchObject({
      payloads: 1,
    });
    expect(await prisma.webhookEvent.findMany({ orderBy: { receivedAt: 'asc' } })).toMatchObject([
      { eventId: 'evt_old', payload: null },
      { eventId: 'evt_new', payload: { id: 'evt_new' } },
    ]);
  });

  it('ends between two batches where the process stops', async () => {
    const { prisma } = service.deps.database;
    const createdAt = new Date(service.clock.now() - 2 * day);
    await prisma.idempotencyRecord.createMany({
      data: Array.from({ length: 1_500 }, (_, number) =>
        idempotencyRecord(String(number), createdAt),
      ),
    });
    let looked = 0;
    const isStopped = (): boolean => (looked += 1) > 1;
    const config = { ...service.deps, ...retention };
    expect(await keepHouse(config, isStopped)).toEqual({
      idempotencyRecords: 1_000,
      payloads: 0,
      findings: 0,
      runs: 0,
      changes: 0,
      deliveries: 0,
      endpoints: 0,
      meterEvents: 0,
      notices: 0,
    });
    expect(await keepHouse(config)).toMatchObject({ idempotencyRecords: 500 });
  });

  it('forgets idempotency keys after 24 hours', async () => {
    const { prisma } = service.deps.database;
    const limit = service.clock.now() - day;
    await prisma.idempotencyRecord.createMany({
      data: [
        idempotencyRecord('old', new Date(limit - 1)),
        idempotencyRecord('new', new Date(limit)),
      ],
    });
    await keepHouse({ ...service.deps, ...retention });
    expect(await prisma.idempotencyRecord.findMany()).toMatchObject([{ key: 'new' }]);
  });

  it('forgets deliveries after the retention, endpoints that were deleted, and notices of passed ends', async () => {
    const { prisma } = service.deps.database;
    const { projectId } = await service.createProject('told');
    const now = service.clock.now();
    const user = await prisma.user.create({
      data: { projectId, userId: 'u_1', createdAt: new Date(now) },
    });
    const endpoint = (id: string, deletedAt: Date | null) => ({
      ...{ id, projectId, url: 'https://app.example.com', types: [], secret: 'a secret' },
      ...{ position: 0n, createdAt: new Date(now), deletedAt },
    });
    await prisma.webhookEndpoint.createMany({
      data: [endpoint('we_kept', null), endpoint('we_deleted', new Date(now))],
    });
    const delivery = (id: string, endpointId: string, createdAt: number) => ({
      ...{ id, endpointId, messageId: `msg_${id}`, type: 'entitlements.changed', uid: user.uid },
      ...{ data: {}, status: 'delivered', createdAt: new Date(createdAt) },
    });
    const limit = now - 7 * day;
    await prisma.webhookDelivery.createMany({
      data: [
        delivery('old', 'we_kept', limit - 1),
        delivery('new', 'we_kept', limit),
        delivery('deleted', 'we_deleted', now),
      ],
    });
    const notice = (endsAt: number) => ({
      ...{ uid: user.uid, featureCode: 'export', endsAt: new Date(endsAt) },
    });
    await prisma.expiringNotice.createMany({ data: [notice(now - 1), notice(now)] });
    expect(await keepHouse({ ...service.deps, ...retention })).toMatchObject({
      deliveries: 2,
      endpoints: 1,
      meterEvents: 0,
      notices: 1,
    });
    expect(await prisma.webhookDelivery.findMany()).toMatchObject([{ id: 'new' }]);
    expect(await prisma.webhookEndpoint.findMany()).toMatchObject([{ id: 'we_kept' }]);
    expect(await prisma.expiringNotice.findMany()).toMatchObject([{ endsAt: new Date(now) }]);
    // Retries of a delivery take up to four days.
    await prisma.webhookDelivery.create({ data: delivery('pending', 'we_kept', now - 4 * day) });
    await keepHouse({ ...service.deps, ...retention, changeRetentionDays: 1 });
    expect(await prisma.webhookDelivery.findMany()).toMatchObject([{ id: 'pending' }]);
  });

  it('forgets reconciliations after 400 days, but for what is open and the last success', async () => {
    const { prisma } = service.deps.database;
    const limit = service.clock.now() - 400 * day;
    const run = async (id: string, finishedAt: number, found: Record<string, string>) => {
      const at = new Date(finishedAt);
      const run = {
        id,
        dryRun: false,
        status: 'done',
        progress: {},
        startedAt: at,
        finishedAt: at,
      };
      await prisma.reconciliationRun.create({ data: run });
      await prisma.reconciliationFinding.createMany({
        data: Object.entries(found).map(([objectId, action]) => ({
          runId: id,
          type: 'orphan_local',
          objectType: 'subscription',
          objectId,
          action,
          createdAt: at,
        })),
      });
    };
    const keep = () => keepHouse({ ...service.deps, ...retention });
    await run('rc_closed', limit - 3, { a: 'fixed', b: 'reported', c: 'settled' });
    await run('rc_open', limit - 2, { d: 'open', e: 'held', f: 'open', g: 'fixed' });
    await run('rc_last', limit - 1, { f: 'fixed' });
    expect(await keep()).toMatchObject({ findings: 6, runs: 1 });
    const left = async () =>
      (
        await prisma.reconciliationRun.findMany({
          include: { findings: { orderBy: { objectId: 'asc' } } },
          orderBy: { startedAt: 'asc' },
        })
      ).map(({ id, findings }) => [id, findings.map(({ objectId }) => objectId)]);
    expect(await left()).toEqual([
      ['rc_open', ['d', 'e']],
      ['rc_last', []],
    ]);
    await run('rc_new', limit, { d: 'open', e: 'held' });
    expect(await keep()).toMatchObject({ findings: 2, runs: 2 });
    expect(await left()).toEqual([['rc_new', ['d', 'e']]]);
  });
});
