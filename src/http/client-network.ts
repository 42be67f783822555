import { isIP, isIPv6 } from 'node:net';

/** Unparseable addresses share one bucket, so forged ones cannot evade the limit. */
const unparseable = 'no address';

/**
 * Returns the identity of a client for rate limits: its IPv4 address, or the /64 of its IPv6 address, because
 * a client can use every address in its /64. Pure.
 *
 * @param address as reported by the socket or a trusted proxy. Some proxies append the client's port.
 *   Undefined if the client has already disconnected.
 */
export function clientNetwork(address: string | undefined): string {
  const bare = withoutPort(address ?? '').split('%')[0] ?? '';
  if (isIP(bare) === 0) return unparseable;
  if (!isIPv6(bare)) return bare;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  const [before = '', after] = bare.toLowerCase().split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0');
  const groups = after === undefined ? head : [...head, ...zeros, ...tail];
  const network = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${network.join(':')}::/64`;
}

/** Strips the port and brackets from `[2001:db8::1]:4711` and `203.0.113.7:4711`. */
function withoutPort(address: string): string {
  return (
    /^\[([^\]]*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address
  );
}
