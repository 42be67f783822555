import cron from 'node-cron';
import { z } from 'zod';

const secret = (minimum: number) => z.string().trim().min(minimum);

/** A whole number in a string; an empty string counts as absent, as Compose files pass it. */
const wholeNumber = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(minimum).max(maximum));

const urlOf = (...protocols: string[]) =>
  z
    .string()
    .refine(
      (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol),
      `must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    );

/** The environment, one entry per setting. `.env.example` lists the same names (held together by a test). */
export const environmentSchema = z.object({
  DATABASE_URL: urlOf('postgres:', 'postgresql:'),
  REDIS_URL: urlOf('redis:', 'rediss:').optional(),
  STRIPE_SECRET_KEY: z
    .string()
    .regex(
      /^(sk|rk)_(test|live)_\S+$/,
      'must be a secret or restricted key: (sk|rk)_(test|live)_…',
    ),
  STRIPE_WEBHOOK_SECRETS: z
    .string()
    .transform((value) => value.split(',').map((part) => part.trim()))
    .pipe(z.array(secret(8)).min(1)),
  STRIPE_API_BASE: urlOf('http:', 'https:').optional(),
  STRIPE_ACCOUNT_ID: z.string().startsWith('acct_').optional(),
  STRIPE_MAX_RPS: wholeNumber(4, 100_000).default(80),
  ADMIN_API_KEY: secret(32),
  HOST: z.string().default('0.0.0.0'),
  PORT: wholeNumber(0, 65_535).default(3000),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  CACHE_TTL_SECONDS: wholeNumber(1, 3600).default(60),
  RECONCILE_CRON: z
    .string()
    .refine((value) => value.trim() === '' || cron.validate(value), 'must be a cron expression')
    .default('17 * * * *'),
  RECONCILE_MAX_LOSS_PERCENT: wholeNumber(0, 100).default(5),
  EVENT_RETENTION_DAYS: wholeNumber(1, 3650).default(30),
  METRICS_TOKEN: secret(16).optional(),
  MIGRATE_ON_START: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .default(true),
});

export interface Config {
  databaseUrl: string;
  /** Undefined: the service runs without a cache. */
  redisUrl: string | undefined;
  stripe: {
    secretKey: string;
    /** Told by the key. */
    livemode: boolean;
    webhookSecrets: string[];
    apiBase: string | undefined;
    accountId: string | undefined;
    /** Requests per second that all instances together make at most. */
    maxRps: number;
  };
  adminApiKey: string;
  host: string;
  port: number;
  logLevel: string;
  cacheTtlSeconds: number;
  /** When everything is compared with Stripe; undefined: only on demand. */
  reconcileCron: string | undefined;
  /** How much of a project's entitled users corrections may take access from in 24 hours, percent. */
  reconcileMaxLossPercent: number;
  eventRetentionDays: number;
  metricsToken: string | undefined;
  migrateOnStart: boolean;
}

/** Thrown by `loadConfig` with every fault at once. */
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

/** Settings whose empty value is a value. All others count as not set then. */
const emptyMeansOff: ReadonlySet<string> = new Set(['RECONCILE_CRON']);

/** Reads the settings from an environment such as `process.env`, or throws a `ConfigError` that lists all faults. */
export function loadConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(
      ([name, value]) => value !== undefined && (value.trim() !== '' || emptyMeansOff.has(name)),
    ),
  );
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.map((issue) => {
        const name = String(issue.path[0]);
        return given[name] === undefined ? `${name} is not set` : `${name}: ${issue.message}`;
      }),
    );
  }
  const env = parsed.data;
  return {
    databaseUrl: env.DATABASE_URL,
    redisUrl: env.REDIS_URL,
    stripe: {
      secretKey: env.STRIPE_SECRET_KEY,
      livemode: /^(sk|rk)_live_/.test(env.STRIPE_SECRET_KEY),
      webhookSecrets: env.STRIPE_WEBHOOK_SECRETS,
      apiBase: env.STRIPE_API_BASE,
      accountId: env.STRIPE_ACCOUNT_ID,
      maxRps: env.STRIPE_MAX_RPS,
    },
    adminApiKey: env.ADMIN_API_KEY,
    host: env.HOST,
    port: env.PORT,
    logLevel: env.LOG_LEVEL,
    cacheTtlSeconds: env.CACHE_TTL_SECONDS,
    reconcileCron: env.RECONCILE_CRON.trim() === '' ? undefined : env.RECONCILE_CRON,
    reconcileMaxLossPercent: env.RECONCILE_MAX_LOSS_PERCENT,
    eventRetentionDays: env.EVENT_RETENTION_DAYS,
    metricsToken: env.METRICS_TOKEN,
    migrateOnStart: env.MIGRATE_ON_START,
  };
}
