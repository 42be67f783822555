import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkPending } from '../../src/linking/link-pending.ts';
import { adminKey } from '../helpers/service.ts';
import { arbitraryAsk, type Pools } from './contract/arbitrary-request.ts';
import { digestTables } from './contract/digest.ts';
import { type ContractRoute, loadContract } from './contract/document.ts';
import { arbitraryIds, stockPools } from './contract/pools.ts';
import { type Ask, codeOf, send } from './contract/route-sample.ts';
import { sampleOf } from './contract/samples.ts';
import { startWorld, type World } from './contract/world.ts';

/*
 * Random requests to every route of operators, made from and against its schemas. fast-check prints the
 * seed and the path of a failure; `fc.assert(property, { seed, path })` runs it again.
 */

const runs = 1_000;
/** After this time no further request begins, to bound the test on a slow machine. */
const timeLimitMs = 40_000;

let world: World;
let routes: ContractRoute[];
let pools: Pools;

beforeAll(async () => {
  world = await startWorld();
  routes = (await loadContract(world.service)).filter(({ path }) =>
    path.startsWith('/api/v1/admin/'),
  );
  pools = await stockPools(world);
}, 120_000);
afterAll(() => world.close());

describe('every route of operators, for any request', () => {
  it('answers as documented, changes nothing unaudited and audits nothing but changes', async () => {
    const answered = new Set<string>();
    const request = fc.oneof(
      ...routes.map((route) => ({
        weight: route.method === 'GET' ? 1 : 4,
        arbitrary: fc.record({
          name: fc.constant(route.name),
          ask: arbitraryAsk(route, sampleOf(route.name), arbitraryIds(world, pools), pools),
          by: fc.constantFrom('notes', 'notes', 'notes', 'platform', 'other'),
        }),
      })),
    );
    const property = fc.asyncProperty(request, async ({ name, ask, by }) => {
      const { status, changed, audited } = await observe(routeOf(name), ask, by);
      answered.add(`${name} ${status}`);
      expect(audited > 0, `audited ${audited}, changed ${changed.join(', ')}`).toBe(
        changed.length > 0,
      );
    });
    await fc.assert(property, { numRuns: runs, interruptAfterTimeLimit: timeLimitMs });
    // Else the requests reach too little for this to say anything.
    const succeeded = routes.filter(({ name }) =>
      answered.has(`${name} ${Math.min(...routeOf(name).statuses)}`),
    );
    expect(succeeded.length).toBeGreaterThan(routes.length * 0.8);
  }, 60_000);
});

/** Sends a request. Returns the response, the tables that it changed, and the number of its audit rows. */
async function observe(
  route: ContractRoute,
  ask: Ask,
  by: string,
): Promise<{ status: number; changed: string[]; audited: number }> {
  const { service, app, key, otherKey } = world;
  service.clock.set(service.clock.now() + 1_000);
  const before = await digestTables(service);
  const auditBefore = await countAudit();
  const answer = await send(
    app,
    route,
    ask,
    { notes: key, platform: adminKey, other: otherKey }[by],
  );
  if (route.path.endsWith('/link')) await linkPending(service.deps);
  const after = await digestTables(service);
  const { status } = answer;
  if (status >= 500 || !route.statuses.includes(status)) {
    throw new Error(`answered ${status}: ${answer.text}`);
  }
  const code = codeOf(answer);
  if (status >= 400) expect(route.codes).toContain(code);
  return {
    status,
    // Enqueueing an object changes none of the operators' data, unless it was requested.
    changed: Object.keys(after).filter(
      (table) =>
        after[table] !== before[table] && (table !== 'wanted' || route.path.endsWith('/replay')),
    ),
    audited: (await countAudit()) - auditBefore,
  };
}

function routeOf(name: string): ContractRoute {
  const route = routes.find((each) => each.name === name);
  if (route === undefined) throw new Error(`${name} is no route`);
  return route;
}

function countAudit(): Promise<number> {
  return world.service.deps.database.prisma.auditEntry.count();
}
