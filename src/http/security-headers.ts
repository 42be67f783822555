import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet, { type HelmetOptions } from 'helmet';
import type { onRequestHookHandler } from 'fastify';
import type { App } from './app-types.ts';

/** Helmet's headers for documents, windows and plug-ins, which do not apply to JSON. */
const forDocuments: HelmetOptions = {
  crossOriginOpenerPolicy: false,
  crossOriginResourcePolicy: false,
  originAgentCluster: false,
  referrerPolicy: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xFrameOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
};

/** Headers of an API response. If a browser displays the response, nothing in it runs or loads. */
export const answerHeaders = headersOf({
  ...forDocuments,
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
  },
});

/**
 * Headers of a page. It may load scripts and styles and send requests only to its own server. Its scripts set
 * inline styles, which requires `unsafe-inline`.
 */
export const pageHeaders = headersOf({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'", "'unsafe-inline'"],
      'connect-src': ["'self'"],
      'img-src': ["'self'", 'data:'],
      'font-src': ["'self'", 'data:'],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
    },
  },
});

/** Sets the headers on every response, and keeps caches from storing responses to operators and buyers. */
export function installSecurityHeaders(app: App): void {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(answerHeaders);
    done();
  });
  app.addHook('onRoute', (route) => {
    const auth = route.config?.auth;
    if (auth === undefined || auth === 'open' || auth === 'read') return;
    const given = [route.onRequest ?? []].flat();
    // The HEAD route of a GET route already has the hooks of the GET route.
    if (!given.includes(neverStored)) route.onRequest = [neverStored, ...given];
  });
}

const neverStored: onRequestHookHandler = (_request, reply, done) => {
  void reply.header('cache-control', 'no-store');
  done();
};

/** Computes Helmet's headers once. Helmet's plug-in would compute them for every request. */
function headersOf(options: HelmetOptions): OutgoingHttpHeaders {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  helmet(options)(response.req, response, (error) => {
    if (error !== undefined) throw new Error('helmet rejected its options', { cause: error });
  });
  return response.getHeaders();
}
