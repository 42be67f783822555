import { randomInt } from 'node:crypto';
import { compare, type CompareOptions } from './compare.ts';
import { type Ask, type Load, measure, type Server } from './load.ts';
import { userName, withClient } from './seed.ts';
import type { Row } from './table.ts';
import { meteredFeature, type UsageWorld } from './usage-world.ts';

/** What was promised, with the measured figure. */
interface Verdict {
  text: string;
  isWithin: boolean;
}

/** The figures of usage: what changes and reads cost, beside their floors. */
export interface UsageFigures {
  rows: Row[];
  verdicts: Verdict[];
}

const consumed =
  /^\{"allowed":true,"reason":"granted","consumed":1,"balance":\d+,"entry_id":"ue_[0-9a-z]{23}"\}$/;

/** Measures reads first: changes make the expected answers untrue. */
export async function measureUsage(
  world: UsageWorld,
  options: CompareOptions,
): Promise<UsageFigures> {
  const { floors, service } = world;
  const anyone = (): number => randomInt(world.users) + 1;
  const read = await compare(
    {
      ...{ id: 'usage', name: 'GET /usage', target: 0.5 },
      service: reads(world, service, '/api/v1/usage', anyone),
      floorName: 'Fastify + one prepared select',
      floor: reads(world, floors, '/select', anyone),
    },
    options,
  );
  const many = await compare(
    {
      ...{ id: 'usage', name: `consume, ${world.users} users`, target: 0.6 },
      service: changes(world, service, '/api/v1/usage/consume', anyone),
      floorName: 'Fastify + one statement',
      floor: changes(world, floors, '/consume', anyone),
    },
    options,
  );
  const hot = await compare(
    {
      ...{ id: 'usage', name: 'consume, one user', target: null },
      service: changes(world, service, '/api/v1/usage/consume', () => 1),
      floorName: 'Fastify + one statement',
      floor: changes(world, floors, '/consume', () => 1),
    },
    options,
  );
  const rate = Math.round(many.service.requestsPerSecond / 2);
  const half = await measure(changes(world, service, '/api/v1/usage/consume', anyone), {
    ...{ connections: options.connections, seconds: options.rounds * options.seconds, rate },
  });
  const rows = [read, many, hot];
  const errors = rows.reduce((sum, row) => sum + row.service.errors + row.floor.errors, 0);
  const wrong = errors + half.errors;
  const hotRate = Math.round(hot.service.requestsPerSecond);
  return {
    rows,
    verdicts: [
      {
        text: `half load, ${Math.round(half.requestsPerSecond)} changes a second: p50 ${half.p50Ms.toFixed(1)} ms, p99 ${half.p99Ms.toFixed(1)} ms (< 50)`,
        isWithin: half.p99Ms < 50,
      },
      { text: `one user: ${hotRate} changes a second (>= 500)`, isWithin: hotRate >= 500 },
      ...[many, read].map(toVerdict),
      { text: `wrong or missing answers: ${wrong} (0)`, isWithin: wrong === 0 },
      await compareLedger(world),
    ],
  };
}

function toVerdict({ name, ratios, target }: Row): Verdict {
  return {
    text: `${name}: ${ratios.throughput.toFixed(2)} of the floor (>= ${(target ?? 0).toFixed(2)})`,
    isWithin: ratios.throughput >= (target ?? 0),
  };
}

/** Compares the sum of all entries with the sum of all buckets. */
async function compareLedger({ databaseUrl }: UsageWorld): Promise<Verdict> {
  const sums = await withClient(databaseUrl, (client) =>
    client.query<{ entries: string; buckets: string }>(
      `select (select sum(amount) from usage_entries) as entries,
         (select sum(used) from usage_buckets) as buckets`,
    ),
  );
  const { buckets, entries } = sums.rows[0] ?? {};
  return {
    text: `${entries} units in the ledger, ${buckets} in buckets (equal)`,
    isWithin: entries === buckets,
  };
}

function reads(
  { authorization, bodyOf }: UsageWorld,
  server: Server,
  path: string,
  nextUser: () => number,
): Load {
  return {
    server,
    next(): Ask {
      const user = nextUser();
      return {
        ...{ method: 'GET', path: `${path}?user_id=${userName(user)}`, headers: { authorization } },
        right: { status: 200, body: bodyOf(user) },
      };
    },
  };
}

let keys = 0;

function changes(
  { authorization }: UsageWorld,
  server: Server,
  path: string,
  nextUser: () => number,
): Load {
  return {
    server,
    next(): Ask {
      keys += 1;
      const body = { user_id: userName(nextUser()), feature_code: meteredFeature, amount: 1 };
      return {
        ...{ method: 'POST', path, body: JSON.stringify(body) },
        headers: {
          ...{ authorization, 'content-type': 'application/json' },
          'idempotency-key': `key-${keys}`,
        },
        right: { status: 200, body: consumed },
      };
    },
  };
}
