import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { at } from '../helpers/json.ts';
import { adminKey, startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await service.createProject('notes');
});
afterAll(() => service.close());

function makeProject(id: string, idempotencyKey: string, key = adminKey) {
  return service.request('POST', '/admin/projects', {
    key,
    body: { id, name: id },
    headers: { 'idempotency-key': idempotencyKey },
  });
}

describe('the same key and request', () => {
  it('answer with the first answer again, and do nothing twice', async () => {
    const first = await makeProject('once', 'k-once');
    const again = await makeProject('once', 'k-once');
    expect(first.status).toBe(201);
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(
      await service.deps.database.prisma.auditEntry.count({ where: { targetId: 'once' } }),
    ).toBe(1);
  });

  it('repeat a 4xx too', async () => {
    const first = await makeProject('notes', 'k-conflict');
    const again = await makeProject('notes', 'k-conflict');
    expect(first.status).toBe(409);
    expect(again).toMatchObject({ status: 409, body: first.body });
    expect(again.headers['content-type']).toContain('application/problem+json');
  });

  it('run once even when ten come at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => makeProject('racing', 'k-race')),
    );
    const made = answers.filter(({ status }) => status === 201);
    expect(made.length).toBeGreaterThan(0);
    for (const { status, body } of answers) {
      if (status !== 201) expect(at(body, 'code')).toBe('idempotency_in_progress');
    }
    expect(
      await service.deps.database.prisma.auditEntry.count({ where: { targetId: 'racing' } }),
    ).toBe(1);
  });

  it('leave the secret of a key out when they are repeated, and never store it', async () => {
    const make = () =>
      service.request('POST', '/admin/projects/notes/keys', {
        key: adminKey,
        body: { name: 'k', scopes: ['read'] },
        headers: { 'idempotency-key': 'k-secret' },
      });
    const first = await make();
    const again = await make();
    const secret = String(at(first.body, 'key'));
    expect(secret).toMatch(/^lk_/);
    expect(again).toMatchObject({ status: 201, body: { id: at(first.body, 'id') } });
    expect(at(again.body, 'key')).toBeUndefined();
    const stored = await service.deps.database.prisma.idempotencyRecord.findMany();
    expect(JSON.stringify(stored.map(({ responseBody }) => responseBody))).not.toContain(secret);
  });
});

describe('409', () => {
  it('a corrected body under the key of one that was refused: another body is another request', async () => {
    expect((await makeProject('NOT A SLUG', 'k-corrected')).status).toBe(400);
    expect(await makeProject('corrected', 'k-corrected')).toMatchObject({
      status: 409,
      body: { code: 'idempotency_key_reused' },
    });
    expect((await makeProject('NOT A SLUG', 'k-corrected')).headers['idempotency-replayed']).toBe(
      'true',
    );
  });

  it('the same key with another request', async () => {
    await makeProject('first', 'k-reused');
    expect(await makeProject('second', 'k-reused')).toMatchObject({
      status: 409,
      body: { code: 'idempotency_key_reused' },
    });
  });

  it('the first is still running; after 60 seconds it counts as dead and is taken over', async () => {
    // A first request whose process was killed: its answer never came.
    await makeProject('killed', 'k-killed');
    await service.deps.database.pool.query(
      `update idempotency_records set status = 'running', response_status = null, response_body = null
       where key = 'k-killed'`,
    );
    expect(await makeProject('killed', 'k-killed')).toMatchObject({
      status: 409,
      body: { code: 'idempotency_in_progress' },
    });
    service.clock.advance(60_001);
    expect(at((await makeProject('killed', 'k-killed')).body, 'code')).toBe('project_exists');
  });
});

describe('a key', () => {
  it('is forgotten after 24 hours', async () => {
    await makeProject('daily', 'k-daily');
    service.clock.advance(24 * 3_600_000 + 1);
    expect(await makeProject('tomorrow', 'k-daily')).toMatchObject({ status: 201 });
  });

  it('belongs to the API key that used it', async () => {
    const make = (id: string, key: string) =>
      service.request('POST', `/admin/projects/${id}/keys`, {
        key,
        body: { name: id, scopes: ['read'] },
        headers: { 'idempotency-key': 'k-shared' },
      });
    const mine = await service.createProject('mine');
    const yours = await service.createProject('yours');
    expect((await make('mine', mine.key)).status).toBe(201);
    expect((await make('yours', yours.key)).status).toBe(201);
  });

  it('is free again after a 5xx', async () => {
    const broken = vi
      .spyOn(service.deps.database, 'transaction')
      .mockRejectedValue(new Error('something broke'));
    expect((await makeProject('broken', 'k-broken')).status).toBe(500);
    broken.mockRestore();
    expect((await makeProject('broken', 'k-broken')).status).toBe(201);
  });

  it.each(['', 'with space', 'x'.repeat(256)])('400: %j', async (value) => {
    expect(await makeProject('bad', value)).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'Idempotency-Key' }] },
    });
  });
});
