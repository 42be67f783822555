import { expect } from 'vitest';
import { startTestService, type TestService } from './service.ts';

type Project = Awaited<ReturnType<TestService['createProject']>>;

export interface TwoProjects {
  service: TestService;
  notes: Project;
  other: Project;
}

/** Starts a service with two projects, `notes` with these features (code → type), `other` with none. */
export async function startTwoProjects(
  features: Record<string, string>,
  options: Parameters<typeof startTestService>[0] = {},
): Promise<TwoProjects> {
  const service = await startTestService(options);
  const notes = await service.createProject('notes');
  const other = await service.createProject('other');
  for (const [code, type] of Object.entries(features)) {
    await putFeature(service, notes.key, code, type);
  }
  return { service, notes, other };
}

/** Creates a feature whose name is its code. */
export async function putFeature(
  service: TestService,
  key: string,
  code: string,
  type: string,
): Promise<void> {
  const body = { name: code, type };
  const { status } = await service.request('PUT', `/admin/features/${code}`, { key, body });
  expect(status).toBe(200);
}
