import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { webhookSecret } from '../helpers/service.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { firstSteps } from './operations/document.ts';
import { startInstance } from './operations/instance.ts';
import { Shell } from './operations/shell.ts';

/* The README's first steps, line by line, on an installation where nothing has been done. */

const readme = await readFile(path.resolve(import.meta.dirname, '../../README.md'), 'utf8');
const commands = firstSteps(readme);

const started = new Started();
let shop: Shop;
let shell: Shell;

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
    STRIPE_SECRET_KEY: 'sk_test_123',
    STRIPE_API_BASE: shop.sandbox.url,
  });
  started.add(() => shell.close());
  // The last command replays an event.
  await stripe.products.create({ name: 'Another' });
  await shop.settle();
});
afterAll(() => started.stop());

describe('README.md, first steps', () => {
  it('sets up a shell', async () => {
    expect(commands.length).toBeGreaterThan(20);
    for (const command of commands.slice(0, 3)) expect(await shell.run(command)).toBe('');
  });

  it.each(commands.slice(3))('%s', async (command) => {
    // The shop has a project of the README's name.
    const printed = await shell.run(command.replaceAll(/\bnotes\b/g, 'papers'));
    expect(printed).not.toContain('urn:latchkey:problem');
    expect(printed === '').toBe(/^[A-Z]+=/.test(command));
  });
});
