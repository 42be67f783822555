import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet, { type HelmetOptions } from 'helmet';
import type { onRequestHookHandler } from 'fastify';
import type { App } from './app-types.ts';

/** Each of these speaks to browsers about documents, windows and plug-ins, which JSON is none of. */
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

/** Of an answer for programs: should a browser show it all the same, nothing in it runs or loads. */
export const answerHeaders = headersOf({
  ...forDocuments,
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
  },
});

/**
 * Of a page: scripts, styles and requests of its own server only. The page's own scripts set the styles
 * of single elements, which takes `unsafe-inline`.
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

/** Puts the headers on every answer, and keeps what operators and buyers get out of every cache. */
export function installSecurityHeaders(app: App): void {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(answerHeaders);
    done();
  });
  app.addHook('onRoute', (route) => {
    const auth = route.config?.auth;
    if (auth === undefined || auth === 'open' || auth === 'read') return;
    const given = [route.onRequest ?? []].flat();
    // The HEAD of a GET comes with what the GET was given.
    if (!given.includes(neverStored)) route.onRequest = [neverStored, ...given];
  });
}

const neverStored: onRequestHookHandler = (_request, reply, done) => {
  void reply.header('cache-control', 'no-store');
  done();
};

/** Helmet's headers, worked out once: as a plug-in it works them out anew for every request. */
function headersOf(options: HelmetOptions): OutgoingHttpHeaders {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  helmet(options)(response.req, response, (error) => {
    if (error !== undefined) throw new Error('helmet refuses its options', { cause: error });
  });
  return response.getHeaders();
}
