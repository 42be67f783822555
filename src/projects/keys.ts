import { z } from 'zod';
import { recordAudit } from '../audit/record.ts';
import { newKey } from '../auth/api-key.ts';
import { type KeyScope, scopes } from '../auth/caller.ts';
import type { Operator } from '../auth/project-access.ts';
import type { Deps } from '../deps.ts';
import type { ApiKey } from '../generated/prisma/client.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { notFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import { isoInstant, isoInstantSchema } from '../http/schemas.ts';
import { newId } from '../platform/ids.ts';

export type KeyDeps = Pick<Deps, 'clock' | 'database'>;

export const scopeSchema = z
  .enum(scopes)
  .describe(
    '`read`: read entitlements, changes and the catalog; `checkout`: open checkouts and portals, and create user tokens; `admin`: everything within the project',
  );

export const keySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    prefix: z.string().describe('The first characters of the key, which identify the key in lists'),
    scopes: z.array(scopeSchema),
    expires_at: isoInstantSchema.nullable().describe('`null` if the key never expires'),
    created_at: isoInstantSchema,
    last_used_at: isoInstantSchema
      .nullable()
      .describe('When the key was last used, updated once a minute; `null` if it was never used'),
  })
  .meta({ id: 'ApiKey' });

interface RequestedKey {
  name: string;
  scopes: readonly KeyScope[];
  /** Epoch milliseconds. */
  expiresAt: number | undefined;
}

/**
 * Creates a key with its audit row. Only a hash is stored, so the returned `key` cannot be shown again.
 *
 * @throws ProblemError `window_invalid` if `expiresAt` is not in the future.
 */
export async function createKey(
  { database, clock }: KeyDeps,
  by: Operator,
  { name, scopes: requested, expiresAt }: RequestedKey,
  keep: KeepAnswer<ApiKey>,
): Promise<{ row: ApiKey; key: string }> {
  const now = clock();
  if (expiresAt !== undefined && expiresAt <= now) {
    throw new ProblemError('window_invalid', undefined, [
      { path: 'expires_at', message: 'must be in the future' },
    ]);
  }
  const { key, prefix, hash } = newKey();
  return database.transaction(async (tx) => {
    const row = await tx.apiKey.create({
      data: {
        id: newId('key'),
        projectId: by.projectId,
        name,
        prefix,
        hash: Uint8Array.from(hash),
        scopes: [...new Set(requested)],
        expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
        createdAt: new Date(now),
      },
    });
    await recordAudit(tx, {
      ...by,
      action: 'key.create',
      targetType: 'key',
      targetId: row.id,
      after: { name, prefix, scopes: row.scopes, expires_at: isoInstant(row.expiresAt) },
      at: now,
    });
    await keep(tx, row);
    return { row, key };
  });
}

/**
 * Deletes a key with its audit row.
 *
 * @throws ProblemError `key_not_found`.
 */
export function deleteKey({ database, clock }: KeyDeps, by: Operator, id: string): Promise<ApiKey> {
  const now = clock();
  return database.transaction(async (tx) => {
    const [row] = await tx.apiKey.updateManyAndReturn({
      where: { id, projectId: by.projectId, deletedAt: null },
      data: { deletedAt: new Date(now) },
    });
    if (row === undefined) throw notFound('key_not_found', 'key_id', id);
    await recordAudit(tx, {
      ...by,
      action: 'key.delete',
      targetType: 'key',
      targetId: id,
      before: { name: row.name, prefix: row.prefix, scopes: row.scopes },
      at: now,
    });
    return row;
  });
}

export function toKeyDto(row: ApiKey): z.infer<typeof keySchema> {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: z.array(scopeSchema).parse(row.scopes),
    expires_at: isoInstant(row.expiresAt),
    created_at: isoInstant(row.createdAt),
    last_used_at: isoInstant(row.lastUsedAt),
  };
}
