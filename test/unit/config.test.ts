import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, type ReadFile, secretSettings } from '../../src/config.ts';

const enough = {
  DATABASE_URL: 'postgres://localhost/latchkey',
  STRIPE_SECRET_KEY: 'sk_test_1',
  STRIPE_WEBHOOK_SECRETS: 'whsec_first',
  ADMIN_API_KEY: 'a'.repeat(32),
};

function signingKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function faultsOf(environment: Record<string, string | undefined>, readFile?: ReadFile): string[] {
  try {
    loadConfig(environment, readFile);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('the environment', () => {
  it('needs four settings; the rest has defaults', () => {
    expect(loadConfig(enough)).toMatchObject({
      redisUrl: undefined,
      port: 3000,
      cacheTtlSeconds: 60,
      eventRetentionDays: 30,
      usageRetentionMonths: 25,
      metricsToken: undefined,
      migrateOnStart: true,
    });
  });

  it('names every setting that is missing, at once', () => {
    expect(faultsOf({})).toEqual(
      Object.keys(enough).map((name): unknown => expect.stringContaining(`${name} is not set`)),
    );
  });

  it('names every wrong and every missing setting', () => {
    const faults = faultsOf({
      ...enough,
      DATABASE_URL: undefined,
      PORT: '70000',
      CACHE_TTL_SECONDS: '1.5',
      LOG_LEVEL: 'loud',
      ADMIN_API_KEY: 'a'.repeat(31),
    });
    expect(faults.map((fault) => /^[A-Z_]+/.exec(fault)?.[0]).sort()).toEqual([
      'ADMIN_API_KEY',
      'CACHE_TTL_SECONDS',
      'DATABASE_URL',
      'LOG_LEVEL',
      'PORT',
    ]);
  });

  it.each([
    ['DATABASE_URL', 'mysql://localhost/x'],
    ['DATABASE_URL', 'localhost'],
    ['REDIS_URL', 'http://localhost'],
    ['STRIPE_SECRET_KEY', 'pk_test_1'],
    ['STRIPE_WEBHOOK_SECRETS', 'whsec_first,'],
    ['STRIPE_ACCOUNT_ID', 'account'],
    ['STRIPE_API_BASE', 'stripe.example'],
    ['MIGRATE_ON_START', 'yes'],
    ['METRICS_TOKEN', 'short'],
    ['KEY_MAX_RPS', '0'],
    ['DRAIN_SECONDS', '61'],
    ['TRUSTED_PROXIES', 'everyone'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TRUSTED_PROXIES', '10.0.0.1,'],
    ['TRUSTED_PROXIES', '0.0.0.0/0'],
    ['TRUSTED_PROXIES', '::/0'],
    // No header can carry these as they are.
    ['ADMIN_API_KEY', 'a platform key of several words, as a phrase'],
    ['ADMIN_API_KEY', 'ü'.repeat(32)],
    ['METRICS_TOKEN', 'ein_schlüssel_mit_umlaut'],
  ])('refuses %s=%s', (name, value) => {
    const faults = faultsOf({ ...enough, [name]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${name}`));
  });

  describe('STRIPE_API_BASE over http', () => {
    const faultsWith = (STRIPE_API_BASE: string, STRIPE_SECRET_KEY: string): string[] =>
      faultsOf({ ...enough, STRIPE_API_BASE, STRIPE_SECRET_KEY });

    it.each([
      ['http://stripe-proxy.internal:8080', 'sk_live_1'],
      ['http://10.0.0.7', 'rk_live_1'],
      ['http://localhost.example', 'sk_live_1'],
      ['http://127.0.0.1.example', 'sk_live_1'],
      ['http://[2001:db8::1]', 'sk_live_1'],
      ['http://0.0.0.0', 'sk_live_1'],
    ])('refuses to send a live key to %s', (base, key) => {
      expect(faultsWith(base, key)).toEqual([
        'STRIPE_API_BASE: a live key must be sent over https:// or to this machine: use https://, or a test key',
      ]);
    });

    it.each([
      ['http://127.0.0.1:12111', 'sk_live_1'],
      ['http://127.7.0.1', 'sk_live_1'],
      ['http://localhost:12111', 'rk_live_1'],
      ['http://[::1]:12111', 'sk_live_1'],
      ['https://stripe-proxy.internal', 'sk_live_1'],
      ['http://sandbox:12111', 'sk_test_1'],
      ['http://sandbox:12111', 'rk_test_1'],
    ])('sends to %s with %s', (base, key) => {
      expect(faultsWith(base, key)).toEqual([]);
    });

    it('is named beside what else is wrong', () => {
      const faults = faultsOf({
        ...enough,
        PORT: '70000',
        STRIPE_API_BASE: 'http://10.0.0.7',
        STRIPE_SECRET_KEY: 'sk_live_1',
      });
      expect(faults.map((fault) => fault.split(':')[0]).sort()).toEqual([
        'PORT',
        'STRIPE_API_BASE',
      ]);
    });
  });

  it('takes an empty setting for one that is not set', () => {
    expect(loadConfig({ ...enough, REDIS_URL: '', PORT: ' ' })).toMatchObject({
      redisUrl: undefined,
      port: 3000,
    });
  });

  it('derives live mode from the key, and accepts several webhook secrets', () => {
    const config = loadConfig({
      ...enough,
      STRIPE_SECRET_KEY: 'rk_live_1',
      STRIPE_WEBHOOK_SECRETS: 'whsec_first, whsec_second',
    });
    expect(config.stripe).toMatchObject({
      livemode: true,
      webhookSecrets: ['whsec_first', 'whsec_second'],
    });
  });

  it('takes proxies as addresses, subnets and names of ranges', () => {
    const TRUSTED_PROXIES = 'loopback, 10.0.0.0/8,2001:db8::/32,203.0.113.7';
    expect(loadConfig({ ...enough, TRUSTED_PROXIES }).trustedProxies).toEqual([
      'loopback',
      '10.0.0.0/8',
      '2001:db8::/32',
      '203.0.113.7',
    ]);
  });

  it('never says what a secret was', () => {
    const fault = faultsOf({ ...enough, ADMIN_API_KEY: 'too_short_a_secret' }).join();
    expect(fault).not.toContain('too_short_a_secret');
  });
});

describe('SIGNING_KEYS', () => {
  const PUBLIC_URL = 'https://latchkey.example';
  const faultsWith = (SIGNING_KEYS: string) => faultsOf({ ...enough, PUBLIC_URL, SIGNING_KEYS });
  const pemOf = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();

  it('are the keys in their order, with line breaks or with \\n for them', () => {
    const [first, second] = [signingKey(), signingKey()];
    for (const SIGNING_KEYS of [`${first}${second}`, `${first}${second}`.replaceAll('\n', '\\n')]) {
      const { signingKeys } = loadConfig({ ...enough, PUBLIC_URL, SIGNING_KEYS });
      expect(signingKeys.map(pemOf)).toEqual([first, second]);
    }
  });

  it('take what `npm run signing-key` prints', () => {
    const file = path.resolve(import.meta.dirname, '../../src/signing-key.ts');
    const { stdout } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
    expect(faultsWith(stdout)).toEqual([]);
    expect(faultsWith(`${stdout}${signingKey()}`)).toEqual([]);
  });

  it('need PUBLIC_URL, which names the issuer', () => {
    expect(faultsOf({ ...enough, SIGNING_KEYS: signingKey() })).toEqual([
      expect.stringMatching(/^PUBLIC_URL is not set: .*https:/),
    ]);
  });

  const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { publicKey } = generateKeyPairSync('ed25519');
  const once = signingKey();
  it.each([
    ['no PEM', 'secret', 'must consist of PKCS #8 PEM blocks only'],
    ['text beside the blocks', `# mine\n${once}`, 'must consist of PKCS #8 PEM blocks only'],
    ['half a block', once.slice(0, -10), 'must consist of PKCS #8 PEM blocks only'],
    ['a key of another type', `${once}${pemOf(rsa)}`, 'block 2 is a key of type rsa, not Ed25519'],
    [
      'a public key',
      publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      'block 1 is a PUBLIC KEY, not a PRIVATE KEY',
    ],
    ['a damaged block', once.replace('MC4C', 'AAAA'), 'block 1 is damaged'],
    ['a repeated block', `${once}${once}`, 'block 2 repeats an earlier one: remove it'],
  ])('refuses %s, and says which without its text', (_name, text, message) => {
    const faults = faultsWith(text);
    expect(faults).toEqual([expect.stringContaining(`SIGNING_KEYS: ${message}`)]);
    expect(faults.join()).not.toContain(text.split('\n')[1] ?? 'secret');
  });

  it.each([
    ['latchkey.example'],
    ['ftp://latchkey.example'],
    ['https://user:secret@latchkey.example'],
    ['https://latchkey.example/?a=1'],
    ['https://latchkey.example/#a'],
  ])('PUBLIC_URL cannot be %s', (value) => {
    const faults = faultsOf({ ...enough, PUBLIC_URL: value });
    expect(faults).toEqual([expect.stringMatching(/^PUBLIC_URL: must be/)]);
  });

  it('PUBLIC_URL loses its trailing slash, so that `iss` is written in one way', () => {
    for (const [given, kept] of [
      ['https://latchkey.example/', 'https://latchkey.example'],
      ['https://example.com/latchkey/', 'https://example.com/latchkey'],
    ]) {
      expect(loadConfig({ ...enough, PUBLIC_URL: given }).publicUrl).toBe(kept);
    }
  });
});

describe('secrets in files', () => {
  const secrets: Record<(typeof secretSettings)[number], string> = {
    ...enough,
    REDIS_URL: 'redis://cache',
    SIGNING_KEYS: signingKey(),
    METRICS_TOKEN: 'a_token_of_16_or_more',
  };
  const read =
    (files: Record<string, string>): ReadFile =>
    (file) => {
      const text = files[file];
      if (text === undefined) throw Object.assign(new Error(file), { code: 'ENOENT' });
      return text;
    };

  it('are what the same settings are without, however the file ends', () => {
    const PUBLIC_URL = 'https://latchkey.example';
    const environment = {
      PUBLIC_URL,
      ...Object.fromEntries(secretSettings.map((name) => [`${name}_FILE`, `/run/secrets/${name}`])),
    };
    const files = Object.fromEntries(
      secretSettings.map((name) => [`/run/secrets/${name}`, `${secrets[name]}\n`]),
    );
    expect(loadConfig(environment, read(files))).toEqual(loadConfig({ ...secrets, PUBLIC_URL }));
  });

  it('may be several of the webhook, separated by commas or lines', () => {
    const environment = {
      ...enough,
      STRIPE_WEBHOOK_SECRETS: undefined,
      STRIPE_WEBHOOK_SECRETS_FILE: '/w',
    };
    for (const text of [
      'whsec_new,whsec_old\n',
      'whsec_new\nwhsec_old\n',
      'whsec_new ,\r\n whsec_old',
    ]) {
      expect(loadConfig(environment, read({ '/w': text })).stripe.webhookSecrets).toEqual([
        'whsec_new',
        'whsec_old',
      ]);
    }
  });

  it('are faults if both are set, or the file is missing or empty, all reported at once', () => {
    const faults = faultsOf(
      {
        ...enough,
        DATABASE_URL_FILE: '/a',
        STRIPE_SECRET_KEY: '',
        STRIPE_SECRET_KEY_FILE: '/missing',
        METRICS_TOKEN_FILE: '/empty',
        PORT: 'http',
      },
      read({ '/a': 'postgres://a', '/empty': ' \n' }),
    );
    expect(faults).toEqual([
      'DATABASE_URL and DATABASE_URL_FILE are both set: set only one of them',
      'STRIPE_SECRET_KEY_FILE: the file cannot be read (ENOENT)',
      'METRICS_TOKEN_FILE: the file is empty',
      'PORT: must be a whole number',
    ]);
  });

  it('are validated, too, and never printed', () => {
    const environment = { ...enough, ADMIN_API_KEY: '', ADMIN_API_KEY_FILE: '/k' };
    const faults = faultsOf(environment, read({ '/k': 'too_short' }));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^ADMIN_API_KEY: /);
    expect(faults[0]).not.toContain('too_short');
  });

  it('are not read where the file is not given, or the setting is none of them', () => {
    const fail: ReadFile = () => {
      throw new Error('was read');
    };
    expect(loadConfig({ ...enough, DATABASE_URL_FILE: ' ', PORT_FILE: '/p' }, fail)).toEqual(
      loadConfig(enough),
    );
  });
});

describe('the process', () => {
  it('lists the faults and ends, without a stack', () => {
    const server = path.resolve(import.meta.dirname, '../../src/server.ts');
    const { status, stdout, stderr } = spawnSync(process.execPath, [server], {
      env: { ADMIN_API_KEY: 'short' },
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(status).toBe(1);
    expect(stdout).toBe('');
    for (const name of Object.keys(enough)) expect(stderr).toContain(name);
    expect(stderr).not.toMatch(/^\s+at /m);
  }, 20_000);
});
