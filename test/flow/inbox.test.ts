import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { toProblem } from '../../src/http/errors.ts';
import type { Urgency } from '../../src/webhook/core/events.ts';
import { createInbox, type Inbox } from '../../src/webhook/inbox.ts';
import { startTestService, testStart, type TestService } from '../helpers/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

interface Told {
  id: string;
  objects: string[];
  urgency: Urgency;
  payload?: string;
}

function store(inbox: Inbox, { id, objects, urgency, payload = '{}' }: Told) {
  const event = {
    ...{ id, object: 'event' as const, type: 'of_the_test', created: 1, livemode: false },
    data: { object: {} },
  };
  const named = objects.map((objectId) => ({ objectType: 'subscription' as const, objectId }));
  return inbox.store(event, Buffer.from(payload), { outcome: 'accepted', objects: named, urgency });
}

function rows(prefix: string) {
  return service.deps.database.prisma.webhookEvent.findMany({
    where: { eventId: { startsWith: prefix } },
    orderBy: { number: 'asc' },
  });
}

it('events that come at once are each stored once, under a number of their own, with their own objects', async () => {
  const inbox = createInbox(service.deps);
  const told = Array.from({ length: 50 }, (_, at): Told => {
    const objects = ['sub_of_all', `sub_at_once_${at}`];
    return { id: `evt_at_once_${at}`, objects, urgency: at === 20 ? 0 : 2, payload: `{"n":${at}}` };
  });
  const once = await Promise.all([...told, ...told].map((one) => store(inbox, one)));
  told.forEach((_, at) => {
    const pair = [once[at]?.duplicate, once[at + told.length]?.duplicate];
    expect(pair.toSorted()).toEqual([false, true]);
  });

  const stored = await rows('evt_at_once_');
  expect(stored).toHaveLength(50);
  for (const { eventId, objectId, payload, receivedAt } of stored) {
    const at = Number(eventId.split('_')[3]);
    expect([objectId, payload, receivedAt.getTime()]).toEqual(['sub_of_all', { n: at }, testStart]);
  }
  const followed = await service.deps.database.prisma.followedObject.findMany({
    where: { objectId: { in: ['sub_of_all', 'sub_at_once_20', 'sub_at_once_21'] } },
    orderBy: { objectId: 'asc' },
  });
  const numberOf = (at: number) =>
    stored.find(({ eventId }) => eventId === `evt_at_once_${at}`)?.number;
  expect(followed).toMatchObject([
    { objectId: 'sub_at_once_20', wanted: numberOf(20), urgency: 0 },
    { objectId: 'sub_at_once_21', wanted: numberOf(21), urgency: 2 },
    { objectId: 'sub_of_all', wanted: stored.at(-1)?.number, urgency: 0 },
  ]);
});

it('one that cannot be stored is refused, and takes no other with it', async () => {
  const inbox = createInbox(service.deps);
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  const settled = await Promise.allSettled(
    Array.from({ length: 16 }, (_, at) =>
      store(inbox, {
        ...{ id: `evt_beside_${at}`, objects: [`sub_beside_${at}`], urgency: 1 },
        ...(at === 7 ? { payload: deep } : {}),
      }),
    ),
  );
  settled.forEach((one, at) => {
    if (at === 7) {
      // Postgres' error for such depth; the webhook refuses it earlier.
      expect(one).toMatchObject({ status: 'rejected', reason: { code: '54001' } });
    } else expect(one).toEqual({ status: 'fulfilled', value: { duplicate: false } });
  });
  expect(await rows('evt_beside_')).toHaveLength(15);
});

it('two instances that get the same event at once store it once, and neither fails', async () => {
  const [one, other] = [createInbox(service.deps), createInbox(service.deps)];
  const told = Array.from({ length: 32 }, (_, at): Told => {
    return { id: `evt_both_${at}`, objects: ['sub_both_b', 'sub_both_a'], urgency: 1 };
  });
  const [forth, back] = await Promise.all([
    Promise.all(told.map((event) => store(one, event))),
    Promise.all(told.toReversed().map((event) => store(other, event))),
  ]);
  const firsts = [...forth, ...back].filter(({ duplicate }) => !duplicate);
  expect(firsts).toHaveLength(32);
  expect(await rows('evt_both_')).toHaveLength(32);
});

it('where no statement ends, those behind are refused in time, as where Postgres cannot be reached', async () => {
  const inbox = createInbox(service.deps);
  // `never`: the spy is typed after the callback forms, which nothing here uses.
  const hanging = vi
    .spyOn(service.deps.database.pool, 'query')
    .mockImplementation(() => new Promise(() => undefined) as never);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const told = Array.from({ length: 4 * 16 + 1 }, (_, at) =>
      store(inbox, { id: `evt_hanging_${at}`, objects: ['sub_hanging'], urgency: 1 }),
    );
    await turn();
    expect(hanging).toHaveBeenCalledTimes(4);
    vi.advanceTimersByTime(2_000);
    const refusal: unknown = await told.at(-1)?.catch((error: unknown) => error);
    expect(toProblem(refusal).code).toBe('not_ready');
  } finally {
    vi.useRealTimers();
    hanging.mockRestore();
  }
});
