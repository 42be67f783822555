import { z } from 'zod';
import { policySettings } from '../entitlements/policy.ts';
import type { Project } from '../generated/prisma/client.ts';
import { differenceTypes } from './finding-types.ts';

/**
 * An exact origin to which checkouts and portals may redirect: https, or http on the local machine,
 * serialized as in the URL Standard.
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

interface Setting {
  column: keyof Project;
  schema: z.ZodType;
  /** The conversions between the setting and its column, if they differ. */
  stored?: { fromColumn(column: unknown): unknown; toColumn(value: unknown): unknown };
}

const reconcileSchema = z
  .partialRecord(z.enum(differenceTypes), z.enum(['fix', 'report']))
  .describe(
    'What reconciliation does with each type of difference. `fix`: corrects the stored data; `report`: only reports it. `fix` by default.',
  );

/**
 * The settings of a project. Requests, responses, columns and the audit log derive from this table. A setting
 * that affects access belongs in `policySettings`, so that changing it recomputes the users.
 */
export const settings = {
  ...policySettings,
  redirect_origins: {
    column: 'redirectOrigins',
    schema: z
      .array(originSchema)
      .max(50)
      .describe(
        'The origins to which checkouts and the billing portal may redirect, and from which pages may read with a user token',
      ),
  },
  portal_configuration_id: {
    column: 'portalConfigurationId',
    schema: z
      .string()
      .regex(/^bpc_\w{1,251}$/, 'must be the id of a Stripe portal configuration, such as `bpc_…`')
      .nullable()
      .describe(
        'The configuration of the billing portal; `null`: the default of the Stripe account',
      ),
  },
  expiring_notice_days: {
    column: 'expiringNoticeDays',
    schema: z
      .int()
      .min(0)
      .max(365)
      .describe(
        'How many days before the known end of a feature the event `entitlements.expiring` is sent; 0 = never',
      ),
  },
  reconcile: {
    column: 'reconcileReport',
    schema: reconcileSchema,
    stored: {
      fromColumn: (reported: string[]) =>
        Object.fromEntries(reported.map((type) => [type, 'report'])),
      toColumn: (given: z.infer<typeof reconcileSchema>) =>
        differenceTypes.filter((type) => given[type] === 'report'),
    },
  },
} as const satisfies Record<string, Setting>;

type SettingTable = typeof settings;
type SettingName = keyof SettingTable;
type SettingColumns = Partial<Pick<Project, SettingTable[SettingName]['column']>>;

const entries = Object.entries<Setting>(settings) as [SettingName, Setting][]; // Object.entries returns string keys

const shape = Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])) as {
  [Name in SettingName]: SettingTable[Name]['schema'];
}; // Object.fromEntries loses the type of each entry

export const settingsSchema = z.object(shape).meta({ id: 'ProjectSettings' });

/**
 * The settings in a request. An omitted setting stays unchanged. In a new project, it gets the column's
 * default.
 */
export const settingsInput = z.strictObject(shape).partial();

export type SettingsInput = z.infer<typeof settingsInput>;

/** Returns a project's settings in the form that responses and the audit log use. */
export function settingsOf(row: Project): z.infer<typeof settingsSchema> {
  return settingsSchema.parse(
    Object.fromEntries(
      entries.map(([name, { column, stored }]) => {
        return [name, stored === undefined ? row[column] : stored.fromColumn(row[column])];
      }),
    ),
  );
}

/** Returns the columns that a request sets. */
export function settingsColumns(input: SettingsInput): SettingColumns {
  return Object.fromEntries(
    entries.flatMap(([name, { column, stored }]) => {
      const value = input[name];
      if (value === undefined) return [];
      return [[column, stored === undefined ? value : stored.toColumn(value)]];
    }),
  );
}

/** Returns whether changing these settings can change entitlements. */
export function isPolicy(input: SettingsInput): boolean {
  return Object.keys(policySettings).some((name) => Object.hasOwn(input, name));
}
