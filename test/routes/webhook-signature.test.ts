import { once } from 'node:events';
import { connect } from 'node:net';
import Stripe from 'stripe';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  startTestService,
  testStart,
  type TestResponse,
  type TestService,
  webhookSecret,
} from '../helpers/service.ts';

let service: TestService;

beforeEach(async () => {
  service = await startTestService({ config: { trustedProxies: ['loopback'] } });
});
afterEach(() => service.close());

const payload = JSON.stringify({
  id: 'evt_1',
  object: 'event',
  type: 'customer.subscription.updated',
  created: testStart / 1000,
  livemode: false,
  data: { object: { id: 'sub_1' } },
});

function post(secret: string, from: string, body = payload): Promise<TestResponse> {
  const timestamp = service.clock.now() / 1000;
  const signature = Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp });
  return service.request('POST', '/webhooks/stripe', {
    body,
    headers: { 'stripe-signature': signature, 'x-forwarded-for': from },
  });
}

const right = (from: string): Promise<TestResponse> => post(webhookSecret, from);
const wrong = (from: string): Promise<TestResponse> => post('whsec_of_somebody_else', from);

async function times<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let done = 0; done < count; done += 1) results.push(await work());
  return results;
}

describe('a header that cannot match', () => {
  const digits = 'a'.repeat(64);
  const now = testStart / 1000;

  it.each([
    ['that is missing', ''],
    ['without a timestamp', `Stripe-Signature: v1=${digits}\r\n`],
    ['without a signature', `Stripe-Signature: t=${now}\r\n`],
    ['of another scheme', `Stripe-Signature: t=${now},v0=${digits}\r\n`],
    ['of an hour ago', `Stripe-Signature: t=${now - 3_600},v1=${digits}\r\n`],
    ['of an hour from now', `Stripe-Signature: t=${now + 3_600},v1=${digits}\r\n`],
  ])('%s: 400 before any of the body has come', async (_, header) => {
    const url = new URL(await service.listen());
    const socket = connect(Number(url.port), url.hostname);
    try {
      socket.write(
        'POST /api/v1/webhooks/stripe HTTP/1.1\r\nHost: test\r\n' +
          `Content-Type: application/json\r\nContent-Length: 1000000\r\n${header}\r\n`,
      );
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 [^]*"code":"signature_invalid"/);
    } finally {
      socket.destroy();
    }
  });

  it('costs the client nothing: thousands of them slow no event from the same address', async () => {
    await times(300, () => service.request('POST', '/webhooks/stripe', { body: payload }));
    expect((await service.request('POST', '/webhooks/stripe', { body: payload })).status).toBe(400);
    expect((await right('127.0.0.1')).status).toBe(200);
  });
});

describe('an address that signs wrong', () => {
  it('429 with Retry-After from the hundred and first on, and another address still works', async () => {
    const answers = await times(105, () => wrong('203.0.113.1'));
    expect(answers.map(({ status }) => status)).toEqual([
      ...Array<number>(100).fill(400),
      ...Array<number>(5).fill(429),
    ]);
    const [refused] = answers.slice(-1);
    expect(refused).toMatchObject({ body: { code: 'too_many_requests' } });
    expect(refused?.headers['retry-after']).toBe('1');
    expect((await right('203.0.113.2')).status).toBe(200);
    const { values } = await service.deps.metrics.rateLimited.get();
    expect(values).toContainEqual({ labels: { limit: 'signature' }, value: 5 });
  });

  it('is asked again a second later', async () => {
    await times(101, () => wrong('203.0.113.1'));
    service.clock.advance(1_000);
    expect((await wrong('203.0.113.1')).status).toBe(400);
    expect((await wrong('203.0.113.1')).status).toBe(429);
  });

  it('is the one of a whole /64', async () => {
    let host = 0;
    await times(100, () => wrong(`2001:db8::${(host += 1).toString(16)}`));
    expect((await wrong('2001:db8::ffff')).status).toBe(429);
  });

  it('delays Stripe little where that has the same address, and no more once an event came through', async () => {
    const proxy = '203.0.113.1';
    await times(100, () => wrong(proxy));
    let tries = 1;
    while ((await right(proxy)).status !== 200) tries += 1;
    expect(tries).toBeLessThanOrEqual(8);
    const answers: number[] = [];
    for (let count = 0; count < 50; count += 1) {
      await wrong(proxy);
      answers.push((await right(proxy)).status);
    }
    expect(answers).toEqual(Array<number>(50).fill(200));
  });

  it('pays for a body that is refused unread, too', async () => {
    const tooLong = JSON.stringify({ padding: 'x'.repeat(1_048_577) });
    await times(100, () => post(webhookSecret, '203.0.113.1', tooLong));
    expect((await wrong('203.0.113.1')).status).toBe(429);
  });
});

it('a wrong secret of ours is logged with the setting to compare, once a minute', async () => {
  const lines: string[] = [];
  const log = { write: (line: string) => void lines.push(line) };
  const logged = await startTestService({ log });
  const body = payload;
  const refused = async (): Promise<string[]> => {
    const timestamp = logged.clock.now() / 1000;
    const header = { payload: body, secret: 'whsec_of_the_past', timestamp };
    const signature = Stripe.webhooks.generateTestHeaderString(header);
    const { status } = await logged.request('POST', '/webhooks/stripe', {
      body,
      headers: { 'stripe-signature': signature },
    });
    expect(status).toBe(400);
    return lines.filter((line) => line.includes('STRIPE_WEBHOOK_SECRETS'));
  };
  try {
    expect(await refused()).toHaveLength(1);
    expect(await refused()).toHaveLength(1);
    logged.clock.advance(60_000);
    expect(await refused()).toHaveLength(2);
  } finally {
    await logged.close();
  }
});
