import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config.ts';

const enough = {
  DATABASE_URL: 'postgres://localhost/latchkey',
  STRIPE_SECRET_KEY: 'sk_test_1',
  STRIPE_WEBHOOK_SECRETS: 'whsec_first',
  ADMIN_API_KEY: 'a'.repeat(32),
};

function faultsOf(environment: Record<string, string | undefined>): string[] {
  try {
    loadConfig(environment);
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
      metricsToken: undefined,
      migrateOnStart: true,
    });
  });

  it('names every setting that is missing, at once', () => {
    expect(faultsOf({})).toEqual(Object.keys(enough).map((name) => `${name} is not set`));
  });

  it('names every setting that is wrong, beside those that are missing', () => {
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
  ])('refuses %s=%s', (name, value) => {
    const faults = faultsOf({ ...enough, [name]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${name}`));
  });

  it('takes an empty setting for one that is not set', () => {
    expect(loadConfig({ ...enough, REDIS_URL: '', PORT: ' ' })).toMatchObject({
      redisUrl: undefined,
      port: 3000,
    });
  });

  it('tells live mode by the key, and takes several webhook secrets', () => {
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

  it('never says what a secret was', () => {
    const fault = faultsOf({ ...enough, ADMIN_API_KEY: 'too_short_a_secret' }).join();
    expect(fault).not.toContain('too_short_a_secret');
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
  });
});
