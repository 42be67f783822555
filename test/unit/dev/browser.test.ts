import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPage, press } from '../../../src/dev/browser.ts';

const html = `
  <form action="/search" method="get"><button>Search</button></form>
  <form method="post" action="/pay?a=1&amp;b=2">
    <input type="hidden" name="token" value="a&quot;b">
    <input name="email" value="">
    <input type="radio" name="card" value="good" checked>
    <input type="radio" name="card" value="bad">
    <button name="do" value="pay"><b>Pay</b> $12.00</button>
  </form>`;

let server: Server;
let url: string;
let posted: { url: string | undefined; body: string };

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.method === 'GET') return response.end(html);
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      posted = { url: request.url, body };
      response.writeHead(303, { location: '/thanks' }).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  url = `http://127.0.0.1:${address.port}`;
});

afterAll(() => {
  server.close();
});

describe('pressing a button', () => {
  test('sends the form that it stands in, with the fields as the page filled them in', async () => {
    const { location } = await press(await openPage(`${url}/page`), 'Pay $12.00');
    expect(location).toBe(`${url}/thanks`);
    expect(posted.url).toBe('/pay?a=1&b=2');
    expect([...new URLSearchParams(posted.body)]).toEqual([
      ['token', 'a"b'],
      ['email', ''],
      ['card', 'good'],
      ['do', 'pay'],
    ]);
  });

  test('that is not there says which are', async () => {
    await expect(press(await openPage(url), 'Cancel')).rejects.toThrow(
      'Its buttons: “Search”, “Pay $12.00”.',
    );
  });
});
