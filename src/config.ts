import type { z } from 'zod';
import { environmentSchema, stripeKeyFault } from './environment.ts';

/** Thrown by `loadConfig`. The message lists all faults. */
export class ConfigError extends Error {
  readonly faults: string[];

  constructor(faults: string[]) {
    super(
      `The environment cannot be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}\n` +
        'See .env.example for what each setting means.',
    );
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/**
 * Settings for which an empty value has a meaning. Other empty settings count as not set, because Compose
 * files pass empty values for unset variables.
 */
const emptyMeansOff: ReadonlySet<string> = new Set(['RECONCILE_CRON']);

/** Settings that may be read from a file named by `NAME_FILE`, which is how orchestrators provide secrets. */
export const secretSettings = [
  'DATABASE_URL',
  'REDIS_URL',
  'STRIPE_SECRET_KEY',
  'STRIPE_WEBHOOK_SECRETS',
  'ADMIN_API_KEY',
  'SIGNING_KEYS',
  'METRICS_TOKEN',
] as const satisfies readonly (keyof typeof environmentSchema.shape)[];

export type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the content of a file, or throws. */
export type ReadFile = (path: string) => string;

const noFiles: ReadFile = () => {
  throw new Error('files cannot be read here');
};

/**
 * Returns the value of a secret from the environment, or from the file that the environment names; undefined
 * if neither is set.
 *
 * @throws ConfigError if both are set, or if the file cannot be read or is empty.
 */
export function loadSecret(
  environment: Environment,
  name: (typeof secretSettings)[number],
  readFile: ReadFile,
): string | undefined {
  const value = given(environment, name);
  const file = given(environment, `${name}_FILE`);
  if (file === undefined) return value;
  if (value !== undefined)
    throw new ConfigError([`${name} and ${name}_FILE are both set: set only one of them`]);
  let text: string;
  try {
    text = readFile(file).trim();
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new ConfigError([`${name}_FILE: the file cannot be read${reason}`]);
  }
  if (text === '') throw new ConfigError([`${name}_FILE: the file is empty`]);
  return text;
}

/** Returns the fault for a missing setting. Names the program that prints a value for it, if there is one. */
function missing(name: string): string {
  return name === 'STRIPE_WEBHOOK_SECRETS'
    ? `${name} is not set: \`stripe:endpoint\` creates the webhook endpoint in Stripe and prints the secret`
    : `${name} is not set`;
}

function given(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  return value === undefined || (value.trim() === '' && !emptyMeansOff.has(name))
    ? undefined
    : value;
}

/** Returns all settings as strings, including those in files, and the faults of the files by setting. */
function collectSettings(
  environment: Environment,
  readFile: ReadFile,
): { settings: Record<string, string | undefined>; fileFaults: Map<string, string[]> } {
  const settings: Record<string, string | undefined> = {};
  for (const name of Object.keys(environmentSchema.shape))
    settings[name] = given(environment, name);
  const fileFaults = new Map<string, string[]>();
  for (const name of secretSettings) {
    try {
      settings[name] = loadSecret(environment, name, readFile);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      fileFaults.set(name, error.faults);
    }
  }
  return { settings, fileFaults };
}

/** Returns the fault of Stripe settings that are each valid but conflict with each other. */
function faultOfStripe(settings: Record<string, string | undefined>): string | undefined {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_API_BASE: apiBase } = settings;
  if (secretKey === undefined || apiBase === undefined || !URL.canParse(apiBase)) return undefined;
  return stripeKeyFault(secretKey, apiBase);
}

/** Returns the fault of signing keys that lack an issuer. */
function faultOfIssuer(settings: Record<string, string | undefined>): string | undefined {
  return settings['SIGNING_KEYS'] === undefined || settings['PUBLIC_URL'] !== undefined
    ? undefined
    : 'PUBLIC_URL is not set: documents and tokens signed with SIGNING_KEYS name it as their issuer. Set it to the address at which clients reach this service, such as https://latchkey.example.com';
}

/**
 * Reads the settings from an environment such as `process.env`.
 *
 * @param readFile reads the files of `NAME_FILE`. By default, files are rejected.
 * @throws ConfigError that lists all faults.
 */
export function loadConfig(environment: Environment, readFile: ReadFile = noFiles): Config {
  const { settings, fileFaults } = collectSettings(environment, readFile);
  const parsed = environmentSchema.safeParse(settings);
  const keyFault = faultOfStripe(settings);
  const issuerFault = faultOfIssuer(settings);
  if (
    !parsed.success ||
    fileFaults.size > 0 ||
    keyFault !== undefined ||
    issuerFault !== undefined
  ) {
    const issues = parsed.success ? [] : parsed.error.issues;
    throw new ConfigError([
      ...[...fileFaults.values()].flat(),
      ...(keyFault === undefined ? [] : [`STRIPE_API_BASE: ${keyFault}`]),
      ...(issuerFault === undefined ? [] : [issuerFault]),
      ...issues.flatMap((issue) => {
        const name = String(issue.path[0]);
        if (fileFaults.has(name)) return [];
        return [settings[name] === undefined ? missing(name) : `${name}: ${issue.message}`];
      }),
    ]);
  }
  return toConfig(parsed.data);
}

function toConfig(env: z.infer<typeof environmentSchema>) {
  return {
    databaseUrl: env.DATABASE_URL,
    /** Undefined to run without a cache. */
    redisUrl: env.REDIS_URL,
    stripe: {
      secretKey: env.STRIPE_SECRET_KEY,
      /** Whether the key is in live mode. */
      livemode: /^(sk|rk)_live_/.test(env.STRIPE_SECRET_KEY),
      webhookSecrets: env.STRIPE_WEBHOOK_SECRETS,
      /** The URL of another server that offers Stripe's API; undefined for Stripe itself. */
      apiBase: env.STRIPE_API_BASE,
      /**
       * The Stripe account whose events are processed. Required if one endpoint receives the events of several
       * accounts, such as an organization's; otherwise optional.
       */
      accountId: env.STRIPE_ACCOUNT_ID,
      /** Maximum requests per second of all instances together. */
      maxRps: env.STRIPE_MAX_RPS,
    },
    adminApiKey: env.ADMIN_API_KEY,
    /**
     * Ed25519 keys. The first one signs, and all of them verify. An empty list disables documents and user
     * tokens.
     */
    signingKeys: env.SIGNING_KEYS,
    /** The address at which clients reach the service, without a trailing slash. */
    publicUrl: env.PUBLIC_URL,
    host: env.HOST,
    port: env.PORT,
    /** The proxies to trust for X-Forwarded-For: addresses, subnets or names of ranges. */
    trustedProxies: env.TRUSTED_PROXIES,
    /** Maximum requests per second of one API key on one instance. */
    keyMaxRps: env.KEY_MAX_RPS,
    /** How long a process that is stopping still accepts requests. */
    drainSeconds: env.DRAIN_SECONDS,
    logLevel: env.LOG_LEVEL,
    cacheTtlSeconds: env.CACHE_TTL_SECONDS,
    /** Undefined to run reconciliation only on demand. */
    reconcileCron: env.RECONCILE_CRON.trim() === '' ? undefined : env.RECONCILE_CRON,
    /**
     * Maximum percentage of a project's entitled users who may lose access through corrections in 24 hours.
     */
    reconcileMaxLossPercent: env.RECONCILE_MAX_LOSS_PERCENT,
    /** Retention of event payloads. */
    eventRetentionDays: env.EVENT_RETENTION_DAYS,
    /** Retention of changes in the feed, which is also the maximum age of a cursor. */
    changeRetentionDays: env.CHANGE_RETENTION_DAYS,
    /** Number of whole months for which entries of usage and their idempotency keys are kept. */
    usageRetentionMonths: env.USAGE_RETENTION_MONTHS,
    /** Maximum number of change streams and long polls that one instance holds. */
    maxStreams: env.MAX_STREAMS,
    /** Internal networks to which webhooks may be sent, also over http. */
    webhookAllowedNetworks: env.WEBHOOK_ALLOWED_NETWORKS,
    /** Undefined to disable the metrics route. */
    metricsToken: env.METRICS_TOKEN,
    migrateOnStart: env.MIGRATE_ON_START,
  };
}

export type Config = ReturnType<typeof toConfig>;
