import { expect } from 'vitest';
import type { Facts } from '../../../src/entitlements/core/facts.ts';
import { at, text } from '../../helpers/json.ts';
import { oracleAt } from '../../unit/entitlements/oracle.ts';
import { userIds } from './history.ts';
import type { Instance } from './instances.ts';
import { factsOf, instantsOf, objectsOf } from './stripe-facts.ts';
import type { Project, World } from './world.ts';

/** Expects every answer for every user to be the oracle's, which reads the sandbox's objects alone. */
export async function expectOracle(world: World, project: Project): Promise<void> {
  const stripe = objectsOf(world.sandbox);
  for (const userId of userIds) {
    const ours = {
      ...project,
      grants: project.grants.filter((grant) => grant.userId === userId),
      revocations: project.revocations.filter((one) => one.userId === userId),
    };
    await compare(world, project, userId, factsOf(userId, stripe, ours));
  }
}

/** Compares every answer around every instant at which something may change, and those of now. */
async function compare(
  world: World,
  project: Project,
  userId: string,
  facts: Facts,
): Promise<void> {
  const now = world.clock.now();
  const [first, second] = world.instances;
  const instants = [...(await boundariesOf(world, project, userId, facts))].flatMap((boundary) => [
    boundary - 1,
    boundary,
    boundary + 1,
  ]);
  for (const instant of instants) {
    const answer = await read(
      instant % 2 === 0 ? first : second,
      project,
      userId,
      `&at=${new Date(instant).toISOString()}`,
    );
    expect({ userId, instant, answer }).toEqual({
      userId,
      instant,
      answer: expected(facts, instant),
    });
  }
  // From Postgres, into the cache, and out of it.
  for (const [turn, instance] of world.instances.entries()) {
    const answer = await read(instance, project, userId, '');
    expect({ userId, turn, answer }).toEqual({ userId, turn, answer: expected(facts, now) });
  }
  for (const feature of facts.features) {
    const { body } = await second.request(
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

/** The instants at which the oracle's answer changes, and at which the service says that its own does. */
async function boundariesOf(
  world: World,
  project: Project,
  userId: string,
  facts: Facts,
): Promise<Set<number>> {
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

async function read(
  instance: Instance,
  project: Project,
  userId: string,
  query: string,
): Promise<unknown[]> {
  const { body } = await instance.request('GET', `/entitlements?user_id=${userId}${query}`, {
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
