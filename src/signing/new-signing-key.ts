import { generateKeyPairSync } from 'node:crypto';

/** Returns a new key for SIGNING_KEYS, as a PKCS #8 PEM block. */
export function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
