import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { updateUser } from '../../src/entitlements/refresh/update-user.ts';
import { startGrantingService } from '../helpers/granting.ts';
import { adminKey, testStart, type TestResponse, type TestService } from '../helpers/service.ts';
import { countWaitingLocks } from '../helpers/waiting-locks.ts';

/* A change of the catalog and a change of a user never overlap: both hold the project's lock. */

let service: TestService;

beforeAll(async () => {
  service = await startGrantingService();
});
afterAll(() => service.close());

describe('a change of the catalog', () => {
  it('waits for a grant that is being recorded, and then sees it', async () => {
    const { deps } = service;
    const grant = {
      ...{ id: 'gr_1', projectId: 'notes', featureCode: 'export', value: true },
      ...{ reason: 'a test', auditId: 'au_1' },
    };
    let changed: TestResponse | undefined;
    let changing = Promise.resolve();
    await updateUser(deps, 'notes', 'u_1', async (tx, { uid }) => {
      changing = service
        .request('PUT', '/admin/features/export', {
          key: adminKey,
          body: { project_id: 'notes', name: 'Export', type: 'limit' },
        })
        .then((answer) => {
          changed = answer;
        });
      await vi.waitUntil(
        async () => changed !== undefined || (await countWaitingLocks(deps.database)) > 0,
      );
      expect(changed).toBeUndefined();
      const createdAt = new Date(testStart);
      return tx.grant.create({ data: { ...grant, uid, validFrom: createdAt, createdAt } });
    });
    await changing;
    expect(changed).toMatchObject({ status: 409, body: { code: 'feature_in_use' } });
  });
});
