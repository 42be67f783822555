import Stripe from 'stripe';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { runDue } from '../billing/due.ts';
import { newId } from '../state/ids.ts';
import { testClockOfRequest } from '../state/test-clocks.ts';
import type { World } from '../state/world.ts';
import { invalid, StripeFault } from '../stripe-error.ts';
import { isJsonObject, type Json, type JsonObject } from '../wire.ts';
import type { ApiFaults } from './api-faults.ts';
import { authorize } from './authorize.ts';
import type { Endpoint } from './endpoint.ts';
import { expand } from './expand.ts';
import { parseForm, type FormTree } from './form.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import type { SeenRequest } from './request-log.ts';

export interface ApiOptions {
  world: World;
  secretKey: string;
  endpoints: readonly Endpoint[];
  faults: ApiFaults;
  keys: IdempotencyKeys;
  requests: SeenRequest[];
  /** Called after each request that may have changed something. */
  onChange: () => void;
}

/** Serves Stripe's API below `/v1/`, including authentication, faults, idempotency and expansion. */
export function registerApi(app: FastifyInstance, options: ApiOptions): void {
  for (const endpoint of options.endpoints) {
    app.route({
      method: endpoint.method,
      url: endpoint.path,
      handler: (request, reply) => answer(options, endpoint, request, reply),
    });
  }
  app.all('/v1/*', (request, reply) => {
    const [path = ''] = request.url.split('?');
    return sendFault(
      reply,
      new StripeFault(404, {
        type: 'invalid_request_error',
        message: `Unrecognized request URL (${request.method}: ${path}). The sandbox does not implement it.`,
      }),
    );
  });
}

function answer(
  options: ApiOptions,
  endpoint: Endpoint,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { world, faults } = options;
  const [path = ''] = request.url.split('?');
  const id = newId('req', 14);
  const name = `${endpoint.method} ${endpoint.path}`;
  const seen: SeenRequest = {
    method: request.method,
    path,
    endpoint: name,
    at: world.clock.now(),
    status: null,
  };
  options.requests.push(seen);
  reply
    .header('request-id', id)
    .header('stripe-version', Stripe.API_VERSION)
    .header('date', new Date(world.clock.now()).toUTCString());
  try {
    authorize(request, options.secretKey);
    const verdict = faults.judge(request.method, path, name);
    if (verdict === 'hang') {
      // Never responds. The socket closes when the client or the sandbox closes it.
      return reply.hijack();
    }
    const fails = typeof verdict === 'object' && 'fault' in verdict ? verdict : null;
    if (fails !== null && !fails.begun) {
      seen.status = fails.fault.status;
      return sendFault(reply.headers(fails.headers), fails.fault);
    }
    runDue(world);
    const body = run(options, endpoint, request, reply, { id, failing: fails?.fault ?? null });
    seen.status = 200;
    const alters = typeof verdict === 'object' && 'alter' in verdict;
    return reply.send(alters ? verdict.alter(body) : body);
  } catch (error) {
    if (error instanceof StripeFault) {
      seen.status = error.status;
      return sendFault(reply, error);
    }
    seen.status = 500;
    throw error;
  } finally {
    // A failed request may have changed something, too: a declined payment is recorded.
    if (endpoint.method !== 'GET') {
      runDue(world);
      options.onChange();
    }
  }
}

function run(
  { world, keys }: ApiOptions,
  endpoint: Endpoint,
  request: FastifyRequest,
  reply: FastifyReply,
  { id, failing }: { id: string; failing: StripeFault | null },
): JsonObject {
  const query = request.url.split('?')[1] ?? '';
  const sent = typeof request.body === 'string' ? request.body : '';
  const key = endpoint.method === 'POST' ? headerOf(request, 'idempotency-key') : null;
  const fingerprint = `${request.method} ${request.url}\n${sent}`;
  const kept = key === null ? undefined : keys.recall(key, fingerprint, world.clock.now());
  if (kept !== undefined) {
    reply.header('idempotent-replayed', 'true');
    if (!(kept instanceof StripeFault)) return kept;
    reply.header('stripe-should-retry', 'false');
    throw kept;
  }
  const keep = (answer: JsonObject | StripeFault): void => {
    if (key !== null) keys.keep(key, fingerprint, answer, world.clock.now());
  };
  const { form, paths } = withoutExpand(parseForm(endpoint.method === 'POST' ? sent : query));
  world.request = { id, idempotencyKey: key };
  try {
    if (failing !== null) {
      // Stops the SDK from retrying, because a retry would only get the stored failure.
      reply.header('stripe-should-retry', 'false');
      throw failing;
    }
    const ids = idsOf(request);
    const clock = testClockOfRequest(world, form, ids.id);
    const work = () => endpoint.run(world, form, ids);
    const body = clock === undefined ? work() : world.clock.at(clock.frozen_time * 1000, work);
    expand(world.tables, body, paths);
    keep(body);
    return body;
  } catch (error) {
    if (error instanceof StripeFault) keep(error);
    throw error;
  } finally {
    world.request = null;
  }
}

function withoutExpand(tree: FormTree): { form: FormTree; paths: string[] } {
  const { expand: asked, ...form } = tree;
  const paths = typeof asked === 'object' ? Object.values(asked) : [];
  return {
    form,
    paths: paths.map((path) => {
      if (typeof path !== 'string') {
        throw invalid('Invalid expand.', 'parameter_invalid', 'expand');
      }
      return path;
    }),
  };
}

function idsOf(request: FastifyRequest): { id: string; child: string } {
  const params: unknown = request.params;
  const ids = isJsonObject(params) ? params : {};
  return { id: textOf(ids['id']), child: textOf(ids['child']) };
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function headerOf(request: FastifyRequest, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}

function sendFault(reply: FastifyReply, fault: StripeFault): FastifyReply {
  return reply.status(fault.status).send({ error: fault.body });
}
