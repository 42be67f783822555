import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { readRunbook } from './operations/document.ts';
import { perform } from './operations/perform.ts';
import { purchasesIn } from './operations/purchases.ts';
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
    for (const step of steps) await perform(step, shell, purchasesIn(shop), names);
  });
});
