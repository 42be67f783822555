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

/* docs/usage.md, read from top to bottom and done. */

const file = path.resolve(import.meta.dirname, '../../docs/usage.md');
const sections = readRunbook(await readFile(file, 'utf8')).filter(({ steps }) => steps.length > 0);

const started = new Started();
let shop: Shop;
let shell: Shell;
let names: Names;

beforeAll(async () => {
  shop = await startShop();
  started.add(() => shop.close());
  shell = await startShell(shop, started);
  await shell.run(`KEY=${shop.key}`);
  names = { ...(await sell('PLAN')), ...(await sell('PACK')) };
});
afterAll(() => started.stop());

/** Creates a product of the project, at Stripe only, with one price: a plan monthly, a pack once. */
async function sell(name: 'PLAN' | 'PACK'): Promise<Names> {
  const product = await shop.stripe.products.create({ name, metadata: { project_id: 'notes' } });
  const price = await shop.stripe.prices.create({
    ...{ product: product.id, currency: 'usd', unit_amount: 900 },
    ...(name === 'PLAN' ? { recurring: { interval: 'month' } } : {}),
  });
  return { [`prod_${name}`]: product.id, [`price_${name}`]: price.id };
}

describe('docs/usage.md', () => {
  it('has commands that set metered features up, and one that uses them', () => {
    expect(sections.map(({ heading }) => heading)).toEqual(['Set it up', 'Use it']);
  });

  it.each(sections)('$heading', { timeout: 60_000 }, async ({ steps }) => {
    for (const step of steps) await perform(step, shell, purchasesIn(shop), names);
  });

  it('gives what its table says', async () => {
    const { body } = await shop.service.request('GET', '/usage?user_id=u_42', { key: shop.key });
    expect(body).toMatchObject({
      data: [{ feature_code: 'credits', unit: 'credits', granted: 250, used: 3, balance: 247 }],
    });
    await purchasesIn(shop)(`u_43 buys ${names['price_PLAN']}`);
    const other = await shop.service.request('GET', '/usage?user_id=u_43', { key: shop.key });
    expect(other.body).toMatchObject({ data: [{ granted: 500, used: 0, balance: 500 }] });
  });
});
