import { createSend } from './http.ts';
import type { Catalog } from './routes.ts';

/** Returns the TypeScript declaration of a catalog's features. */
export function renderFeatures(features: Catalog['features']): string {
  const lines = features
    .toSorted((a, b) => (a.feature_code < b.feature_code ? -1 : 1))
    .map(({ feature_code: code, type }) => `  ${JSON.stringify(code)}: ${JSON.stringify(type)};\n`);
  return (
    '// Written by `npx latchkey types`. Do not edit.\n' +
    `export interface Features {\n${lines.join('')}}\n`
  );
}

/** Loads the features of the key's project. */
export async function loadFeatures(url: string, key: string): Promise<Catalog['features']> {
  const send = createSend({ url, key, fetch });
  const { features } = await send<Catalog>('/catalog', { timeoutMs: 30_000 });
  return features;
}
