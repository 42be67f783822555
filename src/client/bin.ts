#!/usr/bin/env node
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { loadFeatures, renderFeatures } from './catalog-types.ts';

const usage = `latchkey types [--out FILE] [--url URL]
  Writes the features of your project as a TypeScript declaration.
  --out FILE   where it goes (latchkey-features.ts)
  --url URL    the service (LATCHKEY_URL)
  The API key comes from LATCHKEY_KEY; the scope read suffices.`;

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: 'latchkey-features.ts' },
    url: { type: 'string', default: process.env['LATCHKEY_URL'] ?? '' },
    help: { type: 'boolean', default: false },
  },
});
const key = process.env['LATCHKEY_KEY'] ?? '';
if (given.help || positionals[0] !== 'types') {
  console.log(usage);
  process.exitCode = given.help ? 0 : 2;
} else if (given.url === '' || key === '') {
  console.error('Set LATCHKEY_URL (or --url) and LATCHKEY_KEY.');
  process.exitCode = 2;
} else {
  const features = await loadFeatures(given.url, key);
  await writeFile(given.out, renderFeatures(features));
  console.log(`Wrote ${features.length} features to ${given.out}.`);
}
