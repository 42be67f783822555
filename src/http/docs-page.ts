import { hash } from 'node:crypto';
import scalar from '@scalar/fastify-api-reference';
import type { App } from './app-types.ts';
import { keepAnswers } from './kept-answers.ts';
import { ProblemError } from './problem.ts';
import { pageHeaders } from './security-headers.ts';

/** Serves the API reference page at `/docs`. All assets come from this server. */
export async function docsPage(app: App): Promise<void> {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers(pageHeaders);
    // The page parses its own address and fails if the client sends no valid host.
    const isValid = URL.canParse(`http://${request.host}`);
    done(
      isValid
        ? undefined
        : new ProblemError('bad_request', 'The header `Host` is not a valid host.'),
    );
  });
  // The page has inline scripts, so the policy allows their hashes.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (typeof payload === 'string' && payload.startsWith('<!doctype html>')) {
      const policy = String(pageHeaders['content-security-policy']);
      void reply.header(
        'content-security-policy',
        policy.replace("script-src 'self'", `script-src 'self' ${inlineScripts(payload)}`),
      );
    }
    done();
  });
  keepAnswers(app);
  await app.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      telemetry: false,
      withDefaultFonts: false,
      pageTitle: 'Latchkey',
      authentication: { preferredSecurityScheme: 'apiKey' },
      // Disabled, because these features call the vendor's servers.
      hideClientButton: true,
      showDeveloperTools: 'never',
      agent: { disabled: true },
      mcp: { disabled: true },
      // The vendor's link in the sidebar would lead away from this server.
      customCss: 'a[href^="https://www.scalar.com"] { display: none; }',
    },
  });
}

/** Returns the hashes of a page's inline scripts as Content-Security-Policy sources. */
function inlineScripts(page: string): string {
  const scripts = page.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([^]*?)<\/script>/g);
  return [...scripts]
    .map(([, text = '']) => `'sha256-${hash('sha256', text, 'base64')}'`)
    .join(' ');
}
