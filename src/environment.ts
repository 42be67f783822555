import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import cron from 'node-cron';
import { z } from 'zod';

/** A secret that is sent in a header or compared with one. */
const secret = (minimum: number) =>
  z
    .string()
    .trim()
    .min(minimum)
    .regex(/^[!-~]*$/, 'must consist of visible ASCII characters, without spaces');

/** A whole number, as a string. */
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

/** Fastify's names for address ranges. */
const addressRanges: ReadonlySet<string> = new Set(['loopback', 'linklocal', 'uniquelocal']);

/** Returns whether a string is an address, a subnet such as 10.0.0.0/8, or the name of a range. */
function isProxy(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0) return addressRanges.has(text);
  const bits = version === 4 ? 32 : 128;
  return (
    rest.length === 0 &&
    // /0 would trust every client, and so let each of them forge its address.
    (prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= bits))
  );
}

/** Loopback addresses. Traffic to them stays on the machine. */
const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Returns why a key must not be sent to a server; undefined if it may be. Over http, anyone on the network
 * path could read the key and forge Stripe's responses.
 */
export function stripeKeyFault(secretKey: string, apiBase: string): string | undefined {
  const { protocol, hostname } = new URL(apiBase);
  return protocol === 'https:' || loopback.test(hostname) || /^(sk|rk)_test_/.test(secretKey)
    ? undefined
    : 'a live key must be sent over https:// or to this machine: use https://, or a test key';
}

/**
 * Returns whether a string without a trailing slash is the address of a service, in the form in which URLs
 * are serialized.
 */
function isPublicUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, origin, pathname } = new URL(text);
  return /^https?:$/.test(protocol) && `${origin}${pathname}`.replace(/\/$/, '') === text;
}

const pemBlock = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

const signingKeyRemedy = '`npm run signing-key` prints a valid one';

/** Returns the Ed25519 key in a PKCS #8 PEM block, or what is wrong with the block, without quoting it. */
function readSigningKey(pem: string, label: string): KeyObject | string {
  if (label !== 'PRIVATE KEY') return `is a ${label}, not a PRIVATE KEY`;
  try {
    const key = createPrivateKey(pem);
    const { asymmetricKeyType: type = 'unknown' } = key;
    return type === 'ed25519' ? key : `is a key of type ${type}, not Ed25519`;
  } catch {
    return 'is damaged';
  }
}

/** A sequence of PKCS #8 PEM blocks. `\\n` stands for a line break, as in env files. */
const signingKeys = z.string().transform((text, context) => {
  const pem = text.replaceAll('\\n', '\n');
  const fault = (message: string): never => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  if (pem.replaceAll(pemBlock, '').trim() !== '') {
    return fault(`must consist of PKCS #8 PEM blocks only: ${signingKeyRemedy}`);
  }
  const keys: KeyObject[] = [];
  for (const [block, label = ''] of pem.matchAll(pemBlock)) {
    const key = readSigningKey(block, label);
    const name = `block ${keys.length + 1}`;
    if (typeof key === 'string') return fault(`${name} ${key}: ${signingKeyRemedy}`);
    const isRepeated = keys.some((other) => createPublicKey(other).equals(createPublicKey(key)));
    if (isRepeated) return fault(`${name} repeats an earlier one: remove it`);
    keys.push(key);
  }
  return keys;
});

/** The environment variables of the service. A test checks that `.env.example` lists the same names. */
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
    // A file may have one secret per line instead of separating them with commas.
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
  SIGNING_KEYS: signingKeys.default([]),
  PUBLIC_URL: z
    .string()
    .transform((value) => value.replace(/\/$/, ''))
    .refine(isPublicUrl, {
      error:
        'must be an https:// or http:// address in lowercase, without user, query and fragment, such as https://latchkey.example.com',
    })
    .optional(),
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
  CHANGE_RETENTION_DAYS: wholeNumber(1, 3650).default(7),
  USAGE_RETENTION_MONTHS: wholeNumber(1, 1200).default(25),
  MAX_STREAMS: wholeNumber(0, 100_000).default(1_000),
  WEBHOOK_ALLOWED_NETWORKS: z
    .string()
    .transform((value) => value.split(',').map((part) => part.trim()))
    .pipe(
      z.array(
        z.string().refine((text) => ipaddr.isValidCIDR(text), {
          error: 'must be networks such as 10.0.0.0/8 or fd00::/8, comma-separated',
        }),
      ),
    )
    .default([]),
  METRICS_TOKEN: secret(16).optional(),
  MIGRATE_ON_START: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .default(true),
});
