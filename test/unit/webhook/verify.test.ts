import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../src/http/problem.ts';
import { parseEvent, verifySignature } from '../../../src/webhook/verify.ts';

const secret = 'whsec_first_secret';
const other = 'whsec_second_secret';
const now = Date.parse('2026-11-01T12:00:00.000Z');
const seconds = now / 1000;

const event = {
  id: 'evt_1',
  object: 'event',
  type: 'customer.subscription.updated',
  created: seconds,
  livemode: false,
  api_version: '2026-10-28.endive',
  data: { object: { id: 'sub_1', object: 'subscription' } },
};

function verify(
  body: unknown,
  options: { secret?: string; timestamp?: number; secrets?: string[]; header?: string } = {},
) {
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  const header =
    options.header ??
    Stripe.webhooks.generateTestHeaderString({
      payload,
      secret: options.secret ?? secret,
      timestamp: options.timestamp ?? seconds,
    });
  verifySignature(Buffer.from(payload), header, options.secrets ?? [secret], now);
  return parseEvent(Buffer.from(payload));
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ProblemError) return error.code;
    throw error;
  }
  return 'passed';
}

describe('a signed event', () => {
  it('passes with the secret of the endpoint', () => {
    expect(verify(event)).toMatchObject({ id: 'evt_1', type: 'customer.subscription.updated' });
  });

  it('passes with any of several secrets, so that one can be rotated without a gap', () => {
    expect(verify(event, { secret: other, secrets: [secret, other] }).id).toBe('evt_1');
    expect(verify(event, { secret, secrets: [other, secret] }).id).toBe('evt_1');
  });

  it.each([-300, 300])('passes at %i s from now', (offset) => {
    expect(verify(event, { timestamp: seconds + offset }).id).toBe('evt_1');
  });
});

describe('signature_invalid', () => {
  it.each([-301, 301, 86_400])('a timestamp %i s from now, past or future', (offset) => {
    expect(codeOf(() => verify(event, { timestamp: seconds + offset }))).toBe('signature_invalid');
  });

  it('another secret', () => {
    expect(codeOf(() => verify(event, { secret: other }))).toBe('signature_invalid');
  });

  it('a body that was changed after it was signed', () => {
    const header = Stripe.webhooks.generateTestHeaderString({
      payload: JSON.stringify(event),
      secret,
      timestamp: seconds,
    });
    expect(codeOf(() => verify({ ...event, livemode: true }, { header }))).toBe(
      'signature_invalid',
    );
  });

  it.each(['', 'nonsense', 't=,v1=', 't=abc,v1=00', `t=${seconds}`, `v1=00`])(
    'the header %j',
    (header) => {
      expect(codeOf(() => verify(event, { header }))).toBe('signature_invalid');
    },
  );

  it('no header', () => {
    expect(
      codeOf(() => {
        verifySignature(Buffer.from('{}'), undefined, [secret], now);
      }),
    ).toBe('signature_invalid');
  });
});

describe('payload_invalid', () => {
  it.each(['', 'null', '[]', '"text"', '{', '{}', JSON.stringify({ ...event, data: null })])(
    'the signed payload %s',
    (payload) => {
      expect(codeOf(() => verify(payload))).toBe('payload_invalid');
    },
  );
});

it('a thin event is refused by its own name', () => {
  expect(codeOf(() => verify({ id: 'evt_1', object: 'v2.core.event' }))).toBe(
    'thin_event_unsupported',
  );
});
