import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { adminKey, startTestService, testStart, type TestService } from '../helpers/service.ts';

let service: TestService;
let notes: { projectId: string; key: string };
let other: { projectId: string; key: string };

const minute = 60_000;

beforeAll(async () => {
  service = await startTestService();
  notes = await service.createProject('notes');
  other = await service.createProject('other');
  for (const name of ['first', 'second', 'third']) {
    service.clock.advance(minute);
    await service.request('PATCH', '/admin/projects/notes', { key: notes.key, body: { name } });
  }
});
afterAll(() => service.close());

async function audit(query: string, key = adminKey): Promise<unknown[]> {
  const { status, body } = await service.request('GET', `/admin/audit?limit=100&${query}`, { key });
  expect(status).toBe(200);
  const data = at(body, 'data');
  if (!Array.isArray(data)) throw new Error('the audit is no list');
  return data.map((entry: unknown) => entry);
}

const namesOf = (entries: unknown[]): unknown[] =>
  entries.map((entry) => at(entry, 'after', 'name'));

describe('200', () => {
  it('shows who did what, when, with the state before and after', async () => {
    const [last] = await audit('action=project.update');
    const [change] = await audit(`action=key.create&project_id=notes`);
    expect(last).toMatchObject({
      project_id: 'notes',
      user_id: null,
      actor: at(change, 'target', 'id'),
      target: { type: 'project', id: 'notes' },
      reason: null,
      before: { name: 'second' },
      after: { name: 'third' },
      at: new Date(testStart + 3 * minute).toISOString(),
    });
    expect(text(last, 'request_id')).not.toBe('');
  });

  it('newest first, page by page, each once', async () => {
    const seen: unknown[] = [];
    let cursor = '';
    do {
      const { body } = await service.request('GET', `/admin/audit?limit=2${cursor}`, {
        key: adminKey,
      });
      const data = at(body, 'data');
      if (Array.isArray(data)) seen.push(...data.map((entry: unknown) => at(entry, 'id')));
      const next = at(body, 'next_cursor');
      cursor = typeof next === 'string' ? `&cursor=${next}` : '';
    } while (cursor !== '');
    const stored = await service.deps.database.prisma.auditEntry.findMany({
      orderBy: { number: 'desc' },
    });
    expect(seen).toEqual(stored.map(({ id }) => id));
  });

  it('from an instant on, up to but without another', async () => {
    const instant = (minutes: number): string =>
      new Date(testStart + minutes * minute).toISOString();
    expect(
      namesOf(await audit(`action=project.update&from=${instant(1)}&to=${instant(3)}`)),
    ).toEqual(['second', 'first']);
  });

  it.each([
    ['actor=platform', 4],
    ['action=project.create', 2],
    ['user_id=nobody', 0],
  ])('?%s', async (query, count) => {
    expect(await audit(query)).toHaveLength(count);
  });

  it("a project's key sees its own alone; the platform key sees all, or those of one", async () => {
    const projects = async (query: string, key?: string): Promise<unknown[]> => [
      ...new Set((await audit(query, key)).map((entry) => at(entry, 'project_id'))),
    ];
    expect(await projects('', other.key)).toEqual(['other']);
    expect((await projects('')).sort()).toEqual(['notes', 'other']);
    expect(await projects('project_id=notes')).toEqual(['notes']);
  });

  it('holds no secret', async () => {
    const everything = JSON.stringify(await audit(''));
    for (const { key } of [notes, other]) expect(everything).not.toContain(key.slice(-40));
  });
});

describe('400', () => {
  it.each(['from=yesterday', 'cursor=bm90LWEtbnVtYmVy', 'since=x'])('?%s', async (query) => {
    const answer = await service.request('GET', `/admin/audit?${query}`, { key: adminKey });
    expect(answer.status).toBe(400);
    expect(at(answer.body, 'errors', 0, 'path')).toBe(query.split('=')[0]);
  });
});

describe('404', () => {
  it("another project's audit looks like that of no project", async () => {
    for (const id of ['notes', 'nobody']) {
      const answer = await service.request('GET', `/admin/audit?project_id=${id}`, {
        key: other.key,
      });
      expect(answer).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
    }
  });
});
