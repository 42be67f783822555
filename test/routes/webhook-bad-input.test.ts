import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at } from '../helpers/json.ts';
import {
  startTestService,
  testStart,
  type TestService,
  webhookSecret,
} from '../helpers/service.ts';

/* Requests that are no event of Stripe: refused with a 4xx, logged without secrets, and without effect. */

interface Bad {
  payload: string | Buffer;
  headers: Record<string, string>;
}

const seconds = testStart / 1000;
const json = { 'content-type': 'application/json' };
const good = {
  id: 'evt_1',
  object: 'event',
  type: 'customer.subscription.updated',
  created: seconds,
  livemode: false,
  api_version: '2026-10-28.endive',
  data: { object: { id: 'sub_1', object: 'subscription' } },
};
const goodText = JSON.stringify(good);

function sign(payload: string, secret = webhookSecret, timestamp = seconds): string {
  return Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
}

/** Signed as it should be: only the payload is bad. */
function signed(payload: string): Bad {
  return { payload, headers: { ...json, 'stripe-signature': sign(payload) } };
}

/** The good payload under a header that is bad. */
function under(header: string): Bad {
  return { payload: goodText, headers: { ...json, 'stripe-signature': header } };
}

const goodHeader = sign(goodText);
const [, goodMac = ''] = /v1=([0-9a-f]+)/.exec(goodHeader) ?? [];

const signatures: Record<string, Bad> = {
  'no signature': { payload: goodText, headers: json },
  'an empty one': under(''),
  'a blank one': under('   '),
  'one of another secret': under(sign(goodText, 'whsec_of_somebody_else')),
  'one of another payload': under(sign(`${goodText} `)),
  'one of the empty payload': under(sign('')),
  'one that is 301 s old': under(sign(goodText, webhookSecret, seconds - 301)),
  'one of yesterday': under(sign(goodText, webhookSecret, seconds - 86_400)),
  'one of 1970': under(sign(goodText, webhookSecret, 0)),
  'one that is 301 s ahead': under(sign(goodText, webhookSecret, seconds + 301)),
  'one of next year': under(sign(goodText, webhookSecret, seconds + 31_536_000)),
  'one of the year 300000': under(sign(goodText, webhookSecret, 9_000_000_000_000)),
  'no timestamp': under(`v1=${goodMac}`),
  'a timestamp that is none': under(`t=now,v1=${goodMac}`),
  'an empty timestamp': under(`t=,v1=${goodMac}`),
  'a negative timestamp': under(`t=-${seconds},v1=${goodMac}`),
  'a timestamp with a fraction': under(`t=${seconds}.5,v1=${goodMac}`),
  'a timestamp in hexadecimal': under(`t=0x69054780,v1=${goodMac}`),
  'an infinite timestamp': under(`t=Infinity,v1=${goodMac}`),
  'another timestamp than was signed': under(`t=${seconds + 1},v1=${goodMac}`),
  'two timestamps': under(`t=${seconds - 9_999},t=${seconds},v1=${goodMac}x`),
  'no scheme': under(`t=${seconds},${goodMac}`),
  'a scheme of the past': under(`t=${seconds},v0=${goodMac}`),
  'a scheme of the future': under(`t=${seconds},v2=${goodMac}`),
  'an empty v1': under(`t=${seconds},v1=`),
  'a v1 that is cut': under(`t=${seconds},v1=${goodMac.slice(0, 63)}`),
  'a v1 that is too long': under(`t=${seconds},v1=${goodMac}00`),
  'a v1 in capitals': under(`t=${seconds},v1=${goodMac.toUpperCase()}`),
  'a v1 of no hexadecimal': under(`t=${seconds},v1=${'z'.repeat(64)}`),
  'a v1 with a blank': under(`t=${seconds},v1= ${goodMac}`),
  'a v1 of zeros': under(`t=${seconds},v1=${'0'.repeat(64)}`),
  'a hundred wrong v1': under(`t=${seconds}${`,v1=${'a'.repeat(64)}`.repeat(100)}`),
  'other separators': under(`t=${seconds};v1=${goodMac}`),
  'names in capitals': under(`T=${seconds},V1=${goodMac}`),
  JSON: under(JSON.stringify({ t: seconds, v1: goodMac })),
  'the secret itself': under(webhookSecret),
  __proto__: under(`__proto__=1,t=${seconds},v1=__proto__`),
};

const payloads: Record<string, Bad> = {
  nothing: signed(''),
  'a blank': signed(' '),
  null: signed('null'),
  true: signed('true'),
  'a number': signed('42'),
  'a huge number': signed('1e400'),
  'a string': signed('"event"'),
  'an empty list': signed('[]'),
  'a list of events': signed(`[${goodText}]`),
  'an empty object': signed('{}'),
  text: signed('evt_1'),
  'a form': signed('id=evt_1&object=event'),
  XML: signed('<event id="evt_1"/>'),
  'a truncated event': signed(goodText.slice(0, -1)),
  'half an event': signed(goodText.slice(0, goodText.length / 2)),
  'two events': signed(goodText + goodText),
  'a trailing comma': signed(goodText.replace(/}$/, ',}')),
  'single quotes': signed(goodText.replaceAll('"', "'")),
  'a comment': signed(`/* event */${goodText}`),
  'a byte order mark': signed(`\uFEFF${goodText}`),
  'a zero byte': signed(`${goodText}\0`),
  NaN: signed(goodText.replace(String(seconds), 'NaN')),
  Infinity: signed(goodText.replace(String(seconds), 'Infinity')),
  'a million levels of lists': signed('['.repeat(500_000) + ']'.repeat(500_000)),
  'an event 200,000 levels deep': signed(
    goodText.replace('"sub_1"', `"sub_1","x":${'['.repeat(200_000)}${']'.repeat(200_000)}`),
  ),
};

/** The good event with one field replaced, or removed if it is undefined. */
function but(changes: Record<string, unknown>): Bad {
  return signed(JSON.stringify({ ...good, ...changes }));
}

const fields: Record<string, Bad> = {
  'no id': but({ id: undefined }),
  'id null': but({ id: null }),
  'an empty id': but({ id: '' }),
  'a number as id': but({ id: 1 }),
  'an object as id': but({ id: { id: 'evt_1' } }),
  'an id of 256 characters': but({ id: 'e'.repeat(256) }),
  'an id with a zero character': but({ id: 'evt_\0' }),
  'an id with half a surrogate pair': but({ id: 'evt_\ud83d' }),
  'no object': but({ object: undefined }),
  'another object': but({ object: 'customer' }),
  'object null': but({ object: null }),
  'a thin event': but({ object: 'v2.core.event' }),
  'no type': but({ type: undefined }),
  'type null': but({ type: null }),
  'an empty type': but({ type: '' }),
  'a list as type': but({ type: ['invoice.paid'] }),
  'a type of 256 characters': but({ type: 'x'.repeat(256) }),
  'a type with a zero character': but({ type: 'invoice\0paid' }),
  'no created': but({ created: undefined }),
  'created null': but({ created: null }),
  'created in text': but({ created: String(seconds) }),
  'created with a fraction': but({ created: seconds + 0.5 }),
  'created before 1970': but({ created: -1 }),
  'created beyond the calendar': but({ created: 8_640_000_000_001 }),
  'a huge created': but({ created: 1e300 }),
  'no livemode': but({ livemode: undefined }),
  'livemode null': but({ livemode: null }),
  'livemode in text': but({ livemode: 'false' }),
  'livemode 0': but({ livemode: 0 }),
  'account null': but({ account: null }),
  'a number as account': but({ account: 1 }),
  'a number as version': but({ api_version: 2026 }),
  'no data': but({ data: undefined }),
  'data null': but({ data: null }),
  'a list as data': but({ data: [] }),
  'data without an object': but({ data: {} }),
  'data.object null': but({ data: { object: null } }),
  'a list as data.object': but({ data: { object: [{ id: 'sub_1' }] } }),
  'text as data.object': but({ data: { object: 'sub_1' } }),
  '__proto__ in place of the fields': signed(`{"__proto__":${goodText}}`),
  'constructor in place of the fields': signed(`{"constructor":{"prototype":${goodText}}}`),
};

const types: Record<string, Bad> = Object.fromEntries(
  [
    'text/plain',
    'text/html',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'image/png',
    'nonsense',
    '',
  ].map((type) => [
    `the content type '${type}'`,
    { payload: goodText, headers: { 'content-type': type, 'stripe-signature': goodHeader } },
  ]),
);

const sizes: Record<string, Bad> = {
  'a byte over 1 MiB': signed(' '.repeat(1_048_577)),
  '5 MB': signed(JSON.stringify({ ...good, padding: 'x'.repeat(5_000_000) })),
};

const kinds = { ...signatures, ...payloads, ...fields, ...types, ...sizes };

let service: TestService;
const logged: string[] = [];

beforeAll(async () => {
  service = await startTestService({
    log: {
      write: (line: string) => {
        logged.push(line);
      },
    },
  });
});
afterAll(() => service.close());

async function stored(): Promise<string> {
  const { prisma } = service.deps.database;
  return JSON.stringify([
    await prisma.webhookEvent.count(),
    await prisma.followedObject.count(),
    await prisma.user.count(),
  ]);
}

describe('what is no event of Stripe', () => {
  it('comes in a hundred kinds', () => {
    expect(Object.keys(kinds).length).toBeGreaterThanOrEqual(100);
  });

  const codes: [Record<string, Bad>, number, (string | undefined)[]][] = [
    [signatures, 400, ['signature_invalid']],
    // The SDK leaves a byte order mark out of what it verifies.
    [payloads, 400, ['payload_invalid', 'signature_invalid']],
    [fields, 400, ['payload_invalid', 'thin_event_unsupported']],
    [types, 415, ['unsupported_media_type']],
    [sizes, 413, ['payload_too_large']],
  ];
  for (const [bad, status, allowed] of codes) {
    it.each(Object.entries(bad))(`%s: ${status}`, async (_, { payload, headers }) => {
      const before = await stored();
      logged.length = 0;
      const { statusCode, body } = await service.app.inject({
        method: 'POST',
        url: '/api/v1/webhooks/stripe',
        payload,
        headers,
      });
      expect(statusCode).toBe(status);
      expect(allowed).toContain(at(JSON.parse(body), 'code'));
      expect(await stored()).toBe(before);
      const lines = logged.join('\n');
      expect(lines).toContain(String(status));
      const header = headers['stripe-signature']?.trim() ?? '';
      for (const secret of [webhookSecret, goodMac, ...(header === '' ? [] : [header])]) {
        expect(lines).not.toContain(secret);
        expect(body).not.toContain(secret);
      }
    });
  }
});

describe('what is an event of Stripe, though it looks odd', () => {
  it.each([
    ['fields that we do not know', { ...good, id: 'evt_more', extra: { deep: [1] } }],
    [
      '__proto__ in its object',
      { ...good, id: 'evt_p', data: { object: { ['__proto__']: 1, id: 'sub_1' } } },
    ],
    [
      'numbers beyond what a double holds',
      { ...good, id: 'evt_n', data: { object: { id: 'sub_1', n: 2 ** 70 } } },
    ],
  ])('%s: 200', async (_, event) => {
    const { payload, headers } = signed(JSON.stringify(event));
    const { statusCode } = await service.app.inject({
      method: 'POST',
      url: '/api/v1/webhooks/stripe',
      payload,
      headers,
    });
    expect(statusCode).toBe(200);
  });

  it('charset=utf-8, as Stripe sends it: 200', async () => {
    const { payload, headers } = signed(JSON.stringify({ ...good, id: 'evt_charset' }));
    const { statusCode } = await service.app.inject({
      method: 'POST',
      url: '/api/v1/webhooks/stripe',
      payload,
      headers: { ...headers, 'content-type': 'application/json; charset=utf-8' },
    });
    expect(statusCode).toBe(200);
  });
});
