import { afterAll, beforeAll, expect, it } from 'vitest';
import { sendDueEvents } from '../../src/usage/meters/sender.ts';
import { text } from '../helpers/json.ts';
import { meteredApp } from '../helpers/metered.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

/* Projects that report usage to Stripe share the sender and the rate budget. */

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

/** Gives a project a user whose usage of many minutes is due. */
async function addEvents(project: string, count: number): Promise<void> {
  const { key } = await service.createProject(project);
  const app = await meteredApp(service, key, {
    stripe_meter: { event_name: `${project}_used`, report: 'all' },
  });
  await app.grant('u_1', { amount: 10_000 });
  expect(text((await app.consume('u_1', 1)).body, 'entry_id')).toMatch(/^ue_/);
  await service.deps.database.pool.query(
    `insert into meter_events (id, project_id, uid, feature_code, event_name, at, value, created_at, next_attempt_at)
     select m.id || '_' || nth, project_id, uid, feature_code, event_name, m.at - nth * interval '1 minute', 1,
       m.created_at, m.next_attempt_at - nth * interval '1 minute'
     from meter_events m, generate_series(1, $2::int) as nth where project_id = $1`,
    [project, count - 1],
  );
}

it('the usage of one project does not delay that of others, however much there is', async () => {
  const others = ['p_1', 'p_2', 'p_3', 'p_4', 'p_5', 'p_6', 'p_7'];
  await addEvents('busy', 2_000);
  for (const other of others) await addEvents(other, 4);
  service.clock.set(service.clock.now() + 60_000);
  let rounds = 0;
  await sendDueEvents(service.deps, () => (rounds += 1) > 1);
  // Without a customer, an event that had its turn waits.
  const { rows } = await service.deps.database.pool.query<{ project: string; done: number }>(
    `select project_id as project, count(*)::int as done from meter_events
     where status = 'waiting' group by 1 order by 1`,
  );
  expect(rows).toEqual(['busy', ...others].map((project) => ({ project, done: 1 })));
});
