import { randomUUID } from 'node:crypto';
import sensible from '@fastify/sensible';
import swagger from '@fastify/swagger';
import fastify, {
  type FastifyBaseLogger,
  LogController,
  type RawRequestDefaultExpression,
} from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { Clock } from '../platform/clock.ts';
import type { Lifecycle } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { App } from './app-types.ts';
import { bodyLimits } from './body-limits.ts';
import { docsPage } from './docs-page.ts';
import { installErrorHandlers, sendProblem, toProblem } from './errors.ts';
import { acceptOnlyJson } from './json-body.ts';
import { keepAnswers } from './kept-answers.ts';
import { documentExamples } from './openapi-examples.ts';
import { documentOperations } from './openapi-operations.ts';
import { documentProblems, documentRevalidation, dropUnusedSchemas } from './openapi.ts';
import { createRequestNote, installRequestLog } from './request-log.ts';
import { answerHeaders, installSecurityHeaders } from './security-headers.ts';
import { endUnreadAnswers, idleTimeoutMs } from './unread-answers.ts';
import { watchUntrustedProxies } from './untrusted-proxies.ts';
import { validatorCompiler } from './validation.ts';

/** Maximum time for a request to arrive, milliseconds. Protects against slow-trickle requests. */
const requestTimeoutMs = 30_000;

/**
 * Maximum time for the headers to arrive, milliseconds. Node applies the larger of both limits to the whole
 * request, and its default for headers is one minute.
 */
const headersTimeoutMs = 10_000;

/** Interval between checks of these limits, milliseconds. */
const checkTimeoutsEveryMs = 1_000;

export interface HttpServerDeps {
  config: Pick<Config, 'trustedProxies'>;
  monotonic: Clock;
  lifecycle: Lifecycle;
  logger: Logger;
  metrics: Metrics;
}

/**
 * Creates a Fastify instance with everything that routes share: request ids, zod schemas, problems for
 * errors, the OpenAPI document at `/openapi.json`, and its interactive page at `/docs`.
 */
export async function createHttpServer(deps: HttpServerDeps): Promise<App> {
  const logger: FastifyBaseLogger = deps.logger;
  const { trustedProxies } = deps.config;
  const note = createRequestNote(deps.metrics);
  const app: App = fastify({
    loggerInstance: logger,
    bodyLimit: bodyLimits.usual,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: idleTimeoutMs,
    http: {
      headersTimeout: headersTimeoutMs,
      connectionsCheckingInterval: checkTimeoutsEveryMs,
    },
    trustProxy: trustedProxies.length === 0 ? false : trustedProxies,
    genReqId: requestId,
    // Hooks do not run for errors before routing.
    frameworkErrors: (error, request, reply) => {
      void reply.headers(answerHeaders);
      sendProblem(request, reply, toProblem(error, request));
      note(request, reply, reply.statusCode);
    },
    // Disabled, because `installRequestLog` writes one line per request.
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: 300 },
    // A server that is closing still responds to requests on open connections.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  acceptOnlyJson(app);
  installErrorHandlers(app, deps.monotonic);
  await app.register(sensible);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Latchkey',
        version: '1',
        contact: { name: 'The operator of this service' },
        license: { name: 'All rights reserved', identifier: 'LicenseRef-Latchkey' },
        description:
          'What may this user use, right now? The system of record for entitlements over Stripe.\n\n' +
          'Errors are problems (RFC 9457): `detail` names the field and the remedy, and `errors` lists all fields. ' +
          'A known path with a method that it does not accept gets 405 `method_not_allowed` with `Allow`; an unknown path, 404 `not_found`. docs/errors.md explains every code.',
      },
      // Relative to the server that serves the document.
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          apiKey: {
            type: 'http',
            scheme: 'bearer',
            description:
              "A project's key with the scope that the route requires, or the platform key",
          },
          userToken: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description:
              'A token from POST /api/v1/user-tokens. It reads only its own user, so `user_id` may be left out.',
          },
          apiKeyHeader: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        },
      },
    },
    transform: documentProblems(jsonSchemaTransform),
    transformObject: documentExamples(
      documentOperations(documentRevalidation(dropUnusedSchemas(jsonSchemaTransformObject))),
    ),
  });
  refuseUnknownQueries(app);
  installSecurityHeaders(app);
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    // Makes the client reconnect, so that it reaches another instance.
    if (deps.lifecycle.isStopping) void reply.header('connection', 'close');
    done();
  });
  if (trustedProxies.length === 0) watchUntrustedProxies(app, deps);
  installRequestLog(app, note);
  endUnreadAnswers(app);
  await app.register((scope: App, _options, done) => {
    keepAnswers(scope);
    scope.get('/openapi.json', { config: { auth: 'open' }, schema: { hide: true } }, () =>
      app.swagger(),
    );
    done();
  });
  await app.register(docsPage);
  return app;
}

/** Returns the caller's `X-Request-Id` if it is short and plain, so that both sides' logs can be joined. */
function requestId({ headers }: RawRequestDefaultExpression): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : randomUUID();
}

/**
 * Makes routes that document no query parameters reject all of them. Open routes accept any, because probes
 * and Stripe may add some.
 */
function refuseUnknownQueries(app: App): void {
  const none = z.strictObject({});
  app.addHook('onRoute', (route) => {
    if (route.config?.auth === 'open') return;
    route.schema = { querystring: none, ...route.schema };
  });
}
