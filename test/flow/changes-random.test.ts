import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sweepBoundaries } from '../../src/changes/boundaries.ts';
import type { Stream } from '../../src/changes/event-stream.ts';
import { encodeFeedCursor } from '../../src/changes/core/cursor.ts';
import { createFeed, type Feed } from '../../src/changes/feed.ts';
import { createTextOf, followChanges } from '../../src/changes/follow-changes.ts';
import { createReadChanges, type ReadChanges } from '../../src/changes/read-changes.ts';
import { terminateBackends } from '../helpers/backends.ts';
import type { TestService } from '../helpers/service.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';
import { loopback } from '../helpers/webhook-receiver.ts';
import {
  type Death,
  deaths,
  type Outcome,
  outcomes,
  readByWebhook,
} from './changes-random/webhook-reader.ts';
import { type Instance, openInstance } from './convergence/instances.ts';

/*
 * Random histories of writers on two instances, whose transactions commit late, while time passes, Postgres
 * ends connections, dispatchers are killed, receivers of webhooks fail and readers come and go. `npm run test:changes` runs a thousand of them.
 */

const runs = Number(process.env['CHANGES_RUNS'] ?? 12);
const seed = Number(process.env['CHANGES_SEED'] ?? 20_261_130);

let service: TestService;
let instances: [Instance, Instance];
let feeds: { woken: Feed; alone: Feed };
let key: string;
let readChanges: ReadChanges;
const everything = { projectId: null };

beforeAll(async () => {
  const world = await startTwoProjects(
    { a: 'boolean', b: 'boolean', c: 'boolean' },
    { config: { webhookAllowedNetworks: loopback } },
  );
  service = world.service;
  key = world.notes.key;
  readChanges = createReadChanges(service.deps.database);
  instances = [
    await openInstance(service, service.clock),
    await openInstance(service, service.clock),
  ];
  // As without Redis: nothing wakes it.
  const alone = createFeed({ ...service.deps, redis: null });
  feeds = { woken: createFeed(service.deps), alone };
  await service.deps.database.pool.query(`
    create function commit_late() returns trigger language plpgsql as $$
    begin perform pg_sleep(random() * 0.03); return null; end $$;
    create constraint trigger commit_late after insert on changes
      deferrable initially deferred for each row execute function commit_late();`);
});
afterAll(async () => {
  await Promise.all([feeds.woken.stop(), feeds.alone.stop()]);
  for (const { app } of instances) await app.close();
  await service.close();
});

const users = ['u_1', 'u_2', 'u_3'];
const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      user: fc.constantFrom(...users),
      feature: fc.constantFrom('a', 'b', 'c'),
      from: fc.integer({ min: -2, max: 3 }),
      length: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('revoke' as const),
      user: fc.constantFrom(...users),
      feature: fc.constantFrom('a', 'b', 'c'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      hours: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('disconnect' as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

const hour = 3_600_000;
const iso = (instant: number): string => new Date(instant).toISOString();

/** Acts on one of the instances; what fails for a lost connection is left at that. */
async function act(instance: Instance, prefix: string, step: Action): Promise<void> {
  const { clock } = service;
  switch (step.kind) {
    case 'grant': {
      const validFrom = clock.now() + step.from * hour;
      await instance.request('POST', '/admin/grant', {
        key,
        body: {
          user_id: prefix + step.user,
          feature_code: step.feature,
          reason: 'a test',
          valid_from: iso(validFrom),
          valid_to: iso(validFrom + step.length * hour),
        },
      });
      return;
    }
    case 'revoke':
      await instance.request('POST', '/admin/revoke', {
        key,
        body: { user_id: prefix + step.user, feature_code: step.feature, reason: 'a test' },
      });
      return;
    case 'wait':
      clock.advance(step.hours * hour);
      return;
    case 'sweep':
      await sweepBoundaries(instance.deps).catch(() => undefined);
      return;
    case 'disconnect':
      await terminateBackends(service.deps.database);
  }
}

/** A reader by cursor; it goes on where it stood. */
function readByCursor(): { positions: bigint[]; step(limit: number): Promise<void> } {
  const positions: bigint[] = [];
  let after: bigint | undefined;
  return {
    positions,
    async step(limit) {
      after ??= (await readChanges(everything, 'now', 0)).position;
      const page = await readChanges(everything, after, limit);
      positions.push(...page.changes.map(({ position }) => position));
      after = page.position;
    },
  };
}

/** A reader by stream that connects to either instance, and goes on after the last event it got. */
function readByStream(): {
  positions: bigint[];
  connect(feed: Feed): Promise<void>;
  disconnect(): Promise<void>;
} {
  const positions: bigint[] = [];
  let start: bigint | undefined;
  let ending = new AbortController();
  let following: Promise<void> = Promise.resolve();
  return {
    positions,
    async connect(feed) {
      ending = new AbortController();
      const textOf = createTextOf(await feed.database());
      const texts = new Map<string, bigint>();
      const stream: Stream = {
        closed: ending.signal,
        send(text) {
          const position = texts.get(text);
          if (position === undefined || ending.signal.aborted) return;
          positions.push(position);
          start = position;
        },
        ready: () => Promise.resolve(),
        close: () => {
          ending.abort();
        },
      };
      const remembering = {
        readChanges,
        feed,
        textOf: (change: Parameters<typeof textOf>[0]) => {
          const text = textOf(change);
          texts.set(text, change.position);
          return text;
        },
      };
      const first = await readChanges(everything, start ?? 'now', 500);
      start ??= first.from;
      following = followChanges(remembering, stream, everything, first).catch(() => undefined);
    },
    async disconnect() {
      ending.abort();
      await following;
    },
  };
}

interface StoredRow {
  position: string;
  user_id: string;
  revision: string;
  cause: string;
  at: Date;
  gained: string[];
  lost: string[];
}

async function storedAfter(position: bigint): Promise<StoredRow[]> {
  const { rows } = await service.deps.database.pool.query<StoredRow>(
    `select c.position, u.user_id, c.revision, c.cause, c.at, c.gained, c.lost
     from changes c join users u using (uid) where position > $1 order by position`,
    [position],
  );
  return rows;
}

/** Tries until the database answers: connections were ended on purpose. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 20) throw error;
      await sleep(20);
    }
  }
}

let histories = 0;

async function play(
  lanes: Action[][],
  limits: number[],
  behaviour: Outcome[],
  deathsOf: Death[],
): Promise<void> {
  const prefix = `h${(histories += 1)}_`;
  const begin = (await readChanges(everything, 'now', 0)).position;
  const reader = readByCursor();
  const stream = readByStream();
  const webhook = await readByWebhook(service, key, behaviour);
  await reader.step(1);
  await stream.connect(feeds.woken);
  const work = { isWriting: true };
  const reading = (async () => {
    for (let turn = 0; work.isWriting; turn += 1) {
      await reader.step(limits[turn % limits.length] ?? 1).catch(() => undefined);
      const feed = turn % 2 === 0 ? feeds.woken : feeds.alone;
      await feed.look();
      if (turn % 3 === 2) {
        await stream.disconnect();
        await patiently(() => stream.connect(feed));
      }
    }
  })();
  const dispatching = (async () => {
    for (let turn = 0; work.isWriting; turn += 1) {
      const { deps } = instances[turn % 2 === 0 ? 0 : 1];
      await webhook
        .dispatch(deps, deathsOf[turn % deathsOf.length] ?? 'never')
        .catch(() => undefined);
      await sleep(1);
    }
  })();
  await Promise.all(
    lanes.map(async (steps, nth) => {
      for (const step of steps)
        await act(nth % 2 === 0 ? instances[0] : instances[1], prefix, step);
    }),
  );
  work.isWriting = false;
  await Promise.all([reading, dispatching]);
  await patiently(() => sweepBoundaries(service.deps));

  webhook.recover();
  do {
    // Past every lease, every wait, and with them every boundary of this history.
    service.clock.advance(24 * hour);
    await patiently(() => sweepBoundaries(service.deps));
    for (const { deps } of instances) await patiently(() => webhook.dispatch(deps, 'never'));
  } while ((await patiently(() => webhook.left())) > 0);

  const { last } = await patiently(async () => {
    await readChanges(everything, begin, 1);
    const rows = await storedAfter(begin);
    return { last: BigInt(rows.at(-1)?.position ?? begin) };
  });
  while ((reader.positions.at(-1) ?? begin) < last) await patiently(() => reader.step(7));
  await stream.disconnect();
  await patiently(() => stream.connect(feeds.alone));
  while ((stream.positions.at(-1) ?? begin) < last) {
    await feeds.alone.look();
    await sleep(5);
  }
  await stream.disconnect();

  const rows = await storedAfter(begin);
  const all = rows.map(({ position }) => BigInt(position));
  expect(reader.positions, 'the reader by cursor').toEqual(all);
  expect(stream.positions, 'the reader by stream').toEqual(all);
  const database = await feeds.alone.database();
  const inOrder = rows.toSorted((a, b) => a.user_id.localeCompare(b.user_id));
  expect(
    webhook.changes().map(({ cursor }) => cursor),
    'the receiver of webhooks',
  ).toEqual(
    inOrder.map(({ position }) => encodeFeedCursor({ database, position: BigInt(position) })),
  );
  await webhook.close();
  for (const user of users) await expectTold(rows, prefix + user);
}

/** A user's changes are in order, each revision and boundary once, and add up to the answer. */
async function expectTold(rows: StoredRow[], userId: string): Promise<void> {
  const ofUser = rows.filter(({ user_id }) => user_id === userId);
  const places = ofUser.map(({ revision, at }) => [Number(revision), at.getTime()] as const);
  expect(places).toEqual(places.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]));
  const written = ofUser.filter(({ cause }) => cause !== 'boundary');
  const revisions = written.map(({ revision }) => Number(revision));
  const answer = await patiently(() =>
    service.request('GET', `/entitlements?user_id=${userId}&consistency=strong`, { key }),
  );
  const { revision, entitlements } = answer.body as {
    revision: number;
    entitlements: { feature_code: string }[];
  };
  expect(revisions).toEqual(Array.from({ length: revision }, (_, index) => index + 1));
  const boundaries = ofUser
    .filter(({ cause }) => cause === 'boundary')
    .map(({ at }) => at.getTime());
  expect(new Set(boundaries).size).toBe(boundaries.length);
  const has = new Set<string>();
  for (const { gained, lost } of ofUser) {
    for (const code of gained) {
      expect(has.has(code), `${code} is gained twice`).toBe(false);
      has.add(code);
    }
    for (const code of lost) expect(has.delete(code), `${code} is lost twice`).toBe(true);
  }
  expect([...has].sort()).toEqual(entitlements.map(({ feature_code }) => feature_code));
}

describe('the feed under writers, clocks and lost connections', () => {
  it(
    `gives every reader each change once, in order, and adds up to the answers: ${runs} random histories`,
    async () => {
      const lanes = fc.array(fc.array(action, { minLength: 1, maxLength: 8 }), {
        minLength: 2,
        maxLength: 4,
      });
      const limits = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });
      const behaviour = fc.array(fc.constantFrom(...outcomes), { minLength: 1, maxLength: 8 });
      const dying = fc.array(fc.constantFrom(...deaths), { minLength: 1, maxLength: 6 });
      await fc.assert(fc.asyncProperty(lanes, limits, behaviour, dying, play), {
        seed,
        numRuns: runs,
        endOnFailure: true,
      });
    },
    runs * 20_000,
  );
});

it('the database refuses a second change of one boundary, whoever stores it', async () => {
  const { pool } = service.deps.database;
  const insert = `insert into changes (uid, project_id, revision, cause, at, recorded_at, gained, lost, changed)
    select uid, project_id, 1, 'boundary', '2030-01-01', now(), '{}', '{}', '{}' from users limit 1`;
  await service.request('POST', '/admin/grant', {
    key,
    body: { user_id: 'u_1', feature_code: 'a', reason: 'a test' },
  });
  await pool.query(insert);
  await expect(pool.query(insert)).rejects.toThrow('changes_one_per_boundary');
});
