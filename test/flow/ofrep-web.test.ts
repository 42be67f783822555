import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../src/dev/ports.ts';
import { Started } from '../../src/dev/started.ts';
import { openChromium } from '../helpers/chromium.ts';
import { text } from '../helpers/json.ts';
import type { TestService } from '../helpers/service.ts';
import { testSigning } from '../helpers/signing.ts';
import { startTwoProjects } from '../helpers/two-projects.ts';

/*
 * OpenFeature's own web SDK and its OFREP provider, both unchanged, in a real browser, on a page of one of
 * the project's origins, with a user token.
 */

const started = new Started();
let service: TestService;
let notes: { projectId: string; key: string };
let url: string;
let pages: Server;
let allowed: Page;
let foreign: Page;

beforeAll(async () => {
  const bundle = await bundlePage();
  pages = createServer((request, response) => {
    const isScript = request.url === '/app.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? bundle : '<!doctype html><body></body><script src="/app.js"></script>');
  });
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
  const { port: pagePort } = pages.address() as AddressInfo;
  started.add(() => {
    pages.closeAllConnections();
    pages.close();
    return Promise.resolve();
  });
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  ({ service, notes } = await startTwoProjects(
    { export: 'boolean', seats: 'limit' },
    { config: { ...testSigning, publicUrl: url } },
  ));
  started.add(() => service.close());
  await service.request('PATCH', '/admin/projects/notes', {
    key: notes.key,
    body: { settings: { redirect_origins: [`http://localhost:${pagePort}`] } },
  });
  await service.app.listen({ host: '127.0.0.1', port });
  const browser = await openChromium();
  started.add(() => browser.close());
  allowed = await browser.newPage();
  await allowed.goto(`http://localhost:${pagePort}/`);
  foreign = await browser.newPage();
  // Another origin, though it is the same server.
  await foreign.goto(`http://127.0.0.1:${pagePort}/`);
}, 120_000);
afterAll(() => started.stop(), 60_000);

/** Bundles the page's script with what it imports from this repository's packages. */
async function bundlePage(): Promise<string> {
  const build = await rolldown({
    input: path.join(import.meta.dirname, 'ofrep-web-page.js'),
    platform: 'browser',
  });
  const { output } = await build.generate({ format: 'iife' });
  await build.close();
  return output[0].code;
}

async function change(pathOf: 'grant' | 'revoke', body: object): Promise<void> {
  const { status } = await service.request('POST', `/admin/${pathOf}`, {
    key: notes.key,
    body: { user_id: 'wendy', reason: 'a test', ...body },
  });
  expect(status).toBeLessThan(300);
  await service.deps.feed.look();
}

async function start(page: Page): Promise<void> {
  const made = await service.request('POST', '/user-tokens', {
    key: notes.key,
    body: { user_id: 'wendy' },
  });
  const token = text(made.body, 'token');
  await page.evaluate(`window.start(${JSON.stringify(url)}, ${JSON.stringify(token)}, 'wendy')`);
}

describe("OpenFeature's web SDK", () => {
  it('reads features as flags, and hears of changes by the stream', async () => {
    await change('grant', { feature_code: 'seats', value: 3 });
    await start(allowed);
    await allowed.getByText('{"export":false,"seats":3}').waitFor();
    await change('grant', { feature_code: 'export' });
    await allowed.getByText('{"export":true,"seats":3}').waitFor();
    await change('revoke', { feature_code: 'export' });
    await allowed.getByText('{"export":false,"seats":3}').waitFor();
  }, 60_000);

  it('gets nothing on a page of an origin that the project does not name', async () => {
    await expect(start(foreign)).rejects.toThrow();
  }, 60_000);
});
