import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, withoutRequestId } from '../helpers/json.ts';
import { auditOf } from '../helpers/audit.ts';
import { adminKey, startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

beforeAll(async () => {
  service = await startTestService();
  notes = await service.createProject('notes', { redirect_origins: ['https://notes.example'] });
  other = await service.createProject('other');
});
afterAll(() => service.close());

async function auditCount(): Promise<number> {
  return service.deps.database.prisma.auditEntry.count();
}

describe('POST /admin/projects', () => {
  it('201: a project has the documented defaults, and one line in the audit', async () => {
    const before = await auditCount();
    const { status, body } = await service.request('POST', '/admin/projects', {
      key: adminKey,
      body: { id: 'fresh', name: 'Fresh' },
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      id: 'fresh',
      settings: {
        grace_days: 7,
        refund_full: 'revoke',
        refund_partial: 'keep',
        dispute_opened: 'keep',
        redirect_origins: [],
        portal_configuration_id: null,
      },
    });
    expect(await auditCount()).toBe(before + 1);
  });

  it.each([
    ['id', { id: 'Not A Slug', name: 'x' }],
    ['name', { id: 'x', name: ' ' }],
    ['nmae', { id: 'x', name: 'x', nmae: 'x' }],
    ['settings.grace_days', { id: 'x', name: 'x', settings: { grace_days: -1 } }],
    ['settings.refund_full', { id: 'x', name: 'x', settings: { refund_full: 'maybe' } }],
    ['settings.colour', { id: 'x', name: 'x', settings: { colour: 'red' } }],
  ])('400 names the field %s', async (path, body) => {
    const answer = await service.request('POST', '/admin/projects', { key: adminKey, body });
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'bad_request', errors: [{ path }] },
    });
  });

  it.each([
    'https://app.example.com/',
    'https://app.example.com/path',
    'https://*.example.com',
    'https://app.example.com:443',
    'https://APP.example.com',
    'https://me@app.example.com',
    'http://app.example.com',
    'ftp://localhost',
    'app.example.com',
    'null',
  ])('400: %s is not an origin to send buyers to', async (origin) => {
    const answer = await service.request('POST', '/admin/projects', {
      key: adminKey,
      body: { id: 'x', name: 'x', settings: { redirect_origins: [origin] } },
    });
    expect(answer).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'settings.redirect_origins[0]' }] },
    });
  });

  it.each([
    ['p_https', 'https://app.example.com'],
    ['p_local', 'http://localhost:5173'],
    ['p_loopback', 'http://127.0.0.1:8080'],
    ['p_loopback_6', 'http://[::1]:8080'],
  ])('201: %s may send buyers to %s', async (id, origin) => {
    const { status } = await service.request('POST', '/admin/projects', {
      key: adminKey,
      body: {
        id,
        name: 'x',
        settings: { redirect_origins: [origin] },
      },
    });
    expect(status).toBe(201);
  });

  it('403: only the platform makes projects', async () => {
    const answer = await service.request('POST', '/admin/projects', {
      key: notes.key,
      body: { id: 'mine', name: 'x' },
    });
    expect(answer).toMatchObject({ status: 403, body: { code: 'scope_missing' } });
  });

  it('409: a project that exists stays as it is, even when made ten times at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        service.request('POST', '/admin/projects', {
          key: adminKey,
          body: { id: 'raced', name: 'x' },
        }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      201,
      ...Array<number>(9).fill(409),
    ]);
    expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({
      code: 'project_exists',
    });
  });
});

describe('GET /admin/projects', () => {
  it('200: pages through all projects by id, each once', async () => {
    const seen: unknown[] = [];
    let cursor: unknown = '';
    while (typeof cursor === 'string') {
      const { body } = await service.request(
        'GET',
        `/admin/projects?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
        { key: adminKey },
      );
      const data = at(body, 'data');
      if (Array.isArray(data)) seen.push(...data.map((row: unknown) => at(row, 'id')));
      cursor = at(body, 'next_cursor');
    }
    const stored = await service.deps.database.prisma.project.findMany({ orderBy: { id: 'asc' } });
    expect(seen).toEqual(stored.map(({ id }) => id));
  });

  it.each(['limit=0', 'limit=101', 'limit=x', 'cursor=%25', 'page=2'])(
    '400: ?%s',
    async (query) => {
      const answer = await service.request('GET', `/admin/projects?${query}`, { key: adminKey });
      expect(answer.status).toBe(400);
      expect(at(answer.body, 'errors', 0, 'path')).toBe(query.split('=')[0]);
    },
  );

  it("403: a project's key sees no list of projects", async () => {
    const answer = await service.request('GET', '/admin/projects', { key: notes.key });
    expect(answer.status).toBe(403);
  });
});

describe('GET and PATCH /admin/projects/{id}', () => {
  it('200: its own admin key reads and changes a project', async () => {
    const changed = await service.request('PATCH', '/admin/projects/notes', {
      key: notes.key,
      body: { name: 'Notes!' },
    });
    expect(changed).toMatchObject({
      status: 200,
      body: { name: 'Notes!', settings: { redirect_origins: ['https://notes.example'] } },
    });
    const read = await service.request('GET', '/admin/projects/notes', { key: notes.key });
    expect(at(read.body, 'name')).toBe('Notes!');
  });

  it('200: a change without effect records nothing, and keeps `updated_at`', async () => {
    const path = '/admin/projects/notes';
    const { body: before } = await service.request('GET', path, { key: notes.key });
    service.clock.advance(1_000);
    const rows = await auditOf(service, async () => {
      for (const body of [
        {},
        { name: at(before, 'name') },
        { settings: {} },
        { name: at(before, 'name'), settings: at(before, 'settings') },
      ]) {
        expect(await service.request('PATCH', path, { key: notes.key, body })).toMatchObject({
          status: 200,
          body: before,
        });
      }
    });
    expect(rows).toEqual([]);
  });

  it('200: two changes at the same time are both kept, and each found what the other left', async () => {
    const path = '/admin/projects/notes';
    const patch = (settings: object) =>
      service.request('PATCH', path, { key: notes.key, body: { settings } });
    await patch({ refund_full: 'revoke', refund_partial: 'keep' });
    const rows = await auditOf(service, () =>
      Promise.all([patch({ refund_full: 'keep' }), patch({ refund_partial: 'revoke' })]),
    );
    expect(rows).toHaveLength(2);
    expect(rows[1]?.before).toEqual(rows[0]?.after);
    expect(rows[1]?.after).toMatchObject({
      settings: { refund_full: 'keep', refund_partial: 'revoke' },
    });
  });

  it('200: a change of policy returns its refresh, which can be looked up', async () => {
    const changed = await service.request('PATCH', '/admin/projects/notes', {
      key: notes.key,
      body: { settings: { grace_days: 3 } },
    });
    expect(changed).toMatchObject({
      status: 200,
      body: { settings: { grace_days: 3 }, refresh: { users: 0, status: 'done' } },
    });
    const id = String(at(changed.body, 'refresh', 'id'));
    expect(
      await service.request('GET', `/admin/refreshes/${id}`, { key: notes.key }),
    ).toMatchObject({
      status: 200,
      body: { id, status: 'done', behind: 0 },
    });
    expect(
      await service.request('GET', `/admin/refreshes/${id}`, { key: other.key }),
    ).toMatchObject({
      status: 404,
      body: { code: 'refresh_not_found' },
    });
  });

  it("404: another project's key gets the very answer of a project that does not exist", async () => {
    for (const method of ['GET', 'PATCH'] as const) {
      const body = method === 'PATCH' ? { name: 'taken over' } : undefined;
      const theirs = await service.request(method, '/admin/projects/notes', {
        key: other.key,
        body,
      });
      const nobody = await service.request(method, '/admin/projects/nobody', {
        key: other.key,
        body,
      });
      expect(theirs.status).toBe(404);
      expect(withoutRequestId(theirs.body)).toEqual(withoutRequestId(nobody.body));
    }
  });
});
