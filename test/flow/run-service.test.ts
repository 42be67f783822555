import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Running, runService } from '../../src/run-service.ts';
import { openEventStream } from '../helpers/event-stream.ts';
import { requestTo } from '../helpers/service.ts';
import { startTwoProjects, type TwoProjects } from '../helpers/two-projects.ts';

/* The whole service with its background work. Its timers stand still, so nothing polls. */

let projects: TwoProjects;
let running: Running;

beforeAll(async () => {
  projects = await startTwoProjects({ export: 'boolean' });
  const { config, ...deps } = projects.service.deps;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  running = await runService({ ...deps, config: { ...config, host: '127.0.0.1', port: 0 } });
});
afterAll(async () => {
  vi.useRealTimers();
  await Promise.all([running.app.close(), running.background.stop()]);
  await projects.service.close();
});

it('a change wakes the readers of the feed, who do not wait for the next poll', async () => {
  const { key } = projects.notes;
  const { app } = running;
  const client = await openEventStream(`${app.listeningOrigin}/api/v1/changes/stream`, key);
  await client.take(1);
  const { status } = await requestTo(app)('POST', '/admin/grant', {
    key,
    body: { user_id: 'ann', feature_code: 'export', reason: 'a test' },
  });
  expect(status).toBe(201);
  const [, change] = await client.take(2);
  expect(change).toMatchObject({ event: 'change', data: { user_id: 'ann', gained: ['export'] } });
  client.close();
});

it('closing the server ends its streams, and waits for no idle connection', async () => {
  const { key } = projects.notes;
  const url = `${running.app.listeningOrigin}/api/v1/changes/stream`;
  // Like curl and browsers, which would use the connection again.
  const client = await openEventStream(url, key, { connection: 'keep-alive' });
  await client.take(1);
  await running.app.close();
  await client.ended;
});
