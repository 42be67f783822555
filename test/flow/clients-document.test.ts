import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Started } from '../../src/dev/started.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { testSigning } from '../helpers/signing.ts';
import { readRunbook } from './operations/document.ts';
import { perform } from './operations/perform.ts';
import type { Shell } from './operations/shell.ts';
import { startShell } from './operations/shell-of-shop.ts';

/* docs/clients.md, read from top to bottom and done. */

const file = path.resolve(import.meta.dirname, '../../docs/clients.md');
const sections = readRunbook(await readFile(file, 'utf8')).filter(({ steps }) => steps.length > 0);

const started = new Started();
let shop: Shop;
let shell: Shell;

beforeAll(async () => {
  shop = await startShop({ config: testSigning });
  started.add(() => shop.close());
  shell = await startShell(shop, started);
});
afterAll(() => started.stop());

describe('docs/clients.md', () => {
  it.each(sections)('$heading', { timeout: 60_000 }, async ({ steps }) => {
    for (const step of steps) {
      await perform(step, shell, () => expect.fail('nothing is done beside the commands'), {});
    }
  });
});
