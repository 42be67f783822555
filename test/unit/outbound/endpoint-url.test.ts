import { describe, expect, it } from 'vitest';
import { endpointUrlFault } from '../../../src/outbound/core/endpoint-url.ts';

describe('the URL of an endpoint', () => {
  it.each([
    'https://app.example.com/webhooks?of=latchkey',
    'https://app.example.com:8443/',
    'https://8.8.8.8/hooks',
    'https://[2606:4700::1111]/hooks',
    // A name that only looks like another.
    'https://localhost.example.com',
    'https://notlocalhost',
  ])('%s may be given', (url) => {
    expect(endpointUrlFault(url, [])).toBeNull();
  });

  it.each([
    'https://127.0.0.1',
    'https://127.0.0.1.',
    'https://2130706433',
    'https://0177.0.0.1',
    'https://017700000001',
    'https://0x7f.0.0.1',
    'https://0x7f000001',
    'https://127.1',
    'https://127.0.1',
    'https://①②⑦.⓪.⓪.①',
    'https://１２７.0.0.1',
    'https://127。0。0。1',
    'https://%31%32%37.0.0.1',
    'https://0',
    'https://0.0.0.0',
    'https://255.255.255.255',
    'https://224.0.0.1',
    'https://100.64.0.1',
    'https://169.254.169.254/latest/meta-data',
    'https://0xa9fea9fe',
    'https://168.63.129.16',
    'https://[::]',
    'https://[::1]',
    'https://[::ffff:127.0.0.1]',
    'https://[::ffff:7f00:1]',
    'https://[::127.0.0.1]',
    'https://[0:0:0:0:0:0:0:1]',
    'https://[64:ff9b::7f00:1]',
    'https://[2002:7f00:1::]',
    'https://[fe80::1]',
    'https://[fd00:ec2::254]',
    'https://[ff02::1]',
    'https://localhost',
    'https://LOCALHOST:8080',
    'https://localhost.',
    'https://app.localhost',
    'https://app.localhost.',
    'https://ｌｏｃａｌｈｏｓｔ',
  ])('%s is internal', (url) => {
    expect(endpointUrlFault(url, [])).toMatch('internal address');
  });

  it.each([
    ['http://app.example.com', 'https'],
    ['ftp://app.example.com', 'https'],
    ['javascript:alert(1)', 'https'],
    ['file:///etc/passwd', 'https'],
    ['https://user:password@app.example.com', 'password'],
    ['https://user@app.example.com', 'password'],
    ['app.example.com', 'URL'],
    ['https://', 'URL'],
    ['https://999.1.1.1', 'URL'],
    ['https://[fe80::1%25eth0]', 'URL'],
    ['', 'URL'],
  ])('%s is refused', (url, why) => {
    expect(endpointUrlFault(url, [])).toMatch(why);
  });
});

describe('the allowed networks', () => {
  const allowed = ['127.0.0.0/8', '10.1.0.0/16'];

  it.each([
    'http://127.0.0.1:3000/hooks',
    'http://localhost:3000',
    'https://10.1.2.3',
    // Its addresses are checked with every attempt.
    'http://app.internal',
  ])('allow %s', (url) => {
    expect(endpointUrlFault(url, allowed)).toBeNull();
  });

  it.each(['http://10.2.0.1', 'https://10.2.0.1', 'http://8.8.8.8', 'http://[::1]'])(
    'do not allow %s',
    (url) => {
      expect(endpointUrlFault(url, allowed)).toMatch('internal address');
    },
  );
});
