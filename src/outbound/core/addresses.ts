import ipaddr from 'ipaddr.js';

/** IPv6 addresses that the Internet routes. All others are reserved, internal or translated. */
const globalIpv6 = '2000::/3';

/** Public addresses that cloud providers route to services of the machine itself. */
const hostServices = ['168.63.129.16/32'];

/**
 * Returns whether a webhook may be sent to an address: a public one over https, or one in the allowed
 * networks. IPv4 addresses inside of IPv6 (mapped) are judged as IPv4. Source: OWASP, Server-Side Request
 * Forgery Prevention.
 *
 * @param allowed networks in CIDR notation.
 */
export function isAllowedAddress(
  text: string,
  protocol: string,
  allowed: readonly string[],
): boolean {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (allowed.some((network) => isIn(address, network))) return true;
  return protocol === 'https:' && isPublic(address);
}

function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return (
    address.range() === 'unicast' &&
    (address.kind() === 'ipv4' || isIn(address, globalIpv6)) &&
    !hostServices.some((network) => isIn(address, network))
  );
}

function isIn(address: ipaddr.IPv4 | ipaddr.IPv6, network: string): boolean {
  const [base, bits] = ipaddr.parseCIDR(network);
  return address.kind() === base.kind() && address.match(base, bits);
}
