import { afterAll, beforeAll, expect, test } from 'vitest';
import { reasons } from '../../src/entitlements/core/reasons.ts';
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

/** The words that a validated check allows, in the order in which it lists them. */
async function wordsOf(constraint: string): Promise<string[]> {
  const { rows } = await service.deps.database.pool.query<{ definition: string }>(
    `select pg_get_constraintdef(oid) as definition from pg_constraint
     where conname = $1 and convalidated`,
    [constraint],
  );
  return [...(rows[0]?.definition ?? '').matchAll(/'(\w+)'/g)].map(([, word = '']) => word);
}
