import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLatchkey } from '../../src/client/index.ts';
import { send } from '../../src/dev/api.ts';
import { products as demoProducts } from '../../src/dev/demo-catalog.ts';
import { newSecrets } from '../../src/dev/home.ts';
import { freePort } from '../../src/dev/ports.ts';
import { createQuickstart, type Features } from '../../src/dev/quickstart-app.ts';
import { seedDemo } from '../../src/dev/seed-demo.ts';
import { type Stack, startStack } from '../../src/dev/stack.ts';
import { Started } from '../../src/dev/started.ts';
import { temporaryDirectory } from '../../src/dev/temporary.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { openChromium } from '../helpers/chromium.ts';
import { at } from '../helpers/json.ts';
import { Shell } from './operations/shell.ts';

/* The app of docs/quickstart.md, as `npm run dev` starts it, in a real browser. */

const repository = path.resolve(import.meta.dirname, '../..');
const started = new Started();
const secrets = newSecrets();
let stack: Stack;
let projectKey: string;
let appUrl: string;
let browser: Browser;

beforeAll(async () => {
  stack = await startStack(
    {
      directory: await temporaryDirectory('quickstart-test', started),
      persistent: false,
      ports: { service: 0, sandbox: 0 },
      secrets,
      clock: systemClock,
      logger: createLogger('silent'),
    },
    started,
  );
  const port = await freePort();
  appUrl = `http://localhost:${port}`;
  ({ projectKey } = await seedDemo(stack, appUrl, secrets));
  const latchkey = createLatchkey<Features>({ url: stack.serviceUrl, key: projectKey });
  started.add(() => latchkey.close());
  const app = createQuickstart(latchkey, appUrl);
  started.add(() => app.close());
  await app.listen({ host: '127.0.0.1', port });
  browser = await openChromium();
  started.add(() => browser.close());
}, 120_000);
afterAll(() => started.stop(), 60_000);

async function signIn(user: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(appUrl);
  await page.getByLabel('Signed in as').fill(user);
  await page.getByRole('button', { name: 'Sign in as someone else' }).click();
  await page.waitForURL(`${appUrl}/`);
  return page;
}

describe('the app of the quickstart', () => {
  it('gates a route, sells, shows what was bought, lets the buyer in, and opens the portal', async () => {
    const page = await signIn('bea');
    await expect(page.getByText('Nothing yet.').count()).resolves.toBe(1);
    const refused = await page.request.get(`${appUrl}/export`);
    expect(refused.status()).toBe(402);
    expect(await refused.json()).toMatchObject({ code: 'feature_required', reason: 'no_source' });

    await page.getByRole('button', { name: 'Buy Pro' }).click();
    await page.getByRole('button', { name: 'Pay', exact: true }).click();
    await page.waitForURL(`${appUrl}/thanks**`);
    expect(await page.getByRole('listitem').allTextContents()).toEqual([
      'Export as PDF',
      'Notebooks: 100',
      'Theme',
    ]);

    await page.getByRole('link', { name: 'Back to your notebooks' }).click();
    await page.getByRole('link', { name: 'Export my notebooks' }).click();
    await page.getByText('Your notebooks, exported.').waitFor();

    await page.goto(appUrl);
    await page.getByRole('button', { name: 'Manage my subscription' }).click();
    await page.getByText('Pro').first().waitFor();
    expect(page.url().startsWith(appUrl)).toBe(false);
  }, 60_000);

  it('sells a top-up, counts what is used, and refuses when it is used up', async () => {
    const page = await signIn('dot');
    const summarize = async (): Promise<string | null> => {
      await page.goto(appUrl);
      await page.getByRole('button', { name: 'Summarize my notebooks' }).click();
      await page.waitForURL(`${appUrl}/summary`);
      return page.locator('h1').textContent();
    };
    await page.getByText('Credits left: 0.').waitFor();
    expect(await summarize()).toBe('Too few credits');
    const answered = await page.request.post(`${appUrl}/summary`);
    expect(answered.status()).toBe(402);

    await page.getByRole('link', { name: 'Buy a credit pack' }).click();
    await page.getByRole('button', { name: 'Buy Credit pack' }).click();
    await page.getByRole('button', { name: 'Pay', exact: true }).click();
    await page.waitForURL(`${appUrl}/thanks**`);
    expect(await page.getByRole('listitem').allTextContents()).toEqual(['Credits: 20']);
    await page.getByRole('link', { name: 'Back to your notebooks' }).click();
    await page.getByText('Credits left: 20.').waitFor();

    for (const left of [17, 14, 11, 8, 5, 2]) {
      expect(await summarize()).toBe('Your summary');
      await page.getByText(`Credits left: ${left}.`).waitFor();
    }
    expect(await summarize()).toBe('Too few credits');
    await page.getByText('A summary takes 3 credits. Credits left: 2.').waitFor();
    const latchkey = createLatchkey<Features>({
      ...{ url: stack.serviceUrl, key: projectKey, stream: false },
    });
    expect(await latchkey.usage('dot')).toMatchObject([{ granted: 20, used: 18, balance: 2 }]);
  }, 60_000);

  it.each([320, 1_440])(
    'fits a screen of %i pixels, light and dark',
    async (width) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
        await page.goto(appUrl);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
        const color = await page.evaluate(
          "getComputedStyle(document.querySelector('main')).backgroundColor",
        );
        expect(color === 'rgb(255, 255, 255)').toBe(colorScheme === 'light');
        await page.close();
      }
    },
    60_000,
  );

  it('says what went wrong to a user without a customer', async () => {
    const page = await signIn('cal');
    await page.getByRole('button', { name: 'Manage my subscription' }).click();
    await page.locator('.notice').waitFor();
    expect(await page.locator('.notice').textContent()).not.toBe('Something failed.');
  }, 60_000);
});

describe('the demo project', () => {
  it('keeps the redirect origins of an operator at the next start, and gets those of the start', async () => {
    const own = 'http://localhost:8080';
    const call = { method: 'GET', path: '/api/v1/admin/projects/demo' } as const;
    const admin = { serviceUrl: stack.serviceUrl, key: secrets.adminKey };
    const origins = async (): Promise<unknown> =>
      at((await send(admin, call)).body, 'settings', 'redirect_origins');
    const settings = { redirect_origins: [own] };
    await send(admin, { ...call, method: 'PATCH', body: { settings } });
    await seedDemo(stack, 'http://localhost:4001', secrets);
    expect(await origins()).toEqual([own, stack.serviceUrl, 'http://localhost:4001']);
    await seedDemo(stack, appUrl, secrets);
    expect(await origins()).toEqual([own, stack.serviceUrl, 'http://localhost:4001', appUrl]);
  });
});

describe('docs/quickstart.md', () => {
  it('shows the code of the app as it is', async () => {
    const guide = await readFile(path.join(repository, 'docs/quickstart.md'), 'utf8');
    const app = await readFile(path.join(repository, 'src/dev/quickstart-app.ts'), 'utf8');
    const lines = new Set(app.split('\n').map((line) => line.trim()));
    const [, ...rest] = guide.split('<!-- from the app -->');
    expect(rest.length).toBeGreaterThanOrEqual(4);
    for (const part of rest) {
      const code = /```ts\n([^]*?)```/.exec(part)?.[1] ?? '';
      expect(code).not.toBe('');
      for (const line of code.trim().split('\n')) expect(lines).toContain(line.trim());
    }
  });

  it('prints commands that work as they stand, in their order', async () => {
    const guide = await readFile(path.join(repository, 'docs/quickstart.md'), 'utf8');
    const blocks = [...guide.matchAll(/^```bash\n([^]*?)\n```$/gm)].map(([, code = '']) => code);
    const commands = blocks.filter((code) => code.startsWith('curl '));
    expect(commands.length).toBeGreaterThanOrEqual(3);
    const shell = new Shell({
      ...{ PATH: process.env['PATH'] ?? '', LATCHKEY: stack.serviceUrl },
      ...{ KEY: projectKey, ADMIN_API_KEY: secrets.adminKey },
    });
    started.add(() => shell.close());
    await shell.run('curl() { command curl --silent --show-error "$@"; echo; }');
    for (const command of commands) {
      expect(await shell.run(command), command).not.toMatch(/urn:latchkey:problem|curl:/);
    }
    const latchkey = createLatchkey({ url: stack.serviceUrl, key: projectKey, stream: false });
    // The user of the guide was granted `export`, and then it was revoked.
    expect(await latchkey.check('u_1', 'export')).toMatchObject({ reason: 'revoked' });
    const { features, products } = await latchkey.catalog();
    expect(features).toContainEqual({ feature_code: 'report', name: 'Report', type: 'boolean' });
    const pro = products.find(({ id }) => id === 'prod_demo_pro');
    expect(pro?.features).toEqual({ ...demoProducts.pro.features, report: true });
  });
});
