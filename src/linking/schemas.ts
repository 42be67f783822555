import { z } from 'zod';
import type { LinkPair } from '../generated/prisma/client.ts';
import {
  isoInstant,
  isoInstantSchema,
  projectIdSchema,
  reasonSchema,
  stripeIdSchema,
  userIdSchema,
} from '../http/schemas.ts';
import type { LinkProgress } from './link-run.ts';

export const maxPairs = 1_000;
export const inBody = { project_id: projectIdSchema.optional(), reason: reasonSchema.optional() };

export const customerIdSchema = stripeIdSchema.meta({ examples: ['cus_9'] });

export const linkedSchema = z.strictObject({
  user_id: z.string(),
  stripe_customer_id: z.string(),
  objects: z
    .int()
    .describe(
      "Number of Stripe objects that may affect access: the customer and the customer's objects",
    ),
  pending: z.int().describe('Number of these objects that must still be fetched in the background'),
  audit_id: z.string().nullable().describe('`null` if the customer was already linked to the user'),
  revision: z.int().describe("The user's revision after the objects were fetched"),
});

export const unlinkedSchema = z.strictObject({
  user_id: z.string(),
  stripe_customer_id: z.string(),
  audit_id: z.string(),
  revision: z.int().describe("The user's revision after the change"),
});

export const runSchema = z
  .strictObject({
    id: z.string(),
    project_id: z.string(),
    status: z.enum(['running', 'done']),
    pairs: z.int(),
    pending: z.int(),
    linked: z.int(),
    refused: z.int(),
    started_at: isoInstantSchema,
    finished_at: isoInstantSchema.nullable(),
  })
  .meta({ id: 'LinkRun' });

export const pairStatuses = ['pending', 'linked', 'refused'] as const;
export const pairSchema = z.strictObject({
  user_id: z.string(),
  stripe_customer_id: z.string(),
  status: z
    .enum(pairStatuses)
    .describe(
      '`pending`: the pair has not been processed yet. `linked`: the customer is linked to the user. `refused`: see `code`.',
    ),
  code: z
    .string()
    .nullable()
    .describe('Why the pair was refused: a problem code; otherwise `null`'),
  objects: z.int().nullable(),
  attempts: z.int(),
  ended_at: isoInstantSchema.nullable(),
});

export const manyBody = z
  .strictObject({
    ...inBody,
    pairs: z
      .array(z.strictObject({ user_id: userIdSchema, stripe_customer_id: customerIdSchema }))
      .min(1)
      .max(maxPairs),
  })
  .superRefine(({ pairs }, context) => {
    const seen = new Set<string>();
    for (const [index, { stripe_customer_id: id }] of pairs.entries()) {
      if (seen.has(id)) {
        const path = ['pairs', index, 'stripe_customer_id'];
        const message = 'is repeated: list each customer only once';
        context.addIssue({ code: 'custom', path, message });
      }
      seen.add(id);
    }
  });

export function toLinkRunDto({ run, pending, linked, refused, finishedAt }: LinkProgress) {
  return {
    id: run.id,
    project_id: run.projectId,
    status: finishedAt === null ? ('running' as const) : ('done' as const),
    pairs: run.pairs,
    pending,
    linked,
    refused,
    started_at: isoInstant(run.startedAt),
    finished_at: isoInstant(finishedAt),
  };
}

export function toPairDto(row: LinkPair): z.infer<typeof pairSchema> {
  return {
    user_id: row.userId,
    stripe_customer_id: row.customerId,
    status: z.enum(pairStatuses).parse(row.status),
    code: row.code,
    objects: row.objects,
    attempts: row.attempts,
    ended_at: isoInstant(row.endedAt),
  };
}
