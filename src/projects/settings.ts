import { z } from 'zod';
import { findingTypes } from './finding-types.ts';

/**
 * An origin to which checkouts and portals may send a buyer back: exact, https, or http on the local
 * machine. Stored as the URL standard serializes it.
 */
const originSchema = z.string().superRefine((text, context) => {
  const fault = originFault(text);
  if (fault !== null) context.addIssue({ code: 'custom', message: fault });
});

const localHosts = new Set(['localhost', '127.0.0.1', '[::1]']);

function originFault(text: string): string | null {
  if (!URL.canParse(text)) return 'must be an origin such as `https://app.example.com`';
  const url = new URL(text);
  if (url.origin !== text) {
    return 'must be an exact origin such as `https://app.example.com`: lowercase, without path, trailing slash, default port, wildcard or user';
  }
  if (url.hostname.includes('*')) return 'must not contain a wildcard: list each origin';
  if (url.protocol === 'https:') return null;
  return url.protocol === 'http:' && localHosts.has(url.hostname)
    ? null
    : 'must be `https`, or `http` on localhost';
}

const fields = {
  grace_days: z
    .int()
    .min(0)
    .max(365)
    .describe('Days for which access continues after a failed payment'),
  refund_full: z.enum(['revoke', 'keep']),
  refund_partial: z.enum(['keep', 'revoke']),
  dispute_opened: z.enum(['keep', 'suspend']),
  redirect_origins: z.array(originSchema).max(50),
  portal_configuration_id: z
    .string()
    .regex(/^bpc_\w{1,251}$/, 'must be the id of a portal configuration of Stripe, such as `bpc_…`')
    .nullable(),
  reconcile: z
    .partialRecord(z.enum(findingTypes), z.enum(['fix', 'report']))
    .describe('What reconciliation does about each type of finding; `fix` by default'),
};

export const settingsSchema = z.object(fields).meta({ id: 'ProjectSettings' });

/** Settings in a request. An omitted one stays as it is, or gets its default in a new project. */
export const settingsInput = z.strictObject({
  grace_days: fields.grace_days.optional(),
  refund_full: fields.refund_full.optional(),
  refund_partial: fields.refund_partial.optional(),
  dispute_opened: fields.dispute_opened.optional(),
  redirect_origins: fields.redirect_origins.optional(),
  portal_configuration_id: fields.portal_configuration_id.optional(),
  reconcile: fields.reconcile.optional(),
});

export type Settings = z.infer<typeof settingsSchema>;
export type SettingsInput = z.infer<typeof settingsInput>;

interface SettingsRow {
  graceDays: number;
  refundFull: string;
  refundPartial: string;
  disputeOpened: string;
  redirectOrigins: string[];
  portalConfigurationId: string | null;
  reconcileReport: string[];
}

export function settingsOf(row: SettingsRow): Settings {
  return settingsSchema.parse({
    grace_days: row.graceDays,
    refund_full: row.refundFull,
    refund_partial: row.refundPartial,
    dispute_opened: row.disputeOpened,
    redirect_origins: row.redirectOrigins,
    portal_configuration_id: row.portalConfigurationId,
    reconcile: Object.fromEntries(row.reconcileReport.map((type) => [type, 'report'])),
  });
}

/** Returns the columns that a request sets. */
export function settingsColumns(input: SettingsInput): Partial<SettingsRow> {
  const columns = {
    graceDays: input.grace_days,
    refundFull: input.refund_full,
    refundPartial: input.refund_partial,
    disputeOpened: input.dispute_opened,
    redirectOrigins: input.redirect_origins,
    portalConfigurationId: input.portal_configuration_id,
    reconcileReport:
      input.reconcile === undefined
        ? undefined
        : findingTypes.filter((type) => input.reconcile?.[type] === 'report'),
  };
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
}

/** Returns whether a change of these settings can change entitlements. */
export function isPolicy(input: SettingsInput): boolean {
  return (
    input.grace_days !== undefined ||
    input.refund_full !== undefined ||
    input.refund_partial !== undefined ||
    input.dispute_opened !== undefined
  );
}
