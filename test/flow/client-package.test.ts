import { execFile } from 'node:child_process';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Shop, startShop } from '../helpers/shop.ts';

/* The package as an app gets it: packed, installed into an empty folder, and run by each Node that is here. */

const run = promisify(execFile);
const repository = path.resolve(import.meta.dirname, '../..');
const dist = path.join(repository, 'dist-client');

let shop: Shop;
let folder: string;
let tarball: string;
const env: NodeJS.ProcessEnv = { ...process.env };

beforeAll(async () => {
  shop = await startShop();
  const address = shop.service.app.server.address();
  if (address === null || typeof address === 'string') throw new Error('the service has no port');
  env['LATCHKEY_URL'] = `http://127.0.0.1:${address.port}`;
  env['LATCHKEY_KEY'] = shop.key;
  await shop.service.request('POST', '/admin/grant', {
    key: shop.key,
    body: { user_id: 'u_42', feature_code: 'export', reason: 'a test' },
  });
  folder = await mkdtemp(path.join(tmpdir(), 'latchkey-client-'));
  const { stdout } = await run(
    'npm',
    ['run', '--silent', 'client:pack', '--', '--json', '--pack-destination', folder],
    { cwd: repository },
  );
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  tarball = path.join(folder, packed?.filename ?? '');
  await writeFile(path.join(folder, 'package.json'), '{"name":"app","type":"module"}');
  const dependencies = ['jose', 'eventsource-parser'].map((name) =>
    path.join(repository, 'node_modules', name),
  );
  // Its dependencies come from this folder: the test needs no registry.
  await run(
    'npm',
    ['install', '--offline', '--install-links', '--no-audit', tarball, ...dependencies],
    { cwd: folder },
  );
}, 180_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await shop.close();
});

/** The Nodes of this machine: the repository's, and the first of the path that is not. */
async function nodes(): Promise<string[]> {
  const own = path.join(repository, 'node_modules/.bin/node');
  const others = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((each) => !each.includes('node_modules') && !each.includes('npm'))
    .map((each) => path.join(each, 'node'));
  for (const other of others) {
    const isThere = await access(other).then(
      () => true,
      () => false,
    );
    if (isThere) return [own, other];
  }
  return [own];
}

describe('the package of the client', () => {
  it('runs the first example of its README, and ends by itself', async () => {
    const readme = await readFile(path.join(repository, 'src/client/README.md'), 'utf8');
    const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
    await writeFile(path.join(folder, 'example.js'), example);
    for (const node of await nodes()) {
      const { stdout } = await run(node, ['example.js'], { cwd: folder, env, timeout: 30_000 });
      expect(stdout, node).toContain('u_42 may export');
      expect(stdout, node).toContain("reason: 'no_source'");
    }
  }, 60_000);

  it('writes the types of a catalog', async () => {
    await run(path.join(folder, 'node_modules/.bin/latchkey'), ['types'], { cwd: folder, env });
    const written = await readFile(path.join(folder, 'latchkey-features.ts'), 'utf8');
    expect(written).toContain('"export": "boolean"');
    expect(written).toContain('"notebooks": "limit"');
  }, 30_000);

  it('is in order for those who install it', async () => {
    const bin = path.join(repository, 'node_modules/.bin');
    await run(path.join(bin, 'publint'), ['run', '--strict', tarball], { cwd: repository });
    await run(path.join(bin, 'attw'), ['--profile', 'esm-only', tarball], { cwd: repository });
  }, 60_000);

  it('has a core of 12 kB at most, compressed, without jose', async () => {
    const names = await coreFiles('index.js');
    expect(names.length).toBeGreaterThan(10);
    const parser = path.join(repository, 'node_modules/eventsource-parser/dist/index.js');
    const files = [...names.map((name) => path.join(dist, name)), parser];
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    const { length } = gzipSync(texts.join('\n'));
    process.stderr.write(`the core of @latchkey/client: ${length} bytes compressed\n`);
    expect(length).toBeLessThanOrEqual(12_000);
    expect(texts.filter((text) => /^import .* from ["']jose["']/m.test(text))).toEqual([]);
  });

  it('contains code, types and its README only', async () => {
    const names = await readdir(path.join(folder, 'node_modules/@latchkey/client'), {
      recursive: true,
    });
    const others = names.filter(
      (name) => !/(\.js|\.d\.ts|^core|package\.json|README\.md)$/.test(name),
    );
    expect(others).toEqual([]);
  });
});

/** Returns the files that an entry imports, itself included. */
async function coreFiles(entry: string, seen = new Set<string>()): Promise<string[]> {
  if (seen.has(entry)) return [];
  seen.add(entry);
  const text = await readFile(path.join(dist, entry), 'utf8');
  for (const [, name = ''] of text.matchAll(/from ["'](\.[^"']+)["']/g)) {
    await coreFiles(path.join(path.dirname(entry), name), seen);
  }
  return [...seen];
}
