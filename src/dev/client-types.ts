/*
 * Implements `npm run client:types`, which generates the client's wire types from the OpenAPI document.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import openapiTypescript, { astToString } from 'openapi-typescript';
import { format, resolveConfig } from 'prettier';
import { buildApp } from '../app.ts';
import { createFeed } from '../changes/feed.ts';
import { loadConfig } from '../config.ts';
import { closeDeps, openDeps } from '../deps.ts';
import { createCache } from '../entitlements/read/cache.ts';
import { createSender } from '../outbound/send.ts';

/** The generated file. */
export const wireFile = path.join(import.meta.dirname, '../client/wire.ts');

/** Returns the service's OpenAPI document. Connects to neither a database nor Stripe. */
export async function loadOpenApi(): Promise<string> {
  const config = loadConfig({
    DATABASE_URL: 'postgres://localhost:9/none',
    STRIPE_SECRET_KEY: 'sk_test_none',
    STRIPE_WEBHOOK_SECRETS: 'whsec_none',
    ADMIN_API_KEY: 'x'.repeat(32),
    LOG_LEVEL: 'silent',
  });
  const deps = openDeps(config);
  const app = await buildApp({
    ...deps,
    cache: createCache({ ...deps, cacheTtlSeconds: config.cacheTtlSeconds }),
    feed: createFeed(deps),
    sender: createSender({ ...deps, allowedNetworks: [] }),
    wake: () => undefined,
    jobsHealthy: () => true,
  });
  try {
    return (await app.inject('/openapi.json')).body;
  } finally {
    await app.close();
    await closeDeps(deps);
  }
}

interface OpenApi {
  openapi: string;
  info: object;
  paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
  components: { schemas: Record<string, unknown> };
}

/** Returns whether a route is for apps. Other routes are for operators, Stripe and monitoring. */
function isForApps(route: string): boolean {
  return /^\/(api\/v1|ofrep)\//.test(route) && !/^\/api\/v1\/(admin|webhooks)\//.test(route);
}

/**
 * Returns a formatted module with the types of the requests and responses that apps use. Leaves out
 * descriptions, so that rewording them does not change the module.
 */
export async function renderWire(openApi: string): Promise<string> {
  const document = JSON.parse(openApi) as OpenApi;
  const routes = Object.entries(document.paths).filter(([route]) => isForApps(route));
  const successes = routes.map(([route, operations]) => [
    route,
    Object.fromEntries(
      Object.entries(operations).map(([method, operation]) => {
        const kept = Object.entries(operation.responses).filter(([status]) => status < '400');
        return [method, { ...operation, responses: Object.fromEntries(kept) }];
      }),
    ),
  ]);
  const paths = Object.fromEntries(successes) as object;
  const schemas = referencedBy(paths, document.components.schemas);
  const small = withoutTexts({ ...document, paths, components: { schemas } });
  const types = astToString(
    await openapiTypescript(JSON.stringify(small), { alphabetize: true, excludeDeprecated: true }),
  );
  const options = await resolveConfig(wireFile);
  const head =
    "/* Written by `npm run client:types` from the service's OpenAPI document. Do not edit. */\n";
  return format(head + types, { ...options, parser: 'typescript' });
}

/** Returns the schemas that a part of the document refers to, directly or indirectly. */
function referencedBy(part: unknown, schemas: Record<string, unknown>): Record<string, unknown> {
  const text = JSON.stringify(part);
  const found = Object.entries(schemas).filter(([name]) =>
    text.includes(`"#/components/schemas/${name}"`),
  );
  const own = Object.fromEntries(found);
  const others = Object.fromEntries(Object.entries(schemas).filter(([name]) => !(name in own)));
  return found.length === 0 ? {} : { ...own, ...referencedBy(own, others) };
}

/** Removes descriptions and summaries. Keeps properties with these names, whose values are objects. */
function withoutTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, each]) => !(/^(description|summary)$/.test(name) && typeof each === 'string'))
      .map(([name, each]) => [name, withoutTexts(each)]),
  );
}

if (import.meta.main) await writeFile(wireFile, await renderWire(await loadOpenApi()));
