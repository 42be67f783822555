import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { rolldown } from 'rolldown';
import { freePort } from '../../src/dev/ports.ts';
import type { Started } from '../../src/dev/started.ts';
import { openChromium } from './chromium.ts';
import { text } from './json.ts';
import type { TestService } from './service.ts';
import { testSigning } from './signing.ts';
import { startTwoProjects } from './two-projects.ts';

export interface WebPage {
  service: TestService;
  notes: { projectId: string; key: string };
  /** The service's URL. */
  url: string;
  browser: Browser;
  /** The page on the origin that the project names, and the same page on another origin. */
  pages: { allowed: string; foreign: string };
  userToken(userId: string, ttlSeconds?: number): Promise<string>;
  /** Grants or revokes a feature. */
  change(pathOf: 'grant' | 'revoke', body: object): Promise<void>;
}

/**
 * Starts a browser, a server of one page, and a service whose project `notes` has these features (code → type)
 * and the page's origin.
 *
 * @param script the page's script in test/flow; it may import what this repository contains.
 */
export async function startWebPage(
  started: Started,
  script: string,
  features: Record<string, string>,
): Promise<WebPage> {
  const pagePort = await servePage(started, await bundle(script));
  const pages = {
    allowed: `http://localhost:${pagePort}/`,
    // Another origin, though it is the same server.
    foreign: `http://127.0.0.1:${pagePort}/`,
  };
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { service, notes } = await startTwoProjects(features, {
    config: { ...testSigning, publicUrl: url },
  });
  started.add(() => service.close());
  await service.request('PATCH', '/admin/projects/notes', {
    key: notes.key,
    body: { settings: { redirect_origins: [new URL(pages.allowed).origin] } },
  });
  await service.app.listen({ host: '127.0.0.1', port });
  const browser = await openChromium();
  started.add(() => browser.close());
  return {
    ...{ service, notes, url, browser, pages },
    async userToken(userId, ttlSeconds = 900) {
      const body = { user_id: userId, ttl_seconds: ttlSeconds };
      const made = await service.request('POST', '/user-tokens', { key: notes.key, body });
      return text(made.body, 'token');
    },
    async change(pathOf, body) {
      const { status } = await service.request('POST', `/admin/${pathOf}`, {
        key: notes.key,
        body: { reason: 'a test', ...body },
      });
      if (status >= 300) throw new Error(`/admin/${pathOf} returned ${status}`);
      await service.deps.feed.look();
    },
  };
}

async function servePage(started: Started, script: string): Promise<number> {
  const server = createServer((request, response) => {
    const isScript = request.url === '/app.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><body></body><script src="/app.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  started.add(() => {
    server.closeAllConnections();
    server.close();
    return Promise.resolve();
  });
  return (server.address() as AddressInfo).port;
}

/** Bundles a page's script with what it imports. */
async function bundle(script: string): Promise<string> {
  const build = await rolldown({
    input: path.join(import.meta.dirname, '../flow', script),
    platform: 'browser',
  });
  const { output } = await build.generate({ format: 'iife' });
  await build.close();
  return output[0].code;
}
