import { describe, expect, it } from 'vitest';
import { isAllowedAddress } from '../../../src/outbound/core/addresses.ts';

const internal = [
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'this network'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.0.1', 'private'],
  ['100.64.0.1', 'shared by carriers'],
  ['100.100.100.200', 'metadata of a cloud, in that network'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['169.254.1.1', 'link-local'],
  ['169.254.169.254', 'metadata of clouds'],
  ['168.63.129.16', 'services of a cloud to the machine'],
  ['192.0.0.192', 'reserved'],
  ['192.0.2.1', 'documentation'],
  ['198.18.0.1', 'benchmarks'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.250', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::ffff:127.0.0.1', 'mapped'],
  ['::ffff:a00:1', 'mapped'],
  ['::127.0.0.1', 'IPv4-compatible'],
  ['64:ff9b::7f00:1', 'NAT64'],
  ['64:ff9b:1::7f00:1', 'NAT64 of a network'],
  ['2002:7f00:1::', '6to4'],
  ['2001::1', 'Teredo'],
  ['2001:db8::1', 'documentation'],
  ['fc00::1', 'unique local'],
  ['fd00:ec2::254', 'metadata of a cloud'],
  ['fe80::1', 'link-local'],
  ['fec0::1', 'site-local'],
  ['ff02::1', 'multicast'],
  ['100::1', 'discarded'],
] as const;

describe('an address', () => {
  it.each(internal)('%s (%s) gets no webhook', (address) => {
    expect(isAllowedAddress(address, 'https:', [])).toBe(false);
    expect(isAllowedAddress(address, 'http:', [])).toBe(false);
  });

  it.each(['8.8.8.8', '172.15.0.1', '172.32.0.1', '100.63.0.1', '100.128.0.1', '2606:4700::1111'])(
    '%s, which is public, gets webhooks over https alone',
    (address) => {
      expect(isAllowedAddress(address, 'https:', [])).toBe(true);
      expect(isAllowedAddress(address, 'http:', [])).toBe(false);
    },
  );

  it('that is mapped into IPv6 is judged as what it is', () => {
    expect(isAllowedAddress('::ffff:8.8.8.8', 'https:', [])).toBe(true);
    expect(isAllowedAddress('::ffff:10.1.2.3', 'http:', ['10.0.0.0/8'])).toBe(true);
  });

  it.each(['', 'example.com', '10.0.0', '1.2.3.4.5', '8.8.8.8/32'])('%j is none', (text) => {
    expect(isAllowedAddress(text, 'https:', ['0.0.0.0/0', '::/0'])).toBe(false);
  });
});

describe('the allowed networks', () => {
  const allowed = ['10.1.0.0/16', 'fd00::/8'];

  it.each(['10.1.0.0', '10.1.255.255', 'fd00::1', 'fdff::1'])('allow %s, http too', (address) => {
    expect(isAllowedAddress(address, 'http:', allowed)).toBe(true);
    expect(isAllowedAddress(address, 'https:', allowed)).toBe(true);
  });

  it.each(['10.0.255.255', '10.2.0.0', 'fc00::1', '127.0.0.1', '169.254.169.254'])(
    'do not allow %s',
    (address) => {
      expect(isAllowedAddress(address, 'https:', allowed)).toBe(false);
    },
  );

  it('allow no public address over http', () => {
    expect(isAllowedAddress('8.8.8.8', 'http:', allowed)).toBe(false);
  });
});
