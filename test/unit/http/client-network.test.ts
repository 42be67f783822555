import { describe, expect, it } from 'vitest';
import { clientNetwork } from '../../../src/http/client-network.ts';

describe('what identifies a client', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    // Values of X-Forwarded-For from proxies: some append the port, which differs for each connection.
    ['203.0.113.7:49152', '203.0.113.7'],
    ['[2001:db8:1:2::6]:49152', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::6]', '2001:db8:1:2::/64'],
    // Values that a client forged and a proxy forwarded.
    ['unknown', 'no address'],
    ['made-up-'.repeat(9), 'no address'],
    ['', 'no address'],
    [undefined, 'no address'],
  ])('%j → %s', (address, network) => {
    expect(clientNetwork(address)).toBe(network);
  });
});
