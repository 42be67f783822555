import { z } from 'zod';
import type { Project } from '../generated/prisma/client.ts';

/**
 * The settings of a project that change its access rules, each with its column and schema. Changing one
 * recomputes the project's users.
 */
export const policySettings = {
  grace_days: {
    column: 'graceDays',
    schema: z
      .int()
      .min(0)
      .max(365)
      .describe(
        'Grace period, days: how long a past-due subscription still gives access, counted from the start of its debt',
      ),
  },
  refund_full: {
    column: 'refundFull',
    schema: z
      .enum(['revoke', 'keep'])
      .describe(
        '`revoke`: a one-time purchase ends when its refunds and lost disputes reach the full amount. `keep`: the purchase continues.',
      ),
  },
  refund_partial: {
    column: 'refundPartial',
    schema: z
      .enum(['keep', 'revoke'])
      .describe(
        '`revoke`: a one-time purchase ends with any refund or lost dispute of less than the full amount. `keep`: the purchase continues.',
      ),
  },
  dispute_opened: {
    column: 'disputeOpened',
    schema: z
      .enum(['keep', 'suspend'])
      .describe(
        '`suspend`: a one-time purchase gives no access while a dispute of its payment is open. `keep`: the purchase continues.',
      ),
  },
} as const satisfies Record<string, { column: keyof Project; schema: z.ZodType }>;

type PolicySettings = typeof policySettings;
type PolicyShape = {
  [Name in keyof PolicySettings as PolicySettings[Name]['column']]: PolicySettings[Name]['schema'];
};

const policySchema = z.object(
  Object.fromEntries(
    Object.values(policySettings).map(({ column, schema }) => [column, schema]),
  ) as PolicyShape, // maps each column to its schema
);

/** A project's access settings in the form that the rules use. */
export type PolicyFact = z.infer<typeof policySchema>;

/**
 * Returns the policy of a project.
 *
 * @throws ZodError if the database contains a value that the rules do not know.
 */
export function policyOf(project: Pick<Project, keyof PolicyShape>): PolicyFact {
  return policySchema.parse(project);
}
