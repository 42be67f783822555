import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadConfig, secretSettings } from '../../src/config.ts';
import { environmentSchema } from '../../src/environment.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const text = readFileSync(path.join(repository, '.env.example'), 'utf8');
const compose = readFileSync(path.join(repository, 'docker-compose.yml'), 'utf8');

const settings = Object.keys(environmentSchema.shape).sort();

/** Settings that name the file of a secret. */
const files = secretSettings.map((name) => `${name}_FILE`);
const example = parseEnv(text);

/** Settings that an operator has to fill in. */
const secrets = {
  ADMIN_API_KEY: 'a'.repeat(32),
  STRIPE_SECRET_KEY: 'sk_test_filled_in',
  STRIPE_WEBHOOK_SECRETS: 'whsec_filled_in',
};

/** Settings that docker-compose.yml takes from .env. */
const interpolated = new Set([...compose.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name));

/** The environment that docker-compose.yml gives the service. */
const passedOn = [...compose.matchAll(/^ {6}([A-Z_]+):/gm)]
  .map(([, name = '']) => name)
  .filter((name) => !name.startsWith('POSTGRES_'));

describe('.env.example', () => {
  it('lists every setting, and beside them only what docker-compose.yml needs for itself', () => {
    const forCompose = [...interpolated].filter((name) => ![...settings, ...files].includes(name));

    expect(Object.keys(example).sort()).toEqual([...settings, ...files, ...forCompose].sort());
  });

  it('names no setting twice', () => {
    const names = [...text.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);

    expect(names).toHaveLength(new Set(names).size);
  });

  it('says of every setting what it means, directly above it', () => {
    const unexplained = text
      .split(/\n\n+/)
      .filter((block) => /^[A-Z_]+=/m.test(block) && !block.startsWith('# '));

    expect(unexplained).toEqual([]);
  });

  it('gives no secret away: it cannot be used before each is filled in', () => {
    const { ADMIN_API_KEY, STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRETS } = example;

    expect([ADMIN_API_KEY, STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRETS]).toEqual(['', '', '']);
    expect(() => loadConfig(example)).toThrow(
      /STRIPE_SECRET_KEY is not set[^]*STRIPE_WEBHOOK_SECRETS is not set[^]*ADMIN_API_KEY is not set/,
    );
  });

  it('can be used once they are, and shows the default of every setting that has one', () => {
    const { DATABASE_URL, REDIS_URL } = example;

    expect(loadConfig({ ...example, ...secrets })).toEqual(
      loadConfig({ DATABASE_URL, REDIS_URL, ...secrets }),
    );
  });
});

describe('docker-compose.yml', () => {
  it('passes every setting on, but for where the service listens inside its container', () => {
    const own = ['DATABASE_URL_FILE', 'REDIS_URL_FILE'];
    const wanted = [...settings.filter((name) => !['HOST', 'PORT'].includes(name)), ...files];

    expect(passedOn.sort()).toEqual(wanted.filter((name) => !own.includes(name)).sort());
  });
});
