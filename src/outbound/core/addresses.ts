import ipaddr from 'ipaddr.js';

/** A network in CIDR notation, parsed. */
export type Network = ReturnType<typeof ipaddr.parseCIDR>;

/** IPv6 addresses that the Internet routes. All others are reserved, internal or translated. */
const globalIpv6 = ipaddr.parseCIDR('2000::/3');

/** Public addresses that cloud providers route to services of the machine itself. */
const hostServices: readonly Network[] = [ipaddr.parseCIDR('168.63.129.16/32')];

/** Parses a network such as `10.0.0.0/8`; null if the text is not one. */
export function parseNetwork(text: string): Network | null {
  return ipaddr.isValidCIDR(text) ? ipaddr.parseCIDR(text) : null;
}

/**
 * Returns whether a webhook may be sent to an address: a public one over https, or one in the allowed
 * networks. IPv4 addresses inside of IPv6 (mapped) are judged as IPv4. Source: OWASP, Server-Side Request
 * Forgery Prevention.
 */
export function isAllowedAddress(
  text: string,
  protocol: string,
  allowed: readonly Network[],
): boolean {
  if (!ipaddr.isValid(text)) return false;
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

function isIn(address: ipaddr.IPv4 | ipaddr.IPv6, [base, bits]: Network): boolean {
  return address.kind() === base.kind() && address.match(base, bits);
}
