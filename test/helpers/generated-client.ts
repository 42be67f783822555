import { readFile } from 'node:fs/promises';
import path from 'node:path';

/*
 * Checks the generated Prisma client. With an outdated client, the service starts and fails later with an error
 * that does not name the cause.
 */

const repository = path.resolve(import.meta.dirname, '../..');
const clientPath = path.join(repository, 'src/generated/prisma/internal/class.ts');
const schemaPath = path.join(repository, 'prisma/schema.prisma');

/**
 * Checks that the generated client matches prisma/schema.prisma.
 *
 * @throws Error if it is missing or outdated.
 */
export async function requireGeneratedClient(): Promise<void> {
  const client = await readFile(clientPath, 'utf8').catch(() => null);
  const fault = client === null ? 'The Prisma client is missing' : 'The Prisma client is outdated';
  if (client !== null && isClientOf(client, await readFile(schemaPath, 'utf8'))) return;
  throw new Error(`${fault} (src/generated). To generate it: npx prisma generate`);
}

/**
 * Returns whether a generated client matches the schema, which it contains as a string. Compares them after
 * formatting, so that white space does not count.
 */
export function isClientOf(client: string, schema: string): boolean {
  const [, inlined] = /"inlineSchema": ("(?:[^"\\]|\\.)*")/.exec(client) ?? [];
  return inlined !== undefined && words(String(JSON.parse(inlined))) === words(schema);
}

function words(text: string): string {
  return text.trim().split(/\s+/).join(' ');
}
