import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { startWebPage, type WebPage } from '../helpers/web-page.ts';

/*
 * OpenFeature's own web SDK and its OFREP provider, both unchanged, in a real browser, on a page of one of
 * the project's origins, with a user token.
 */

const started = new Started();
let web: WebPage;
let allowed: Page;
let foreign: Page;

beforeAll(async () => {
  web = await startWebPage(started, 'ofrep-web-page.js', { export: 'boolean', seats: 'limit' });
  allowed = await web.browser.newPage();
  await allowed.goto(web.pages.allowed);
  foreign = await web.browser.newPage();
  await foreign.goto(web.pages.foreign);
}, 120_000);
afterAll(() => started.stop(), 60_000);

async function change(pathOf: 'grant' | 'revoke', body: object): Promise<void> {
  await web.change(pathOf, { user_id: 'wendy', ...body });
}

async function start(page: Page): Promise<void> {
  const token = await web.userToken('wendy');
  await page.evaluate(
    `window.start(${JSON.stringify(web.url)}, ${JSON.stringify(token)}, 'wendy')`,
  );
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
