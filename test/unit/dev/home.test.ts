import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadSecrets, saveSecrets } from '../../../src/dev/home.ts';
import { Started } from '../../../src/dev/started.ts';
import { temporaryDirectory } from '../../../src/dev/temporary.ts';

const started = new Started();
afterAll(() => started.stop());

describe('the secrets of npm run dev', () => {
  it('are the same at the next start, the signing key included', async () => {
    const home = await temporaryDirectory('home-test', started);
    const first = await loadSecrets(home);
    expect(first.signingKey).toContain('BEGIN PRIVATE KEY');
    expect(await loadSecrets(home)).toEqual(first);
  });

  it('get what a folder of an earlier release lacks', async () => {
    const home = await temporaryDirectory('home-test', started);
    const { adminKey } = await loadSecrets(home);
    const file = path.join(home, 'secrets.json');
    const older = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...older, signingKey: undefined }));
    const secrets = await loadSecrets(home);
    expect(secrets).toMatchObject({ adminKey, signingKey: expect.any(String) as string });
    await saveSecrets(home, secrets);
    expect(await loadSecrets(home)).toEqual(secrets);
  });
});
