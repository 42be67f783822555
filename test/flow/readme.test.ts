import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { firstSteps } from './operations/document.ts';
import type { Shell } from './operations/shell.ts';
import { startShell } from './operations/shell-of-shop.ts';

/* The README's first steps, line by line, on an installation where nothing has been done. */

const readme = await readFile(path.resolve(import.meta.dirname, '../../README.md'), 'utf8');
const commands = firstSteps(readme);

const started = new Started();
let shop: Shop;
let shell: Shell;

beforeAll(async () => {
  shop = await startShop();
  started.add(() => shop.close());
  shell = await startShell(shop, started);
  // The last command replays an event.
  await shop.stripe.products.create({ name: 'Another' });
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
