import { z } from 'zod';
import type { App } from '../http/app-types.ts';
import { enabledSigning, type Signing } from './signing.ts';

/** Lifetime of the public keys in caches, seconds. */
const keysMaxAge = 300;

/** Registers the route for the public keys, with which anyone verifies documents. */
export function signingRoutes(app: App, { signing }: { signing: Signing | null }): void {
  app.get(
    '/.well-known/jwks.json',
    {
      config: { auth: 'open', problems: ['documents_disabled'] },
      schema: {
        tags: ['Documents'],
        summary: 'Get the public keys that verify documents (RFC 7517)',
        response: {
          200: z.object({
            keys: z.array(
              z.object({
                kty: z.literal('OKP'),
                crv: z.literal('Ed25519'),
                x: z.string(),
                kid: z.string().describe('The thumbprint of the key (RFC 7638)'),
                alg: z.literal('EdDSA'),
                use: z.literal('sig'),
              }),
            ),
          }),
        },
      },
    },
    async (_request, reply) => {
      const keys = [...enabledSigning(signing).publicKeys];
      // Pages of any origin may verify documents.
      void reply.headers({
        'cache-control': `public, max-age=${keysMaxAge}`,
        'access-control-allow-origin': '*',
      });
      return { keys };
    },
  );
}
