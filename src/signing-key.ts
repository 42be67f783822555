/* The program behind `npm run signing-key`. It prints a new key for SIGNING_KEYS. */
import './platform/node-version.ts';
import { newSigningKey } from './signing/new-signing-key.ts';

process.stdout.write(newSigningKey());
