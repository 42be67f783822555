import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { isAllowedAddress } from './core/addresses.ts';
import { isLocalhost, literalAddress, localhost } from './core/endpoint-url.ts';

/** Time limit for opening a connection, including the TLS handshake, milliseconds. */
const connectTimeoutMs = 10_000;

/** Resolves a name to its addresses; to an empty list if the name cannot be resolved. */
export type Resolve = (hostname: string) => Promise<string[]>;

/** Means that webhooks may not be sent to any address of the host. */
export class AddressNotAllowed extends Error {}

export class NameNotResolved extends Error {}

/**
 * Creates the function that connects to a host, at an allowed address only. A name is resolved once per
 * connection, and the connection goes to a checked address, so that a second DNS answer cannot redirect it.
 *
 * @param allowed networks in CIDR notation.
 */
export function createConnect(
  allowed: readonly string[],
  { resolve = resolveName }: { resolve?: Resolve | undefined },
): buildConnector.connector {
  const lookupFor =
    (protocol: string): LookupFunction =>
    (hostname, { all }, callback) => {
      checkedAddresses(hostname, protocol).then(
        (addresses) => {
          const found = addresses.map((address) => ({
            address,
            family: address.includes(':') ? 6 : 4,
          }));
          const [first] = found;
          if (all === true) callback(null, found);
          else callback(null, first?.address ?? '', first?.family);
        },
        (error: unknown) => {
          callback(error instanceof Error ? error : new Error(String(error)), '');
        },
      );
    };

  async function checkedAddresses(hostname: string, protocol: string): Promise<string[]> {
    const addresses = isLocalhost(hostname) ? localhost : await resolve(hostname);
    if (addresses.length === 0) throw new NameNotResolved();
    const reachable = addresses.filter((each) => isAllowedAddress(each, protocol, allowed));
    if (reachable.length === 0) throw new AddressNotAllowed();
    return reachable;
  }

  const connectors = Object.fromEntries(
    ['http:', 'https:'].map((protocol) => [
      protocol,
      buildConnector({
        timeout: connectTimeoutMs,
        lookup: lookupFor(protocol),
      }),
    ]),
  );
  return (request, callback) => {
    const literal = literalAddress(request.hostname);
    // Node skips `lookup` for literal IP addresses, so they are checked here.
    if (literal !== null && !isAllowedAddress(literal, request.protocol, allowed)) {
      callback(new AddressNotAllowed(), null);
      return;
    }
    connectors[request.protocol]?.(request, callback);
  };
}

/**
 * Resolves a name by DNS, not by the operating system, whose resolver blocks one of Node's four threads per
 * query: a few slow names would delay every connection of the process.
 */
async function resolveName(hostname: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  const answers = await Promise.allSettled([
    resolver.resolve4(hostname),
    resolver.resolve6(hostname),
  ]);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}
