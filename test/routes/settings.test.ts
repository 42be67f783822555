import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { policySettings } from '../../src/entitlements/policy.ts';
import { settings } from '../../src/projects/settings.ts';
import { auditOf } from '../helpers/audit.ts';
import { at } from '../helpers/json.ts';
import { adminKey, startTestService, type TestService } from '../helpers/service.ts';

type SettingName = keyof typeof settings;

/** Samples for the settings whose schema does not list its values. */
const samples: {
  [
    Name in SettingName as (typeof settings)[Name]['schema'] extends z.ZodEnum ? never : Name
  ]: unknown[];
} = {
  grace_days: [0, 365],
  redirect_origins: [['https://notes.example', 'http://localhost:5173']],
  portal_configuration_id: ['bpc_1'],
  expiring_notice_days: [0, 365],
  reconcile: [{ plan_mismatch: 'report', missed_event: 'report' }],
};

const names = Object.keys(settings) as SettingName[]; // the table's own keys
const isPolicy = (name: string): boolean => Object.hasOwn(policySettings, name);

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

describe.each(names)('the setting %s', (name) => {
  const { schema } = settings[name];
  const values = schema instanceof z.ZodEnum ? schema.options : samplesOf(name);
  const id = `p_${name}`;
  const path = `/admin/projects/${id}`;

  beforeAll(async () => {
    const { status } = await service.request('POST', '/admin/projects', {
      key: adminKey,
      body: { id, name: 'x' },
    });
    expect(status).toBe(201);
  });

  const patch = (value: unknown) =>
    service.request('PATCH', path, { key: adminKey, body: { settings: { [name]: value } } });
  const get = async () =>
    at((await service.request('GET', path, { key: adminKey })).body, 'settings');

  test('has a default that a request may set, too', async () => {
    expect(schema.safeParse(at(await get(), name))).toMatchObject({ success: true });
  });

  test.each(values.map((value) => ({ value })))(
    'is stored, shown and audited as $value, and nothing else changes',
    async ({ value }) => {
      const before = await get();
      const rows = await auditOf(service, async () => {
        expect(await patch(value)).toMatchObject({
          status: 200,
          body: { settings: { [name]: value } },
        });
      });
      expect(await get()).toEqual({ ...Object(before), [name]: value });
      const change = { before: { settings: before }, after: { settings: { [name]: value } } };
      expect(rows).toMatchObject(at(before, name) === value ? [] : [change]);
    },
  );

  test('recomputes the users if and only if rules of access see it', async () => {
    const { body } = await patch(values[0]);
    expect(at(body, 'refresh') !== undefined).toBe(isPolicy(name));
  });
});

test('every column of a project but its own is that of one setting', async () => {
  const stored = await service.deps.database.prisma.project.findFirstOrThrow();
  const own = ['id', 'name', 'catalogRevision', 'createdAt', 'updatedAt'];
  const columns = Object.values(settings).map(({ column }) => column);
  expect([...own, ...columns].sort()).toEqual(Object.keys(stored).sort());
});

function samplesOf(name: SettingName): unknown[] {
  const found = Object.entries(samples).find(([each]) => each === name);
  if (found === undefined) throw new Error(`a sample of ${name} is missing`);
  return found[1];
}
