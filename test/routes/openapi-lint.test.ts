import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createClient } from '@hey-api/openapi-ts';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import spectral, { type RulesetDefinition } from '@stoplight/spectral-core';
import rulesets from '@stoplight/spectral-rulesets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTwoProjects, type TwoProjects } from '../helpers/two-projects.ts';

// The package declares each `severity` as any string or number, and the linter takes only those it knows.
const ruleset = { extends: [rulesets.oas] } as unknown as RulesetDefinition;

let world: TwoProjects;
let text: string;
let url: string;

beforeAll(async () => {
  world = await startTwoProjects({ export: 'boolean' });
  url = await world.service.listen();
  text = await (await fetch(`${url}/openapi.json`)).text();
});
afterAll(() => world.service.close());

describe('the OpenAPI document', () => {
  it('passes the recommended rules of Redocly, warnings included', async () => {
    const config = await createConfig({ extends: ['recommended'] });
    const problems = await lintFromString({ source: text, config });
    expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location])).toEqual(
      [],
    );
  });

  it('passes the OpenAPI rules of Spectral, warnings included', async () => {
    const linter = new spectral.Spectral();
    linter.setRuleset(ruleset);
    const problems = await linter.run(text);
    expect(problems.map(({ code, message, path: where }) => [code, message, where])).toEqual([]);
  });

  it('gives generators what they need: a generated client serves five routes', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'generated-client-'));
    try {
      await createClient({
        input: JSON.parse(text) as Record<string, unknown>,
        output: directory,
        plugins: ['@hey-api/client-fetch', '@hey-api/sdk', '@hey-api/typescript'],
        logs: { level: 'silent' },
      });
      const client = (await import(path.join(directory, 'client.gen.ts'))) as {
        client: { setConfig(config: object): void };
      };
      client.client.setConfig({ baseUrl: url, auth: () => world.notes.key });
      const sdk = (await import(path.join(directory, 'sdk.gen.ts'))) as Record<
        string,
        (request: object) => Promise<{ data?: unknown; error?: unknown }>
      >;
      const call = async (name: string, request: object): Promise<unknown> => {
        const { data, error } = (await sdk[name]?.(request)) ?? {};
        expect(error, name).toBeUndefined();
        return data;
      };
      const body = { user_id: 'ann', feature_code: 'export', reason: 'a test' };
      expect(await call('postAdminGrant', { body })).toMatchObject({ revision: 1 });
      const query = { user_id: 'ann', feature_code: 'export' };
      expect(await call('getEntitlementsCheck', { query })).toMatchObject({ allowed: true });
      expect(await call('getEntitlements', { query: { user_id: 'ann' } })).toMatchObject({
        entitlements: [{ feature_code: 'export' }],
      });
      expect(await call('getChanges', { query: { after: 'start' } })).toMatchObject({
        data: [{ user_id: 'ann', gained: ['export'] }],
      });
      expect(await call('getAdminProjectsById', { path: { id: 'notes' } })).toMatchObject({
        id: 'notes',
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
