import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Facts } from '../../src/entitlements/facts.ts';
import { at, text } from '../helpers/json.ts';
import { oracleAt } from '../unit/entitlements/oracle.ts';
import { historyArbitrary, play, userIds } from './convergence/history.ts';
import { factsOf, instantsOf, objectsOf } from './convergence/stripe-facts.ts';
import { openProject, openWorld, type Project, type World } from './convergence/world.ts';

/*
 * Promise 2, as a whole: whatever happened, and however the news of it arrived, the answers in the end
 * are those of what Stripe says now, of the grants and of the clock. The oracle reads the sandbox's
 * objects and shares no code with the service. More histories: npm run test:convergence -- --runs 5000
 */

const runs = Number(process.env['CONVERGENCE_RUNS'] ?? 300);
const seed = process.env['CONVERGENCE_SEED'];

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

it(
  `${runs} random histories end in the entitlements of what Stripe says now`,
  { timeout: 60_000 + runs * 10_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(historyArbitrary, async (history) => {
        const project = await openProject(world);
        await play(world, project, history);
        const stripe = objectsOf(world.sandbox);
        for (const userId of userIds) {
          const ours = {
            ...project,
            grants: project.grants.filter((grant) => grant.userId === userId),
            revocations: project.revocations.filter((one) => one.userId === userId),
          };
          await compare(project, userId, factsOf(userId, stripe, ours));
        }
      }),
      {
        numRuns: runs,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
        // Smaller histories that fail alike are looked for, if asked: it takes long.
        endOnFailure: process.env['CONVERGENCE_SHRINK'] === undefined,
      },
    );
  },
);

/** Compares every answer around every instant at which something may change, and those of now. */
async function compare(project: Project, userId: string, facts: Facts): Promise<void> {
  const now = world.clock.now();
  const instants = [...(await boundariesOf(project, userId, facts))].flatMap((boundary) => [
    boundary - 1,
    boundary,
    boundary + 1,
  ]);
  for (const instant of instants) {
    const answer = await read(project, userId, `&at=${new Date(instant).toISOString()}`);
    expect({ userId, instant, answer }).toEqual({
      userId,
      instant,
      answer: expected(facts, instant),
    });
  }
  // From Postgres, into the cache, and out of it.
  for (const turn of [1, 2]) {
    const answer = await read(project, userId, '');
    expect({ userId, turn, answer }).toEqual({ userId, turn, answer: expected(facts, now) });
  }
  for (const feature of facts.features) {
    const { body } = await world.service.request(
      'GET',
      `/entitlements/check?user_id=${userId}&feature_code=${feature.code}`,
      { key: project.key },
    );
    const { reason } = oracleAt(facts, feature, now);
    expect({ userId, feature: feature.code, reason: text(body, 'reason') }).toEqual({
      userId,
      feature: feature.code,
      reason,
    });
  }
}

/** Where the oracle's answer changes, and where the service says that its own does. */
async function boundariesOf(project: Project, userId: string, facts: Facts): Promise<Set<number>> {
  const stored = await world.service.deps.database.prisma.entitlementSegment.findMany({
    where: { user: { projectId: project.projectId, userId }, supersededAt: null },
    select: { validFrom: true, validTo: true },
  });
  const textAt = (instant: number) =>
    JSON.stringify(facts.features.map((feature) => oracleAt(facts, feature, instant)));
  return new Set([
    ...instantsOf(facts).filter((instant) => textAt(instant - 1) !== textAt(instant)),
    ...stored.flatMap(({ validFrom, validTo }) =>
      [validFrom, validTo].flatMap((bound) => bound?.getTime() ?? []),
    ),
  ]);
}

function expected(facts: Facts, instant: number): unknown[] {
  return facts.features.flatMap((feature) => {
    const { reason, value, sources } = oracleAt(facts, feature, instant);
    return reason === 'granted' ? [{ feature_code: feature.code, value, sources }] : [];
  });
}

async function read(project: Project, userId: string, query: string): Promise<unknown[]> {
  const { body } = await world.service.request('GET', `/entitlements?user_id=${userId}${query}`, {
    key: project.key,
  });
  const entries = at(body, 'entitlements');
  if (!Array.isArray(entries)) throw new Error(JSON.stringify(body));
  return entries.map((entry: unknown) => ({
    feature_code: at(entry, 'feature_code'),
    value: at(entry, 'value'),
    sources: at(entry, 'sources'),
  }));
}
