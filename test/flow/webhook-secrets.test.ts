import { afterAll, beforeAll, expect, it } from 'vitest';
import { dispatchAll } from '../../src/outbound/dispatcher.ts';
import { at, text } from '../helpers/json.ts';
import type { TestService } from '../helpers/service.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';
import {
  answerWith,
  loopback,
  startReceiver,
  type WebhookReceiver,
} from '../helpers/webhook-receiver.ts';

/* The secrets of endpoints, wherever the service writes or answers something. */

const lines: string[] = [];
let service: TestService;
let key: string;
let receiver: WebhookReceiver;

beforeAll(async () => {
  const world = await startTwoProjects(
    { export: 'boolean' },
    {
      config: { webhookAllowedNetworks: loopback },
      log: { write: (line: string) => void lines.push(line) },
    },
  );
  service = world.service;
  key = world.notes.key;
  receiver = await startReceiver();
});
afterAll(async () => {
  await receiver.close();
  await service.close();
});

it('the secrets of an endpoint are shown once, and are in no log, audit row, kept answer, list or detail', async () => {
  const path = '/admin/webhook-endpoints';
  const post = async (route: string, once: string, body: object = {}) =>
    service.request('POST', route, { key, body, headers: { 'idempotency-key': once } });
  const made = await post(path, 'make', { url: receiver.url });
  const endpoint = `${path}/${text(made.body, 'id')}`;
  const rotated = await post(`${endpoint}/rotate-secret`, 'rotate');
  const secrets = [text(made.body, 'secret'), text(rotated.body, 'secret')];
  expect(new Set(secrets).size).toBe(2);

  // Everything that happens to an endpoint, failures included.
  receiver.answer = answerWith(500, {}, 'down');
  await service.request('POST', '/admin/grant', {
    key,
    body: { user_id: 'u_1', feature_code: 'export', reason: 'a test' },
  });
  await service.deps.feed.look();
  await dispatchAll(service.deps);
  receiver.answer = (response) => response.destroy();
  await post(`${endpoint}/test`, 'test');
  service.clock.advance(5_000);
  receiver.answer = answerWith(410);
  await dispatchAll(service.deps);
  const reads = [path, endpoint, `${endpoint}/deliveries`, '/admin/audit?limit=100'];
  const answers = await Promise.all(reads.map((each) => service.request('GET', each, { key })));
  const patched = await service.request('PATCH', endpoint, { key, body: { status: 'enabled' } });
  const replayed = await post(path, 'make', { url: receiver.url });
  const rotatedAgain = await post(`${endpoint}/rotate-secret`, 'rotate');
  for (const answer of [...answers, patched]) expect(answer.status).toBe(200);
  expect(replayed).toMatchObject({ status: 201, body: { id: at(made.body, 'id') } });
  expect(rotatedAgain.status).toBe(200);
  const { rows } = await service.deps.database.pool.query<{ row: string }>(
    `select r::text as row from audit_entries r union all
     select r::text from idempotency_records r union all select r::text from webhook_deliveries r`,
  );
  expect(rows.length).toBeGreaterThan(8);
  expect(lines.join('')).toContain('a webhook endpoint was disabled');
  const written = JSON.stringify([answers, patched, replayed, rotatedAgain, rows, lines]);
  for (const secret of secrets) expect(written).not.toContain(secret.slice('whsec_'.length));

  const deleted = await service.request('DELETE', endpoint, { key });
  expect(JSON.stringify(deleted.body)).not.toContain('whsec_');
});
