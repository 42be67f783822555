import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { text } from '../helpers/json.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { readRunbook } from './operations/document.ts';
import { perform } from './operations/perform.ts';
import type { Names } from './operations/scenes.ts';
import type { Shell } from './operations/shell.ts';
import { startShell } from './operations/shell-of-shop.ts';

/* docs/recipes.md, read from top to bottom and done, as test/flow/operations.test.ts does the runbook. */

const markdown = await readFile(path.resolve(import.meta.dirname, '../../docs/recipes.md'), 'utf8');
const recipes = readRunbook(markdown);

const started = new Started();
let shop: Shop;
let shell: Shell;

beforeAll(async () => {
  shop = await startShop();
  started.add(() => shop.close());
  shell = await startShell(shop, started);
});
afterAll(() => started.stop());

/** Recipes whose price is paid once; all others are monthly. */
const paidOnce = ['A lifetime deal', 'A pass for 30 days', 'Packs that add up'];

/** A product of the project, at Stripe only, with one price. */
async function sceneOf(heading: string): Promise<Names> {
  const product = await shop.stripe.products.create({
    name: heading,
    metadata: { project_id: 'notes' },
  });
  const price = await shop.stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 900,
    ...(paidOnce.includes(heading) ? {} : { recurring: { interval: 'month' } }),
  });
  return { prod_123: product.id, price_123: price.id };
}

/** `pay` (the latest session), `USER buys PRICE` or `USER buys PRICE xQUANTITY`. */
async function act(name: string): Promise<void> {
  if (name === 'pay') {
    const [session] = (await shop.stripe.checkout.sessions.list({ limit: 1 })).data;
    return pay(session?.id ?? '');
  }
  const [, userId, price, quantity = '1'] = /^(\S+) buys (\S+?)(?: x(\d+))?$/.exec(name) ?? [];
  const opened = await shop.service.request('POST', '/checkout/sessions', {
    key: shop.key,
    body: {
      user_id: userId,
      line_items: [{ price_id: price, quantity: Number(quantity) }],
      success_url: 'https://notes.example/welcome',
      cancel_url: 'https://notes.example/pricing',
    },
  });
  expect(opened.status, JSON.stringify(opened.body)).toBe(201);
  await pay(text(opened.body, 'id'));
}

async function pay(sessionId: string): Promise<void> {
  await shop.sandbox.buyer.pay(sessionId);
  await shop.settle();
}

describe('docs/recipes.md', () => {
  it('says to its readers, too, who buys what', () => {
    const hidden = [...markdown.matchAll(/^<!-- test: (\S+ buys \S+).* -->$/gm)];
    expect(hidden).not.toEqual([]);
    for (const [line, purchase = ''] of hidden) {
      const [user, price] = purchase.split(' buys ');
      expect(markdown.slice(0, markdown.indexOf(line)), line).toMatch(
        new RegExp(`\\*\\*${user} buys \`${price}\`.*\\n\\n$`),
      );
    }
  });

  it.each(recipes)('$heading', { timeout: 60_000 }, async ({ heading, steps }) => {
    expect(steps).not.toEqual([]);
    const names = await sceneOf(heading);
    for (const step of steps) await perform(step, shell, act, names);
  });
});
