import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;
let key = '';

beforeAll(async () => {
  service = await startTestService({ redis: false });
  ({ key } = await service.createProject('notes'));
});
afterAll(() => service.close());

test('however many reports are asked for at once, entitlements are answered', async () => {
  const { pool } = service.deps.database;
  const blocker = await pool.connect();
  await blocker.query('begin');
  await blocker.query('lock table invoices');
  const reports = Array.from({ length: 30 }, () => service.request('GET', '/metrics', { key }));
  try {
    const waiting = `select from pg_locks where not granted and relation = 'invoices'::regclass`;
    while ((await blocker.query(waiting)).rowCount === 0) continue;
    const read = await service.request('GET', '/entitlements?user_id=ann', { key });
    expect(read.status).toBe(200);
  } finally {
    await blocker.query('rollback');
    blocker.release();
  }
  const answers = await Promise.all(reports);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
});
