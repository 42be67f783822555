/*
 * The program behind `npm run signing-key`: prints a new key for SIGNING_KEYS.
 */
import './platform/node-version.ts';
import { generateKeyPairSync } from 'node:crypto';

const { privateKey } = generateKeyPairSync('ed25519', {
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
process.stdout.write(privateKey);
