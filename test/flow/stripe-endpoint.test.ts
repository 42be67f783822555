import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { eventTypes } from '../../src/webhook/core/events.ts';

/* `npm run stripe:endpoint`, as an operator runs it. */

const secretKey = 'sk_test_123';
const url = 'https://latchkey.example/api/v1/webhooks/stripe';
let sandbox: Sandbox;
let stripe: Stripe;

beforeAll(async () => {
  sandbox = await startSandbox({ secretKey, delivery: 'manual' });
  const { hostname, port } = new URL(sandbox.url);
  stripe = new Stripe(secretKey, { host: hostname, port, protocol: 'http' });
});
afterAll(() => sandbox.close());

async function run(...args: string[]) {
  const env = { ...process.env, STRIPE_SECRET_KEY: secretKey, STRIPE_API_BASE: sandbox.url };
  return promisify(execFile)(process.execPath, ['src/stripe-endpoint.ts', ...args], { env });
}

describe('npm run stripe:endpoint', () => {
  it('makes the endpoint with exactly the event types that we know, and prints its secret', async () => {
    const { stdout } = await run(url);
    const { data } = await stripe.webhookEndpoints.list();
    expect(data.map((endpoint) => endpoint.url)).toEqual([url]);
    expect(data[0]?.enabled_events.toSorted()).toEqual(eventTypes);
    expect(stdout).toMatch(/^STRIPE_WEBHOOK_SECRETS=whsec_\S+$/m);
  });

  it('brings an endpoint up to date that an older release made', async () => {
    const { data: before } = await stripe.webhookEndpoints.list();
    const id = before[0]?.id ?? '';
    await stripe.webhookEndpoints.update(id, { enabled_events: ['invoice.paid'], disabled: true });
    const { stdout } = await run(url);
    const { data } = await stripe.webhookEndpoints.list();
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({ id, status: 'enabled' });
    expect(data[0]?.enabled_events.toSorted()).toEqual(eventTypes);
    expect(stdout).toContain('has not changed');
  });

  it('sends no live key over http, but to this machine', async () => {
    const env = {
      ...process.env,
      STRIPE_SECRET_KEY: 'sk_live_123',
      STRIPE_API_BASE: 'http://stripe.invalid',
    };
    const program = [process.execPath, ['src/stripe-endpoint.ts', url], { env }] as const;
    await expect(promisify(execFile)(...program)).rejects.toThrow(
      'a live key must be sent over https://',
    );
  });

  it.each([
    'https://latchkey.example',
    'https://latchkey.example/',
    'https://latchkey.example/hook',
  ])(
    'refuses %s, which is no route of the service, and names the correct URL',
    async (mistaken) => {
      const path = '/api/v1/webhooks/stripe';
      const { data: before } = await stripe.webhookEndpoints.list();
      await expect(run(mistaken)).rejects.toThrow(
        `The path must end in ${path}, such as ${mistaken.replace(/\/$/, '')}${path}`,
      );
      expect((await stripe.webhookEndpoints.list()).data).toEqual(before);
    },
  );

  it('takes a URL whose proxy adds to the path', async () => {
    const { stdout } = await run('https://example.com/latchkey/api/v1/webhooks/stripe');
    expect(stdout).toContain('STRIPE_WEBHOOK_SECRETS=whsec_');
  });

  it('says how it is called, and what went wrong', async () => {
    await expect(run()).rejects.toThrow('Usage: npm run stripe:endpoint');
    const twice = url.replace('latchkey', 'other');
    for (let made = 0; made < 2; made += 1) {
      await stripe.webhookEndpoints.create({ url: twice, enabled_events: ['invoice.paid'] });
    }
    await expect(run(twice)).rejects.toThrow('several endpoints');
  });
});
