import { isIP } from 'node:net';
import cron from 'node-cron';
import { z } from 'zod';

/** A secret that is sent in a header, or compared with what came in one. */
const secret = (minimum: number) =>
  z
    .string()
    .trim()
    .min(minimum)
    .regex(/^[!-~]*$/, 'must consist of visible ASCII characters, without spaces');

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

/** Names for whole ranges of addresses, as Fastify knows them. */
const addressRanges: ReadonlySet<string> = new Set(['loopback', 'linklocal', 'uniquelocal']);

/** An address, a subnet such as 10.0.0.0/8, or the name of a range. */
function isProxy(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0) return addressRanges.has(text);
  const bits = version === 4 ? 32 : 128;
  return (
    rest.length === 0 &&
    // All addresses there are (/0) are no proxy: each client would say itself where it comes from.
    (prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= bits))
  );
}

/** Loopback addresses: traffic to them never leaves the machine. */
const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Returns what is wrong with sending this key to this server; undefined where nothing is. Over http, anyone
 * on the network path can read the key and forge Stripe's answers.
 */
export function stripeKeyFault(secretKey: string, apiBase: string): string | undefined {
  const { protocol, hostname } = new URL(apiBase);
  return protocol === 'https:' || loopback.test(hostname) || /^(sk|rk)_test_/.test(secretKey)
    ? undefined
    : 'a live key goes over https:// only, or to this machine: use https://, or a test key';
}

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
    // In a file, a line for each is as likely as commas.
    .transform((value) => value.trim().split(/\s*,\s*|\s+/))
    .pipe(
      z
        .array(
          secret(8).refine((value) => !value.startsWith('we_'), {
            error:
              'is the id of the endpoint (we_…). Use its signing secret (whsec_…): Stripe shows it on the endpoint’s page',
          }),
        )
        .min(1),
    ),
  STRIPE_API_BASE: urlOf('http:', 'https:').optional(),
  STRIPE_ACCOUNT_ID: z.string().startsWith('acct_').optional(),
  STRIPE_MAX_RPS: wholeNumber(4, 100_000).default(80),
  ADMIN_API_KEY: secret(32),
  HOST: z.string().default('0.0.0.0'),
  PORT: wholeNumber(0, 65_535).default(3000),
  TRUSTED_PROXIES: z
    .string()
    .transform((value) => value.split(',').map((part) => part.trim()))
    .pipe(
      z.array(
        z.string().refine(isProxy, {
          error: 'must be addresses, subnets, loopback, linklocal or uniquelocal, comma-separated',
        }),
      ),
    )
    .default([]),
  KEY_MAX_RPS: wholeNumber(1, 1_000_000).default(1_000),
  DRAIN_SECONDS: wholeNumber(0, 60).default(3),
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
  /** Whose X-Forwarded-For is believed: addresses, subnets, names of ranges. */
  trustedProxies: string[];
  /** Requests per second that one API key may make at one instance. */
  keyMaxRps: number;
  /** How long a process that is told to stop still takes requests. */
  drainSeconds: number;
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

/** Settings that may lie in a file instead, which `NAME_FILE` names: how orchestrators hand secrets out. */
export const secretSettings = [
  'DATABASE_URL',
  'REDIS_URL',
  'STRIPE_SECRET_KEY',
  'STRIPE_WEBHOOK_SECRETS',
  'ADMIN_API_KEY',
  'METRICS_TOKEN',
] as const;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Returns a file's text, or throws. */
export type ReadFile = (path: string) => string;

const noFiles: ReadFile = () => {
  throw new Error('no files can be read here');
};

/**
 * The value of a secret, from the environment or from the file that the environment names; undefined
 * where neither is set.
 *
 * @throws ConfigError where both are set, or the file cannot be read or is empty.
 */
export function loadSecret(
  environment: Environment,
  name: (typeof secretSettings)[number],
  readFile: ReadFile,
): string | undefined {
  const value = given(environment, name);
  const file = given(environment, `${name}_FILE`);
  if (file === undefined) return value;
  if (value !== undefined) throw new ConfigError([`${name} and ${name}_FILE are both set`]);
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

/** Says that a setting is missing, and where its value comes from where a program of ours makes it. */
function missing(name: string): string {
  return name === 'STRIPE_WEBHOOK_SECRETS'
    ? `${name} is not set: \`stripe:endpoint\` makes the webhook endpoint at Stripe and prints it`
    : `${name} is not set`;
}

function given(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  return value === undefined || (value.trim() === '' && !emptyMeansOff.has(name))
    ? undefined
    : value;
}

/** All settings as texts, those of files included, and the faults of the files by setting. */
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

/** Settings that are in order one by one may not be together. */
function faultOfStripe(settings: Record<string, string | undefined>): string | undefined {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_API_BASE: apiBase } = settings;
  if (secretKey === undefined || apiBase === undefined || !URL.canParse(apiBase)) return undefined;
  return stripeKeyFault(secretKey, apiBase);
}

/**
 * Reads the settings from an environment such as `process.env`, or throws a `ConfigError` that lists all
 * faults.
 *
 * @param readFile how the files of `NAME_FILE` are read; by default not at all.
 */
export function loadConfig(environment: Environment, readFile: ReadFile = noFiles): Config {
  const { settings, fileFaults } = collectSettings(environment, readFile);
  const parsed = environmentSchema.safeParse(settings);
  const keyFault = faultOfStripe(settings);
  if (!parsed.success || fileFaults.size > 0 || keyFault !== undefined) {
    const issues = parsed.success ? [] : parsed.error.issues;
    throw new ConfigError([
      ...[...fileFaults.values()].flat(),
      ...(keyFault === undefined ? [] : [`STRIPE_API_BASE: ${keyFault}`]),
      ...issues.flatMap((issue) => {
        const name = String(issue.path[0]);
        if (fileFaults.has(name)) return [];
        return [settings[name] === undefined ? missing(name) : `${name}: ${issue.message}`];
      }),
    ]);
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
    trustedProxies: env.TRUSTED_PROXIES,
    keyMaxRps: env.KEY_MAX_RPS,
    drainSeconds: env.DRAIN_SECONDS,
    logLevel: env.LOG_LEVEL,
    cacheTtlSeconds: env.CACHE_TTL_SECONDS,
    reconcileCron: env.RECONCILE_CRON.trim() === '' ? undefined : env.RECONCILE_CRON,
    reconcileMaxLossPercent: env.RECONCILE_MAX_LOSS_PERCENT,
    eventRetentionDays: env.EVENT_RETENTION_DAYS,
    metricsToken: env.METRICS_TOKEN,
    migrateOnStart: env.MIGRATE_ON_START,
  };
}
