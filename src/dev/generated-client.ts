import { readFile } from 'node:fs/promises';
import path from 'node:path';

/*
 * The service runs from the working tree, with the Prisma client that was generated there last. One of
 * an older schema starts, and fails only where the two differ, by an error that says nothing of it.
 */

const repository = path.resolve(import.meta.dirname, '../..');
const clientPath = path.join(repository, 'src/generated/prisma/internal/class.ts');
const schemaPath = path.join(repository, 'prisma/schema.prisma');

/** @throws Error where there is no generated client, or it is not that of prisma/schema.prisma. */
export async function requireGeneratedClient(): Promise<void> {
  const client = await readFile(clientPath, 'utf8').catch(() => null);
  const what = client === null ? 'There is no Prisma client' : 'The Prisma client is an older one';
  if (client !== null && isClientOf(client, await readFile(schemaPath, 'utf8'))) return;
  throw new Error(`${what} (src/generated). Generate it: npx prisma generate`);
}

/**
 * Whether a generated client was made from the schema, which it carries in itself as a string: set in
 * columns anew, so that blanks do not count.
 */
export function isClientOf(client: string, schema: string): boolean {
  const [, carried] = /"inlineSchema": ("(?:[^"\\]|\\.)*")/.exec(client) ?? [];
  return carried !== undefined && words(String(JSON.parse(carried))) === words(schema);
}

function words(text: string): string {
  return text.trim().split(/\s+/).join(' ');
}
