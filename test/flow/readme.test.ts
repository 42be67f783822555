import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { webhookSecret } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { startInstance } from './operations/instance.ts';
import { Shell } from './operations/shell.ts';

/* The README's first steps, line by line, on an installation where nothing has been done. */

const readme = await readFile(path.resolve(import.meta.dirname, '../../README.md'), 'utf8');
const [, block = ''] =
  /^### First steps as an operator\n\n```bash\n([^]*?)\n```$/m.exec(readme) ?? [];

const started = new Started();
let shop: Shop;
let shell: Shell;
/** The README's example ids, and what they are here. */
let names: Record<string, string>;

beforeAll(async () => {
  shop = await startShop();
  started.add(() => shop.close());
  const { stripe, service } = shop;
  const instance = await startInstance(shop, {
    redisUrl: inject('redisUrl'),
    metricsToken: 'a_token_for_the_metrics_of_the_tests',
    webhookSecrets: [webhookSecret],
    port: 0,
  });
  started.add(() => instance.close());
  shell = new Shell({
    PATH: process.env['PATH'] ?? '',
    LATCHKEY: instance.url,
    ADMIN_API_KEY: service.adminKey,
  });
  started.add(() => shell.close());
  const product = await stripe.products.create({ name: 'Pro' });
  const price = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 900,
  });
  const customer = await stripe.customers.create({});
  await shop.settle();
  const event = await service.deps.database.prisma.webhookEvent.findFirstOrThrow();
  names = {
    prod_123: product.id,
    price_123: price.id,
    cus_123: customer.id,
    evt_123: event.eventId,
    // The shop has a project of this name.
    notes: 'papers',
  };
});
afterAll(() => started.stop());

const commands = block.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('README.md, first steps', () => {
  it('sets up a shell', async () => {
    expect(commands.length).toBeGreaterThan(20);
    for (const command of commands.slice(0, 2)) expect(await shell.run(command)).toBe('');
  });

  it.each(commands.slice(2))('%s', async (command) => {
    const real = Object.entries(names).reduce(
      (text, [name, id]) => text.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), id),
      command,
    );
    const printed = await shell.run(real);
    expect(printed).not.toContain('urn:latchkey:problem');
    if (!command.startsWith('RV=')) expect(printed).not.toBe('');
  });
});
