import { withFailingPostgres, withoutPostgres } from '../../helpers/outage.ts';
import { adminKey } from '../../helpers/service.ts';
import type { ContractRoute } from './document.ts';
import { type Answer, type Ask, inProject, send, tooLarge } from './route-sample.ts';
import { sampleOf } from './samples.ts';
import type { World } from './world.ts';

/** Provokes every response of a route; the successful request comes last. */
export async function provoke(world: World, route: ContractRoute): Promise<Answer[]> {
  const { app, ids, key } = world;
  const sample = sampleOf(route.name);
  const usual = route.scope === null ? undefined : route.scope === 'platform' ? adminKey : key;
  const sent = (ask: Ask): Promise<Answer> => send(app, route, ask, ask.by ?? usual);
  const answers: Answer[] = [];
  for (const make of Object.values({ ...sample.problems, ...sample.statuses })) {
    answers.push(await sent(await make(world)));
  }
  const success = sample.ask({ ...ids, ...(await sample.make?.(world)) });
  if (usual !== undefined) {
    answers.push(...(await refused(world, route, success, usual)));
    answers.push(await sent(sample.ask(world.nobodys())));
  }
  answers.push(...(await failed(world, route, success)));
  answers.push(await sent(success));
  return answers;
}

/** Refusals that all keyed routes share; none of them reaches what the route does. */
async function refused(
  { app, lacking, service }: World,
  route: ContractRoute,
  success: Ask,
  usual: string,
): Promise<Answer[]> {
  const requests: [Ask, string | undefined][] = [
    [{ ...success, query: { ...success.query, not_known: '1' } }, usual],
    [success, undefined],
    [success, lacking(route.scope)],
  ];
  if (route.takesProject) requests.push([inProject(route, success, 'nowhere'), adminKey]);
  if (route.codes.includes('project_id_required')) requests.push([success, adminKey]);
  if (route.takesBody) {
    requests.push([{ ...success, body: tooLarge }, usual]);
    requests.push([{ ...success, headers: { 'content-type': 'text/plain' } }, usual]);
  }
  const answers: Answer[] = [];
  for (const [ask, by] of requests) answers.push(await send(app, route, ask, by));
  if (route.codes.includes('idempotency_key_reused')) {
    const headers = { 'idempotency-key': 'once' };
    const first = { ...success, body: { not_known: 1 }, headers };
    answers.push(await send(app, route, first, usual));
    answers.push(await send(app, route, { ...first, body: { not_known: 2 } }, usual));
    // As if the first request were still running.
    await service.deps.database.pool.query(
      `update idempotency_records set status = 'running', response_status = null`,
    );
    answers.push(await send(app, route, first, usual));
  }
  return answers;
}

/** Sends the successful request while Postgres is away or fails, and without Stripe. */
async function failed(world: World, route: ContractRoute, success: Ask): Promise<Answer[]> {
  const { app, withoutStripe, overloaded, limited, service, key } = world;
  const { database } = service.deps;
  const ask = inProject(route, success, 'notes');
  const by = route.scope === null ? success.by : adminKey;
  const answers: Answer[] = [];
  const attempt = async (): Promise<void> => {
    answers.push(await send(app, route, ask, by));
  };
  await withoutPostgres(database, attempt);
  await withFailingPostgres(database, new Error('unforeseen'), attempt);
  await withFailingPostgres(database, new Error('57014: canceling statement'), attempt);
  if (route.codes.includes('stripe_unavailable')) {
    answers.push(await send(withoutStripe, route, success, key));
  }
  if (route.codes.includes('overloaded')) answers.push(await send(overloaded, route, success, by));
  if (route.codes.includes('too_many_requests')) {
    // The burst of the key.
    await limited.inject({
      url: '/api/v1/admin/projects',
      headers: { authorization: `Bearer ${adminKey}` },
    });
    answers.push(await send(limited, route, success, adminKey));
  }
  return answers;
}
