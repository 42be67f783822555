import ipaddr from 'ipaddr.js';
import { isAllowedAddress } from './addresses.ts';

/** Addresses of `localhost`, which is never looked up (RFC 6761). */
export const localhost = ['127.0.0.1', '::1'];

export function isLocalhost(hostname: string): boolean {
  return /(^|\.)localhost\.?$/i.test(hostname);
}

/** Returns the address in a URL's hostname; null for a name. The URL parser normalizes all notations. */
export function literalAddress(hostname: string): string | null {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(bare) ? bare : null;
}

/**
 * Returns why webhooks may not be sent to a URL; null if the URL itself gives no reason. The addresses of a
 * name are checked later, whenever a connection is opened.
 */
export function endpointUrlFault(text: string, allowed: readonly string[]): string | null {
  if (!URL.canParse(text)) return 'must be a URL such as `https://app.example.com/webhooks`';
  const { protocol, hostname, username, password } = new URL(text);
  if (protocol !== 'https:' && (protocol !== 'http:' || allowed.length === 0)) {
    return 'must begin with `https://`';
  }
  if (username !== '' || password !== '') return 'must not contain a user or a password';
  const literal = literalAddress(hostname);
  const addresses = isLocalhost(hostname) ? localhost : literal === null ? [] : [literal];
  if (
    addresses.length > 0 &&
    !addresses.some((each) => isAllowedAddress(each, protocol, allowed))
  ) {
    return 'must not be an internal address, unless `WEBHOOK_ALLOWED_NETWORKS` contains it';
  }
  return null;
}
