import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { reasons } from '../../src/entitlements/core/reasons.ts';
import { settings } from '../../src/projects/settings.ts';
import { startTestService, type TestService } from '../helpers/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

test('the database takes exactly the reasons that segments may have', async () => {
  const { feature_not_found: _, no_source: __, ...stored } = reasons;
  expect(await wordsOf('entitlement_segments_reason')).toEqual(Object.keys(stored));
});

const worded = Object.entries(settings).flatMap(([name, { schema }]) =>
  schema instanceof z.ZodEnum ? [{ name, words: schema.options }] : [],
);

test.each(worded)('the database takes exactly the words of the setting $name', async (setting) => {
  expect(await wordsOf(`projects_${setting.name}`)).toEqual(setting.words);
});

/** The words that a validated check allows, in the order in which it lists them. */
async function wordsOf(constraint: string): Promise<string[]> {
  const { rows } = await service.deps.database.pool.query<{ definition: string }>(
    `select pg_get_constraintdef(oid) as definition from pg_constraint
     where conname = $1 and convalidated`,
    [constraint],
  );
  return [...(rows[0]?.definition ?? '').matchAll(/'(\w+)'/g)].map(([, word = '']) => word);
}
