import { generateKeyPairSync } from 'node:crypto';

/** Settings of a service that signs, with keys of its own. */
export const testSigning = {
  signingKeys: [generateKeyPairSync('ed25519').privateKey],
  publicUrl: 'https://latchkey.example',
};
