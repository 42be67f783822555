import { z } from 'zod';
import { policySettings } from '../entitlements/policy.ts';
import type { Project } from '../generated/prisma/client.ts';
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

interface Setting {
  column: keyof Project;
  schema: z.ZodType;
  /** Converts the setting from and to its column, if they differ. */
  stored?: { fromColumn(kept: unknown): unknown; toColumn(value: unknown): unknown };
}

const reconcileSchema = z
  .partialRecord(z.enum(findingTypes), z.enum(['fix', 'report']))
  .describe('What reconciliation does about each type of finding; `fix` by default');

/**
 * The settings of a project. Requests, responses, columns, the audit and the recomputation of users derive
 * from this table. A setting that changes a rule of access belongs to `policySettings`.
 */
export const settings = {
  ...policySettings,
  redirect_origins: { column: 'redirectOrigins', schema: z.array(originSchema).max(50) },
  portal_configuration_id: {
    column: 'portalConfigurationId',
    schema: z
      .string()
      .regex(
        /^bpc_\w{1,251}$/,
        'must be the id of a portal configuration of Stripe, such as `bpc_…`',
      )
      .nullable(),
  },
  reconcile: {
    column: 'reconcileReport',
    schema: reconcileSchema,
    stored: {
      fromColumn: (reported: string[]) =>
        Object.fromEntries(reported.map((type) => [type, 'report'])),
      toColumn: (given: z.infer<typeof reconcileSchema>) =>
        findingTypes.filter((type) => given[type] === 'report'),
    },
  },
} as const satisfies Record<string, Setting>;

type SettingTable = typeof settings;
type SettingName = keyof SettingTable;
type SettingColumns = Partial<Pick<Project, SettingTable[SettingName]['column']>>;

const entries = Object.entries<Setting>(settings) as [SettingName, Setting][]; // exactly the keys of `settings`

const shape = Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])) as {
  [Name in SettingName]: SettingTable[Name]['schema'];
}; // keeps each schema's type

export const settingsSchema = z.object(shape).meta({ id: 'ProjectSettings' });

/** Settings in a request. An omitted one stays as it is, or gets its column's default in a new project. */
export const settingsInput = z.strictObject(shape).partial();

export type SettingsInput = z.infer<typeof settingsInput>;

/** Returns the settings of a project, as answers and the audit show them. */
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

/** Returns whether a change of these settings can change entitlements. */
export function isPolicy(input: SettingsInput): boolean {
  return Object.keys(policySettings).some((name) => Object.hasOwn(input, name));
}
