import type { EntitlementCache } from '../../src/entitlements/read/cache.ts';
import { updateUser } from '../../src/entitlements/refresh/update-user.ts';
import type { UserName } from '../../src/entitlements/users.ts';
import { newId } from '../../src/platform/ids.ts';
import { startTestService, testStart, type TestService } from './service.ts';

/** A service with the project `notes`, which has the feature `export` and no catalog. */
export async function startGrantingService(): Promise<TestService> {
  const service = await startTestService();
  await service.createProject('notes');
  await service.deps.database.prisma.feature.create({
    data: {
      projectId: 'notes',
      code: 'export',
      name: 'Export',
      type: 'boolean',
      createdAt: new Date(testStart),
    },
  });
  return service;
}

/** Grants `export` as an operator, with a cache of the test's choice. */
export async function grantExport(
  { deps }: TestService,
  { projectId, userId }: UserName,
  cache: EntitlementCache = deps.cache,
): Promise<void> {
  await updateUser({ ...deps, cache }, projectId, userId, (tx, { uid }) =>
    tx.grant.create({
      data: {
        id: newId('gr'),
        uid,
        projectId,
        featureCode: 'export',
        value: true,
        validFrom: new Date(testStart),
        reason: 'test',
        auditId: 'au_test',
        createdAt: new Date(testStart),
      },
    }),
  );
}
