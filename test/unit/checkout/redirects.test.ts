import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAllowedRedirect } from '../../../src/checkout/core/redirects.ts';

const origins = ['https://app.example.com', 'https://shop.example:8443', 'http://localhost:3000'];

describe('goes through', () => {
  it.each([
    'https://app.example.com',
    'https://app.example.com/',
    'https://app.example.com/ok?session={CHECKOUT_SESSION_ID}#done',
    'https://app.example.com:443/ok',
    'https://APP.example.com/ok',
    'https://shop.example:8443/ok',
    'http://localhost:3000/ok',
    'https://app.example.com/?next=https://evil.example',
    'https://app.example.com/a@b',
  ])('%s', (url) => {
    expect(isAllowedRedirect(url, origins)).toBe(true);
  });
});

describe('is refused', () => {
  it.each([
    ['another host', 'https://evil.example/'],
    ['a longer host', 'https://app.example.com.evil.example/'],
    ['a host that only ends alike', 'https://notapp.example.com/'],
    ['a trailing dot', 'https://app.example.com./'],
    ['a user', 'https://app.example.com@evil.example/'],
    ['a user before our host', 'https://evil.example@app.example.com/'],
    ['a password', 'https://a:b@app.example.com/'],
    ['http in place of https', 'http://app.example.com/'],
    ['another port', 'https://app.example.com:444/'],
    ['a missing port', 'https://shop.example/'],
    ['a script', 'javascript:alert(1)'],
    ['data', 'data:text/html,x'],
    ['no scheme', '//app.example.com/'],
    ['a path', '/ok'],
    ['a single slash', 'https:/app.example.com/'],
    ['no slash', 'https:app.example.com/'],
    ['backslashes', 'https:\\\\app.example.com/'],
    ['a backslash in the host', 'https://app.example.com\\@evil.example/'],
    ['a tab in the scheme', 'ht\ttps://app.example.com/'],
    ['a line break', 'https://app.example.com/\nx'],
    ['a space before', ' https://app.example.com/'],
    ['a percent-encoded host', 'https://app%2Eexample.com/'],
    ['a full-width letter', 'https://ａpp.example.com/'],
    ['an invisible character', 'https://app.exam\u200Bple.com/'],
    ['nothing', ''],
  ])('%s', (_name, url) => {
    expect(isAllowedRedirect(url, origins)).toBe(false);
  });

  it('anything that parses to a host outside of the list', () => {
    fc.assert(
      fc.property(fc.webUrl({ withFragments: true, withQueryParameters: true }), (url) => {
        if (!origins.includes(new URL(url).origin)) {
          expect(isAllowedRedirect(url, origins)).toBe(false);
        }
      }),
    );
  });

  it('everything, where the project has no origins', () => {
    expect(isAllowedRedirect('https://app.example.com/', [])).toBe(false);
  });
});
