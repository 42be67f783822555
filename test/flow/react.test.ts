import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { startWebPage, type WebPage } from '../helpers/web-page.ts';

/* React components over user tokens, in a real browser, against the service. Both clocks are the test's. */

const started = new Started();
let web: WebPage;
let context: BrowserContext;
let page: Page;
/** The users for whom the page asked its server for a token. */
let asked: string[] = [];

beforeAll(async () => {
  web = await startWebPage(started, 'react-page.js', { export: 'boolean', seats: 'limit' });
}, 120_000);
afterAll(() => started.stop(), 60_000);
beforeEach(async () => {
  asked = [];
  context = await web.browser.newContext();
  page = await context.newPage();
  const now = web.service.clock.now();
  await page.clock.install({ time: now - 60_000 });
  await page.exposeFunction('userToken', (userId: string) => {
    asked.push(userId);
    return web.userToken(userId);
  });
  await page.goto(web.pages.allowed);
  await page.clock.pauseAt(now);
});
afterEach(() => context.close());

/** Renders the page for a user, with a way to get tokens unless it has a token of its own. */
async function render(userId: string, props: { token?: string; document?: string } = {}) {
  const given = { url: web.url, userId, withToken: props.token === undefined, ...props };
  await page.evaluate(`window.render(${JSON.stringify(given)})`);
}

const shows = (shown: string) => page.getByText(shown, { exact: true }).waitFor();

async function advance(ms: number): Promise<void> {
  web.service.clock.advance(ms);
  await page.clock.fastForward(ms);
}

describe('components in a page', () => {
  it('show a grant and a revoke when the stream reports them, without a reload', async () => {
    await render('ann', { token: await web.userToken('ann') });
    await shows('ann: null seats, no export');
    await web.change('grant', { user_id: 'ann', feature_code: 'export' });
    await shows('ann: null seats, the export');
    await web.change('revoke', { user_id: 'ann', feature_code: 'export' });
    await shows('ann: null seats, no export');
  }, 60_000);

  it('renew the token before it ends, and stay live after its end', async () => {
    await render('bo');
    await shows('bo: null seats, no export');
    expect(asked).toEqual(['bo']);
    const renewed = page.waitForRequest((request) => request.url().includes('/changes/stream'));
    await advance(850_000);
    await renewed;
    // The first token has ended, so only the second one can load or hear of this.
    await advance(100_000);
    await web.change('grant', { user_id: 'bo', feature_code: 'export' });
    await shows('bo: null seats, the export');
    expect(asked).toEqual(['bo', 'bo']);
  }, 60_000);

  it('show no value of one user for another', async () => {
    await web.change('grant', { user_id: 'cy', feature_code: 'seats', value: 3 });
    const document = await documentOf('cy');
    await render('cy', { document });
    await shows('cy: 3 seats, no export');
    await web.change('grant', { user_id: 'cy', feature_code: 'seats', value: 4 });
    await shows('cy: 4 seats, no export');
    // The page keeps the document of the first user.
    await render('di', { document });
    await shows('di: null seats, no export');
    const rendered: { userId: string; value: unknown }[] = await page.evaluate('window.rendered');
    expect(rendered.filter(({ userId, value }) => userId === 'di' && value !== null)).toEqual([]);
    expect(asked).toEqual(['cy', 'di']);
  }, 60_000);

  it('end a feature at its end without a message, and show the answer of the service after it', async () => {
    const end = new Date(web.service.clock.now() + 30_000).toISOString();
    const window = { user_id: 'ed', feature_code: 'export', valid_to: end };
    await web.change('grant', window);
    await render('ed');
    await shows('ed: null seats, the export');
    await context.setOffline(true);
    await page.clock.fastForward(29_999);
    await shows('ed: null seats, the export');
    await page.clock.fastForward(1);
    await shows('ed: loading seats, no export');
    web.service.clock.advance(30_000);
    await context.setOffline(false);
    await page.clock.fastForward(60_000);
    await shows('ed: null seats, no export');
  }, 60_000);
});

async function documentOf(userId: string): Promise<string> {
  const { body } = await web.service.request('GET', `/entitlements/document?user_id=${userId}`, {
    key: web.notes.key,
    headers: { accept: 'application/jwt' },
  });
  return String(body);
}
